"""Every format of labelled images: the same pixels and labels as the folder of tables, and defects by their place."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import load_folder

from gan.data.convert import convert
from gan.data.dataset import DataSet, ReadOptions
from gan.errors import UserError
from gan.images import encode

SIDE = 6
NAMES = ("ant", "bee", "cat")
LABELS = {"train": [0, 1, 2, 1, 0, 2, 1, 0], "test": [2, 0, 1]}


def pixels(split: str, channels: int = 3, side: int = SIDE) -> np.ndarray:
    rng = np.random.default_rng(len(split))
    return rng.integers(0, 256, (len(LABELS[split]), side, side, channels)).astype(np.uint8)


def pictures(split: str, channels: int = 3) -> list[tuple[str, bytes]]:
    """Class and PNG file of each image."""
    names = [NAMES[label] for label in LABELS[split]]
    return [(name, encode(image, "png")) for name, image in zip(names, pixels(split, channels), strict=True)]


def tree(split_names: tuple[str, str] = ("train", "test"), suffix: str = ".png") -> dict[str, bytes]:
    return {
        f"{name}/{label}/{number}{suffix}": content
        for split, name in zip(LABELS, split_names, strict=True)
        for number, (label, content) in enumerate(pictures(split))
    }


def write(directory: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def packed(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def table(rows: list[tuple[str, str]], header: str) -> bytes:
    return "\n".join([header, *(f"{name},{label}" for name, label in rows)]).encode()


def folder(directory: Path, *, names: tuple[str, ...] = NAMES, channels: int = 3) -> DataSet:
    """The data set as this project's own format has it."""
    for split, labels in LABELS.items():
        rows = []
        for number, (label, image) in enumerate(zip(labels, pixels(split, channels), strict=True)):
            write(directory, {f"{split}/{number}.png": encode(image, "png")})
            rows.append((f"{number}.png", names[label]))
        (directory / f"{split}_labels.csv").write_bytes(table(rows, "Filename, Label"))
    return load_folder(directory)


def by_class(data: DataSet) -> dict[str, list[bytes]]:
    """The images of each split and class, in any order."""
    splits = ("train", data.train_images, data.train_labels), ("test", data.test_images, data.test_labels)
    return {
        f"{split} {name}": sorted(image.tobytes() for image in images[labels == index])
        for split, images, labels in splits
        for index, name in enumerate(data.spec.class_names)
    }


def refusal(path: Path, options: ReadOptions | None = None) -> tuple[str, list[str]]:
    with pytest.raises(UserError) as error:
        load_folder(path, options)
    assert "\n" not in str(error.value)
    return str(error.value), getattr(error.value, "__notes__", [])


# Directories and archives of them.

LAYOUTS: dict[str, dict[str, bytes]] = {
    "train and test": tree(),
    "train and val": tree(("train", "val")),
    "train and valid": tree(("train", "valid")),
    "Training and Testing": tree(("Training", "Testing")),
    "upper-case suffixes": tree(suffix=".PNG"),
    "an inner directory": {f"pets/{name}": content for name, content in tree().items()},
    "nested": {name.replace("/", "/sub/", 2).replace("sub/", "", 1): content for name, content in tree().items()},
    "papers": {f"pets/{name}": content for name, content in tree().items()}
    | {"readme[1].txt": b"", "LICENSE": b"", "pets/LICENSE.txt": b""},
    "a split too many": tree() | {"val/ant/7.png": pictures("test")[0][1]},
}


