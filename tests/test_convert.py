"""Conversions between the formats: without loss, or refused."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import load_folder, write_idx, write_pictures
from PIL import Image

from gan.command_line import exit_status
from gan.data import convert as module
from gan.data.convert import convert
from gan.data.dataset import ReadOptions
from gan.data.formats.classes import FORMAT
from gan.data.formats.format import Place
from gan.data.formats.idx import load_idx
from gan.data.loading import load_dataset

ROOT = Path(__file__).parents[1]
LABELS = {"train": ["dog", "cat", "dog", "emu", "cat"], "test": ["emu", "dog", "cat"]}


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", [("folder",), ("classes",), ("folder", "classes"), ("classes", "folder")])
def test_idx_files_come_back_byte_by_byte(tmp_path, way):
    source = write_idx(tmp_path / "idx")
    for number, to in enumerate((*way, "idx")):
        convert(source, tmp_path / str(number), to=to)
        source = tmp_path / str(number)
    assert contents(source) == contents(tmp_path / "idx")


def test_a_folder_has_the_data_of_the_idx_files(tmp_path):
    idx = load_idx(write_idx(tmp_path / "idx"))
    convert(tmp_path / "idx", tmp_path / "folder", to="folder")
    folder = load_folder(tmp_path / "folder", ReadOptions())
    assert (folder.digest, folder.spec) == (idx.digest, idx.spec)
    assert (tmp_path / "folder" / "train_labels.csv").read_text().startswith("Filename, Label\n00000.png, 0\n")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_picture_files_are_copied_as_they_are(tmp_path, suffix):
    write_pictures(tmp_path / "folder", LABELS, channels=3, suffix=suffix)
    convert(tmp_path / "folder", tmp_path / "classes", to="classes")
    names = (
        "cat/test-00002 cat/train-00001 cat/train-00004 dog/test-00001 dog/train-00000 dog/train-00002 emu/test-00000"
    )
    expected = [f"{name}{suffix}" for name in (*names.split(), "emu/train-00003")]
    assert sorted(contents(tmp_path / "classes")) == expected
    convert(tmp_path / "classes", tmp_path / "back", to="folder")
    before, after = (load_folder(tmp_path / name, ReadOptions()) for name in ("folder", "back"))
    assert (before.digest, before.spec) == (after.digest, after.spec)
    copied = tmp_path / "back" / "train" / f"emu-train-00003{suffix}"
    assert copied.read_bytes() == (tmp_path / "folder" / "train" / f"3{suffix}").read_bytes()


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Twenty pictures of a and b, three of c, one of d."""
    names = ["a"] * 20 + ["b"] * 20 + ["c"] * 3 + ["d"]
    write_pictures(tmp_path / "all", {"x": names})
    for index, name in enumerate(names):
        (tmp_path / "classes" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / "x" / f"{index}.png").rename(tmp_path / "classes" / name / f"image {index}.png")
    return tmp_path / "classes"


def test_a_share_of_each_class_is_for_testing_by_seed(classes, tmp_path):
    splits = []
    for number, (share, seed) in enumerate([(0.2, 0), (0.2, 0), (0.2, 1), (0.5, 0)]):
        target = tmp_path / str(number)
        convert(classes, target, to="folder", test_share=share, seed=seed)
        data = load_folder(target, ReadOptions())
        train, test = data.class_counts()
        assert (train + test).tolist() == [20, 20, 3, 1]
        assert test.tolist() == ([4, 4, 1, 0] if share == 0.2 else [10, 10, 2, 0])
        splits.append((target / "test_labels.csv").read_text())
        assert set(splits[-1].splitlines()[1:]) < {
            f"{path.parent.name}-{path.name}, {path.parent.name}" for path in classes.glob("*/*")
        }
        tests = [set(re.findall(rf"{label}-image (\d+)", splits[-1])) for label in "ab"]
        assert tests[0] != {str(int(number) - 20) for number in tests[1]}  # Each class is drawn by itself.
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


def test_a_directory_a_class_as_data_is_what_the_converter_makes_of_it(classes, tmp_path):
    convert(classes, tmp_path / "folder", to="folder")
    direct, converted = (load_dataset(str(path)) for path in (classes, tmp_path / "folder"))
    assert (direct.digest, direct.spec) == (converted.digest, converted.spec)
    assert direct.source == (
        f"pictures in a directory per class in {classes}; 10% of each class are for testing, drawn by seed 0"
    )


