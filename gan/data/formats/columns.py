"""CSV tables of labels: which columns name the picture and its class, the records by line, and what is wrong with them.

for line, values in read_records("train_labels.csv", content):
    ...
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from gan.data.listing import SPLIT_NAMES, SUFFIXES, Problems, label_problem
from gan.data.tree import shown
from gan.errors import UserError
from gan.files import warn_once
from gan.names import UNWRITABLE, WHITE, is_name

Key = TypeVar("Key")

HEADER = ["Filename", "Label"]
NAME_WORDS = (
    "filename",
    "file",
    "image",
    "imageid",
    "imagename",
    "img",
    "imgname",
    "id",
    "path",
    "filepath",
    "imagepath",
)
MANY_WORDS = ("filenames", "filepaths", "imagenames", "imagepaths")
LABEL_WORDS = ("label", "labels", "class", "classname", "category", "target")
SPLIT_WORDS = ("split", "subset", "set", "dataset")
MAY_BE_SPLITS = (*SPLIT_WORDS, "partition", "usage", "phase", "fold", "datatype", "istrain", "istest")
"""Names of columns in small letters, without what is no letter."""

MAX_NAME_LENGTH = 255
"""Bytes of a file's name, on most systems."""


def first_line(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace").partition("\n")[0].strip("\r")


def cells(line: str) -> list[str]:
    return [value.strip().strip('"') for value in line.split(",")]


def chosen_columns(header: list[str]) -> tuple[int, int] | None:
    """Which column names the picture and which gives its label, if there is one of each."""
    names = called(header, NAME_WORDS) or called(header, MANY_WORDS)
    labels = called(header, LABEL_WORDS)
    return (names[0], labels[0]) if len(names) == len(labels) == 1 else None


def called(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """The columns that go by one of the names."""
    words = ["" if UNWRITABLE.search(value) else re.sub("[^a-z]", "", value.lower()) for value in header]
    return [index for index, word in enumerate(words) if word in names]


def read_records(where: str, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Number of the (last) line and values of each record of a CSV file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}:{line}: byte {error.start} is not UTF-8; save the table as UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    first = 1
    try:
        for values in reader:
            yield reader.line_num, values
            first = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            found = f"a value has more than {csv.field_size_limit():,} characters"
            raise UserError(f"{where}:{first}: {found}; expected a name: is a quote not closed?") from None
        raise UserError(f"{where}:{reader.line_num}: {error}; expected comma-separated values") from None


def split_words(where: str, content: bytes, problems: Problems) -> dict[int, str]:
    """The split that a column tells of each record, by its line: train, test or val; nothing without such a column.

    A record of which it tells another word, or none, is a problem.
    """
    lines = read_records(where, content)
    _, header = next(lines, (1, []))
    records = [(line, values) for line, values in lines if len(values) == len(header)]
    columns: dict[str, dict[int, str]] = {}
    taken = chosen_columns(header) or ()
    for index, name in enumerate(map(str.strip, header)):
        if index in taken:
            continue
        if called([name], MAY_BE_SPLITS) or (records and may_tell_splits(records[0][1][index])):
            columns[name] = {line: values[index] for line, values in records}
    return told_splits(columns, f"{where}:1", lambda line: f"{where}:{line}", problems)


def may_tell_splits(word: str) -> bool:
    """Whether a column may tell splits whose first row holds this."""
    return word.strip(WHITE).lower() in SPLIT_NAMES


def told_splits(
    columns: dict[str, dict[Key, str]], header: str, place: Callable[[Key], str], problems: Problems
) -> dict[Key, str]:
    """The split of each row.

    A column tells it whose name says so and which holds the word of a split; or else one that holds such words alone.

    Args:
        columns: by their names, the word in each row by its key: those whose names or first words may be of splits.
        header: where the names of the columns are, for people.
        place: where a row is.
        problems: get the rows in which another word is.

    Raises:
        UserError: several columns tell splits.
    """
    told = {name: {row: word.strip(WHITE) for row, word in words.items()} for name, words in columns.items()}
    splits = {name: {SPLIT_NAMES.get(word.lower(), "") for word in words.values()} for name, words in told.items()}
    named = [name for name in told if called([name], SPLIT_WORDS) and splits[name] - {""}]
    alone = [name for name in told if "" not in splits[name] and len(splits[name]) > 1]
    found = {name: told[name] for name in named or alone}
    for name in told:
        if not found and called([name], MAY_BE_SPLITS) and len({*told[name].values()}) > 1:
            warn_once(
                f"{header}: the column {shown(name)} is not heeded; expected train, test or val, if it tells splits"
            )
    if len(found) > 1:
        raise UserError(f"{header}: the columns {' and '.join(found)} tell splits; expected one: remove the other")
    for name, words in found.items():
        for row, word in words.items():
            if word.lower() not in SPLIT_NAMES:
                problems.add(place(row), f"the {name} is '{shown(word)}'; expected train, test or val")
    return {row: SPLIT_NAMES.get(word.lower(), "") for words in found.values() for row, word in words.items()}


def not_understood(where: str, content: bytes, remedy: str) -> UserError:
    """What is wrong with a table whose columns are not found."""
    return UserError(
        f"{where}:1: found {shown(first_line(content[:4096]), 80) or 'nothing'}; expected one column of names, such as "
        f"{HEADER[0]}, and one of labels, such as {HEADER[1]}, with a comma between them, in UTF-8: {remedy}"
    )


def row_problem(values: list[str], split: str, *, own: bool = True) -> str | None:
    """What is wrong with a row of these values, whatever the files are."""
    name, label = values
    place = f"{split}/" if own else "the data"
    if not is_name(name) or len(name.rpartition("/")[2].encode()) > MAX_NAME_LENGTH:
        return f"the file name is '{shown(name)}'; expected that of a file in {place}"
    if "/" in name:
        escapes = name.startswith("/") or ".." in name.split("/")
        if own or escapes:
            where = "outside of" if escapes else "not directly in"
            return f"{name} is {where} {place}; expected the name of a file in it"
    if name.startswith("."):
        return f"{name} is a hidden file; expected the picture itself"
    if own and not name.lower().endswith(SUFFIXES):
        return f"{name} is no picture file; expected a name that ends in .png or .jpg"
    return label_problem(label)
