"""Label tables: what is in them, what is wrong with them, and the digest that tells one listing from another."""

import os
from pathlib import Path

import pytest
from helpers import write_pictures

from gan.data.formats.tables import read_listing
from gan.data.listing import SHOWN_PROBLEMS

LABELS = {"train": ["b", "a", "b", "c"], "test": ["c", "a"]}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_pictures(tmp_path, LABELS)
    return tmp_path


def table(directory: Path, text: str, split: str = "train") -> Path:
    path = directory / f"{split}_labels.csv"
    path.write_bytes(text.encode())
    return path


def problems(directory: Path, **options) -> list[str]:
    with pytest.raises(ValueError) as error:
        read_listing(directory, **options)
    assert "\n" not in str(error.value)
    return error.value.__notes__


def test_rows_are_in_the_order_of_the_tables(directory):
    listing = read_listing(directory)
    assert [(row.name, row.label, row.line) for row in listing.train.rows] == [
        ("0.png", "b", 2), ("1.png", "a", 3), ("2.png", "b", 4), ("3.png", "c", 5),
    ]  # fmt: skip
    assert listing.class_names == ("a", "b", "c")
    assert listing.class_indices(listing.train).tolist() == [1, 0, 1, 2]
    assert listing.class_indices(listing.test).tolist() == [2, 0]
    assert listing.read(listing.train.rows[3]) == (directory / "train" / "3.png").read_bytes()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "-1", "300"], ("-1", "9", "10", "300")),
        (["1" + "0" * 30, "2" + "0" * 29], ("2" + "0" * 29, "1" + "0" * 30)),
        (["10", "9", "nine"], ("10", "9", "nine")),
        (["01", "1", "2"], ("01", "1", "2")),
        (["1.0", "1"], ("1", "1.0")),
        (["Äpfel", "Zebra", "a b", "猫"], ("Zebra", "a b", "Äpfel", "猫")),
        (["only"], ("only",)),
    ],
    ids=["integers", "large integers", "mixed", "leading zero", "decimals", "words", "one"],
)
def test_classes_are_integers_by_value_or_words(tmp_path, labels, classes):
    """Labels are one class only if they are written alike."""
    write_pictures(tmp_path, {"train": labels, "test": labels[:1]})
    assert read_listing(tmp_path).class_names == classes


@pytest.mark.parametrize(
    "text",
    [
        "Filename, Label\n0.png, a\n1.png, b\n",
        "Filename,Label\r\n0.png,a\r\n1.png,b\r\n",
        "\ufeffFilename , Label \n0.png ,  a\n\n  1.png,b \n,\n",
        'Filename, Label\n"0.png", "a"\n"1.png","b"',
    ],
    ids=["as described", "Windows", "spaces and blank lines", "quoted"],
)
def test_tables_of_other_programs_are_read(directory, text):
    table(directory, text)
    table(directory, "Filename, Label\n0.png, a\n", "test")
    rows = read_listing(directory).train.rows
    assert [(row.name, row.label) for row in rows] == [("0.png", "a"), ("1.png", "b")]


def test_a_comma_in_a_label_is_quoted(directory):
    table(directory, 'Filename, Label\n0.png, "a, b"\n1.png, "say ""c"""\n')
    table(directory, 'Filename, Label\n0.png, "a, b"\n', "test")
    assert read_listing(directory).class_names == ("a, b", 'say "c"')


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1.png", "found 1 value; expected a file name and a label"),
        ("1.png, a, b", "found 3 values; expected a file name and a label"),
        (", a", "the file name is ''; expected that of a file in train/"),
        ("1.png,", "the label is ''; expected 1 to 100 printable characters"),
        ("1.png, " + "x" * 101, f"the label is '{'x' * 100}'; expected 1 to 100 printable characters"),
        ("1.png, a\tb", r"the label is 'a\tb'; expected 1 to 100 printable characters"),
        ("1" * 300 + ".png, a", f"the file name is '{'1' * 255}...'; expected that of a file in train/"),
        ("猫" * 84 + ".png, a", f"the file name is '{'猫' * 84}.png'; expected that of a file in train/"),
        ("1\0.png, a", r"the file name is '1\x00.png'; expected that of a file in train/"),
        ("../test/1.png, a", "../test/1.png is outside of train/; expected the name of a file in it"),
        ("/etc/1.png, a", "/etc/1.png is outside of train/; expected the name of a file in it"),
        ("a/../../b/1.png, a", "a/../../b/1.png is outside of train/; expected the name of a file in it"),
        ("train/1.png, a", "train/1.png is not directly in train/; expected the name of a file in it"),
        ("1.gix, a", "1.gix is no picture file; expected a name that ends in .png or .jpg"),
        ("1, a", "1 is no picture file; expected a name that ends in .png or .jpg"),
        (".hidden.png, a", ".hidden.png is a hidden file; expected the picture itself"),
        ("0.png, b", "0.png is already in line 2"),
        ("0.png, a", "0.png is already in line 2"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(directory, row, problem):
    path = table(directory, f"Filename, Label\n0.png, a\n{row}\n")
    table(directory, "Filename, Label\n0.png, a\n", "test")
    assert problems(directory) == [f"{path}:3: {problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: found nothing; expected Filename, Label"),
        ("0.png, a\n", "1: found 0.png, a; expected Filename, Label"),
        ('"File\nname", Label\n', r"1: found File\nname, Label; expected Filename, Label"),
        ("F\0i\0l\0e\0", r"1: found F\x00i\x00l\x00e\x00; expected Filename, Label"),
        ("Filename; Label\n0.png; a\n", "1: found Filename; Label; expected Filename, Label"),
        ("Filename, Label\n0.png, a\n1.png, caf\udce9\n", "3: byte 35 is not UTF-8; save the table as UTF-8 text"),
        ('Filename, Label\n0.png, "a\n1.png, b\n', "3: unexpected end of data; expected comma-separated values"),
        ('Filename, Label\n0.png, "a" b\n', "2: ',' expected after '\"'; expected comma-separated values"),
    ],
    ids=["empty", "no header", "two lines", "UTF-16", "semicolons", "Latin-1", "open quote", "text after a quote"],
)
def test_what_is_no_such_table_is_refused(directory, text, problem):
    path = directory / "train_labels.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError) as error:
        read_listing(directory)
    assert str(error.value) == f"{path}:{problem}"


