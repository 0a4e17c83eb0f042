"""Pictures in a directory for each class, `DIR/<class>/*.png|jpg`, in one set or in `DIR/train/` and `DIR/test/`.

    listing = FORMAT.read(Place(Path("pets")), ReadOptions())

Without splits a share of each class is drawn by seed, unless all files have the names that `gan.data.convert` gives
them, such as `train-00000.png` and `test-00000.png`, which also tell their order.
"""

import re
import string
from pathlib import Path

from gan.data.dataset import ReadOptions
from gan.data.formats import tables
from gan.data.formats.columns import not_understood
from gan.data.formats.format import Format, Place
from gan.data.listing import (
    PICTURES,
    SPLIT_NAMES,
    SPLITS,
    Listing,
    Problems,
    Row,
    Split,
    chosen_splits,
    draw_splits,
    label_problem,
    split_of,
    told_draw,
)
from gan.data.tree import Tree, read_table, shown, some
from gan.errors import UserError
from gan.names import same_form

CONVERTED = re.compile(r"(train|test)-(\d+)\.[^.]+")

TABLES = re.compile(
    r"[^/]*(\.(csv|tsv|xlsx?|ods|jsonl|parquet)|(label|annotation|metadata|class)[^/]*\.json)", re.IGNORECASE
)
"""Files that may have the labels of pictures which are in one directory."""

OF_PICTURES = re.compile(r"(jpe?g)?(images?|imgs?|pictures?|photos?)")
OF_ANNOTATIONS = re.compile(
    r"annotations?|labels?|((seg\w*|ground ?truth|gt) ?)?masks?|trimaps?|ground ?truths?|gt|segment\w*"
)
"""Names of directories, in small letters, whose pictures are in one of the former and drawn over in the latter."""

STYLEGAN = "dataset.json"
"""Where it is, the directories are no classes."""


def _fits(place: Place) -> bool:
    tree = place.tree
    if tree is None or STYLEGAN in tree.files:
        return False
    classes = {label for label, _ in _labelled(tree).values()}
    if not tables.FORMAT.fits(place):
        return bool(classes)
    # A table gives their labels to pictures in one directory, or in those of its splits.
    return len([label for label in classes if split_of(label) not in SPLIT_NAMES.values()]) > 1


def _read(place: Place, options: ReadOptions) -> Listing:
    tree = place.tree
    assert tree is not None
    found = _labelled(tree)
    labels = {label for label, _ in found.values()}
    # One class beside a table of labels is a directory of the table's pictures.
    if len(labels) == 1 and (table := tables.unread(tree)):
        raise not_understood(tree.where(table), read_table(tree, table), "correct it, or move it away")
    has_splits = any(split for _, split in found.values())
    if len(labels) == 1 and not has_splits and (table := next(filter(TABLES.fullmatch, tree.files), None)):
        raise UserError(
            f"{place.path} holds pictures in one directory, {some(list(labels))}, and {shown(table)}; expected a "
            "directory per class, or a table of labels: save it as labels.csv with the columns filename and label, or "
            "move it away"
        )
    problems = Problems()
    for label in labels:
        if problem := label_problem(label):
            first = next(name for name, (other, _) in found.items() if other == label)
            problems.add(shown(tree.where(first)), f"{problem}: rename its directory")
    if problems.count:
        raise problems.error(place.path, "rename the directories")
    _check_annotations(place.path, labels)
    if not has_splits:
        _check_labels(place.path, found)
    rows = [Row("", label, 0, *tree.files[name], name) for name, (label, _) in found.items()]
    parts, said, notes = _split(rows, {name: split for name, (_, split) in found.items()}, place.path, options)
    if not has_splits:
        notes += _like_splits(found)
    others = [name for name in tree.files if name not in found]
    if others:
        notes.append(f"{len(others):,} files are left out, such as {shown(others[0])}")
    train, test = (Split(split, parts[split]) for split in SPLITS)
    return Listing(
        place.path,
        train,
        test,
        source=f"pictures in a directory per class in {place.path}{said}",
        place=tree.where,
        read=lambda row: tree.read(row.file),
        again=lambda: _read(Place(place.path), options),
        saved_as=lambda row: _saved_as(row, bool(found[row.file][1])),
        notes=tuple(notes),
    )


def _split(
    rows: list[Row], split_of: dict[str, str], path: Path, options: ReadOptions
) -> tuple[dict[str, list[Row]], str, list[str]]:
    """The rows of each split, what is said of them, and what is left out."""
    names = dict.fromkeys(filter(None, split_of.values()))
    if len(names) > 1:
        chosen, left = chosen_splits(names, path)
        notes = [f"{name}/ is left out, as there are test images" for name in left]
        return {split: [row for row in rows if split_of[row.file] == chosen[split]] for split in SPLITS}, "", notes
    if converted := _converted(rows):
        return converted, "", []
    share, seed = options.test_share, options.split_seed
    return draw_splits(rows, share=share, seed=seed), told_draw(share, seed), []


