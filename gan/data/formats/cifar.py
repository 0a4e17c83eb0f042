"""CIFAR-10 and CIFAR-100 in their binary version: a record is one label, or a coarse and a fine one, then the pixels.

The pixels of an image are 1,024 bytes of red, then of green, then of blue. The names of the classes are in a text file.
https://www.cs.toronto.edu/~kriz/cifar.html

    data = FORMAT.read(Place(Path("cifar-10-batches-bin")), ReadOptions())
"""

import re
from pathlib import Path

import numpy as np

from gan.data.dataset import DataSet, ReadOptions
from gan.data.formats.arrays import Part, make_data_set
from gan.data.formats.format import Format, Place
from gan.errors import MissingError, UserError
from gan.files import read_file

SIDE = 32
PIXELS = 3 * SIDE * SIDE
TEN = re.compile(r"(data_batch_[0-9]+|test_batch)\.bin")
NAMES_OF_TEN, NAMES_OF_HUNDRED = "batches.meta.txt", "fine_label_names.txt"


def _fits(place: Place) -> bool:
    return place.is_directory and bool(_is_hundred(place.path) or any(map(_is_ten, place.path.iterdir())))


def _is_ten(path: Path) -> bool:
    return bool(TEN.fullmatch(path.name)) and path.is_file()


def _is_hundred(directory: Path) -> bool:
    return any((directory / name).is_file() for name in ("train.bin", "test.bin"))


def _read(place: Place, options: ReadOptions) -> DataSet:
    directory = place.path
    ten = sorted(filter(_is_ten, directory.iterdir()), key=lambda path: (len(path.name), path.name))
    if ten and _is_hundred(directory):
        raise UserError(f"{directory} holds both CIFAR-10 and CIFAR-100; expected one of them: move the other away")
    train = [path for path in ten if path.name.startswith("data")] if ten else [directory / "train.bin"]
    test = directory / ("test_batch.bin" if ten else "test.bin")
    for path in [*(train or [directory / "data_batch_1.bin"]), test]:
        if not path.is_file():
            raise MissingError(f"{directory} lacks {path.name}; add it, or name another directory")
    names = _class_names(directory / (NAMES_OF_TEN if ten else NAMES_OF_HUNDRED))
    labels = 1 if ten else 2
    parts = [_records(path, labels, names) for path in train]
    joined = Part(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]), str(train[0])
    )
    which = "CIFAR-10" if ten else "CIFAR-100"
    source = f"binary files of {which} in {directory}"
    return make_data_set(joined, _records(test, labels, names), path=directory, source=source, options=options)


def _class_names(path: Path) -> list[str]:
    """The names of the classes; their numbers, where the file is not there."""
    if not path.is_file():
        return [str(number) for number in range(10 if path.name == NAMES_OF_TEN else 100)]
    try:
        return list(filter(None, map(str.strip, read_file(path).decode().splitlines())))
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text; expected the name of a class in each line") from None


def _records(path: Path, labels: int, names: list[str]) -> Part:
    """The images of a file, and the names of their classes."""
    content = np.frombuffer(read_file(path), np.uint8)
    size = labels + PIXELS
    if not content.size or content.size % size:
        raise UserError(f"{path} has {content.size:,} bytes; expected a multiple of {size:,}, the size of a record")
    records = content.reshape(-1, size)
    classes = records[:, labels - 1]
    if outside := np.flatnonzero(classes >= len(names)).tolist():
        first = outside[0]
        raise UserError(f"{path}, record {first}: the label is {classes[first]}; expected 0 to {len(names) - 1}")
    images = records[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Part(np.ascontiguousarray(images), np.array(names)[classes], str(path))


FORMAT = Format("CIFAR's binary files", _fits, _read)
