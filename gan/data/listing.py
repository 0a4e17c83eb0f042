"""A list of labelled pictures, whatever it was read from: what every format of picture files comes down to.

A format says which pictures there are (`Row`), how each is read and what a message calls its place; checks, sizes, the
cache and the order of the classes are the same for all, in `gan.data.pictures`.

    listing = read_listing(Path("datasets/pets"))    # of gan.data.formats.tables, for instance
    listing.class_names
"""

import hashlib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import Labels
from gan.data.tree import shown
from gan.errors import UserError
from gan.files import warn_once
from gan.names import is_name, look_alikes
from gan.seeding import Purpose, numpy_stream

SPLITS = ("train", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
"""What people call the splits, in small letters."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Of pictures that can be read."""

UNREAD_SUFFIXES = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd")
"""Of pictures that cannot: each is pointed out."""

PICTURES = SUFFIXES + UNREAD_SUFFIXES
"""Of both."""

MAX_LABEL_LENGTH = 100
SHOWN_PROBLEMS = 20
INTEGER = re.compile(r"0|-?[1-9][0-9]*")


class Row(NamedTuple):
    """A labelled picture.

    Attributes:
        name: what a message calls it; empty where its place says that already.
        label: its class.
        line: of its table, or its row; 0 where there is no table.
        size: in bytes; -1 where there is no such file.
        modified: what changes with the content, as `gan.data.tree.Stat.stamp`.
        file: its name for `Files`.
        table: for people; empty where there is none.
    """

    name: str
    label: str
    line: int
    size: int
    modified: int
    file: str
    table: str = ""


@dataclass
class Problems:
    """What is wrong with a data set, as `file:line: what`; only the first are kept, all are counted."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN_PROBLEMS:
            self.shown.append(f"{where}: {what}")

    def error(self, path: Path, remedy: str) -> UserError:
        """One line for all of them; those shown are its notes."""
        first = f"the first {len(self.shown)} of them" if self.count > len(self.shown) else "all of them"
        many = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        error = UserError(f"{path} has {many}{'' if self.count == 1 else f', {first} above'}; {remedy}")
        for line in self.shown:
            error.add_note(line)
        return error


@dataclass(frozen=True)
class Split:
    """The pictures of one split. `digest` is of what lists them, if something does."""

    name: str
    rows: list[Row]
    digest: str = ""


Read = Callable[[Row], bytes]
"""The content of a picture file; an `OSError` or `gan.data.tree.Unreadable` if there is none."""


@dataclass(frozen=True)
class Listing:
    """Both splits, and the class list: the labels of the training split, numbers in their order, words in theirs.

    Attributes:
        path: of the data.
        train: the training split.
        test: the test split.
        source: what it was read from, for people.
        place: of a file that no table lists, for people.
        read: a picture's content.
        again: the same listing as it is now.
        saved_as: the name of a picture in the directory of a split.
        notes: what is left out, as warnings.
    """

    path: Path
    train: Split
    test: Split
    source: str
    place: Callable[[str], str]
    read: Read
    again: Callable[[], "Listing"]
    saved_as: Callable[[Row], str]
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(class_order({row.label for row in self.train.rows}))

    @property
    def splits(self) -> tuple[Split, Split]:
        return self.train, self.test

    def places(self) -> list[Row]:
        """All rows, those of the training split first."""
        return [*self.train.rows, *self.test.rows]

    def where(self, row: Row) -> str:
        """Where a row is, for people."""
        if not row.line:
            return shown(self.place(row.file), 1000)
        return (
            f"{row.table}:{row.line}"
            if row.table.lower().endswith((".csv", ".json"))
            else f"{row.table}, row {row.line}"
        )

    def tell(self) -> None:
        """Say what is left out, and which classes may be meant as one."""
        for note in self.notes:
            print(f"warning: {note}", file=sys.stderr)
        warn_of_look_alikes(self.class_names)

    def class_indices(self, split: Split) -> Labels:
        """(N,), one for each row."""
        index = {name: number for number, name in enumerate(self.class_names)}
        return np.array([index[row.label] for row in split.rows], np.int32)

    def digest(self) -> str:
        """SHA-256 of what lists the pictures, and of name, size and date of every file, as hex digits."""
        total = hashlib.sha256()
        for split in self.splits:
            total.update(f"{split.name} {split.digest} {len(split.rows)}\n".encode())
            lines = (f"{row.file}\0{row.label}\0{row.size} {row.modified}\n" for row in split.rows)
            total.update("".join(lines).encode(errors="surrogateescape"))
        return total.hexdigest()


def check_splits(listing: Listing, *, batch_size: int = 1) -> None:
    """Check that both splits have pictures, that every class has one for training, and that a batch is there.

    Raises:
        UserError: they do not. Its notes say where.
    """
    for split in listing.splits:
        if not split.rows:
            raise UserError(
                f"{listing.path}: there would be no {split.name} image; expected at least two images of a class"
            )
    problems = Problems()
    add_unknown(problems, listing, "no training image has the label")
    if len(listing.train.rows) < batch_size:
        problems.add(listing.where(listing.train.rows[-1]), too_few(len(listing.train.rows), batch_size))
    if problems.count:
        raise problems.error(listing.path, "correct the data")


def too_few(count: int, batch_size: int) -> str:
    return (
        f"there are {count} training images, fewer than one batch of {batch_size}: "
        f"lower gan_batch_size (or cls_batch_size) to at most {count}"
    )


def add_unknown(problems: Problems, listing: Listing, what: str) -> None:
    """Add the rows of the test split whose label no training row has."""
    classes = listing.class_names
    unknown = {row.label for row in listing.test.rows}.difference(classes) if classes else set()
    groups = [set(group) for group in look_alikes([*classes, *unknown])] if unknown else []
    alike = {label: sorted(group - unknown) for group in groups for label in group & unknown}
    for row in listing.test.rows if unknown else ():
        if row.label in unknown:
            meant = "".join(f"; is it {name!r}?" for name in alike.get(row.label, [])[:1])
            problems.add(listing.where(row), f"{what} {row.label!r}{meant}")


def drawn_for_testing(labels: Iterable[str], *, share: float, seed: int) -> NDArray[np.bool_]:
    """Which of the images with these labels are for testing, (N,), where nothing says so: a share of each class.

    Of two or more images of a class, at least one is for training and one for testing; of a share of 0, none is.
    """
    members: dict[str, list[int]] = {}
    count = 0
    for label in labels:
        members.setdefault(label, []).append(count)
        count += 1
    tests = np.zeros(count, bool)
    for number, label in enumerate(sorted(members) if share else ()):
        places = np.array(members[label])
        few = min(max(1, round(share * len(places))), len(places) - 1)
        tests[places[numpy_stream(Purpose.SPLIT, seed, number).permutation(len(places))[:few]]] = True
    return tests


def draw_splits(rows: list[Row], *, share: float, seed: int) -> dict[str, list[Row]]:
    """The rows of each split, in their order."""
    tests = drawn_for_testing((row.label for row in rows), share=share, seed=seed).tolist()
    return {
        split: [row for row, is_test in zip(rows, tests, strict=True) if is_test == (split == "test")]
        for split in SPLITS
    }


def told_draw(share: float, seed: int) -> str:
    """What is said of data whose split was drawn."""
    return f"; {100 * share:g}% of each class are for testing, drawn by seed {seed}"


def chosen_splits(names: Iterable[str], path: Path) -> tuple[dict[str, str], list[str]]:
    """Of names of splits as people have them, the one for training and the one for testing; and those left out.

    Without a test split, that for validation takes its place.

    Raises:
        UserError: two of them are one split, or there is none to train on.
    """
    found: dict[str, str] = {}
    for name in names:
        split = SPLIT_NAMES[name.lower()]
        if split in found:
            raise UserError(f"{path} holds {found[split]} and {name}; expected one of them: move the other away")
        found[split] = name
    if "train" not in found:
        raise UserError(f"{path} holds {', '.join(found.values())} and no train; expected images to train on")
    left = found.pop("val", None)
    if left is None or "test" in found:
        return found, [left] if left else []
    return {**found, "test": left}, []


def split_of(word: str) -> str:
    """The split that a directory is named after: `train_images` is for training."""
    return SPLIT_NAMES.get(re.split("[^A-Za-z]", word.lower())[0], "?")


def label_problem(label: str) -> str | None:
    """What is wrong with a label."""
    if is_name(label) and len(label) <= MAX_LABEL_LENGTH:
        return None
    return f"the label is {label[:MAX_LABEL_LENGTH]!r}; expected 1 to {MAX_LABEL_LENGTH} printable characters"


def warn_of_look_alikes(classes: Iterable[str]) -> None:
    """Tell of classes that may be meant as one."""
    if groups := look_alikes(classes):
        found = "; ".join(" and ".join(map(repr, group)) for group in groups[:SHOWN_PROBLEMS])
        warn_once(f"these classes differ by case, spaces or form only, and stay apart: {found}")


def class_order(labels: set[str]) -> list[str]:
    """Integers by value where all are integers, else words by their characters."""
    if all(INTEGER.fullmatch(label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