@pytest.mark.parametrize(
    ("labels", "changes", "problem"),
    [
        (["cat", "dog"], {}, "the labels are cat, dog; IDX files hold only labels 0 to K - 1, K at most 256"),
        (["1", "2"], {}, "the labels are 1, 2; IDX files hold only labels 0 to K - 1"),
        (["0", "1"], {"other": (8, 7)}, "train_labels.csv:3: 1.png is 7x8x1; IDX files hold grey images of one size"),
        (["0", "1"], {"channels": 3}, "train_labels.csv:2: 0.png is 8x8x3; IDX files hold grey images of one size"),
        (list(map(str, range(257))), {"height": 4, "width": 4}, "the labels are 0, 1, 2, 3, 4, ...; IDX"),
    ],
)
def test_what_idx_files_cannot_hold_is_refused(tmp_path, labels, changes, problem):
    other = changes.pop("other", None)
    write_pictures(tmp_path / "folder", {"train": labels, "test": labels[:1]}, **changes)
    if other:
        Image.new("L", other).save(tmp_path / "folder" / "train" / "1.png")
    with pytest.raises(ValueError) as error:
        convert(tmp_path / "folder", tmp_path / "idx", to="idx")
    assert problem in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_bad_picture_is_named_and_nothing_is_left(tmp_path):
    write_pictures(tmp_path / "folder", {"train": ["0", "1", "0"], "test": ["1"]})
    (tmp_path / "folder" / "train" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"train_labels.csv:3: 1.png is empty"):
        convert(tmp_path / "folder", tmp_path / "idx", to="idx")
    (tmp_path / "folder" / "test" / "0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_labels.csv:2: 0.png is not there; expected it in"):
        convert(tmp_path / "folder", tmp_path / "classes", to="classes")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_picture_of_a_kind_that_is_not_read_is_to_be_saved_as_another(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8)).save(tmp_path / "classes" / label / f"{number}.png")
    picture = tmp_path / "classes" / "dog" / "1.HEIC"
    picture.with_name("1.png").rename(picture)
    with pytest.raises(ValueError, match=r"dog/1.HEIC: dog-1.HEIC is no picture file; .*: rename it"):
        convert(tmp_path / "classes", tmp_path / "folder", to="folder")
    picture.write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    with pytest.raises(ValueError, match=r"dog/1.HEIC: is a HEIC picture: save it as PNG or JPEG"):
        convert(tmp_path / "classes", tmp_path / "folder", to="folder")


def test_places_that_cannot_be_used_are_refused(tmp_path):
    source = write_idx(tmp_path / "idx")
    (tmp_path / "empty").mkdir()
    for target, to, problem in (
        (source, "folder", "exists; expected a new directory or an empty one"),
        (source / "train-labels-idx1-ubyte", "folder", "exists; expected a new directory"),
        (source / "inside", "folder", "is inside of"),
        (tmp_path / "new", "idx", "is in the format idx already; name another one with --to"),
    ):
        with pytest.raises(ValueError, match=problem):
            convert(source, target, to=to)
    for nothing in (tmp_path / "empty", tmp_path / "absent"):
        with pytest.raises((ValueError, FileNotFoundError), match=r"holds nothing; expected pictures|does not exist"):
            convert(nothing, tmp_path / "new", to="folder")
    convert(source, tmp_path / "empty", to="folder")


def test_what_would_be_lost_in_idx_files_is_refused(tmp_path):
    """Transparent parts, and more than 8 bits."""
    for number, picture in enumerate(
        (Image.new("LA", (8, 8), (200, 100)), Image.fromarray(np.full((8, 8), 300, np.uint16)))
    ):
        source = tmp_path / str(number)
        write_pictures(source, {"train": ["0", "1"], "test": ["1"]})
        picture.save(source / "train" / "1.png")
        with pytest.raises(ValueError, match=r"train_labels.csv:3: 1.png has .*, which IDX files cannot hold"):
            convert(source, tmp_path / "idx", to="idx")


@pytest.mark.parametrize("to", ["folder", "idx"])
def test_classes_of_one_picture_have_none_for_testing(tmp_path, to):
    for name in ("0", "1"):
        write_pictures(tmp_path / "all", {name: ["x"]})
    for path in (tmp_path / "all").glob("*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match="there would be no test image; expected at least two images of a class"):
        convert(tmp_path / "all", tmp_path / "target", to=to)
    assert not (tmp_path / "target").exists()


def test_a_label_that_only_the_test_split_has_is_refused(tmp_path):
    write_idx(tmp_path / "idx")
    labels = tmp_path / "idx" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes().replace(b"\x03", b"\x04"))
    with pytest.raises(ValueError, match="no training image has the label 3; expected one of each class"):
        convert(tmp_path / "idx", tmp_path / "folder", to="folder")


def test_splits_without_tables_are_not_taken_for_classes(tmp_path):
    write_pictures(tmp_path / "pets", LABELS)
    for split in LABELS:
        (tmp_path / "pets" / f"{split}_labels.csv").rename(tmp_path / "pets" / f"{split}_label.csv")
    for use in (
        lambda: convert(tmp_path / "pets", tmp_path / "folder", to="folder"),
        lambda: load_dataset(str(tmp_path / "pets")),
    ):
        with pytest.raises(
            ValueError,
            match=r"test, test_label\.csv, train, train_label\.csv, of which .*label\.csv can be read by its own name",
        ):
            use()


