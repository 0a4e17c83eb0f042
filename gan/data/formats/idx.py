"""MNIST's own file format, IDX, plain or gzipped, checked before it is believed.

An IDX file is two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit integer, and
the values in row-major order. The file names are those of MNIST, which Fashion-MNIST and KMNIST share: 10 classes each,
but more are read where every class has a training image.
Shapes: `N` images of `H W` height, width.

    dataset = load_idx(Path("datasets/MNIST"))
"""

import gzip
import hashlib
import math
import shlex
import zlib
from pathlib import Path

import numpy as np

from gan.data.dataset import DataSet, Labels
from gan.data.kinds import kind_of
from gan.errors import MissingError, UserError
from gan.files import read_file
from gan.images import ImageSpec, Pixels

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

EXPECTED_CLASSES = 10
"""Of the data sets that go by these file names."""

DEFAULT = Path("datasets/MNIST")

DOWNLOAD = Path(__file__).parents[3] / "download_mnist.sh"

GZIP_MAGIC = b"\x1f\x8b"
TYPE_NAMES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
UINT8 = 0x08


def has_idx_files(directory: Path) -> bool:
    """Whether at least one of the four files is there: enough to say what the directory is meant to be."""
    return bool(_paths(directory))


def load_idx(directory: Path) -> DataSet:
    """Read the four files of MNIST, each `NAME` or else `NAME.gz`; the classes are 0 to the largest training label."""
    paths = _paths(directory)
    missing = [name for name in NAMES if name not in paths]
    if missing:
        raise MissingError(f"{directory} lacks {', '.join(missing)} (plain or .gz); {_remedy(directory, 'add them')}")
    train_images, train_labels = _read_split(paths[TRAIN_IMAGES], paths[TRAIN_LABELS])
    max_label = int(train_labels.max())
    absent = np.flatnonzero(np.bincount(train_labels) == 0)
    if max_label >= EXPECTED_CLASSES and absent.size:
        if absent.tolist() == [0]:
            raise UserError(
                f"{paths[TRAIN_LABELS]} has the labels 1 to {max_label}, as EMNIST's letters have; expected them to "
                "begin at 0: see docs/training.md"
            )
        index = np.flatnonzero(train_labels >= EXPECTED_CLASSES)[0]
        raise _bad(
            paths[TRAIN_LABELS],
            f"has the label {train_labels[index]} at index {index} and none of {absent[0]}; expected 0 to "
            f"{EXPECTED_CLASSES - 1}, or more classes that all have images",
        )
    test_images, test_labels = _read_split(paths[TEST_IMAGES], paths[TEST_LABELS], max_label=max_label)
    height, width = train_images.shape[1:3]
    if test_images.shape[1:3] != (height, width):
        found = "x".join(map(str, test_images.shape[1:3]))
        raise _bad(paths[TEST_IMAGES], f"holds images of {found}; expected {height}x{width}, as the training images")
    return DataSet(
        spec=ImageSpec(height, width, 1, tuple(map(str, range(max_label + 1)))),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        source=f"IDX files in {directory}",
    )


def read_idx(path: Path) -> Pixels:
    """The array, read-only, in an IDX file of unsigned bytes: labels (N,) or images (N, H, W). Else a `ValueError`."""
    content = _unpacked(path)
    if kind := None if content.startswith(b"\0\0") else kind_of(content):
        raise _bad(path, f"is {kind}; expected an IDX file")
    if not content.startswith(b"\0\0"):
        raise _bad(path, f"starts with {content[:2].hex(' ')}; expected 00 00, the start of an IDX file")
    if len(content) < 4:
        raise _bad(path, f"ends after {len(content)} bytes; expected an IDX header")
    type_code, dimensions = content[2], content[3]
    if type_code != UINT8:
        found = TYPE_NAMES.get(type_code, "unknown")
        raise _bad(path, f"has the type code 0x{type_code:02x} ({found}); expected 0x{UINT8:02x} (uint8)")
    if dimensions not in (1, 3):
        raise _bad(path, f"has {dimensions} dimensions; expected 1 (labels) or 3 (images)")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise _bad(path, f"ends after {len(content)} bytes; expected an IDX header of {start}")
    shape = tuple(np.frombuffer(content, ">u4", dimensions, 4).tolist())
    if 0 in shape:
        raise _bad(path, f"holds {'x'.join(map(str, shape))} values; expected at least one")
    if len(content) - start != math.prod(shape):
        expected = f"{'x'.join(map(str, shape))} = {math.prod(shape)}"
        raise _bad(path, f"holds {len(content) - start} bytes after its header; expected {expected}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    """A file's bytes, decompressed where they are gzip's: the name may not tell."""
    content = read_file(path)
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        raise _bad(path, f"is gzip data cut short at {len(content)} bytes; expected a whole file") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _bad(path, f"is damaged gzip data ({error}); expected a whole file") from None


def _read_split(images_path: Path, labels_path: Path, *, max_label: int = 255) -> tuple[Pixels, Labels]:
    """Images (N, H, W, 1) and labels (N,) of one split."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3:
        raise _bad(images_path, "has 1 dimension; expected 3 (images)")
    if labels.ndim != 1:
        raise _bad(labels_path, "has 3 dimensions; expected 1 (labels)")
    if len(labels) != len(images):
        raise _bad(
            labels_path, f"holds {len(labels)} labels; expected {len(images)}, one for each of {images_path.name}"
        )
    outside = np.flatnonzero(labels > max_label)
    if outside.size:
        raise _bad(labels_path, f"has the label {labels[outside[0]]} at index {outside[0]}; expected 0 to {max_label}")
    return images[..., np.newaxis], labels.astype(np.int32)


def _paths(directory: Path) -> dict[str, Path]:
    """Where each of the four files is, those absent left out; an unpacked one is preferred."""
    candidates = ((name, directory / f"{name}{suffix}") for suffix in (".gz", "") for name in NAMES)
    return {name: path for name, path in candidates if path.is_file()}


def _bad(path: Path, problem: str) -> UserError:
    return UserError(f"{path} {problem}; {_remedy(path.parent, 'correct it')}")


def _remedy(directory: Path, own: str) -> str:
    """What to do about files that are wrong or not there: `own`, if they were not to be MNIST's."""
    if is_default(directory) or any(map(_is_mnists, _paths(directory).values())):
        away = "move it away and " if own == "correct it" else ""
        return f"{away}run ./download_mnist.sh {shlex.quote(str(directory))}"
    return f"{own}, or name another directory"


def is_default(directory: Path) -> bool:
    """Whether it is where MNIST is downloaded to."""
    return directory.absolute() == DEFAULT.absolute()


def _is_mnists(path: Path) -> bool:
    """Whether the script that downloads MNIST knows the SHA-256 of a file."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
        return hashlib.sha256(content).hexdigest() in DOWNLOAD.read_text(encoding="utf-8")
    except (EOFError, OSError, zlib.error):
        return False