@pytest.mark.parametrize("form", ["directory", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_class_directories_with_splits_are_the_folder(tmp_path, layout, form, capsys):
    place = tmp_path / "data"
    path = write(place, LAYOUTS[layout]) if form == "directory" else packed(tmp_path / "pets.zip", LAYOUTS[layout])
    found = load_folder(path)
    assert by_class(found) == by_class(folder(tmp_path / "folder"))
    assert found.source == f"pictures in a directory per class in {path}"
    assert ("val/ is left out, as there are test images" in capsys.readouterr().err) == ("many" in layout)
    assert (path.with_name("pets.zip.cache") if form == "zip" else path / "cache").is_dir()


@pytest.mark.parametrize("form", ["directory", "zip"])
def test_a_split_is_drawn_by_seed_as_the_converter_draws_it(tmp_path, form):
    files = {f"{label}/{number}.png": content for number, (label, content) in enumerate(pictures("train"))}
    path = write(tmp_path / "data", files) if form == "directory" else packed(tmp_path / "pets.zip", files)
    found = load_folder(path)
    assert found.source.endswith("; 10% of each class are for testing, drawn by seed 0")
    assert found.class_counts()[1].tolist() == [1, 1, 1]
    convert(path, tmp_path / "folder", to="folder")
    assert load_folder(tmp_path / "folder").digest == found.digest == load_folder(path).digest


def test_links_are_followed_but_not_round_and_round(tmp_path):
    write(tmp_path / "elsewhere", tree())
    (tmp_path / "data" / "train").mkdir(parents=True)
    for name in NAMES:
        (tmp_path / "data" / "train" / name).symlink_to(tmp_path / "elsewhere" / "train" / name)
    (tmp_path / "data" / "test").symlink_to(tmp_path / "elsewhere" / "test")
    (tmp_path / "elsewhere" / "train" / "ant" / "again").symlink_to(tmp_path / "elsewhere" / "train" / "ant")
    assert by_class(load_folder(tmp_path / "data")) == by_class(folder(tmp_path / "folder"))
    (tmp_path / "elsewhere" / "train" / "ant" / "x.png").symlink_to("nowhere")
    _, notes = refusal(tmp_path / "data")
    assert notes == [f"{tmp_path}/data/train/ant/x.png: is a link that leads nowhere; mend it"]


@pytest.mark.parametrize("form", ["directory", "zip"])
def test_defects_of_pictures_are_named_by_file_or_entry(tmp_path, form):
    files = tree() | {"train/ant/a.heic": b"\0\0\0\x18ftypheic", "train/bee/b.png": b"", "test/cat/c.png": b"text"}
    path = write(tmp_path / "data", files) if form == "directory" else packed(tmp_path / "pets.zip", files)
    summary, notes = refusal(path)
    assert summary.startswith(f"{path} has 3 problems, all of them above; correct the files")
    assert notes == [
        f"{path}/train/ant/a.heic: is a HEIC picture: save it as PNG or JPEG",
        f"{path}/train/bee/b.png: is empty",
        f"{path}/test/cat/c.png: is text: download the file itself",
    ]
    skipping = load_folder(path, ReadOptions(on_bad_image="skip"))
    assert by_class(skipping) == by_class(folder(tmp_path / "folder"))


@pytest.mark.parametrize(
    ("files", "like"),
    [
        (
            {name.replace("train/", "grown/").replace("test/", "young/"): each for name, each in tree().items()},
            "grown, young",
        ),
        (
            {
                name.replace("test/ant", "unlabeled"): each
                for name, each in tree().items()
                if name.startswith(("train", "test/ant"))
            },
            "train",
        ),
        (tree(), ""),
        ({name.partition("/")[2]: content for name, content in tree().items()}, ""),
    ],
)
def test_classes_that_look_like_splits_are_a_warning(tmp_path, files, like, capsys):
    load_folder(write(tmp_path, files))
    said = capsys.readouterr().err
    assert (f"warning: classes that hold directories of pictures: {like}; if" in said) == bool(like)
    assert bool(like) or "classes that hold" not in said


ANT = pictures("train")[0][1]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (tree(("training_set", "test_set")), "test_set, training_set, which look like splits and are none"),
        (
            {name.replace("/", "/seg_x/", 1): each for name, each in tree(("seg_train", "seg_test")).items()}
            | {"seg_pred/0.png": ANT},
            "seg_test, seg_train, which look like splits and are none",
        ),
        ({"train/cat.0.png": ANT, "train/dog.0.png": ANT, "test1/1.png": ANT}, "test1, train, which look like splits"),
        (
            {f"{where}{name}/0.png": ANT for where in ("", "cells/") for name in ("sick", "well")},
            "sick, well, and once more within cells; expected a class in one place",
        ),
        (
            {**tree(("images", "images")), "marks.tsv": b"file\tlabel"},
            "pictures in one directory, images, and marks.tsv",
        ),
        (
            {"images/ant_1.png": ANT, "annotations/list.txt": b"ant_1 1", "annotations/trimaps/ant_1.png": ANT},
            "annotations, images, which look like pictures and their annotations",
        ),
        (
            {f"VOC/{name}/1.png": ANT for name in ("JPEGImages", "SegmentationClass", "SegmentationObject")},
            "JPEGImages, SegmentationClass, SegmentationObject, which look like pictures and their annotations",
        ),
        (
            {f"{split}/{name}/1.png": ANT for split in ("train", "test") for name in ("img", "gt_masks")},
            "gt_masks, img, which look like pictures and their annotations",
        ),
        ({"imgs/1.png": ANT, "ground-truth/1.png": ANT}, "ground-truth, imgs, which look like pictures and their"),
        (
            {"images/0.png": ANT, "images/annotations.csv": b"filename,label\n0.png,a\n"},
            "images/annotations.csv can be read by its own name",
        ),
    ],
)
def test_what_are_no_classes_is_refused(tmp_path, files, found):
    message = refusal(write(tmp_path / "data", files))[0]
    assert found in message and "; expected" in message


