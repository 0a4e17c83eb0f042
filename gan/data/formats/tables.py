"""Pictures and CSV tables that give a label to each: this project's own format, and relatives of it.

    pets/train/*.png|jpg    pets/train_labels.csv:    Filename, Label
    pets/test/*.png|jpg     pets/test_labels.csv      tom.jpg, cat
                                                      rex.png, dog

Relatives are tables under other names, such as `train.csv` or `metadata.csv` beside the pictures, whose columns have
other names that mean the same, such as `image_id` and `class`. There a picture may be in any directory, and its name
may lack the suffix, as long as only one file can be meant.

    listing = read_listing(Path("datasets/pets"))
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gan.data.dataset import ReadOptions
from gan.data.formats.columns import (
    HEADER,
    cells,
    chosen_columns,
    first_line,
    read_records,
    row_problem,
    split_words,
)
from gan.data.formats.format import Format, Place
from gan.data.listing import (
    PICTURES,
    SPLIT_NAMES,
    SPLITS,
    Listing,
    Problems,
    Row,
    Split,
    add_unknown,
    chosen_splits,
    draw_splits,
    split_of,
    told_draw,
    too_few,
)
from gan.data.tree import NO_FILE, Tree, open_tree, read_table, shown, some
from gan.errors import MissingError, UserError
from gan.files import warn_once
from gan.names import UNWRITABLE, WHITE, same_form

FILES = ("train/", "train_labels.csv", "test/", "test_labels.csv")
_SPLIT = "(?P<split>" + "|".join(SPLIT_NAMES) + ")"
TABLE = re.compile(
    rf"(?:{_SPLIT}(?:[_-]?(?:labels|metadata)|/(?:metadata|labels))?|metadata|labels)\.csv", re.IGNORECASE
)
"""Names of tables."""


Parts = dict[str, list[Row]]
Words = dict[int, str]


class Table(NamedTuple):
    """A table, and which of its columns are the picture's name and its label."""

    name: str
    header: list[str]
    columns: tuple[int, int] | None


def has_listing(tree: Tree) -> bool:
    """Whether one of the tables of this project's own format is there: enough to say what it is meant to be."""
    return any(f"{split}_labels.csv" in tree.files for split in SPLITS)


def read_listing(directory: Path, *, batch_size: int = 1) -> Listing:
    """Read both tables and look up their files. A file that is not there is left for the check of the images.

    Raises:
        UserError: a table or a directory is missing, or a table is wrong or has fewer rows than `batch_size`. Notes of
            the error say which lines.
    """
    return _read(Place(directory), ReadOptions(batch_size=batch_size))


def _fits(place: Place) -> bool:
    if place.tree is None:
        return place.path.is_file() and not UNWRITABLE.search(first_line(place.first)) and _named(place) is not None
    return has_listing(place.tree) or bool(_tables(place.tree))


def _read(place: Place, options: ReadOptions) -> Listing:
    tree = place.tree or open_tree(place.path.parent)
    problems = Problems()
    if place.tree is not None and has_listing(tree) and not _is_relative(tree):
        listing = _read_own(place, tree, problems)
    else:
        listing = _read_relative(place, tree, problems, options)
    add_unknown(
        problems,
        listing,
        f"no row of {Path(listing.train.rows[0].table).name} has the label" if listing.train.rows else "",
    )
    if 0 < len(listing.train.rows) < options.batch_size:
        last = listing.train.rows[-1]
        problems.add(listing.where(last), too_few(len(listing.train.rows), options.batch_size))
    if problems.count:
        raise problems.error(place.path, "correct the tables")
    return listing


def _is_relative(tree: Tree) -> bool:
    """Whether the tables have the names of this project's format, but the pictures are elsewhere."""
    return not tree.tops & {*SPLITS} and bool(_tables(tree))


def _read_own(place: Place, tree: Tree, problems: Problems) -> Listing:
    there = {f"{top}/" for top in tree.tops} | {name for name, status in tree.files.items() if status.size >= 0}
    missing = [name for name in FILES if name not in there]
    if missing:
        raise MissingError(f"{place.path} lacks {', '.join(missing)}; expected {', '.join(FILES)}")
    splits, notes = {}, []
    for split in SPLITS:
        found = _Files(tree, split, own=True)
        splits[split] = _rows(tree, f"{split}_labels.csv", split, found, problems)
        if unlisted := found.unlisted():
            more = f" and {len(unlisted) - 1:,} more" if len(unlisted) > 1 else ""
            notes.append(f"{shown(unlisted[0])}{more} in {split}/: not in {tree.where(f'{split}_labels.csv')}")
    return _listing(
        place, tree, splits["train"], splits["test"], "", notes, lambda: _read(Place(place.path), ReadOptions())
    )


