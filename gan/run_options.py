"""What a run is told besides its config: where it reads and writes, how often, and on what devices.

options = RunOptions(data_path="digits", save_dir=Path("checkpoints"), log_dir=Path("logs/gan"))
"""

import math
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan import checkpoints
from gan.checkpoints import Kind
from gan.config import Config
from gan.data.dataset import DataSet, ReadOptions, Resize
from gan.data.loading import load_dataset
from gan.devices import cluster
from gan.errors import UserError
from gan.files import check_writable
from gan.training.resuming import Resumed, find

CONFIG_FILES: dict[Kind, str] = {"classifier": "config-cls.yaml", "gan": "config-gan.yaml"}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run reads and writes, and how often. Intervals are in steps, but for `save_minutes` and `record_epochs`.

    `config_path` is only for messages, which name commands as the user would type them.
    """

    data_path: str
    save_dir: Path
    log_dir: Path
    load_dir: Path | None = None
    config_path: Path | None = None
    resize: Resize | None = None
    cache_dir: Path | None = None
    on_bad_image: Literal["error", "skip"] = "error"
    save_steps: int = 1000
    save_minutes: float = math.inf
    record_steps: int = 1000
    record_epochs: int = 1
    keep: int = 3
    log_graph: bool = False
    devices: str | None = None
    resume: bool = False
    overwrite: bool = False
    dry_run: bool = False

    def classifier_command(self, save_dir: str) -> str:
        """How to train the classifier that this run needs."""
        given: dict[str, object] = {"-c": self.config_path, "--resize": self.resize, "--cache-dir": self.cache_dir}
        given |= {"--on-bad-image": None if self.on_bad_image == "error" else self.on_bad_image}
        flags = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        return shlex.join(["./classifier.py", "--data-path", self.data_path, *flags, "--save-dir", save_dir])

    def read_data(self, config: Config, *, batch_size: int) -> DataSet:
        """The data set, which must have a batch of training images.

        Raises:
            ValueError, OSError: it cannot be used.
        """
        options = ReadOptions(
            image_size=config.image_height_width,
            resize=self.resize,
            cache_dir=self.cache_dir,
            on_bad_image=self.on_bad_image,
            batch_size=batch_size,
        )
        return load_dataset(self.data_path, options)

    def steps_found(self, kind: Kind) -> list[int]:
        """The steps of the checkpoints that are there, of an earlier run or of the one that is to go on.

        Raises:
            ValueError: the directories cannot be written to, or there are checkpoints and nothing says what of them.
        """
        for directory in (self.save_dir, self.log_dir):
            check_writable(directory)
        steps = checkpoints.steps_saved(self.save_dir, kind)
        if steps and not (self.resume or self.overwrite):
            raise UserError(
                f"{self.save_dir} already holds a {kind} checkpoint, of step {steps[-1]}; "
                "pass --resume to go on from it, --overwrite to replace it, or another --save-dir"
            )
        return steps

    def resumed(self, kind: Kind, config: Config) -> Resumed | None:
        """What the run goes on from, if it does.

        Raises:
            ValueError, FileNotFoundError: there is nothing, or it is of another config.
        """
        return find(self.save_dir, kind, config, config_file=CONFIG_FILES[kind]) if self.resume else None

    @contextmanager
    def saving(self, kind: Kind, found: list[int]) -> Iterator[list[int]]:
        """Be the only process that saves checkpoints of a kind; `found` is what `steps_found` said.

        Yields the steps of an earlier run, which the first checkpoint of this run replaces. Of several workers only the
        chief saves.

        Raises:
            ValueError: another process does, or did meanwhile.
        """
        if not cluster.place().is_chief:
            yield []
            return
        with checkpoints.writing(self.save_dir, kind):
            if checkpoints.steps_saved(self.save_dir, kind) != found:
                raise UserError(f"another run has saved checkpoints in {self.save_dir} meanwhile; start again")
            for left in self.save_dir.glob(f".{CONFIG_FILES[kind]}.part-*"):
                left.unlink()
            yield [] if self.resume else found.copy()
