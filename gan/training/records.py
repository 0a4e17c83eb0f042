"""What a run leaves to look at: TensorBoard events, the same scalars as JSON lines, and the fixed grid's images.

with Records(Path("logs/gan"), config, name="config-gan.yaml") as records:
    records.scalars(step, {"fid": 3.1})
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import tensorflow as tf

from gan.config import Config, dump_config
from gan.files import write_atomically
from gan.images import Pixels, encode, enlarge


class Records:
    """Writes into a subdirectory of `directory` named by the time in ISO 8601 basic form (UTC).

    Args:
        directory: holds one subdirectory a run.
        config: of the run, written beside the records.
        name: of that file.
    """

    def __init__(self, directory: Path, config: Config, *, name: str) -> None:
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.directory, number = directory / started, 2
        while self.directory.exists():
            self.directory, number = directory / f"{started}-{number}", number + 1
        self.directory.mkdir(parents=True)
        dump_config(config, self.directory / name)
        self._events = tf.summary.create_file_writer(str(self.directory))
        self._lines = (self.directory / "records.jsonl").open("a")

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()
        self._lines.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One record: `values` by name. A value that is not finite is `null` in the JSON line."""
        with self._events.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
        self._events.flush()
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._lines.write(json.dumps({"step": step, **finite}) + "\n")
        self._lines.flush()

    def picture(self, name: str, step: int, image: Pixels) -> None:
        """An image (H, W, C): as an event, pixels doubled, and as the file `{name}-{step}.png`."""
        with self._events.as_default():
            tf.summary.image(name, enlarge(image, 2)[None], step=step)
        write_atomically(self.directory / f"{name}-{step:08d}.png", encode(image, "png"))

    def histograms(self, step: int, models: Mapping[str, Any]) -> None:
        """The distribution of every trained variable of `models`."""
        with self._events.as_default():
            for model in models.values():
                for variable in model.trainable_variables:
                    tf.summary.histogram(variable.path, variable.numpy(), step=step)

    def graph(self, function: Any) -> None:
        """The graph of a traced function."""
        with self._events.as_default():
            tf.summary.graph(function.get_concrete_function().graph)
