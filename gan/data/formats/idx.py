"""MNIST's own file format, IDX, plain or gzipped, checked before it is believed.

An IDX file is two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit integer, and
the values in row-major order. The file names are those of MNIST, which Fashion-MNIST and KMNIST share: 10 classes each,
but more are read where every class has a training image. EMNIST's files have names of their own, such as
`emnist-letters-train-images-idx3-ubyte`: its images lie on their side, and are turned upright; its classes are letters.
Shapes: `N` images of `H W` height, width.

    dataset = load_idx(Path("datasets/MNIST"))
"""

import gzip
import hashlib
import math
import re
import shlex
import string
import zlib
from pathlib import Path

import numpy as np

from gan.data.dataset import DataSet, Labels, ReadOptions
from gan.data.formats.arrays import Part, make_data_set
from gan.data.formats.format import Format, Place
from gan.data.kinds import kind_of
from gan.errors import MissingError, UserError
from gan.files import read_file
from gan.images import ImageSpec, Pixels

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

EMNIST = re.compile(r"emnist-(\w+)-(?:train|test)-(?:images-idx3|labels-idx1)-ubyte(?:\.gz)?")
"""Names of EMNIST's files, of which a directory may hold several sets."""

MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
CHARACTERS = {
    "balanced": MERGED,
    "bymerge": MERGED,
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "letters": " " + string.ascii_uppercase,
    "digits": string.digits,
    "mnist": string.digits,
}
"""What the labels of each set of EMNIST stand for; letters begin at 1 (arXiv 1702.05373)."""

EXPECTED_CLASSES = 10
"""Of the data sets that go by these file names."""

DEFAULT = Path("datasets/MNIST")

DOWNLOAD = Path(__file__).parents[3] / "download_mnist.sh"

GZIP_MAGIC = b"\x1f\x8b"
TYPE_NAMES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
UINT8 = 0x08


def has_idx_files(directory: Path) -> bool:
    """Whether at least one of MNIST's four files is there: enough to say what the directory is meant to be."""
    return bool(_paths(directory))


def _fits(place: Place) -> bool:
    if place.is_directory:
        return has_idx_files(place.path) or bool(_sets(place.path))
    name = place.path.name
    return bool(EMNIST.fullmatch(name)) or name.removesuffix(".gz").replace(".idx", "-idx") in NAMES


def _read(place: Place, options: ReadOptions) -> DataSet:
    """MNIST's files, or a set of EMNIST; one of the files stands for all four."""
    directory, name = (place.path, "") if place.is_directory else (place.path.parent, place.path.name)
    if match := EMNIST.fullmatch(name):
        return load_emnist(directory, match[1], options)
    sets = [] if name else _sets(directory)
    if len(sets) + has_idx_files(directory) > 1:
        file = f"emnist-{sets[0]}-train-images-idx3-ubyte"
        raise UserError(
            f"{directory} holds the IDX files of {', '.join([*has_idx_files(directory) * ['MNIST'], *sets])}; expected "
            f"one of them: name it, such as --data-path {directory / file}, plain or .gz"
        )
    return load_emnist(directory, sets[0], options) if sets else load_idx(directory)


def _sets(directory: Path) -> list[str]:
    """The sets of EMNIST in a directory."""
    return sorted({match[1] for path in directory.iterdir() if (match := EMNIST.fullmatch(path.name))})


def load_emnist(directory: Path, name: str, options: ReadOptions) -> DataSet:
    """Read the four files of a set of EMNIST, such as `letters`: upright images, and classes named by characters."""
    names = tuple(
        f"emnist-{name}-{split}-{kind}-ubyte" for split in ("train", "test") for kind in ("images-idx3", "labels-idx1")
    )
    paths = _paths(directory, names)
    if missing := [each for each in names if each not in paths]:
        raise MissingError(
            f"{directory} lacks {', '.join(missing)} (plain or .gz); add them, or name another directory"
        )
    if name not in CHARACTERS:
        raise UserError(f"{paths[names[0]]} is of the set {name}; expected one of {', '.join(CHARACTERS)}: rename it")
    characters = np.array(list(CHARACTERS[name]))
    splits = []
    for images_path, labels_path in zip(names[::2], names[1::2], strict=True):
        images, labels = _read_split(paths[images_path], paths[labels_path], max_label=len(characters) - 1)
        if characters[0] == " " and (labels == 0).any():
            index = np.flatnonzero(labels == 0)[0]
            raise _bad(paths[labels_path], f"has the label 0 at index {index}; expected 1 to {len(characters) - 1}")
        upright = np.ascontiguousarray(images.transpose(0, 2, 1, 3))
        splits.append(Part(upright, characters[labels], str(paths[images_path])))
    return make_data_set(
        *splits, path=directory, source=f"IDX files of EMNIST's {name} in {directory}", options=options
    )


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
                "begin at 0, or EMNIST's own names of the files, such as emnist-letters-train-labels-idx1-ubyte"
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


def _paths(directory: Path, names: tuple[str, ...] = NAMES) -> dict[str, Path]:
    """Where each of the four files is, those absent left out; an unpacked one is preferred.

    Others have `train-images.idx3-ubyte`.
    """
    candidates = (
        (name, directory / f"{name.replace('-idx', before)}{suffix}")
        for suffix in (".gz", "")
        for before in (".idx", "-idx")
        for name in names
    )
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


FORMAT = Format("IDX files", _fits, _read)