def test_idx_files_beside_tables_are_refused(tmp_path):
    write_pictures(write_idx(tmp_path / "both"), LABELS)
    for use in (
        lambda: load_dataset(str(tmp_path / "both")),
        lambda: convert(tmp_path / "both", tmp_path / "c", to="idx"),
    ):
        with pytest.raises(ValueError, match="both holds IDX files and label tables; expected one of them"):
            use()


def test_files_that_are_no_picture_of_a_class_are_pointed_out(classes, tmp_path, capsys):
    (classes / "a" / "more").mkdir()
    (classes / "videos").mkdir()
    for name in ("loose.png", "a/notes.txt", "a/more/b.png", "videos/c.mp4", ".hidden"):
        (classes / name).touch()
    convert(classes, tmp_path / "folder", to="folder")
    assert capsys.readouterr().err == "warning: 3 files are left out, such as a/notes.txt\n"


def test_a_link_to_an_empty_directory_is_filled(tmp_path):
    source = write_idx(tmp_path / "idx")
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / name)
        convert(source, tmp_path / "link", to="folder")
        assert (tmp_path / name / "train_labels.csv").is_file()


@pytest.mark.parametrize("name", ["a\tb", "x" * 101, " a"])
def test_a_class_directory_that_is_no_label_is_refused(classes, tmp_path, name):
    (classes / "a").rename(classes / name)
    with pytest.raises(ValueError, match=r"(printable characters|in \w+/): rename it"):
        convert(classes, tmp_path / "folder", to="folder")


def test_two_files_of_one_name_are_refused(classes, tmp_path):
    (classes / "a-b").mkdir()
    for path in ("a/b-1.png", "a-b/1.png"):
        (classes / path).write_bytes((classes / "a" / "image 0.png").read_bytes())
    (classes / "a-b" / "2.png").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"a-b-1\.png is the name of 2 images"):
        for seed in range(20):
            convert(classes, tmp_path / f"folder-{seed}", to="folder", seed=seed)


@pytest.mark.parametrize("label", ["a/b", ".a", "..", "猫" * 86])
def test_a_label_that_is_no_directory_name_is_refused(tmp_path, label):
    write_pictures(tmp_path / "folder", {"train": [label, "c"], "test": ["c"]})
    with pytest.raises(ValueError, match=rf"the label '{re.escape(label)}' cannot be the name of a directory"):
        convert(tmp_path / "folder", tmp_path / "classes", to="classes")


def test_labels_that_need_quotes_survive(tmp_path):
    labels = ["a, b", "d", 'say "c"']
    write_pictures(tmp_path / "all", {name: ["x"] * 3 for name in "012"})
    for number, label in enumerate(labels):
        (tmp_path / "all" / str(number)).rename(tmp_path / "all" / label)
    (tmp_path / "all" / ".hidden").mkdir()
    (tmp_path / "all" / ".hidden" / "x.png").touch()
    convert(tmp_path / "all", tmp_path / "folder", to="folder")
    data = load_folder(tmp_path / "folder", ReadOptions())
    assert data.spec.class_names == tuple(labels)
    assert [counts.tolist() for counts in data.class_counts()] == [[2, 2, 2], [1, 1, 1]]


def test_converted_files_are_in_the_order_of_their_numbers(tmp_path):
    write_pictures(tmp_path / "all", {"0": ["x"] * 3, "1": ["x"]})
    zero = tmp_path / "all" / "0"
    for old, new in enumerate(("train-100000.png", "train-00002.jpg", "test-00000.png")):
        (zero / f"{old}.png").rename(zero / new)
    (tmp_path / "all" / "1" / "0.png").rename(tmp_path / "all" / "1" / "train-00001.png")
    listing = FORMAT.read(Place(tmp_path / "all"), ReadOptions(test_share=0.9))
    assert [(split.name, row.file) for split in listing.splits for row in split.rows] == [
        ("train", "1/train-00001.png"), ("train", "0/train-00002.jpg"), ("train", "0/train-100000.png"),
        ("test", "0/test-00000.png"),
    ]  # fmt: skip


def test_a_killed_conversion_leaves_no_target(tmp_path, monkeypatch):
    source = write_idx(tmp_path / "idx")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "encode", fail)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "folder", to="folder")
    assert [path.name for path in tmp_path.iterdir()] == ["idx"]


def test_the_command(tmp_path):
    write_idx(tmp_path / "idx")
    command = [sys.executable, "-m", "gan.data.convert", str(tmp_path / "idx"), str(tmp_path / "folder")]
    for status, out, err in (
        (0, f"{tmp_path}/folder: 80 training and 40 test images in 10 classes\n", ""),
        (
            2,
            "",
            f"python -m gan.data.convert: {tmp_path}/folder exists; "
            "expected a new directory or an empty one: name another one\n",
        ),
    ):
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


def test_the_flags(tmp_path, monkeypatch, capsys):
    write_idx(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["convert", "a", "b", "--test-share", "1.5"])
    with pytest.raises(SystemExit) as stop:
        exit_status(module.main)
    assert stop.value.code == 2
    assert "argument --test-share: found 1.5, expected a number between 0 and 1" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
