"""What a run leaves to look at: TensorBoard events, the same scalars as JSON lines, and the fixed grid's images.

with Records(Path("logs/gan"), config, name="config-gan.yaml") as records:
    records.scalars(step, {"fid": 3.1})
"""

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.about import Damaged, Kind, OtherVersion, read_about
from gan.config import Config, dump_config
from gan.errors import FileError
from gan.files import file_errors, reason, way_out, write_atomically
from gan.images import Pixels, encode, enlarge
from gan.places import candidates

OWNER = "save-dir.json"
"""Tells where the run saves its checkpoints, and where these records were then."""

Picture = Literal["real", "samples"]
"""What a run has pictures of."""

BUCKETS = 30
"""Of a histogram."""


def _new_directory(directory: Path) -> Path:
    """A subdirectory that is named by the time."""
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    directory.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        found = directory / (started if number == 1 else f"{started}-{number}")
        with suppress(FileExistsError):
            found.mkdir()
            break
    return found


def _other_owner(records: Path, save_dir: Path) -> Path | None:
    """The save directory whose run has these records, if that is another, of which this one holds a copy.

    A run that was moved keeps its records, and a copy of both goes on in the copy.
    """
    try:
        said = json.loads((records / OWNER).read_text(encoding="utf-8"))
        place, owner = Path(said["records"]), Path(said["save_dir"])
        if (place.exists() and not place.samefile(records)) or owner.samefile(save_dir):
            return None
        saved = [path for kind in get_args(Kind) for _, path in candidates(owner, kind)]
    except (KeyError, OSError, TypeError, ValueError):
        return None
    return owner if any(_are_named(records.name, path) for path in saved) else None


def _are_named(records: str, path: Path) -> bool:
    """Whether a checkpoint says that its run has records of this name."""
    with suppress(Damaged, OtherVersion):
        return read_about(path).records == records
    return False


