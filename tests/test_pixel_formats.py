"""Formats of raw pixels, and Parquet: the same pixels and labels as the folder of tables, defects by their place."""

import gzip
import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import load_folder
from PIL import Image

from gan.data.convert import convert
from gan.data.dataset import DataSet, ReadOptions
from gan.errors import UserError
from gan.images import encode

LABELS = {"train": np.array([0, 1, 2, 1, 0, 2, 1, 0]), "test": np.array([2, 0, 1])}
NAMES = np.array(["0", "1", "2"])


def pixels(split: str, channels: int = 1, side: int = 5) -> np.ndarray:
    rng = np.random.default_rng(len(split))
    return rng.integers(0, 256, (len(LABELS[split]), side, side, channels)).astype(np.uint8)


def folder(directory: Path, *, names: Any = NAMES, channels: int = 1, side: int = 5) -> DataSet:
    """The data set as this project's own format has it."""
    for split, labels in LABELS.items():
        (directory / split).mkdir(parents=True)
        lines = ["Filename, Label"]
        for number, (label, image) in enumerate(zip(labels, pixels(split, channels, side), strict=True)):
            (directory / split / f"{number}.png").write_bytes(encode(image, "png"))
            lines.append(f"{number}.png, {names[label]}")
        (directory / f"{split}_labels.csv").write_text("\n".join(lines))
    return load_folder(directory)


def refusal(path: Path) -> tuple[str, list[str]]:
    with pytest.raises(UserError) as error:
        load_folder(path)
    assert "\n" not in str(error.value)
    return str(error.value), getattr(error.value, "__notes__", [])


def same(path: Path, expected: DataSet) -> bool:
    found = load_folder(path)
    return (found.digest, found.spec) == (expected.digest, expected.spec)


# .npz


def keras(channels: int = 1) -> dict[str, np.ndarray]:
    images = {split: pixels(split, channels) if channels == 3 else pixels(split)[..., 0] for split in LABELS}
    return {f"x_{split}": images[split] for split in LABELS} | {f"y_{split}": LABELS[split] for split in LABELS}


def medmnist(channels: int = 1) -> dict[str, np.ndarray]:
    arrays = {f"{name[2:]}_{'images' if name[0] == 'x' else 'labels'}": each for name, each in keras(channels).items()}
    arrays = {name: each[:, None].astype(np.uint8) if "labels" in name else each for name, each in arrays.items()}
    return arrays | {name.replace("test", "val"): each for name, each in arrays.items() if "test" in name}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("arrays", [keras, medmnist])
def test_npz_files_are_the_folder(tmp_path, arrays, channels):
    for number, save in enumerate((np.savez, np.savez_compressed)):
        save(tmp_path / f"{number}.npz", **arrays(channels))
    expected = folder(tmp_path / "folder", channels=channels)
    assert same(tmp_path / "0.npz", expected) and same(tmp_path / "1.npz", expected)
    source = load_folder(tmp_path / "0.npz").source
    assert source.endswith("; those of val are left out") == (arrays is medmnist)
    convert(tmp_path / "0.npz", tmp_path / "back", to="folder")
    assert same(tmp_path / "back", expected)