def _read_relative(place: Place, tree: Tree, problems: Problems, options: ReadOptions) -> Listing:
    tables = list(filter(None, _tables(tree) if place.tree is not None else [_named(place)]))
    notes = [f"{tree.where(each.name)} has no column of labels and is left out" for each in tables if not each.columns]
    labelled = {table.name: table for table in tables if table.columns}
    by_split = {name: match["split"] for name in labelled if (match := TABLE.fullmatch(name)) and match["split"]}
    if len(labelled) > 1 and len(by_split) < len(labelled):
        raise UserError(
            f"{place.path} holds the tables {some(sorted(labelled))}; expected one, or one for each split: name "
            f"the one that is meant, such as --data-path {tree.where(sorted(labelled)[0])}"
        )
    if len(labelled) == 1:
        (name,) = labelled
        found = _Files(tree, by_split.get(name, ""))
        words = split_words(tree.where(name), read_table(tree, name), problems)
        split = _rows(tree, name, "", found, problems, words)
        parts, said, left = _divided(words, split.rows, options, place.path)
        notes += [f"{each} is left out, as there are test images" for each in left]
        train, test = (Split(each, parts[each], split.digest) for each in SPLITS)
    else:
        chosen, left = chosen_splits([by_split[name] for name in labelled], place.path)
        notes += [f"{each}: its table is left out, as there is one of test images" for each in left]
        named = {word: name for name, word in by_split.items()}
        train, test = (_rows(tree, named[chosen[each]], each, _Files(tree, chosen[each]), problems) for each in SPLITS)
        first = {row.file: row for row in train.rows}
        for row in test.rows:
            if row.size >= 0 and (other := first.get(row.file)):
                problem = (
                    f"{row.file} is already in {other.table}:{other.line}; expected it in one of them: remove a line"
                )
                problems.add(f"{row.table}:{row.line}", problem)
        said = ""
    return _listing(place, tree, train, test, said, notes, lambda: _read(Place(place.path), options))


def _listing(
    place: Place, tree: Tree, train: Split, test: Split, said: str, notes: list[str], again: Callable[[], Listing]
) -> Listing:
    return Listing(
        place.path,
        train,
        test,
        source=f"pictures in {place.path}{said}",
        place=tree.where,
        read=lambda row: tree.read(row.file),
        again=again,
        saved_as=lambda row: row.file.rpartition("/")[2],
        notes=tuple(notes),
    )


def _divided(words: Words, rows: list[Row], options: ReadOptions, path: Path) -> tuple[Parts, str, list[str]]:
    """The rows of each split, as told or drawn; what is said of them; what is left out."""
    for told in [words.get(row.line, "") for row in rows if words], [row.file.partition("/")[0] for row in rows]:
        if len(set(told)) > 1 and all(word.lower() in SPLIT_NAMES for word in told):
            chosen, left = chosen_splits(sorted(set(told)), path)
            by_word: Parts = {}
            for row, word in zip(rows, told, strict=True):
                by_word.setdefault(word, []).append(row)
            return {split: by_word[chosen[split]] for split in SPLITS}, "", left
    drawn = draw_splits(rows, share=options.test_share, seed=options.split_seed)
    return drawn, told_draw(options.test_share, options.split_seed), []


def _tables(tree: Tree) -> list[Table]:
    """Tables under the names that they go by, of which at least one has labels."""
    found = list(_named_as_tables(tree))
    return found if any(table.columns for table in found) else []


def unread(tree: Tree) -> str | None:
    """A table by its name whose columns are not found."""
    return next((table.name for table in _named_as_tables(tree) if table.columns is None), None)


def _named(place: Place) -> Table | None:
    """The table that is named itself, if it has labels."""
    header = cells(first_line(place.first))
    columns = chosen_columns(header)
    return Table(place.path.name, header, columns) if columns else None


def _named_as_tables(tree: Tree) -> Iterator[Table]:
    """All tables by their names, whatever their columns are."""
    for name, status in tree.files.items():
        if TABLE.fullmatch(name) and status.size > 0:
            header = cells(first_line(read_table(tree, name)[:4096]))
            yield Table(name, header, chosen_columns(header))


