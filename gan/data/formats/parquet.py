"""Pictures in Parquet files, as the Hugging Face Hub stores data sets of images.

    mnist/train-00000-of-00001.parquet    image: struct<bytes, path>, label: int64
    mnist/test-00000-of-00001.parquet     and the names of the classes in the metadata of the schema

Read by pyarrow, of the optional group `parquet`.
"""

import re
from pathlib import Path

from gan.data.dataset import ReadOptions
from gan.data.decoding import JPEG_SIGNATURE
from gan.data.formats.columns import told_splits
from gan.data.formats.format import Format, Place
from gan.data.formats.parquet_file import ParquetFile
from gan.data.kinds import kind_of
from gan.data.listing import (
    SPLIT_NAMES,
    SPLITS,
    Listing,
    Problems,
    Row,
    Split,
    chosen_splits,
    draw_splits,
    label_problem,
    told_draw,
)
from gan.data.tree import some
from gan.errors import UserError
from gan.files import warn_once
from gan.names import same_form

MAGIC = b"PAR1"
SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})(?:-[0-9a-f]+)?\.parquet", re.IGNORECASE)


def _fits(place: Place) -> bool:
    if place.is_directory:
        return bool(_paths(place))
    return place.first.startswith(MAGIC)


def _paths(place: Place) -> list[Path]:
    """The files, sorted by name."""
    if not place.is_directory:
        return [place.path]
    assert place.tree is not None
    return [Path(place.tree.where(name)) for name in place.tree.files if name.lower().endswith(".parquet")]


def _read(place: Place, options: ReadOptions) -> Listing:
    paths = _paths(place)
    _check_shards(place, paths)
    in_splits = all(path.parent.name.lower() in SPLIT_NAMES for path in paths)
    if len({path.parent.parent if in_splits else path.parent for path in paths}) > 1:
        found = some(sorted({str(path.parent) for path in paths}))
        raise UserError(f"{place.path} holds Parquet files in {found}; expected those of one directory: name it")
    by_split: dict[str, list[Path]] = {}
    for path in paths:
        by_split.setdefault(_split_of(path), []).append(path)
    files = {str(path): ParquetFile(path) for path in paths}
    problems = Problems()
    rows = {
        split: [row for path in found for row in _rows(files[str(path)], problems)] for split, found in by_split.items()
    }
    if len(rows) == 1:
        rows = _divided(next(iter(rows.values())), files, problems) or rows
    else:
        for name, file in files.items():
            told = [{SPLIT_NAMES.get(word.strip().lower(), "") for word in words} for words in file.words().values()]
            if any(len(words - {""}) > 1 for words in told):
                warn_once(f"{name} has a column of splits, which is not heeded, as its name tells its split")
    if problems.count:
        raise problems.error(place.path, "correct these rows")
    said = ""
    left: list[str] = []
    if len(rows) == 1:
        parts = draw_splits(next(iter(rows.values())), share=options.test_share, seed=options.split_seed)
        said = told_draw(options.test_share, options.split_seed)
    elif "" in rows:
        raise UserError(
            f"{place.path} holds {by_split[''][0].name} beside splits; expected names such as train and test"
        )
    else:
        chosen, left = chosen_splits(list(rows), place.path)
        parts = {split: rows[chosen[split]] for split in SPLITS}
    numbers: dict[tuple[str, int], int] = {
        (row.file, row.line): number for split in SPLITS for number, row in enumerate(parts[split])
    }

    def read(row: Row) -> bytes:
        return files[row.file].content(row.line - 1)

    return Listing(
        place.path,
        Split("train", parts["train"]),
        Split("test", parts["test"]),
        source=f"Parquet files in {place.path}{said}",
        place=str,
        read=read,
        again=lambda: _read(Place(place.path), options),
        saved_as=lambda row: f"{numbers[row.file, row.line]:05d}{_suffix(read(row))}",
        notes=tuple(f"{name} is left out, as there are test images" for name in left),
    )


def _divided(rows: list[Row], files: dict[str, ParquetFile], problems: Problems) -> dict[str, list[Row]] | None:
    """The rows of each split, where a column tells several."""
    splits = _told(files, problems)
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(splits.get((row.file, row.line), ""), []).append(row)
    return found if len(found) > 1 else None


def _told(files: dict[str, ParquetFile], problems: Problems) -> dict[tuple[str, int], str]:
    """The split that a column tells of each row, by the path of its file and its number."""
    places = [(name, row) for name, file in files.items() for row in range(1, file.rows + 1)]
    columns: dict[str, dict[tuple[str, int], str]] = {}
    for name, file in files.items():
        for column, words in file.words().items():
            told = columns.setdefault(column, dict.fromkeys(places, ""))
            told.update({(name, row): word for row, word in enumerate(words, 1)})
    return told_splits(columns, ", ".join(files), lambda place: files[place[0]].where(place[1]), problems)


def _rows(file: ParquetFile, problems: Problems) -> list[Row]:
    rows = []
    for number, value in enumerate(file.labels(), 1):
        label, problem = str(value), None
        named = file.names is not None and isinstance(value, int)
        if value is None or (named and not 0 <= value < len(file.names or ())):
            expected = f"0 to {len(file.names) - 1}" if file.names else "one for each image"
            problem = f"the label is {value}; expected {expected}"
        else:
            label = file.names[value] if file.names is not None and named else same_form(label)
            problem = label_problem(label)
        if problem:
            problems.add(file.where(number), problem)
        else:
            rows.append(Row("", label, number, file.size, file.modified, str(file.path), str(file.path)))
    return rows


def _split_of(path: Path) -> str:
    """The split that the name of a file tells, or that of its directory."""
    words = [*re.split("[^a-z]", path.stem.lower()), path.parent.name.lower()]
    return next((word for word in words if word in SPLIT_NAMES), "")


def _check_shards(place: Place, paths: list[Path]) -> None:
    """Check that all parts of what is in several files are there."""
    counts: dict[tuple[Path, str, str], int] = {}
    for path in paths:
        if match := SHARD.fullmatch(path.name):
            key = path.parent, match["name"], match["count"]
            counts[key] = counts.get(key, 0) + 1
    for (parent, name, count), found in counts.items():
        if found != int(count):
            remedy = (
                "add the others" if place.is_directory else f"name the directory of all of them, --data-path {parent}"
            )
            raise UserError(f"{place.path} is or holds {found} of the {int(count)} parts of {name}; {remedy}")


def _suffix(content: bytes) -> str:
    """A name's ending for a picture of this content."""
    if content.startswith(JPEG_SIGNATURE):
        return ".jpg"
    kind = kind_of(content)
    word = kind.name.split(" ")[1].lower() if kind else ""
    return f".{word}" if word in ("webp", "bmp", "gif", "tiff") else ".png"


FORMAT = Format("Parquet files", _fits, _read)