def test_npz_files_without_tests_are_split(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=pixels("train"), y_train=LABELS["train"])
    found = load_folder(tmp_path / "a.npz")
    assert found.source.endswith("; 10% of each class are for testing, drawn by seed 0")
    assert [counts.tolist() for counts in found.class_counts()] == [[2, 2, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.ones((len(LABELS["train"]), 14))}, "y_train has the shape 8x14, several labels per image"),
        (
            {"y_train": LABELS["train"].astype(object)},
            "y_train cannot be read (it holds Python objects, which would run",
        ),
        ({"x_train": pixels("train") / 255}, "x_train is float64; expected uint8, pixels of 0 to 255"),
        ({"x_train": pixels("train", 3).transpose(0, 3, 1, 2)}, "x_train has the shape 8x3x5x5 (channels first)"),
        ({"x_train": np.zeros((8, 9, 9, 9), np.uint8)}, "x_train has the shape 8x9x9x9 (volumes)"),
        ({"x_test": pixels("test", side=4)[..., 0]}, "x_test holds images of 4x4x1; expected 5x5x1, as for training"),
        ({"y_train": LABELS["train"][:3]}, "x_train holds 8 images and 3 labels; expected as many"),
        ({"y_train": LABELS["train"] * 0.5}, "y_train is float64; expected integers or words"),
        ({"y_test": np.array([2, 7, 1])}, "x_test, image 1: no training image has the label '7'"),
        ({"y_test": None}, "lacks y_test; expected images and labels of each split"),
        ({"x_train": None}, "holds x_test, y_test, y_train; expected x_train, y_train, x_test and y_test"),
        ({"train_images": pixels("train")}, "holds both of them; expected x_train"),
    ],
)
def test_defects_of_npz_files_are_named(tmp_path, changes, message):
    arrays = {name: each for name, each in (keras() | changes).items() if each is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    assert message in refusal(tmp_path / "a.npz")[0]


def test_damaged_npz_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **keras())
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert "is a damaged zip archive" in refusal(path)[0]
    start = whole.index(b"x_train.npy") + 60
    path.write_bytes(whole[:start] + bytes(20) + whole[start + 20 :])
    assert "x_train cannot be read" in refusal(path)[0]
    path.write_bytes(whole)
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    assert "unpacks to" in refusal(path)[0]


# Tables of pixels


def pixel_table(split: str, *, header: str = "", last: bool = False, labels: bool = True) -> str:
    lines = [header] if header else []
    for label, image in zip(LABELS[split], pixels(split), strict=True):
        values = list(map(str, image.ravel()))
        lines.append(",".join([*values, str(label)] if last else [str(label), *values] if labels else values))
    return "\n".join(lines) + "\n"


NUMBERED = ",".join(f"pixel{number}" for number in range(25))


@pytest.mark.parametrize(
    ("names", "header", "last"),
    [
        (("mnist_train.csv", "mnist_test.csv"), "", False),
        (("fashion-mnist_train.csv", "fashion-mnist_test.csv"), f"label,{NUMBERED}", False),
        (("train.csv", "test.csv"), f'{NUMBERED},"class"', True),
        (("train.csv", "valid.csv"), "label," + ",".join(f"{y}x{x}" for y in range(5) for x in range(5)), False),
    ],
)
def test_tables_of_pixels_are_the_folder(tmp_path, names, header, last):
    (tmp_path / "data").mkdir()
    for split, name in zip(LABELS, names, strict=True):
        (tmp_path / "data" / name).write_text(pixel_table(split, header=header, last=last))
    assert same(tmp_path / "data", folder(tmp_path / "folder"))


def test_kaggles_table_without_labels_is_left_out(tmp_path, capsys):
    (tmp_path / "train.csv").write_text(pixel_table("train", header=f"label,{NUMBERED}"))
    (tmp_path / "test.csv").write_text(pixel_table("test", header=NUMBERED, labels=False))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    found = load_folder(tmp_path)
    assert capsys.readouterr().err == f"warning: {tmp_path}/test.csv has no labels and is left out\n"
    assert found.source.endswith("; 10% of each class are for testing, drawn by seed 0")
    assert load_folder(tmp_path / "train.csv").digest == found.digest


@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_no_pixel(tmp_path, first):
    (tmp_path / "data").mkdir()
    for split in LABELS:
        header, *lines = pixel_table(split, header=f"label,{NUMBERED}").splitlines()
        numbered = [f"{first},{header}", *(f"{number},{line}" for number, line in enumerate(lines))]
        (tmp_path / "data" / f"{split}.csv").write_text("\n".join(numbered))
    assert same(tmp_path / "data", folder(tmp_path / "folder"))
    numbered[2] = numbered[2].rpartition(",")[0] + ",999"
    (tmp_path / "bad.csv").write_text("\n".join(numbered))
    assert refusal(tmp_path / "bad.csv")[1] == [
        f"{tmp_path}/bad.csv:3: found '999' in column 27; expected a pixel of 0 to 255"
    ]