@pytest.mark.parametrize(
    "names",
    [
        ("train", "bus", "car"),
        ("test tube", "bottle", "cup"),
        ("bullet train", "crash test dummy", "car"),
        ("bullet_train", "crash_test_dummy", "car"),
        ("bullet_train", "test_tube", "car", "bus", "van"),
        ("cat", "cats", "tomcat"),
        ("mask", "no mask"),
        ("masks", "labels"),
        ("photos", "images"),
        ("images", "masks", "hats"),
    ],
)
def test_names_of_classes_may_be_words_of_splits_and_of_pictures(tmp_path, names):
    files = {f"{name}/{name}/{number}.png": ANT for name in names for number in range(2)}
    assert set(load_folder(write(tmp_path, files)).spec.class_names) == set(names)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({f"{a}/{b}/{n}.png": ANT for a in "012" for b in "012" for n in range(2)}, "012"),
        ({f"{where}/{n}.png": ANT for where in ("a", "a/b", "b") for n in range(2)}, "ab"),
        ({**tree(("train", "test")), "train/ant/cat/9.png": ANT, "test/model train/1.png": ANT}
         | {f"train/model train/{n}.png": ANT for n in range(2)}, ("ant", "bee", "cat", "model train")),
        ({f"{split}/cat/{n}.png": ANT for split in ("train", "test") for n in range(3)} | {"stats.csv": b"a,b\n1,2\n"},
         ("cat",)),
        ({f"cat/{n}.{end}": ANT for n in range(3) for end in ("png", "json")} | {"info.json": b"{}"}, ("cat",)),
    ],
)  # fmt: skip
def test_what_may_be_meant_so_is_read(tmp_path, files, names):
    assert load_folder(write(tmp_path, files)).spec.class_names == tuple(names)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (tree() | {"birds/1.png": b""}, "holds test, train with classes, and pictures in birds beside them"),
        (tree(("validation", "test")), "holds test, validation; expected pictures in a directory per class"),
        (tree() | {"valid/ant/1.png": b"", "val/ant/1.png": b""}, "holds val and valid; expected one of them"),
        (tree() | {"test/dog/1.png": b""}, "has 1 problem; correct the data"),
        ({"a/1.png": b"", "b/1.png": b""}, "there would be no test image; expected at least two images of a class"),
        (
            {"a/1.png": b"", "b/1.png": b"", "labels.csv": b"file,label\n1.png,b\n"},
            "holds a directory of pictures per class and label tables; expected one of them",
        ),
        ({"a\t/1.png": b"", "b/1.png": b""}, "has 1 problem; rename the directories"),
        ({"notes.txt": b""}, "holds notes.txt; expected pictures in a directory per class"),
    ],
)
def test_what_is_no_tree_of_classes_is_refused(tmp_path, files, message):
    assert message in refusal(write(tmp_path / "data", files))[0]