def test_a_test_label_must_be_in_the_training_table(directory):
    path = table(directory, "Filename, Label\n0.png, a\n1.png, d\n", "test")
    assert problems(directory) == [f"{path}:3: no row of train_labels.csv has the label 'd'"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_empty_split_is_refused(directory, split):
    path = table(directory, "Filename, Label\n", split)
    assert problems(directory) == [f"{path}:1: no row follows the header; expected one for each image"]


def test_fewer_images_than_a_batch_are_refused(directory):
    assert read_listing(directory, batch_size=4)
    assert problems(directory, batch_size=5) == [
        f"{directory}/train_labels.csv:5: there are 4 training images, fewer than one batch of 5: "
        "lower gan_batch_size (or cls_batch_size) to at most 4"
    ]


def test_all_problems_are_counted_and_the_first_are_shown(directory):
    rows = "".join(f"{number}.bmx, a\n" for number in range(57))
    table(directory, "Filename, Label\n0.png, a\n" + rows)
    path = table(directory, "Filename, Label\n0.png, a\n", "test")
    with pytest.raises(ValueError) as error:
        read_listing(directory)
    assert len(error.value.__notes__) == SHOWN_PROBLEMS == 20
    assert str(error.value) == f"{directory} has 57 problems, the first 20 of them above; correct the tables"
    table(directory, "Filename, Label\n0.png, a\n1, a\n")
    table(path.parent, "Filename, Label\n0.png, b\n", "test")
    with pytest.raises(ValueError) as error:
        read_listing(directory)
    assert str(error.value) == f"{directory} has 2 problems, all of them above; correct the tables"


@pytest.mark.parametrize("name", ["train", "train_labels.csv", "test", "test_labels.csv"])
def test_a_missing_part_is_named(directory, name):
    """Even where something else has its name."""
    (directory / name).rename(directory / "elsewhere")
    shown = name if name.endswith(".csv") else f"{name}/"
    for _ in range(2):
        with pytest.raises(FileNotFoundError) as error:
            read_listing(directory)
        expected = "expected train/, train_labels.csv, test/, test_labels.csv"
        assert str(error.value) == f"{directory} lacks {shown}; {expected}"
        os.mkfifo(directory / name) if not (directory / name).exists() else None


def test_unlisted_pictures_are_found(directory):
    for name in ("z.png", "b.JPG", ".hidden.png", "notes.txt"):
        (directory / "train" / name).touch()
    (directory / "train" / "directory.png").mkdir()
    assert read_listing(directory).notes == (f"b.JPG and 1 more in train/: not in {directory}/train_labels.csv",)


def test_a_link_is_followed(directory, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.png"
    (directory / "train" / "0.png").rename(elsewhere)
    (directory / "train" / "0.png").symlink_to(elsewhere)
    assert read_listing(directory).train.rows[0].size == elsewhere.stat().st_size
    elsewhere.unlink()
    elsewhere.symlink_to(directory / "train" / "0.png")  # Round and round.
    assert read_listing(directory).train.rows[0].size == -1


def test_the_digest_changes_with_every_file_and_row(directory):
    digests = {read_listing(directory).digest()}

    def changed() -> bool:
        before = len(digests)
        digests.add(read_listing(directory).digest())
        return len(digests) > before

    assert not changed()
    path = directory / "test" / "1.png"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert changed()
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert changed()
    for split in ("train", "test"):
        path = directory / f"{split}_labels.csv"
        path.write_text(path.read_text().replace("0.png, b", "0.png, a").replace("0.png, c", "0.png, b"))
        assert changed()
    (directory / "train" / "unlisted.png").touch()
    assert not changed()