def test_defects_of_tables_of_pixels_are_named_by_line(tmp_path):
    path = tmp_path / "mnist_train.csv"
    lines = pixel_table("train").splitlines()
    whole = lines[0].split(",")
    lines[1] = "1,2,3"
    lines[2] = ",".join([*whole[:7], "256", *whole[8:]])
    lines[3] = ",".join([*whole[:3], "-1", *whole[4:]])
    lines[4] = ",".join(["", *whole[1:]])
    lines[5] = ",".join([*whole[:25], "1.5"])
    path.write_text("\n".join(lines))
    summary, notes = refusal(path)
    assert summary == f"{path} has 5 problems, all of them above; correct the table"
    assert notes == [
        f"{path}:2: found 3 values; expected 26, a label and 25 pixels",
        f"{path}:3: found '256' in column 8; expected a pixel of 0 to 255",
        f"{path}:4: found '-1' in column 4; expected a pixel of 0 to 255",
        f"{path}:5: found no label; expected one",
        f"{path}:6: found '1.5' in column 26; expected a pixel of 0 to 255",
    ]
    path.write_text(f"label,{NUMBERED}\n")
    assert refusal(path)[0] == f"{path}:1: no row follows the header; expected one for each image"


# CIFAR


def records(split: str, prefix: bytes = b"") -> bytes:
    images = pixels(split, 3, 32).transpose(0, 3, 1, 2)
    return b"".join(
        prefix + bytes([label]) + image.tobytes() for label, image in zip(LABELS[split], images, strict=True)
    )


def cifar(directory: Path, *, hundred: bool = False) -> Path:
    directory.mkdir()
    if hundred:
        (directory / "train.bin").write_bytes(records("train", b"\7"))
        (directory / "test.bin").write_bytes(records("test", b"\7"))
        (directory / "fine_label_names.txt").write_text("ant\nbee\ncat\n")
    else:
        content = records("train")
        (directory / "data_batch_1.bin").write_bytes(content[: 3 * 3073])
        (directory / "data_batch_2.bin").write_bytes(content[3 * 3073 :])
        (directory / "test_batch.bin").write_bytes(records("test"))
        (directory / "batches.meta.txt").write_text("ant\nbee\ncat\n\n")
    return directory


@pytest.mark.parametrize("hundred", [False, True])
def test_cifars_binary_files_are_the_folder(tmp_path, hundred):
    path = cifar(tmp_path / "cifar", hundred=hundred)
    assert same(path, folder(tmp_path / "folder", names=("ant", "bee", "cat"), channels=3, side=32))
    next(path.glob("*.txt")).unlink()
    assert load_folder(path).spec.class_names == ("0", "1", "2")


def test_defects_of_cifars_files_are_named(tmp_path):
    path = cifar(tmp_path / "cifar")
    (path / "test_batch.bin").write_bytes(records("test")[:-1])
    message = f"{path}/test_batch.bin has 9,218 bytes; expected a multiple of 3,073, the size of a record"
    assert refusal(path)[0] == message
    (path / "test_batch.bin").write_bytes(b"\4" + records("test")[1:])
    assert refusal(path)[0] == f"{path}/test_batch.bin, record 0: the label is 4; expected 0 to 2"
    (path / "test_batch.bin").unlink()
    assert refusal(path)[0] == f"{path} lacks test_batch.bin; add it, or name another directory"
    python = tmp_path / "python"
    python.mkdir()
    (python / "data_batch_1").write_bytes(b"\x80\x02}")
    assert refusal(python)[0].startswith(f"{python} holds data_batch_1; expected pictures in a directory per class")


# EMNIST


def emnist(directory: Path, name: str, first: int, pack: Any) -> Path:
    directory.mkdir(exist_ok=True)
    for split, labels in LABELS.items():
        images = pixels(split)[..., 0].transpose(0, 2, 1)
        for kind, values in (("images-idx3", images), ("labels-idx1", labels + first)):
            header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            path = directory / f"emnist-{name}-{split}-{kind}-ubyte{'.gz' if pack is gzip.compress else ''}"
            path.write_bytes(pack(header + np.ascontiguousarray(values).astype(np.uint8).tobytes()))
    return directory


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("name", "first", "names"),
    [("letters", 1, "ABC"), ("balanced", 36, "abd"), ("byclass", 36, "abc"), ("digits", 0, "012")],
)
def test_emnist_is_the_folder_upright_and_by_characters(tmp_path, name, first, names, pack):
    path = emnist(tmp_path / "emnist", name, first, pack)
    expected = folder(tmp_path / "folder", names=names)
    assert same(path, expected)
    assert same(next(path.glob("*test-labels*")), expected)