def _check_annotations(path: Path, labels: set[str]) -> None:
    """Check that not one class is of pictures, and the other of what was drawn over them.

    Raises:
        UserError: they are.
    """
    plain = [re.sub("[-_ ]+", " ", label.lower()) for label in labels]
    drawn_over, pictures = (len(list(filter(kind.fullmatch, plain))) for kind in (OF_ANNOTATIONS, OF_PICTURES))
    if drawn_over and pictures and drawn_over + pictures == len(labels):
        raise UserError(
            f"{path} holds {some(sorted(labels))}, which look like pictures and their annotations; expected a "
            "directory per class, or a table of labels: move the pictures into such, and the annotations away"
        )


def _check_labels(path: Path, found: dict[str, tuple[str, str]]) -> None:
    """Check that directories that are taken for classes are not splits, and that none of them holds all others again.

    Raises:
        UserError: they are, or it does.
    """
    inner: dict[str, set[str]] = {}
    for name, (label, _) in found.items():
        inner.setdefault(label, set()).update(map(same_form, name.split("/")[1:-1]))
    words = {label: re.split("[^a-z ]+", label.lower().strip(string.digits)) for label in inner}
    splits = {label: {SPLIT_NAMES.get(each[0]), SPLIT_NAMES.get(each[-1])} - {None} for label, each in words.items()}
    like = sorted(label for label in inner if splits[label])
    if 2 * len(like) >= len(inner) and len({"train" in splits[label] for label in like}) > 1:
        raise UserError(
            f"{path} holds {some(like)}, which look like splits and are none; expected train and test, each with a "
            "directory per class in it or a table of labels: rename them, and move other directories away"
        )
    for label in inner:
        others = inner.keys() - {label}
        if len(others) > 1 and others <= inner[label] and not any(inner[other] & others for other in others):
            raise UserError(
                f"{path} holds {some(sorted(others))}, and once more within {shown(label)}; expected a class in one "
                "place: move one of the two away"
            )


def _like_splits(found: dict[str, tuple[str, str]]) -> list[str]:
    """A warning where classes hold directories as splits do."""
    inner: dict[str, set[str]] = {}
    for name, (label, _) in found.items():
        inner.setdefault(label, set()).add(name.split("/")[1] if name.count("/") > 1 else "")
    like = [label for label, names in inner.items() if len(names) > 1 and "" not in names]
    if len(like) < len(inner) and not any(label.lower() in SPLIT_NAMES for label in like):
        return []
    return [
        f"classes that hold directories of pictures: {some(like)}; if they are splits, name them train and test, and "
        "move other directories away"
    ]


def _converted(rows: list[Row]) -> dict[str, list[Row]] | None:
    """The splits that the converter's names tell, in the order of their numbers."""
    numbered = [(CONVERTED.fullmatch(row.file.rpartition("/")[2]), row) for row in rows]
    parts: dict[str, list[tuple[int, Row]]] = {split: [] for split in SPLITS}
    for match, row in numbered:
        if match is None or row.file.count("/") != 1:
            return None
        parts[match[1]].append((int(match[2]), row))
    return {split: [row for _, row in sorted(found, key=lambda pair: pair[0])] for split, found in parts.items()}


def _labelled(tree: Tree) -> dict[str, tuple[str, str]]:
    """Class and split of each picture in a directory of its class, sorted by class; the split is empty where none is.

    Raises:
        UserError: some directories are splits of classes, and others are not.
    """
    pictures = [name for name in tree.files if "/" in name and name.lower().endswith(PICTURES)]
    tops = {name.partition("/")[0] for name in pictures}
    splits = {top for top in tops if top.lower() in SPLIT_NAMES}
    nested = {name.partition("/")[0] for name in pictures if name.count("/") > 1}
    if splits == tops:
        # A split that holds pictures itself has no classes; these lack their table.
        found = {name: name.split("/")[:2] for name in pictures if name.count("/") > 1}
        if not any(top.lower() in ("train", "training") for top in nested):
            return {}
        return _sorted({name: (same_form(label), split) for name, (split, label) in found.items()})
    if len(splits & nested) > 1:
        other = min(tops - splits)
        raise UserError(
            f"{tree.path} holds {', '.join(sorted(splits))} with classes, and pictures in {shown(other)} beside them; "
            "expected either splits or classes: move the others away"
        )
    return _sorted({name: (same_form(name.partition("/")[0]), "") for name in pictures})


def _sorted(found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return dict(sorted(found.items(), key=lambda item: (item[1][1], item[1][0], item[0])))


def _saved_as(row: Row, has_split: bool) -> str:
    """The name in a label table: `cat-tom.jpg`."""
    parts = row.file.split("/")
    return "-".join([row.label, *parts[2 if has_split else 1 :]])


FORMAT = Format("a directory of pictures per class", _fits, _read)
