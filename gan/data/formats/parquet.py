"""Pictures in Parquet files, as the Hugging Face Hub stores data sets of images.

    mnist/train-00000-of-00001.parquet    image: struct<bytes, path>, label: int64
    mnist/test-00000-of-00001.parquet     and the names of the classes in the metadata of the schema

Read by pyarrow, of the optional group `parquet`.
"""

import json
import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from typing import Any

from gan.data.dataset import ReadOptions
from gan.data.decoding import JPEG_SIGNATURE
from gan.data.formats.columns import LABEL_WORDS, SPLIT_WORDS, called, told_splits
from gan.data.formats.format import Format, Place
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
from gan.data.tree import Unreadable, shown, some
from gan.errors import UserError
from gan.files import file_errors
from gan.names import same_form

MAGIC = b"PAR1"
SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.parquet", re.IGNORECASE)
IMAGE_WORDS = ("image", "img", "picture")
GROUPS = 4
"""Groups of rows that are kept in memory: threads read consecutive rows."""


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


class _File:
    """A file of rows, of which a picture can be read."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ModuleNotFoundError as error:
            if error.name != "pyarrow":
                raise
            raise UserError(
                f"{path} is a Parquet file, which needs a package that is not installed: run `pip install pyarrow`"
            ) from None
        self.path = path
        self._errors = (pyarrow.ArrowException, OSError, IndexError)  # The last where rows lack that it tells of.
        with file_errors(path):
            status = path.stat()
        try:
            self._file = parquet.ParquetFile(path)
            schema = self._file.schema_arrow
            counts = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        except self._errors as error:
            raise self._damaged(error) from None
        self.rows = sum(counts)
        self.size = status.st_size // max(1, self.rows)
        self.modified = status.st_mtime_ns
        self._starts = [0, *accumulate(counts)]
        self._groups: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()
        self.image, self.label, self.names = _columns(path, schema)
        words = [name for name, kind in zip(schema.names, schema.types, strict=True) if _holds_words(kind)]
        self._splits = [words[index] for index in called(words, SPLIT_WORDS)]

    def labels(self) -> list[Any]:
        return self._column(self.label)

    def words(self) -> dict[str, list[str]]:
        """The words of each row in the columns that may tell its split."""
        return {name: [word or "" for word in self._column(name)] for name in self._splits}

    def where(self, row: int) -> str:
        """A row, from 1, for people."""
        return f"{self.path}, row {row}"

    def _column(self, name: str) -> list[Any]:
        try:
            return self._file.read(columns=[name]).column(0).to_pylist()
        except self._errors as error:
            raise self._damaged(error) from None

    def content(self, number: int) -> bytes:
        """The bytes of the picture in a row, from 0."""
        group = bisect_right(self._starts, number) - 1
        try:
            with self._lock:
                if group not in self._groups:
                    self._groups[group] = self._file.read_row_group(group, columns=[self.image]).column(0)
                self._groups.move_to_end(group)
                while len(self._groups) > GROUPS:
                    self._groups.popitem(last=False)
                value = self._groups[group][number - self._starts[group]].as_py()
        except self._errors as error:
            raise Unreadable(f"cannot be read ({_first_line(error)})") from None
        content = value if isinstance(value, bytes | None) else value.get("bytes")
        if content is None:
            place = value.get("path") if isinstance(value, dict) else None
            raise Unreadable(f"holds no picture{f', only the name {shown(place)}' if place else ''}")
        return content

    def _damaged(self, error: Exception) -> UserError:
        return UserError(f"{self.path} is a damaged Parquet file ({_first_line(error)}); download it again")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _holds_words(kind: Any) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _columns(path: Path, schema: Any) -> tuple[str, str, list[str] | None]:
    """The column of pictures, that of labels, and the names of the classes, where the schema has them."""
    import pyarrow

    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = dict(about.get("info", {}).get("features", {}))
    except (ValueError, AttributeError, TypeError):
        features = {}
    kinds = {name: value.get("_type") for name, value in features.items() if isinstance(value, dict)}
    types = dict(zip(schema.names, schema.types, strict=True))

    def holds_bytes(kind: Any) -> bool:
        binary = pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)
        return binary or (pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    images = [
        name
        for name, kind in types.items()
        if holds_bytes(kind) and (kinds.get(name) == "Image" or name.lower() in IMAGE_WORDS)
    ]

    def holds_labels(kind: Any) -> bool:
        values = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
        return pyarrow.types.is_integer(values) or _holds_words(kind)

    plain = [name for name, kind in types.items() if holds_labels(kind)]
    labels = [name for name in plain if kinds.get(name) == "ClassLabel"]
    labels = labels or [name for name in plain if name.lower() in LABEL_WORDS]
    if len(images) != 1 or len(labels) != 1:
        if len(labels) > 1:
            raise UserError(
                f"{path} has the labels {', '.join(labels)}; expected one column of them: remove the others"
            )
        columns = some([f"{name} ({kind})" for name, kind in types.items()])
        raise UserError(f"{path} has the columns {columns}; expected image, of bytes, and label, of integers or words")
    names = features.get(labels[0], {}).get("names") if labels[0] in kinds else None
    return images[0], labels[0], [same_form(str(name)) for name in names] if isinstance(names, list) else None


def _read(place: Place, options: ReadOptions) -> Listing:
    paths = _paths(place)
    _check_shards(place, paths)
    if len({path.parent for path in paths}) > 1:
        found = some(sorted({str(path.parent) for path in paths}))
        raise UserError(f"{place.path} holds Parquet files in {found}; expected those of one directory: name it")
    by_split: dict[str, list[Path]] = {}
    for path in paths:
        by_split.setdefault(_split_of(path), []).append(path)
    files = {str(path): _File(path) for path in paths}
    problems = Problems()
    rows = {
        split: [row for path in found for row in _rows(files[str(path)], problems)] for split, found in by_split.items()
    }
    if len(rows) == 1:
        rows = _divided(next(iter(rows.values())), files, problems) or rows
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


def _divided(rows: list[Row], files: dict[str, _File], problems: Problems) -> dict[str, list[Row]] | None:
    """The rows of each split, where a column tells several."""
    places = [(name, row) for name, file in files.items() for row in range(1, file.rows + 1)]
    columns: dict[str, dict[tuple[str, int], str]] = {}
    for name, file in files.items():
        for column, words in file.words().items():
            told = columns.setdefault(column, dict.fromkeys(places, ""))
            told.update({(name, row): word for row, word in enumerate(words, 1)})
    splits = told_splits(columns, ", ".join(files), lambda place: files[place[0]].where(place[1]), problems)
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(splits.get((row.file, row.line), ""), []).append(row)
    return found if len(found) > 1 else None


def _rows(file: _File, problems: Problems) -> list[Row]:
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
    words = re.split("[^a-z]", path.stem.lower())
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