def test_fewer_images_than_a_batch_are_refused_before_they_are_read(tmp_path):
    path = packed(tmp_path / "pets.zip", tree())
    _, notes = refusal(path, ReadOptions(batch_size=9))
    assert "there are 8 training images, fewer than one batch of 9: lower gan_batch_size" in notes[0]
    assert not (tmp_path / "pets.zip.cache").exists()


def hostile(path: Path, change: str) -> Path:
    if change == "encrypted":
        content = bytearray(packed(path, {"ant/1.png": b"x"}).read_bytes())
        content[6] |= 1
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)
    elif change == "truncated":
        path.write_bytes(packed(path, tree()).read_bytes()[:-30])
    elif change == "twice":
        with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as archive:
            archive.writestr("ant/1.png", b"1")
            archive.writestr("ant/1.png", b"2")
    else:
        packed(path, {change: b"x", "ant/1.png": b"y"})
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("../ant/1.png", "holds '../ant/1.png', which is no name of a file below it"),
        ("/ant/1.png", "which is no name of a file below it"),
        ("C:/ant/1.png", "which is no name of a file below it"),
        ("ant/../../1.png", "which is no name of a file below it"),
        ("encrypted", "is encrypted (ant/1.png); make it again without a password"),
        ("truncated", "is a damaged zip archive"),
        ("twice", "holds ant/1.png twice"),
        ("./ant/1.png", "holds ant/1.png twice"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, change, message):
    assert message in refusal(hostile(tmp_path / "data.zip", change))[0]
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


def test_a_damaged_entry_is_named_and_a_large_one_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("gan.data.pictures.MAX_FILE", 10_000)
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (tree() | {"train/ant/bomb.png": bytes(20_000)}).items():
            archive.writestr(name, content)
    content = path.read_bytes()
    start = content.index(b"train/bee/1.png") + 30
    path.write_bytes(content[:start] + bytes([content[start] ^ 0xFF]) + content[start + 1 :])
    _, notes = refusal(path)
    assert notes[0] == f"{path}/train/ant/bomb.png: has 20,000 bytes; expected at most 10,000"
    assert notes[1].startswith(f"{path}/train/bee/1.png: cannot be unpacked (")


def test_what_macos_packs_is_left_out(tmp_path):
    extra = {f"__MACOSX/{name.replace('/', '/._')}": b"\0\5\x16\7" for name in tree()}
    path = packed(tmp_path / "pets.zip", tree() | extra | {"train/.DS_Store": b"x", "train/ant/._1.png": b"x"})
    assert by_class(load_folder(path)) == by_class(folder(tmp_path / "folder"))


def test_names_that_begin_here_are_read(tmp_path):
    path = packed(tmp_path / "pets.zip", {f"./{name}": content for name, content in tree().items()})
    assert by_class(load_folder(path)) == by_class(folder(tmp_path / "folder"))


def test_names_of_utf_8_that_does_not_say_so_are_read(tmp_path):
    path = packed(tmp_path / "pets.zip", {name.replace("ant", "Größe"): content for name, content in tree().items()})
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        start = content.find(magic)
        while start >= 0:
            content[start + flags] &= ~8
            start = content.find(magic, start + 1)
    path.write_bytes(content)
    assert load_folder(path).spec.class_names == ("Größe", "bee", "cat")


