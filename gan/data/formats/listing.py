"""A directory of labelled images as its tables list it, with what is wrong with them.

    DIR/train/*.png|jpg    DIR/train_labels.csv    a header `Filename, Label`, then a row per image
    DIR/test/*.png|jpg     DIR/test_labels.csv

Labels are integers, gaps allowed, or words. Nothing of an image is read here but its size in bytes and its date.

    listing = read_listing(Path("datasets/pets"))
    listing.class_names
"""

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np

from gan.data.dataset import Labels
from gan.errors import MissingError, UserError
from gan.files import read_file, warn_once
from gan.names import UNWRITABLE, WHITE, is_name, look_alikes, same_form

SPLITS = ("train", "test")
FILES = ("train/", "train_labels.csv", "test/", "test_labels.csv")
HEADER = ["Filename", "Label"]
SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_LABEL_LENGTH = 100
MAX_NAME_LENGTH = 255
"""Bytes of a file's name, on most systems."""

SHOWN_PROBLEMS = 20
INTEGER = re.compile(r"0|-?[1-9][0-9]*")


class Row(NamedTuple):
    """A row of a table. `size` in bytes and `modified` in ns are those of the file, -1 where there is none."""

    name: str
    label: str
    line: int
    size: int
    modified: int


@dataclass
class Problems:
    """What is wrong with a data set, as `file:line: what`; only the first are kept, all are counted."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN_PROBLEMS:
            self.shown.append(f"{where}: {what}")

    def error(self, directory: Path, remedy: str) -> UserError:
        """One line for all of them; those shown are its notes."""
        first = f"the first {len(self.shown)} of them" if self.count > len(self.shown) else "all of them"
        many = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        error = UserError(f"{directory} has {many}{'' if self.count == 1 else f', {first} above'}; {remedy}")
        for line in self.shown:
            error.add_note(line)
        return error


@dataclass(frozen=True)
class Split:
    """The images of one split. `unlisted` are picture files that no row names."""

    name: str
    table: Path
    rows: list[Row]
    unlisted: list[str]
    table_digest: str

    def where(self, row: Row) -> str:
        return f"{self.table}:{row.line}"

    def path(self, row: Row) -> Path:
        return self.table.parent / self.name / row.name


@dataclass(frozen=True)
class Listing:
    """Both splits, and the class list: the labels of the training split, numbers in their order, words in theirs."""

    directory: Path
    train: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def splits(self) -> tuple[Split, Split]:
        return self.train, self.test

    def places(self) -> list[tuple[Split, Row]]:
        """All rows, those of the training split first, each with its split."""
        return [(split, row) for split in self.splits for row in split.rows]

    def class_indices(self, split: Split) -> Labels:
        """(N,), one for each row."""
        index = {name: number for number, name in enumerate(self.class_names)}
        return np.array([index[row.label] for row in split.rows], np.int32)

    def digest(self) -> str:
        """SHA-256 of the tables and of name, size and date of every file, as hex digits."""
        total = hashlib.sha256()
        for split in self.splits:
            total.update(f"{split.name} {split.table_digest} {len(split.rows)}\n".encode())
            total.update("".join(f"{row.name}\0{row.size} {row.modified}\n" for row in split.rows).encode())
        return total.hexdigest()


def has_listing(directory: Path) -> bool:
    """Whether one of the tables is there: enough to say what the directory is meant to be."""
    return any((directory / f"{split}_labels.csv").exists() for split in SPLITS)


def read_listing(directory: Path, *, batch_size: int = 1) -> Listing:
    """Read both tables and look up their files. A file that is not there is left for the check of the images.

    Raises:
        UserError: a table or a directory is missing, or a table is wrong or has fewer rows than `batch_size`. Notes of
            the error say which lines.
    """
    missing = [
        name
        for name in FILES
        if not ((directory / name).is_dir() if name.endswith("/") else (directory / name).is_file())
    ]
    if missing:
        raise MissingError(f"{directory} lacks {', '.join(missing)}; expected {', '.join(FILES)}")
    problems = Problems()
    train, test = (_read_split(directory, name, problems) for name in SPLITS)
    classes = class_order({row.label for row in train.rows})
    unknown = {row.label for row in test.rows}.difference(classes) if classes else set()
    groups = [set(group) for group in look_alikes([*classes, *unknown])] if unknown else []
    alike = {label: sorted(group - unknown) for group in groups for label in group & unknown}
    for row in test.rows if unknown else ():
        if row.label in unknown:
            meant = "".join(f"; is it {name!r}?" for name in alike.get(row.label, [])[:1])
            problems.add(test.where(row), f"no row of {train.table.name} has the label {row.label!r}{meant}")
    if 0 < len(train.rows) < batch_size:
        problems.add(
            f"{train.table}:{train.rows[-1].line}",
            f"there are {len(train.rows)} training images, fewer than one batch of {batch_size}: "
            f"lower gan_batch_size (or cls_batch_size) to at most {len(train.rows)}",
        )
    if problems.count:
        raise problems.error(directory, "correct the tables")
    warn_of_look_alikes(classes)
    return Listing(directory, train, test, tuple(classes))


def warn_of_look_alikes(classes: Iterable[str]) -> None:
    """Tell of classes that may be meant as one."""
    if groups := look_alikes(classes):
        found = "; ".join(" and ".join(map(repr, group)) for group in groups[:SHOWN_PROBLEMS])
        warn_once(f"these classes differ by case, spaces or form only, and stay apart: {found}")


def _read_split(directory: Path, name: str, problems: Problems) -> Split:
    table = directory / f"{name}_labels.csv"
    content = read_file(table)
    files = _picture_files(directory / name)
    forms: dict[str, list[str]] = {}
    for file in files:
        if not file.isascii():
            forms.setdefault(same_form(file), []).append(file)
    first_lines: dict[str, int] = {}
    rows = []
    problems_before = problems.count
    records = _records(table, content)
    found = [value.strip() for value in next(records, (1, []))[1]]
    if found != HEADER:
        raise UserError(f"{table}:1: found {shown(', '.join(found)) or 'nothing'}; expected {', '.join(HEADER)}")
    labels: set[str] = set()
    for line, record in records:
        values = [value.strip(WHITE) for value in record]
        if not any(values):
            continue
        if len(values) == 2:
            values = [_file_named(values[0], files, forms), same_form(values[1])]
        # A name that was found, and a label that was right before, need no closer look: there may be a million rows.
        known = len(values) == 2 and values[1] in labels and values[0] in files and not UNWRITABLE.search(values[0])
        problem = None if known else row_problem(values, name)
        if problem is None:
            file, label = values
            labels.add(label)
            first = first_lines.setdefault(file, line)
            if first == line:
                rows.append(Row(file, label, line, *files.pop(file, (-1, -1))))
                continue
            problem = f"{file} is already in line {first}"
        problems.add(f"{table}:{line}", problem)
    if not rows and problems.count == problems_before:
        problems.add(f"{table}:1", "no row follows the header; expected one for each image")
    return Split(name, table, rows, sorted(files), hashlib.sha256(content).hexdigest())


def _file_named(name: str, files: Mapping[str, object], forms: Mapping[str, list[str]]) -> str:
    """The file that a row means: the one of that name, or else the only one whose name is the same to Unicode."""
    alike = [] if name in files or name.isascii() else forms.get(same_form(name), [])
    return alike[0] if len(alike) == 1 else name


def _picture_files(directory: Path) -> dict[str, tuple[int, int]]:
    """Size in bytes and date in ns of every picture file, by name; links are followed, hidden files are left out."""
    found = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith("."):
                try:
                    status = entry.stat()
                except OSError:  # A link that leads nowhere or round and round.
                    continue
                if S_ISREG(status.st_mode):
                    found[entry.name] = (status.st_size, status.st_mtime_ns)
    return found


def _records(table: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Number of the (last) line and values of each record of a CSV file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{table}:{line}: byte {error.start} is not UTF-8; save the table as UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    first = 1
    try:
        for values in reader:
            yield reader.line_num, values
            first = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            found = f"a value has more than {csv.field_size_limit():,} characters"
            raise UserError(f"{table}:{first}: {found}; expected a name: is a quote not closed?") from None
        raise UserError(f"{table}:{reader.line_num}: {error}; expected comma-separated values") from None


def row_problem(values: list[str], split: str) -> str | None:
    """What is wrong with a row of these values, whatever the files are."""
    if len(values) != len(HEADER):
        return f"found {len(values)} value{'s' * (len(values) != 1)}; expected a file name and a label"
    name, label = values
    if not is_name(name) or len(name.encode()) > MAX_NAME_LENGTH:
        return f"the file name is '{shown(name)}'; expected that of a file in {split}/"
    if "/" in name:
        escapes = name.startswith("/") or ".." in name.split("/")
        place = "outside of" if escapes else "not directly in"
        return f"{name} is {place} {split}/; expected the name of a file in it"
    if name.startswith("."):
        return f"{name} is a hidden file; expected the picture itself"
    if not name.lower().endswith(SUFFIXES):
        return f"{name} is no picture file; expected a name that ends in .png or .jpg"
    if not is_name(label) or len(label) > MAX_LABEL_LENGTH:
        return f"the label is {label[:MAX_LABEL_LENGTH]!r}; expected 1 to {MAX_LABEL_LENGTH} printable characters"
    return None


def shown(text: str) -> str:
    """Text of others in a message: of bounded length, and on one line."""
    short = text if len(text) <= MAX_NAME_LENGTH else f"{text[:MAX_NAME_LENGTH]}..."
    return short.encode("unicode_escape").decode() if UNWRITABLE.search(short) else short


def class_order(labels: set[str]) -> list[str]:
    """Integers by value where all are integers, else words by their characters."""
    if all(INTEGER.fullmatch(label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