def test_defects_of_emnist_are_named(tmp_path):
    path = emnist(emnist(tmp_path / "emnist", "letters", 0, bytes), "digits", 0, bytes)
    assert "holds the IDX files of digits, letters; expected one of them: name it, such as" in refusal(path)[0]
    letters = path / "emnist-letters-train-labels-idx1-ubyte"
    assert refusal(letters)[0].startswith(f"{letters} has the label 0 at index 0; expected 1 to 26")
    letters.unlink()
    assert f"lacks {letters.name} (plain or .gz)" in refusal(path / "emnist-letters-test-labels-idx1-ubyte")[0]


def test_labels_as_vectors_of_classes_are_named_as_such(tmp_path):
    arrays = {f"x_{split}": pixels(split) for split in LABELS}
    path = tmp_path / "a.npz"
    np.savez(path, **arrays, **{f"y_{split}": np.eye(3, dtype=np.uint8)[LABELS[split]] for split in LABELS})
    expected = "a vector of 0 and 1 for each class; expected one label per image, N or Nx1: save its argmax(axis=1)"
    assert expected in refusal(path)[0]
    np.savez(path, **arrays, **{f"y_{split}": np.ones((len(LABELS[split]), 3), np.uint8) for split in LABELS})
    assert "several labels per image; expected one label per image, N or Nx1" in refusal(path)[0]


@pytest.mark.parametrize(("brightest", "is_told"), [(1, True), (31, True), (32, False)])
def test_images_that_are_all_but_black_are_a_warning(tmp_path, brightest, is_told, capsys):
    arrays = {f"x_{split}": np.minimum(pixels(split), brightest) for split in LABELS}
    np.savez(tmp_path / "a.npz", **arrays, **{f"y_{split}": LABELS[split] for split in LABELS})
    load_folder(tmp_path / "a.npz")
    assert (f"warning: the brightest of 8 images is {brightest} of 255" in capsys.readouterr().err) == is_told


def test_sides_that_no_network_is_built_for_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {f"x_{split}": np.zeros((len(LABELS[split]), 3, 8), np.uint8) for split in LABELS}
    np.savez(path, **arrays, **{f"y_{split}": LABELS[split] for split in LABELS})
    assert "the images are 3x8; expected sides of 4 to 1024 pixels: set image_size" in refusal(path)[0]


# Parquet