def test_an_archive_that_changes_is_decoded_anew(tmp_path):
    path = packed(tmp_path / "pets.zip", tree())
    first = load_folder(path).digest
    files = tree()
    files["train/ant/0.png"] = encode(np.zeros((SIDE, SIDE, 3), np.uint8), "png")
    packed(path, files)
    assert load_folder(path).digest != first
    assert len([entry for entry in (tmp_path / "pets.zip.cache").iterdir() if entry.is_dir()]) == 1


# Tables.


def relatives() -> dict[str, dict[str, bytes]]:
    files = {
        f"{split}/{number}.png": content for split in LABELS for number, (_, content) in enumerate(pictures(split))
    }

    def rows(split: str, form: Callable[[int], str]) -> list[tuple[str, str]]:
        return [(form(number), NAMES[label]) for number, label in enumerate(LABELS[split])]

    def tables(name: str, header: str, form: Callable[[int], str]) -> dict[str, bytes]:
        return {name.format(split): table(rows(split, form), header) for split in LABELS}

    own = "{}_labels.csv"
    paths = [row for split in LABELS for row in rows(split, lambda number, split=split: f"{split}/{number}.png")]
    return {
        "file_name,label": files | tables(own, "file_name,label", "{}.png".format),
        "image_id,class": files | tables("{}.csv", "image_id,class", str),
        "id,label": files | tables("{}.csv", "id,label", str),
        "metadata.csv beside pictures": files | tables("{}/metadata.csv", "file_name,label", "{}.png".format),
        "./ before names": files | tables("{}.csv", "file_name,label", "./{}.png".format),
        "metadata.csv above": files | {"metadata.csv": table(paths, "file_name,label")},
        "more": files | {
            f"{split}.csv": "\n".join(['a,Image,Label', *(f'"x, y",{one},{label}' for one, label in rows(split, str))])
            .encode() for split in LABELS},
        "images elsewhere": {f"{split}_images/deep/{name.partition('/')[2]}": content for name, content in files.items()
            for split in LABELS if name.startswith(split)} | tables("{}.csv", "image_id,class", str),
    }  # fmt: skip


@pytest.mark.parametrize("form", ["directory", "zip"])
@pytest.mark.parametrize("name", relatives())
def test_tables_of_others_are_the_folder(tmp_path, name, form):
    files = relatives()[name]
    path = write(tmp_path / "data", files) if form == "directory" else packed(tmp_path / "pets.zip", files)
    found, expected = load_folder(path), folder(tmp_path / "folder")
    assert (found.digest, found.spec) == (expected.digest, expected.spec)


def test_a_table_that_is_named_itself_is_read(tmp_path):
    images = {f"{number}.png": content for number, (_, content) in enumerate(pictures("train"))}
    rows = [(f"{number}.png", NAMES[label]) for number, label in enumerate(LABELS["train"])]
    write(tmp_path, images | {"metadata.csv": table(rows, "file_name,label")})
    found = load_folder(tmp_path / "metadata.csv")
    assert found.source.endswith("drawn by seed 0")
    assert found.digest == load_folder(tmp_path).digest
    convert(tmp_path / "metadata.csv", tmp_path / "folder", to="folder")
    assert load_folder(tmp_path / "folder").digest == found.digest


def test_a_table_without_labels_is_left_out(tmp_path, capsys):
    files = relatives()["id,label"] | {"test.csv": b"id\n0\n1\n2\n"}
    assert load_folder(write(tmp_path, files)).source.endswith("drawn by seed 0")
    assert f"warning: {tmp_path}/test.csv has no column of labels and is left out\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"id;label\n0.png;cat\n", "id,label\n0.png,cat\n".encode("utf-16"), b"0.png,cat\n", b"id,breed\n0.png,cat\n"],
)
def test_a_table_that_is_not_understood_is_refused(tmp_path, content):
    files = {f"images/{number}.png": content for number, (_, content) in enumerate(pictures("train"))}
    directory = write(tmp_path / "x", {**files, "labels.csv": content})
    for path in (directory, directory / "labels.csv"):
        message, _ = refusal(path)
        assert f"{directory / 'labels.csv'}:1: found " in message
        assert "expected one column of names, such as Filename, and one of labels" in message


