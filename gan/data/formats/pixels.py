"""Tables of pixels: a line of a CSV file is an image, its label and the pixels of a grey square, row by row.

So Kaggle has digits (`label,pixel0,...,pixel783`); `mnist_train.csv` has no header and the label first. Of a directory,
the table of tests is the one that says so by its name and has labels.

    data = FORMAT.read(Place(Path("mnist_train.csv")), ReadOptions())
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from gan.config import MIN_SIDE
from gan.data.dataset import DataSet, ReadOptions
from gan.data.formats.arrays import Part, make_data_set
from gan.data.formats.columns import LABEL_WORDS
from gan.data.formats.format import Format, Place
from gan.data.listing import SPLIT_NAMES, Problems, chosen_splits
from gan.data.tree import shown, some
from gan.errors import UserError
from gan.files import file_errors
from gan.images import Pixels

MAX_LINE = 1 << 23
"""Bytes of a line: more than an image of the largest side takes."""

LINES = 512
"""What is read at a time."""


class Table(NamedTuple):
    """A table of pixels: images of side x side, and where the label is: the first column, the last (-1), or nowhere.

    A first column that numbers the rows, as Pandas writes it, counts for none.
    """

    path: Path
    side: int
    label: int | None
    has_header: bool
    is_numbered: bool = False


def _fits(place: Place) -> bool:
    if place.is_directory:
        return any(table.label is not None for table in _tables(place.path))
    return place.path.suffix.lower() == ".csv" and (table := _table(place.path)) is not None and table.label is not None


def _read(place: Place, options: ReadOptions) -> DataSet:
    found = _tables(place.path) if place.is_directory else [_table(place.path)]
    tables = [table for table in found if table is not None and table.label is not None]
    for table in found:
        if table is not None and table.label is None:
            print(f"warning: {table.path} has no labels and is left out", file=sys.stderr)
    if len(tables) == 1:
        train, test = tables[0], None
    else:
        splits = {table.path.name: _split_of(table.path) for table in tables}
        if None in splits.values():
            raise UserError(
                f"{place.path} holds the tables {some(sorted(splits))}; expected one, or one for each split: name the "
                f"one that is meant, such as --data-path {tables[0].path}"
            )
        chosen, left = chosen_splits([split for split in splits.values() if split], place.path)
        named = {_split_of(table.path): table for table in tables}
        train, test = named[chosen["train"]], named[chosen["test"]]
        for name in left:
            print(f"warning: {named[name].path} is left out, as there is one of test images", file=sys.stderr)
    parts = [_part(table) for table in (train, test) if table]
    source = f"pixels in {place.path}"
    return make_data_set(parts[0], parts[1] if test else None, path=place.path, source=source, options=options)


def _tables(directory: Path) -> list[Table]:
    """The tables of pixels in a directory."""
    paths = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".csv" and path.is_file())
    return [table for table in map(_table, paths) if table is not None]


def _split_of(path: Path) -> str | None:
    words = "".join(letter if letter.isalpha() else " " for letter in path.stem.lower()).split()
    return next((word for word in words if word in SPLIT_NAMES), None)


def _table(path: Path) -> Table | None:
    """What the first line tells of a table; None if it is none of pixels."""
    with file_errors(path), path.open("rb") as file:
        first = file.readline(MAX_LINE)
    cells = _cells(first.decode("utf-8-sig", "replace"))
    if all(_is_number(cell) for cell in cells):
        return _square(path, len(cells) - 1, 0, has_header=False)
    is_numbered = cells[0].lower() in ("", "unnamed: 0")
    words = [cell.lower() for cell in cells[is_numbered:]]
    labels = [index for index, word in enumerate(words) if word in LABEL_WORDS]
    others = [word for index, word in enumerate(words) if index not in labels]
    if not all(any(map(str.isdigit, word)) for word in others):
        return None
    if not labels:
        found = _square(path, len(words), None, has_header=True)
    elif labels in ([0], [len(words) - 1]):
        found = _square(path, len(others), 0 if labels == [0] else -1, has_header=True)
    else:
        return None
    return found and found._replace(is_numbered=is_numbered)


def _square(path: Path, pixels: int, label: int | None, *, has_header: bool) -> Table | None:
    side = math.isqrt(max(0, pixels))
    return Table(path, side, label, has_header) if side**2 == pixels and side >= MIN_SIDE else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.strip().split(",")]


def _part(table: Table) -> Part:
    """The images (N, side, side, 1) and labels (N,) of a table; every line that is wrong is named."""
    problems = Problems()
    images: list[Pixels] = []
    labels: list[str] = []
    size = table.path.stat().st_size
    with tqdm(total=size, desc=table.path.name, unit=" bytes", unit_scale=True, disable=None) as progress:
        for lines in _parts(table):
            found = [_divided(text, table) for _, text in lines]
            try:
                pixels = np.loadtxt([text for _, text in found], np.uint8, delimiter=",", comments=None, ndmin=2)
                if pixels.shape[1] != table.side**2 or not all(label for label, _ in found):
                    raise ValueError
            except (ValueError, OverflowError):
                for (number, text), (label, values) in zip(lines, found, strict=True):
                    if problem := _problem(text, label, values, table):
                        problems.add(f"{table.path}:{number}", problem)
            else:
                images.append(pixels)
                labels += [label for label, _ in found]
            progress.update(sum(len(text) + 1 for _, text in lines))
    if problems.count:
        raise problems.error(table.path, "correct the table")
    if not images:
        raise UserError(f"{table.path}:1: no row follows the header; expected one for each image")
    shape = (-1, table.side, table.side, 1)
    return Part(np.concatenate(images).reshape(shape), np.array(labels), str(table.path))


def _parts(table: Table) -> Iterator[list[tuple[int, str]]]:
    """Numbers and texts of some lines at a time, without those that are blank."""
    part: list[tuple[int, str]] = []
    with file_errors(table.path), table.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8-sig", "replace").strip().replace('"', "")
            if text and not (number == 1 and table.has_header):
                part.append((number, text.partition(",")[2] if table.is_numbered else text))
            if len(part) == LINES:
                yield part
                part = []
    if part:
        yield part


def _divided(text: str, table: Table) -> tuple[str, str]:
    """Label and pixels of a line."""
    if table.label == 0:
        label, _, values = text.partition(",")
    else:
        values, _, label = text.rpartition(",")
    return label.strip(), values


def _problem(text: str, label: str, values: str, table: Table) -> str | None:
    """What is wrong with a line."""
    cells = values.split(",")
    expected = table.side**2
    if len(cells) != expected:
        count = len(text.split(","))
        return f"found {count} value{'s' * (count != 1)}; expected {expected + 1:,}, a label and {expected:,} pixels"
    if not label:
        return "found no label; expected one"
    for column, cell in enumerate(cells, 1 + (table.label == 0) + table.is_numbered):
        if not _is_number(cell.strip()) or int(cell) > 255:
            return f"found '{shown(cell.strip(), 20)}' in column {column}; expected a pixel of 0 to 255"
    return None


FORMAT = Format("tables of pixels", _fits, _read)