def _parsed(line: str) -> dict[str, Any] | None:
    """A record; None for what a killed run left of one."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) and isinstance(values.get("step"), int) else None


def _cut_events(path: Path, step: int) -> None:
    """Remove the events after a step, and what a killed run left of the last one, from a TensorBoard file."""
    partial = path.with_name(f".events.part-{os.getpid()}")  # TensorBoard would read one of a name like the other's.
    try:
        with tf.io.TFRecordWriter(str(partial)) as writer:
            try:
                for event in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                    if tf.compat.v1.Event.FromString(event).step <= step:
                        writer.write(event)
            except tf.errors.DataLossError:
                pass
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class Records:
    """Writes into a subdirectory of `directory` named by the time in ISO 8601 basic form (UTC).

    Args:
        directory: holds one subdirectory per run.
        config: of the run, written beside the records.
        name: of that file.
        resumed: name of the subdirectory of a run that goes on, and the step after which it does; what it recorded
            after that step is removed.
        save_dir: of the run. A copy of another run's begins records of its own.

    Attributes:
        seconds: of training, as the last record tells; 0.0 at the beginning.
    """

    def __init__(
        self,
        directory: Path,
        config: Config,
        *,
        name: str,
        resumed: tuple[str, int] | None = None,
        save_dir: Path | None = None,
    ) -> None:
        self.seconds = 0.0
        records, step = resumed or ("", 0)
        earlier = directory / records
        there = records != "" and earlier.is_dir()
        other = _other_owner(earlier, save_dir) if there and save_dir else None
        if there and not other:
            self.directory = earlier
            with self._writing():
                self._cut(step)
        else:
            with file_errors(directory):
                self.directory = _new_directory(directory)
            begin = f"new ones begin in {self.directory}"
            if other:
                found = f"{earlier} are the records of the run in {other}, and {save_dir} holds a copy of that"
                print(f"warning: {found}; {begin}", file=sys.stderr)
            elif resumed is not None:
                found = f"{directory} does not hold the records of the run so far ({records or 'no name'})"
                remedy = "pass the --log-dir of that run to go on with them"
                print(f"warning: {found}; {begin}: {remedy}", file=sys.stderr)
        dump_config(config, self.directory / name)
        if save_dir:
            owner = {"records": str(self.directory.resolve()), "save_dir": str(save_dir.resolve())}
            write_atomically(self.directory / OWNER, json.dumps(owner, indent=1).encode())
        with self._writing():
            self._events = tf.summary.create_file_writer(str(self.directory))
            self._lines = (self.directory / "records.jsonl").open("a", encoding="utf-8")

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error that is under way matters more than those of closing.
        with suppress(OSError) if error is not None else self._writing():
            try:
                with self._writing():
                    self._events.close()
            finally:
                self._lines.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Errors of writing as one line.

        Raises:
            UserError: says which records, why, and how to go on.
        """
        try:
            self.directory.stat()  # If it was removed, TensorFlow writes on to a file that has no name any more.
            yield
        except (OSError, tf.errors.OpError) as error:
            raise FileError(
                f"{self.directory}: records cannot be written ({reason(error)}); checkpoints are intact: "
                f"{way_out(error)}, then go on with --resume, or start again if there is no checkpoint yet"
            ) from error

    def _cut(self, step: int) -> None:
        """Remove what was recorded after a step, and what a killed run left half-written."""
        for left in self.directory.glob(".*.part-*"):
            left.unlink()
        lines = self.directory / "records.jsonl"
        if lines.exists():
            kept = [
                record
                for record in map(_parsed, lines.read_text(encoding="utf-8", errors="replace").splitlines())
                if record and record["step"] <= step
            ]
            write_atomically(lines, "".join(json.dumps(record) + "\n" for record in kept).encode())
            self.seconds = kept[-1].get("training_seconds", 0.0) if kept else 0.0
        for path in self.directory.glob("*.png"):
            match = re.fullmatch(rf"(?:{'|'.join(get_args(Picture))})-(\d{{8}})", path.stem)
            if match and int(match[1]) > step:
                path.unlink()
        for path in self.directory.glob("events.out.tfevents.*"):
            _cut_events(path, step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One record: `values` by name. A value that is not finite is `null` in the JSON line."""
        with self._writing(), self._events.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
            self._events.flush()
            finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
            self._lines.write(json.dumps({"step": step, **finite}) + "\n")
            self._lines.flush()

    def picture(self, name: Picture, step: int, image: Pixels) -> None:
        """An image (H, W, C): as an event, pixels doubled, and as the file `{name}-{step}.png`."""
        with self._writing(), self._events.as_default():
            tf.summary.image(name, enlarge(image, 2)[None], step=step)
        write_atomically(self.directory / f"{name}-{step:08d}.png", encode(image, "png"))

    def text(self, name: str, text: str) -> None:
        """A text file of the run."""
        write_atomically(self.directory / name, text.encode())

    def histograms(self, step: int, models: Mapping[str, Any]) -> None:
        """The distribution of every trained variable of `models`."""
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="histograms")
        about = tf.compat.v1.SummaryMetadata(plugin_data=plugin)
        with self._writing(), self._events.as_default():
            for model in models.values():
                for variable in model.trainable_variables:
                    tf.summary.write(variable.path, _histogram(variable.numpy()), step=step, metadata=about)

    def graph(self, function: Any) -> None:
        """The graph of a traced function."""
        with self._writing(), self._events.as_default():
            tf.summary.graph(function.get_concrete_function().graph)


def _histogram(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """What TensorBoard shows: left and right edge and count of each bucket, (buckets, 3).

    Its own function has a row of all buckets for each value in memory, as 64-bit numbers.
    """
    finite = values[np.isfinite(values)].astype(np.float64)  # Neighbours in 32 bits have no buckets between them.
    counts, edges = np.histogram(finite, BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)


class NoRecords(Records):
    """Of a worker that leaves them to the chief."""

    def __init__(self) -> None:
        self.directory = Path()
        self.seconds = 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    def picture(self, name: Picture, step: int, image: Pixels) -> None: ...

    def text(self, name: str, text: str) -> None: ...

    def histograms(self, step: int, models: Mapping[str, Any]) -> None: ...

    def graph(self, function: Any) -> None: ...
