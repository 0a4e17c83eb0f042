"""IDX files, good and bad, and the choice of a reader by what a data path holds."""

import argparse
import gzip
import hashlib
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gan.command_line import add_training_flags
from gan.data.dataset import DataSet, ReadOptions
from gan.data.formats import idx
from gan.data.formats.idx import NAMES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, load_idx, read_idx
from gan.data.loading import load_dataset
from gan.errors import UserError
from gan.images import ImageSpec, Pixels

Array = NDArray[Any]

ROOT = Path(__file__).parents[1]
MNIST = ROOT / ".." / "shared" / "mnist"
WEB_PAGE = "is a web page, perhaps an error of a download: download the file itself; expected an IDX file"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9912422\n"
HTML = b"\n<!DOCTYPE html><html><title>403 Forbidden</title></html>"
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in ../shared/mnist")


def idx_bytes(array: Array, *, type_code: int = 8) -> bytes:
    header = bytes([0, 0, type_code, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


def some_images(count: int, height: int = 5, width: int = 4) -> Pixels:
    return (np.arange(count * height * width) % 251).astype(np.uint8).reshape(count, height, width)


def some_labels(count: int, classes: int = 3) -> Pixels:
    return (np.arange(count) % classes).astype(np.uint8)


def write_mnist(directory: Path, **replaced: Array) -> Path:
    """Write the four files in small, each plain; `replaced` has other arrays for some."""
    arrays = {
        TRAIN_IMAGES: replaced.get("train_images", some_images(7)),
        TRAIN_LABELS: replaced.get("train_labels", some_labels(7)),
        TEST_IMAGES: replaced.get("test_images", some_images(4)),
        TEST_LABELS: replaced.get("test_labels", some_labels(4)),
    }
    for name, array in arrays.items():
        (directory / name).write_bytes(idx_bytes(array))
    return directory


def corrupted_checksum(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content, mtime=0))
    packed[-8] ^= 0xFF
    return bytes(packed)


def broken_stream(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content, mtime=0))
    packed[10] |= 0x06  # the reserved deflate block type
    return bytes(packed)


IMAGES = idx_bytes(some_images(3))