def test_a_table_that_is_none_of_labels_stays_beside_classes(tmp_path, capsys):
    load_folder(write(tmp_path, {**tree(), "metadata.csv": b"camera,year\nold,1999\n"}))
    assert "1 files are left out, such as metadata.csv" in capsys.readouterr().err


def test_a_split_too_many_of_one_table_is_a_warning(tmp_path, capsys):
    files = relatives()["metadata.csv above"]
    files["metadata.csv"] += b"\nval/0.png,ant"
    load_folder(write(tmp_path, files | {"val/0.png": pictures("test")[0][1]}))
    assert "warning: val is left out, as there are test images\n" in capsys.readouterr().err


def with_splits(tables: dict[str, str]) -> dict[str, bytes]:
    """The pictures of both splits in one directory, and a table of them all, or others."""
    images = {
        f"images/{split}-{number}.png": content
        for split in LABELS
        for number, (_, content) in enumerate(pictures(split))
    }
    return images | {name: text.encode() for name, text in tables.items()}


def split_rows(words: dict[str, str]) -> list[str]:
    return [
        f"{split}-{number}.png,{NAMES[label]},{words[split]}"
        for split, labels in LABELS.items()
        for number, label in enumerate(labels)
    ]


@pytest.mark.parametrize("header", ["file_name,label,split", "filepaths,labels,data set"])
def test_a_column_of_splits_is_heeded(tmp_path, header):
    lines = [header, *split_rows({"train": "Train", "test": "test"})]
    lines[1] = lines[1].replace("Train", "training")
    found = load_folder(write(tmp_path / "data", with_splits({"metadata.csv": "\n".join(lines)})))
    expected = folder(tmp_path / "folder")
    assert (found.digest, found.spec) == (expected.digest, expected.spec)


@pytest.mark.parametrize("name", ["partition", "usage", "is_train", "data_type", "made up"])
def test_a_column_whose_words_are_all_of_splits_is_heeded(tmp_path, name):
    lines = [f"file_name,label,{name}", *split_rows({"train": "train", "test": "val"})]
    found = load_folder(write(tmp_path / "data", with_splits({"metadata.csv": "\n".join(lines)})))
    assert by_class(found) == by_class(folder(tmp_path / "folder"))


@pytest.mark.parametrize(
    ("name", "words", "is_told"),
    [
        ("split", {"train": "0", "test": "1"}, True),
        ("is_test", {"train": "no", "test": "yes"}, True),
        ("weather", {"train": "train", "test": "rain"}, False),
        ("set", {"train": "a", "test": "a"}, False),
    ],
)
def test_a_column_that_may_be_meant_as_splits_is_a_warning(tmp_path, name, words, is_told, capsys):
    lines = [f"file_name,label,{name}", *split_rows(words)]
    path = write(tmp_path, with_splits({"metadata.csv": "\n".join(lines)}))
    assert load_folder(path).source.endswith("drawn by seed 0")
    warning = f"{path}/metadata.csv:1: the column {name} is not heeded; expected train, test or val, if it tells splits"
    assert (warning in capsys.readouterr().err) == is_told


@pytest.mark.parametrize("other", ["original_split", "source"])
def test_a_column_that_is_named_for_it_comes_before_another_of_such_words(tmp_path, other):
    lines = [f"file_name,label,split,{other}", *split_rows({"train": "train,val", "test": "test,train"})]
    found = load_folder(write(tmp_path / "data", with_splits({"metadata.csv": "\n".join(lines)})))
    assert by_class(found) == by_class(folder(tmp_path / "folder"))


@pytest.mark.parametrize(("name", "word"), [("Usage", "PublicTest"), ("fold", "4")])
def test_a_column_that_may_tell_more_than_splits_is_heeded_for_their_words_alone(tmp_path, name, word, capsys):
    lines = [f"file_name,label,{name}", *split_rows({"train": "train", "test": word})]
    assert load_folder(write(tmp_path, with_splits({"metadata.csv": "\n".join(lines)}))).source.endswith("by seed 0")
    assert f"metadata.csv:1: the column {name} is not heeded" in capsys.readouterr().err