class _Files:
    """The pictures that a table may mean, and those that it did not."""

    def __init__(self, tree: Tree, split: str, *, own: bool = False) -> None:
        self.own = own
        self.split = split
        self.base = f"{split}/" if own else ""
        self.files = {
            name.removeprefix(self.base): status
            for name, status in tree.files.items()
            if name.startswith(self.base) and name.lower().endswith(PICTURES) and not (own and name.count("/") > 1)
        }
        self._left = dict.fromkeys(name for name, status in self.files.items() if status.size >= 0)
        self._alike: dict[str, list[str]] = {}
        for name in self.files:
            last = name.rpartition("/")[2]
            if own:
                if not name.isascii():
                    self._alike.setdefault(same_form(name), []).append(name)
            else:
                for key in {same_form(last), same_form(last.rpartition(".")[0])}:
                    self._alike.setdefault(key, []).append(name)

    def named(self, name: str, beside: str, split: str) -> list[str]:
        """The files that a row may mean by a name, in a table of the directory `beside`, in a split if it is told."""
        if self.own:
            alike = [] if name in self.files or name.isascii() else self._alike.get(same_form(name), [])
            return [alike[0] if len(alike) == 1 else name]
        for exact in (f"{beside}{name}", name):
            if exact in self.files:
                return [exact]
        wanted = same_form(name.replace("\\", "/"))
        found = [
            file
            for file in self._alike.get(wanted.rpartition("/")[2], [])
            if f"/{same_form(file)}".endswith(f"/{wanted}")
            or f"/{same_form(file)}".rpartition(".")[0].endswith(f"/{wanted}")
        ]
        own = [file for file in found if any(split_of(part) == split_of(split) for part in file.split("/")[:-1])]
        return own if split and len(found) > 1 and own else found

    def take(self, name: str) -> tuple[int, int]:
        self._left.pop(name, None)
        return self.files.get(name, NO_FILE)

    def unlisted(self) -> list[str]:
        return sorted(self._left)


def _rows(tree: Tree, table: str, split: str, files: _Files, problems: Problems, words: Words | None = None) -> Split:
    """The rows of a table; what is wrong with them is added to the problems. `words` are the splits that it tells."""
    content = read_table(tree, table)
    where = tree.where(table)
    if split and len({*split_words(where, content, Problems()).values()}) > 1:
        warn_once(f"{where} has a column of splits, which is not heeded, as it is the table of one split")
    first_lines: dict[str, int] = {}
    rows: list[Row] = []
    problems_before = problems.count
    records = read_records(where, content)
    header = [value.strip() for value in next(records, (1, []))[1]]
    columns = chosen_columns(header)
    if columns is None:
        raise UserError(f"{where}:1: found {shown(', '.join(header)) or 'nothing'}; expected {', '.join(HEADER)}")
    beside = table[: table.rfind("/") + 1]
    labels: set[str] = set()
    for line, record in records:
        values = [value.strip(WHITE) for value in record]
        if not any(values):
            continue
        problem, found = None, []
        if len(values) == len(header):
            name, label = re.sub(r"^\.[/\\]", "", values[columns[0]]), same_form(values[columns[1]])
            found = files.named(name, beside, words.get(line, "") if words else files.split)
            # A name that was found, and a label that was right before, need no closer look: there may be many rows.
            if label not in labels or found[:1] != [name] or name not in files.files or UNWRITABLE.search(name):
                problem = row_problem([found[0] if files.own else name, label], split, own=files.own)
            if problem is None and len(found) > 1:
                problem = f"{name} may be {found[0]} or {found[1]}; expected the name of one file"
        else:
            expected = "a file name and a label" if len(header) == 2 else f"{len(header)}, as the header has"
            problem = f"found {len(values)} value{'s' * (len(values) != 1)}; expected {expected}"
        if problem is None:
            file = found[0] if found else name
            labels.add(label)
            first = first_lines.setdefault(file, line)
            if first == line:
                rows.append(
                    Row(file if files.own else name, label, line, *files.take(file), f"{files.base}{file}", where)
                )
                continue
            problem = f"{file} is already in line {first}"
        problems.add(f"{where}:{line}", problem)
    if not rows and problems.count == problems_before:
        problems.add(f"{where}:1", "no row follows the header; expected one for each image")
    return Split(split, rows, hashlib.sha256(content).hexdigest())


FORMAT = Format("label tables", _fits, _read)
