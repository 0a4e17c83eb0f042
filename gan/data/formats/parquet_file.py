"""A Parquet file of labelled pictures: which columns hold the pictures, their labels and their splits, and their rows.

file = ParquetFile(Path("train.parquet"))
file.labels(), file.content(0)

Read by pyarrow, of the optional group `parquet`.
"""

import json
import threading
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from typing import Any

from gan.data.formats.columns import LABEL_WORDS, MAY_BE_SPLITS, SPLIT_WORDS, called, may_tell_splits
from gan.data.tree import Unreadable, shown, some
from gan.errors import UserError
from gan.files import file_errors
from gan.names import same_form

IMAGE_WORDS = ("image", "img", "picture")
GROUPS = 4
"""Groups of rows that are kept in memory: threads read consecutive rows."""


class ParquetFile:
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
        self._class_names = _class_names(schema)
        self._others = {
            name: kind
            for name, kind in zip(schema.names, schema.types, strict=True)
            if name not in (self.image, self.label)
        }

    def labels(self) -> list[Any]:
        return self._column(self.label)

    def words(self) -> dict[str, list[str]]:
        """The word of each row in the columns that may tell its split."""
        found = {}
        for name, kind in self._others.items():
            if called([name], MAY_BE_SPLITS) or (_holds_words(kind) and may_tell_splits(self._first(name))):
                classes = self._class_names.get(name)
                words = self._column(name)
                if classes:
                    words = [classes[word] if word in range(len(classes)) else word for word in words]
                found[name] = ["" if word is None else str(word) for word in words]
        return found

    def _first(self, name: str) -> str:
        """What is in the first row of a column."""
        try:
            batch = next(self._file.iter_batches(1, columns=[name]), None)
        except self._errors as error:
            raise self._damaged(error) from None
        return str(batch.column(0)[0].as_py()) if batch else ""

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


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    """What the Hub's metadata of a schema say of each column."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = dict(about.get("info", {}).get("features", {}))
    except (ValueError, AttributeError, TypeError):
        return {}
    return {name: value for name, value in features.items() if isinstance(value, dict)}


def _class_names(schema: Any) -> dict[str, list[str]]:
    """The names that the numbers in some columns stand for."""
    named = {name: value.get("names") for name, value in _features(schema).items()}
    return {name: [same_form(str(each)) for each in names] for name, names in named.items() if isinstance(names, list)}


def _columns(path: Path, schema: Any) -> tuple[str, str, list[str] | None]:
    """The column of pictures, that of labels, and the names of the classes, where the schema has them."""
    import pyarrow

    features = _features(schema)
    kinds = {name: value.get("_type") for name, value in features.items()}
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

    plain = [name for name, kind in types.items() if holds_labels(kind) and not called([name], SPLIT_WORDS)]
    labels = [name for name in plain if kinds.get(name) == "ClassLabel"]
    labels = labels or [name for name in plain if name.lower() in LABEL_WORDS]
    if len(images) != 1 or len(labels) != 1:
        if len(labels) > 1:
            raise UserError(
                f"{path} has the labels {', '.join(labels)}; expected one column of them: remove the others"
            )
        columns = some([f"{name} ({kind})" for name, kind in types.items()])
        raise UserError(f"{path} has the columns {columns}; expected image, of bytes, and label, of integers or words")
    return images[0], labels[0], _class_names(schema).get(labels[0])