def test_names_of_files_may_be_paths_of_windows(tmp_path):
    rows = [(f"{('', '.' + chr(92))[number % 2]}in{chr(92)}{number}.png", "ab"[number % 2]) for number in range(8)]
    files = {f"in/{number}.png": ANT for number in range(8)} | {"labels.csv": table(rows, "filename,label")}
    assert load_folder(write(tmp_path, files)).spec.class_names == ("a", "b")


def test_a_split_tells_which_of_two_pictures_is_meant(tmp_path):
    files = {f"{split}/0.png": pictures(split)[0][1] for split in LABELS}
    files["metadata.csv"] = b"file,label,split\n0.png,cat,train\n0.png,cat,test\n"
    found = load_folder(write(tmp_path / "data", files))
    np.testing.assert_array_equal(found.train_images[0], pixels("train")[0])
    np.testing.assert_array_equal(found.test_images[0], pixels("test")[0])


def test_a_column_of_splits_that_is_odd_is_told_of(tmp_path, capsys):
    lines = ["file,label,set,split", *(f"{line},x" for line in split_rows({"train": "train", "test": "val"}))]
    path = write(tmp_path / "val", with_splits({"metadata.csv": "\n".join([*lines, "more.png,ant,test,x"])}))
    (path / "images" / "more.png").write_bytes(pictures("test")[0][1])
    assert len(load_folder(path).test_images) == 1
    assert "warning: val is left out, as there are test images\n" in capsys.readouterr().err
    bad = [lines[0], lines[1].replace(",train,", ",,"), lines[2].replace(",train,", ",tran,"), *lines[3:]]
    _, notes = refusal(write(tmp_path / "bad", with_splits({"metadata.csv": "\n".join(bad)})))
    assert [note.partition(": ")[2] for note in notes] == [
        f"the set is '{word}'; expected train, test or val" for word in ("", "tran")
    ]
    both = "\n".join(line.removesuffix(",x") + ",train" for line in lines).replace("split,train", "split")
    message, _ = refusal(write(tmp_path / "both", with_splits({"metadata.csv": both})))
    assert "metadata.csv:1: the columns set and split tell splits; expected one: remove the other" in message
    folds = "\n".join([lines[0], *(f"{line},3" for line in split_rows({"train": "1", "test": "2"}))])
    found = load_folder(write(tmp_path / "folds", with_splits({"metadata.csv": folds})))
    assert found.source.endswith("drawn by seed 0")


def test_a_column_of_splits_in_the_table_of_one_is_a_warning(tmp_path, capsys):
    lines = split_rows({"train": "train", "test": "test"})
    lines[0] = lines[0].replace(",train", ",val")
    tables = {f"{split}.csv": "\n".join(["id,label,split", *(x for x in lines if split in x)]) for split in LABELS}
    load_folder(write(tmp_path, with_splits(tables)))
    told = f"warning: {tmp_path}/train.csv has a column of splits, which is not heeded, as it is the table of one split"
    assert told in capsys.readouterr().err


def test_plural_words_for_counts_are_no_names(tmp_path, capsys):
    load_folder(write(tmp_path, {**tree(), "metadata.csv": b"class,images\nant,4\nbee,3\n"}))
    assert "1 files are left out, such as metadata.csv" in capsys.readouterr().err


def test_a_heic_picture_of_a_table_is_named_as_one(tmp_path):
    files = with_splits(
        {"labels.csv": "\n".join(["id,label", *(f"train-{n}.png,ant" for n in range(5)), "a.heic,ant"])}
    )
    _, notes = refusal(write(tmp_path, files | {"images/a.heic": b"\0\0\0\x18ftypheic" + bytes(60)}))
    assert len(notes) == 1 and "a.heic is a HEIC picture: save it as PNG or JPEG" in notes[0]