def parquet(path: Path, split: str, *, names: list[str] | None = None, **changes: Any) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    images = [{"bytes": encode(image, "png"), "path": None} for image in pixels(split)]
    for number, value in changes.pop("images", {}).items():
        images[number] = value
    labels = changes.pop("labels", LABELS[split].tolist())
    columns = {"image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])), "label": labels}
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if names:
        features["label"] = {"names": names, "_type": "ClassLabel"}
    about = {b"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(columns | changes).replace_schema_metadata(about)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=3)
    return path


def test_parquet_files_are_the_folder(tmp_path):
    for split in LABELS:
        parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet", split, names=["ant", "bee", "cat"])
    expected = folder(tmp_path / "folder", names=("ant", "bee", "cat"))
    assert same(tmp_path / "data", expected)
    assert same(tmp_path / "data", expected)  # From the cache.
    convert(tmp_path / "data", tmp_path / "back", to="folder")
    assert same(tmp_path / "back", expected)


def test_one_parquet_file_is_split(tmp_path):
    path = parquet(tmp_path / "train.parquet", "train")
    found = load_folder(path)
    assert found.source.endswith("; 10% of each class are for testing, drawn by seed 0")
    assert found.spec.class_names == ("0", "1", "2")
    assert (tmp_path / "train.parquet.cache").is_dir()


def both_splits(path: Path, **changes: Any) -> Path:
    """A Parquet file of the images of both, which its name tells nothing of."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    parts = [
        pq.read_table(parquet(path.with_name(f"{split}.of"), split, names=["ant", "bee", "cat"])) for split in LABELS
    ]
    for split in LABELS:
        path.with_name(f"{split}.of").unlink()
    table = pa.concat_tables(parts)
    for name, words in changes.items():
        table = table.append_column(name, pa.array(words))
    pq.write_table(table, path, row_group_size=3)
    return path


def words_of(**words: str) -> list[str]:
    return [words[split] for split, labels in LABELS.items() for _ in labels]


def test_a_column_of_splits_in_parquet_is_heeded(tmp_path):
    pa = pytest.importorskip("pyarrow")
    words = words_of(train="training", test="Test")
    expected = folder(tmp_path / "folder", names=("ant", "bee", "cat"))
    for number, column in enumerate((pa.array(words), pa.array(words).dictionary_encode())):
        path = both_splits(tmp_path / f"{number}.parquet", split=column)
        assert same(path, expected)
        assert "drawn by seed" not in load_folder(path).source
    three = [*words[:-1], "val"]
    assert len(load_folder(both_splits(tmp_path / "three.parquet", split=three)).test_images) == len(LABELS["test"]) - 1
    folds = both_splits(tmp_path / "folds.parquet", split=words_of(train="1", test="2"))
    assert load_folder(folds).source.endswith("drawn by seed 0")


def test_words_of_splits_in_parquet_are_read_as_in_tables(tmp_path, capsys):
    pa = pytest.importorskip("pyarrow")
    expected = folder(tmp_path / "folder", names=("ant", "bee", "cat"))
    assert same(both_splits(tmp_path / "a.parquet", split=words_of(train="train ", test=" test")), expected)
    assert same(both_splits(tmp_path / "b.parquet", partition=words_of(train="train", test="val")), expected)
    numbers = both_splits(
        tmp_path / "c.parquet", split=pa.array([0] * len(LABELS["train"]) + [1] * len(LABELS["test"]))
    )
    assert load_folder(numbers).source.endswith("drawn by seed 0")
    assert f"warning: {numbers}: the column split is not heeded" in capsys.readouterr().err
    from pyarrow import parquet as pq

    table = pq.read_table(numbers)
    about = json.loads(table.schema.metadata[b"huggingface"])
    about["info"]["features"]["split"] = {"_type": "ClassLabel", "names": ["train", "test"]}
    pq.write_table(table.replace_schema_metadata({b"huggingface": json.dumps(about)}), numbers)
    assert same(numbers, expected)


def test_a_column_of_splits_in_the_parquet_file_of_one_is_a_warning(tmp_path, capsys):
    words = ["train", *["test"] * (len(LABELS["train"]) - 1)]
    path = parquet(tmp_path / "train.parquet", "train", subset=words, dataset=words)
    parquet(tmp_path / "test.parquet", "test")
    assert len(load_folder(tmp_path).train_images) == len(LABELS["train"])
    assert f"warning: {path} has a column of splits, which is not heeded" in capsys.readouterr().err


def test_parquet_files_may_be_in_directories_of_splits(tmp_path):
    for split in LABELS:
        parquet(tmp_path / "data" / "default" / split / "0000.parquet", split, names=["ant", "bee", "cat"])
    assert same(tmp_path / "data", folder(tmp_path / "folder", names=("ant", "bee", "cat")))


def test_parts_of_parquet_with_a_digest_in_their_names_are_counted(tmp_path):
    path = parquet(tmp_path / "data" / "train-00000-of-00002-b42a27d0e5b9d3a3.parquet", "train")
    assert "holds 1 of the 2 parts of train; add the others" in refusal(path.parent)[0]


def test_a_column_of_splits_in_several_parquet_files_is_one(tmp_path):
    for number, split in enumerate(LABELS):
        path = tmp_path / "data" / f"x-{number:05d}-of-00002.parquet"
        parquet(path, split, names=["ant", "bee", "cat"], set=[split] * len(LABELS[split]))
    assert same(tmp_path / "data", folder(tmp_path / "folder", names=("ant", "bee", "cat")))
    parquet(path, "test", names=["ant", "bee", "cat"], set=["held out"] * len(LABELS["test"]))
    assert refusal(tmp_path / "data")[1][0] == f"{path}, row 1: the set is 'held out'; expected train, test or val"
    parquet(path, "test", names=["ant", "bee", "cat"])
    assert refusal(tmp_path / "data")[1][0] == f"{path}, row 1: the set is ''; expected train, test or val"


def test_an_odd_column_of_splits_in_parquet_is_told_of(tmp_path):
    words = words_of(train="train", test="test")
    path = both_splits(tmp_path / "a.parquet", split=[None, "tran", *words[2:]])
    assert refusal(path)[1] == [
        f"{path}, row {row}: the split is '{word}'; expected train, test or val" for row, word in ((1, ""), (2, "tran"))
    ]
    path = both_splits(tmp_path / "a.parquet", split=words, set=words)
    expected = f"{path}: the columns split and set tell splits; expected one: remove the other"
    assert refusal(path)[0] == expected


def test_defects_of_parquet_files_are_named_by_row(tmp_path):
    bad = {1: {"bytes": b"", "path": "a.png"}, 4: {"bytes": None, "path": "b.png"}}
    path = parquet(tmp_path / "train.parquet", "train", images=bad)
    assert refusal(path)[1] == [f"{path}, row 2: is empty", f"{path}, row 5: holds no picture, only the name b.png"]
    path = parquet(tmp_path / "train.parquet", "train", names=["a", "b"], labels=[0, 1, -1, None, 2, 0, 0, 0])
    assert refusal(path)[1] == [
        f"{path}, row {row}: the label is {label}; expected 0 to 1" for row, label in ((3, -1), (4, None), (5, 2))
    ]
    fine = parquet(tmp_path / "a.parquet", "train", names=["a", "b", "c"], target=LABELS["train"].tolist())
    assert load_folder(fine).spec.class_names == ("a", "b", "c")
    both = parquet(tmp_path / "a.parquet", "train", target=LABELS["train"].tolist())
    assert "has the labels label, target; expected one column of them" in refusal(both)[0]
    shard = path.rename(tmp_path / "train-00000-of-00002.parquet")
    assert "is or holds 1 of the 2 parts of train; name the directory of all of them" in refusal(shard)[0]
    shard.write_bytes(b"PAR1 and no more")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    assert "is a damaged Parquet file" in refusal(tmp_path / "x.parquet")[0]


def test_words_of_parquet_files_may_be_of_any_type(tmp_path):
    pa = pytest.importorskip("pyarrow")
    words = pa.array(list("xyzyxzyx"))
    casts = words.cast(pa.large_string()), words.cast(pa.string_view()), words.dictionary_encode()
    for number, labels in enumerate(casts):
        path = parquet(tmp_path / f"{number}.parquet", "train", labels=labels)
        assert load_folder(path).spec.class_names == ("x", "y", "z")
    path = parquet(tmp_path / "a.parquet", "train", labels=pa.array([0.5] * 8))
    assert "label (double); expected image, of bytes, and label, of integers or words" in refusal(path)[0]


def test_labels_of_parquet_files_may_be_words(tmp_path):
    path = parquet(tmp_path / "a.parquet", "train", names=["a", "b"], labels=list("xyzyxzyx"))
    assert load_folder(path).spec.class_names == ("x", "y", "z")


@pytest.mark.parametrize("file", ["parquet", "npz"])
def test_a_file_with_any_byte_changed_is_read_or_refused(tmp_path, file):
    """Never another error than one for the user."""
    if file == "parquet":
        path = parquet(tmp_path / "a.parquet", "train", names=["a", "b", "c"])
    else:
        path = tmp_path / "a.npz"
        np.savez(path, **keras())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 60).tolist() + rng.integers(len(whole) - 600, len(whole), 60).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            load_folder(path)
        except UserError:
            refused += 1
    assert refused > 10


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refusal(tmp_path / "a.parquet")[0].endswith("not installed: run `pip install pyarrow`")


def test_a_directory_of_one_file_says_to_name_it(tmp_path):
    np.savez(tmp_path / "a.npz", **keras())
    assert f"holds a.npz, of which {tmp_path}/a.npz can be read by its own name; expected" in refusal(tmp_path)[0]


def test_a_photo_as_telephones_write_it_is_read(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            buffer = io.BytesIO()
            picture = Image.fromarray(pixels("train", 3)[number])
            picture.save(buffer, "MPO", save_all=True, append_images=[picture])
            (tmp_path / name / f"{number}.MPO").write_bytes(buffer.getvalue())
    assert load_folder(tmp_path, ReadOptions()).spec.shape == (5, 5, 3)