BAD_FILES = {
    "empty": (b"", "is empty; expected an IDX file"),
    "empty once unpacked": (gzip.compress(b"", mtime=0), "is empty; expected an IDX file"),
    "HTML": (HTML, WEB_PAGE),
    "a Git LFS pointer": (LFS, "is a Git LFS pointer: run `git lfs pull` where the files are from; expected an IDX"),
    "a picture": (
        b"\x89PNG\r\n\x1a\n",
        "is a PNG picture: it belongs with a label table or in a directory of",
    ),
    "gzipped HTML": (
        gzip.compress(HTML, mtime=0),
        WEB_PAGE,
    ),
    "wrong magic": (b"\x89PNG" + IMAGES, "starts with 89 50; expected 00 00, the start of an IDX file"),
    "three bytes": (IMAGES[:3], "ends after 3 bytes; expected an IDX header"),
    "wrong type": (
        idx_bytes(some_images(3).astype(np.float32), type_code=0x0D),
        "has the type code 0x0d (float32); expected 0x08 (uint8)",
    ),
    "no such type": (idx_bytes(some_images(3), type_code=7), "has the type code 0x07 (unknown); expected 0x08"),
    "two dimensions": (
        idx_bytes(some_images(3).reshape(3, 20)),
        "has 2 dimensions; expected 1 (labels) or 3 (images)",
    ),
    "cut header": (IMAGES[:15], "ends after 15 bytes; expected an IDX header of 16"),
    "too short": (IMAGES[:-1], "holds 59 bytes after its header; expected 3x5x4 = 60"),
    "too long": (IMAGES + b"\0", "holds 61 bytes after its header; expected 3x5x4 = 60"),
    "no images": (idx_bytes(some_images(0)), "holds 0x5x4 values; expected at least one"),
    "cut gzip": (gzip.compress(IMAGES, mtime=0)[:-9], "is gzip data cut short at"),
    "wrong checksum": (corrupted_checksum(IMAGES), "is damaged gzip data (CRC check failed"),
    "broken stream": (broken_stream(IMAGES), "is damaged gzip data (Error -3 while decompressing data"),
    "trailing rubbish": (gzip.compress(IMAGES, mtime=0) + b"rubbish", "is damaged gzip data (Not a gzipped file"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("array", [some_labels(5), some_images(3)], ids=["labels", "images"])
def test_an_idx_file_reads_back_whatever_its_name_says(
    tmp_path: Path, array: Array, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "any name"
    path.write_bytes(pack(idx_bytes(array)))
    assert read_idx(path).dtype == np.uint8
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_named_with_what_is_wrong_and_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / TRAIN_IMAGES
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_idx(path)
    assert str(error.value).startswith(f"{path} {message}")
    assert str(error.value).endswith("; correct it, or name another directory")
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def mutated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated") / "file"


@settings(deadline=None, max_examples=300)
@given(
    packed=st.booleans(),
    flips=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 255)), max_size=4),
    length=st.integers(0, 200),
)
def test_a_mutated_file_gives_an_array_or_a_value_error(
    mutated_file: Path, packed: bool, flips: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(gzip.compress(IMAGES, mtime=0) if packed else IMAGES)
    for position, mask in flips:
        content[position % len(content)] ^= mask
    mutated_file.write_bytes(content[: length or None])
    try:
        assert read_idx(mutated_file).size > 0
    except ValueError as error:
        assert str(mutated_file) in str(error)


def test_the_four_files_make_a_data_set(tmp_path: Path) -> None:
    dataset = load_idx(write_mnist(tmp_path))
    assert dataset.spec == ImageSpec(5, 4, 1, ("0", "1", "2"))
    assert dataset.source == f"IDX files in {tmp_path}"
    np.testing.assert_array_equal(dataset.train_images[..., 0], some_images(7))
    np.testing.assert_array_equal(dataset.test_labels, some_labels(4))
    assert dataset.train_labels.dtype == np.int32
    assert [counts.tolist() for counts in dataset.class_counts()] == [[3, 2, 2], [2, 1, 1]]
    assert dataset.describe().splitlines() == [
        f"IDX files in {tmp_path}",
        "images of 5x4x1 in 3 classes",
        "train 7 images (0: 3, 1: 2, 2: 2)",
        "test 4 images (0: 2, 1: 1, 2: 1)",
    ]


def test_an_unpacked_file_is_preferred_to_its_gzip(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(HTML)
    labels = tmp_path / TRAIN_LABELS
    labels.with_name(f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(labels.read_bytes(), mtime=0))
    labels.unlink()
    assert len(load_idx(tmp_path).train_labels) == 7


def test_names_with_a_dot_before_idx_are_the_same_files(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    expected = load_idx(tmp_path).digest
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert (
        load_dataset(str(tmp_path)).digest == load_dataset(str(tmp_path / "t10k-labels.idx1-ubyte")).digest == expected
    )


def test_missing_files_are_listed(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / TRAIN_LABELS).unlink()
    (tmp_path / TEST_IMAGES).unlink()
    with pytest.raises(FileNotFoundError) as error:
        load_idx(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} lacks {TRAIN_LABELS}, {TEST_IMAGES} (plain or .gz); add them, or name another directory"
    )


@pytest.mark.parametrize(
    ("replaced", "file", "message"),
    [
        ({"train_images": some_labels(7)}, TRAIN_IMAGES, "has 1 dimension; expected 3 (images)"),
        ({"test_labels": some_images(4)}, TEST_LABELS, "has 3 dimensions; expected 1 (labels)"),
        ({"train_labels": some_labels(6)}, TRAIN_LABELS, f"holds 6 labels; expected 7, one for each of {TRAIN_IMAGES}"),
        ({"test_images": some_images(4, 6, 4)}, TEST_IMAGES, "holds images of 6x4; expected 5x4, as the training"),
        (
            {"train_labels": np.array([0, 9, 0, 10, 1, 11, 2], np.uint8)},
            TRAIN_LABELS,
            "has the label 10 at index 3 and none of 3; expected 0 to 9, or more classes that all have images",
        ),
        ({"test_labels": some_labels(4, classes=4)}, TEST_LABELS, "has the label 3 at index 3; expected 0 to 2"),
    ],
    ids=["labels as images", "images as labels", "label count", "image size", "label range", "unknown test label"],
)
def test_files_that_do_not_fit_together_are_named(
    tmp_path: Path, replaced: dict[str, Array], file: str, message: str
) -> None:
    write_mnist(tmp_path, **replaced)
    with pytest.raises(ValueError) as error:
        load_idx(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / file} {message}")
    assert str(error.value).endswith("; correct it, or name another directory")


def test_letters_of_emnist_under_mnists_names_are_told_by_their_labels(tmp_path: Path) -> None:
    """They are the user's: nothing is to be deleted or downloaded; under their own names they can be read."""
    letters = (np.arange(26) + 1).astype(np.uint8)
    write_mnist(tmp_path, train_images=some_images(26), train_labels=letters, test_labels=letters[-4:])
    with pytest.raises(UserError) as error:
        load_idx(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / TRAIN_LABELS} has the labels 1 to 26, as EMNIST's letters have; expected them to begin at 0, or "
        "EMNIST's own names of the files, such as emnist-letters-train-labels-idx1-ubyte"
    )
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / f"emnist-letters-{name.replace('t10k', 'test')}")
    assert load_dataset(str(tmp_path)).spec.class_names == tuple(string.ascii_uppercase)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_download_is_named_where_files_are_mnists(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the script knows by their SHA-256; one that is not MNIST's is not to be deleted."""
    write_mnist(tmp_path)
    content = (tmp_path / TEST_LABELS).read_bytes()
    (tmp_path / TEST_LABELS).write_bytes(pack(content))
    (tmp_path / "script").write_text(f"{hashlib.sha256(content).hexdigest()} {TEST_LABELS}")
    monkeypatch.setattr(idx, "DOWNLOAD", tmp_path / "script")
    (tmp_path / TRAIN_IMAGES).write_bytes(HTML)
    with pytest.raises(UserError, match=f"; move it away and run ./download_mnist.sh {tmp_path}$"):
        load_idx(tmp_path)
    (tmp_path / TRAIN_IMAGES).unlink()
    with pytest.raises(UserError, match=rf"lacks {TRAIN_IMAGES} \(plain or .gz\); run ./download_mnist.sh {tmp_path}$"):
        load_idx(tmp_path)


@needs_mnist
def test_the_script_knows_mnists_files() -> None:
    assert all(map(idx._is_mnists, MNIST.glob("*ubyte.gz")))
    assert not idx._is_mnists(MNIST)


@needs_mnist
def test_mnist_has_its_published_class_counts() -> None:
    dataset = load_dataset(str(MNIST))
    assert dataset.spec == ImageSpec(28, 28, 1, tuple("0123456789"))
    train, test = dataset.class_counts()
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert dataset.digest == "a4508d4ac6c11195f73ec0e91afa7bf62c435e6fd550aabe65a097d6f820a07d"


def test_a_data_path_is_read_by_what_it_holds(tmp_path: Path) -> None:
    assert load_dataset(str(write_mnist(tmp_path))).source.startswith("IDX files")


def test_image_size_resizes_both_splits(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    dataset = load_dataset(str(tmp_path), ReadOptions(image_size=(8, 6), resize="fit"))
    assert dataset.spec.shape == (8, 6, 1)
    assert dataset.train_images.shape == (7, 8, 6, 1)
    assert dataset.test_images.shape == (4, 8, 6, 1)
    same = load_dataset(str(tmp_path), ReadOptions(image_size=(5, 4)))
    np.testing.assert_array_equal(same.train_images[..., 0], some_images(7))


def test_another_size_needs_a_way_to_resize(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        load_dataset(str(write_mnist(tmp_path)), ReadOptions(image_size=(8, 6)))
    assert str(error.value) == (
        f"IDX files in {tmp_path}: the images are 5x4; expected 8x6, as image_size: pass --resize fit, crop or pad"
    )


def test_more_than_ten_classes_are_read_where_all_have_images(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8)
    dataset = load_idx(write_mnist(tmp_path, train_images=some_images(12), train_labels=labels))
    assert dataset.spec.class_names == tuple(map(str, range(12)))


def test_the_download_is_named_for_the_default_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    download = "run ./download_mnist.sh datasets/MNIST, or pass --data-path digits for the built-in set"
    other = "name another one, or pass --data-path digits for the built-in set"

    def found(data_path: str) -> str:
        with pytest.raises(UserError) as error:
            load_dataset(data_path)
        return str(error.value)

    assert found("datasets/MNIST") == f"datasets/MNIST does not exist; expected labelled images: {download}"
    assert found("no/such place") == f"no/such place does not exist; expected labelled images: {other}"
    (tmp_path / "pets").mkdir()
    assert found("petss") == f"petss does not exist; expected labelled images, such as pets: {other}"
    (tmp_path / "datasets" / "MNIST").mkdir(parents=True)
    assert found("datasets/MNIST").endswith(f"; {download}")
    (tmp_path / "datasets" / "MNIST" / TRAIN_IMAGES).write_bytes(HTML)
    assert found("datasets/MNIST").endswith("(plain or .gz); run ./download_mnist.sh datasets/MNIST")


def test_the_default_is_where_the_script_puts_its_files() -> None:
    assert f"dir=${{1-{idx.DEFAULT}}}" in idx.DOWNLOAD.read_text()
    flags = argparse.ArgumentParser()
    add_training_flags(flags, log_dir="logs")
    assert Path(flags.parse_args([]).data_path) == idx.DEFAULT


def test_a_link_that_leads_nowhere_is_said_to(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path / "purged")
    with pytest.raises(FileNotFoundError) as error:
        load_dataset(str(tmp_path / "data" / "MNIST"))
    assert str(error.value) == (
        f"{tmp_path}/data is a link to {tmp_path}/purged, which leads nowhere (No such file or directory); mend or "
        "remove the link, or name another place"
    )


@pytest.mark.parametrize(
    ("names", "found"),
    [([], "nothing"), (["a.txt", "b"], "a.txt, b"), (list("edcbaf"), "a, b, c, d and 2 more")],
)
def test_a_directory_of_something_else_is_said_to_be(tmp_path: Path, names: list[str], found: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ValueError) as error:
        load_dataset(str(tmp_path))
    assert str(error.value).startswith(
        f"{tmp_path} holds {found}; expected pictures in a directory per class or with label tables (or a zip archive"
    )
    assert "; name another one, or pass --data-path digits" in str(error.value)


def test_one_of_the_files_stands_for_all_four(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    by_name = load_dataset(str(tmp_path / NAMES[3]))
    assert by_name.digest == load_dataset(str(tmp_path)).digest


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (gzip.compress(b"x", mtime=0), "is a gzip archive"),
        (LFS, "is a Git LFS pointer"),
        (HTML, "is a web page, perhaps an error of a download"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG picture"),
        (b"\x93NUMPY", "is a file of an unknown kind"),
    ],
)
def test_a_file_of_something_else_is_said_to_be(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_dataset(str(path))
    assert str(error.value).startswith(f"{path} {found}; expected pictures in a directory per class")


def small_dataset(**changes: Any) -> DataSet:
    values: dict[str, Any] = {
        "spec": ImageSpec(5, 4, 1, ("cat", "dog")),
        "train_images": some_images(3)[..., np.newaxis],
        "train_labels": np.array([0, 1, 1], np.int32),
        "test_images": some_images(2)[..., np.newaxis],
        "test_labels": np.array([1, 1], np.int32),
        "source": "a test",
    }
    return DataSet(**(values | changes))


def test_the_digest_is_that_of_pixels_and_labels() -> None:
    digest = small_dataset().digest
    assert digest == small_dataset(source="elsewhere", spec=ImageSpec(5, 4, 1, ("0", "1"))).digest
    assert digest != small_dataset(test_labels=np.array([1, 0], np.int32)).digest
    assert digest != small_dataset(train_images=some_images(3)[::-1, ..., np.newaxis]).digest


def test_a_data_set_refuses_arrays_that_do_not_fit_its_spec() -> None:
    with pytest.raises(ValueError, match=r"a test: the train images have shape \(3, 5, 4\); expected \(3, 5, 4, 1\)"):
        small_dataset(train_images=some_images(3))
    with pytest.raises(ValueError, match="a test: test label number 1 is 2; expected 0 to 1"):
        small_dataset(test_labels=np.array([1, 2], np.int32))