def test_a_picture_in_two_tables_is_refused_by_both_lines(tmp_path):
    files = {f"images/{number}.png": content for number, (_, content) in enumerate(pictures("train"))}
    for split, count in (("train", 6), ("test", 1)):
        files[f"{split}.csv"] = table([(f"{number}.png", "ant") for number in range(count)], "id,label")
    _, notes = refusal(write(tmp_path, files))
    assert len(notes) == 1
    assert notes[0].startswith(f"{tmp_path}/test.csv:2: images/0.png is already in {tmp_path}/train.csv:2; expected")


def test_a_hidden_table_that_is_named_is_refused(tmp_path):
    write(tmp_path, {"0.png": pictures("train")[0][1], ".l.csv": b"id,label\n0,ant\n"})
    assert "/.l.csv is hidden, as its name begins with a dot" in refusal(tmp_path / ".l.csv")[0]


def test_defects_of_tables_are_named_by_line(tmp_path):
    images = {f"{split}/{name}.png": encode(pixels("train")[0], "png") for split in "ab" for name in ("same", split)}
    rows = [("a", "x"), ("same", "x"), ("c", "x"), ("../a", "x"), ("b.png", ""), ("b", "y"), ("a.png", "y")]
    path = write(tmp_path / "data", images | {"labels.csv": table(rows, "id,label")})
    where = f"{path}/labels.csv"
    _, notes = refusal(path / "labels.csv")
    assert notes == [
        f"{where}:3: same may be a/same.png or b/same.png; expected the name of one file",
        f"{where}:5: ../a is outside of the data; expected the name of a file in it",
        f"{where}:6: the label is ''; expected 1 to 100 printable characters",
        f"{where}:8: a/a.png is already in line 2",
    ]
    (path / "labels.csv").write_bytes(table([("a", "x"), ("b", "x"), ("c", "x")], "id,label"))
    assert refusal(path / "labels.csv")[1] == [f"{where}:4: c is not there; expected it in {path}"]


# StyleGAN's.


def stylegan(labels: object) -> dict[str, bytes]:
    files = {f"00000/img{number:08d}.png": content for number, (_, content) in enumerate(pictures("train"))}
    return files | {"dataset.json": json.dumps({"labels": labels}).encode()}


@pytest.mark.parametrize("form", ["directory", "zip"])
def test_stylegans_data_set_is_the_folder(tmp_path, form):
    files = stylegan([[f"00000/img{number:08d}.png", label] for number, label in enumerate(LABELS["train"])])
    path = write(tmp_path / "data", files) if form == "directory" else packed(tmp_path / "pets.zip", files)
    found = load_folder(path)
    assert found.spec.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(
        np.sort(np.concatenate([found.train_images, found.test_images]), axis=0), np.sort(pixels("train"), axis=0)
    )
    convert(path, tmp_path / "folder", to="folder")
    assert load_folder(tmp_path / "folder").digest == found.digest


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "dataset.json has no labels"),
        ([["00000/img00000000.png", [0, 1]]], "entry 0 has several labels; expected a name and the number of a class"),
        ([["00000/img00000000.png", -1]], 'entry 0 has ["00000/img00000000.png", -1]; expected'),
        ([["00000/img00000000.png", 1]] * 2, "entry 1: 00000/img00000000.png has a label already"),
        ([["no.png", 1], ["00000/img00000000.png", 1]], "no.png: is not there; expected it in"),
    ],
)
def test_defects_of_stylegans_data_sets_are_named(tmp_path, labels, message):
    summary, notes = refusal(packed(tmp_path / "pets.zip", stylegan(labels)))
    assert message in " ".join([summary, *notes])
    assert refusal(packed(tmp_path / "bad.zip", {"dataset.json": b"{", "a/1.png": b""}))[0].startswith(
        f"{tmp_path}/bad.zip/dataset.json is no JSON"
    )
