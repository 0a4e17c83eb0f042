"""One run, opened in one place: where it is, its data and length, what it goes on from, its records and checkpoints.

run = Run("gan", config, options, place)
trainer = ...  # of networks built from run.about
run.begin(trainer)
scores = run.train(trainer, name="GAN", evaluate=evaluate)
"""

import math
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gan import checkpoints, places
from gan.about import About, Kind
from gan.checkpoints import BEST_BY, Saved
from gan.config import Config, differences, dump_config
from gan.data.batches import Batches
from gan.data.dataset import MAX_MEGAPIXELS, DataSet, ReadOptions, Resize
from gan.data.loading import load_dataset
from gan.devices.cluster import Place
from gan.devices.memory import resident
from gan.devices.precision import choose
from gan.devices.strategy import agreed_signal, check_agreement, check_compilable, check_divisible, make_strategy
from gan.errors import UserError
from gan.evaluation.scores import Scores
from gan.files import check_utf8, check_writable, file_errors
from gan.places import checkpoint_named
from gan.sampling import real_grid
from gan.training.loop import Schedule, train
from gan.training.records import NoRecords, Records
from gan.training.trainer import Trainer

CONFIG_FILES: dict[Kind, str] = {"classifier": "config-cls.yaml", "gan": "config-gan.yaml"}

SAFE_TO_CHANGE = ("cls_epochs", "gan_epochs", "steps_per_call", "max_bad_steps")
"""Fields that may be others after a stop. A learning rate's course then follows the new number of epochs."""

STEPS_PER_CALL = 16
"""Of several workers, which are not equally fast and must do the same."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run reads and writes, and how often. Intervals are in steps, but for `save_minutes` and `record_epochs`.

    A GAN is recorded and scored every `record_steps`, a classifier every `record_epochs`.

    `config_path` and `settings` are only for messages, which name commands as the user would type them.
    """

    data_path: str
    save_dir: Path
    log_dir: Path
    load_dir: Path | None = None
    config_path: Path | None = None
    settings: Sequence[str] = ()
    resize: Resize | None = None
    cache_dir: Path | None = None
    on_bad_image: Literal["error", "skip"] = "error"
    max_megapixels: float = MAX_MEGAPIXELS
    save_steps: int = 1000
    save_minutes: float = math.inf
    record_steps: int = 1000
    record_epochs: int = 1
    keep: int = 3
    log_graph: bool = False
    devices: str | None = None
    target_fid: float | None = None
    patience: int | None = None
    resume: bool = False
    overwrite: bool = False
    dry_run: bool = False


class Run:
    """One run, opened: its place, devices, precision, data and length, and the checkpoint that it goes on from.

    Everything that can be known before a network is built is checked here.

    Args:
        kind: of the run.
        config: its settings.
        options: where it reads and writes.
        place: of this process among the workers.

    Raises:
        UserError: data, config or directories cannot be used.
    """

    def __init__(self, kind: Kind, config: Config, options: RunOptions, place: Place) -> None:
        self.kind, self.config, self.options, self.place = kind, config, options, place
        for directory in (options.save_dir, options.log_dir):
            check_utf8(directory)
            check_writable(directory)
        self._found = checkpoints.steps_saved(options.save_dir, kind)
        if (options.save_dir / "about.json").exists() and (named := checkpoint_named(options.save_dir)):
            raise UserError(f"{options.save_dir} is a checkpoint; expected the directory it is in: {named.directory}")
        if self._found and not (options.resume or options.overwrite):
            raise UserError(
                f"{options.save_dir} already holds a {kind} checkpoint, of step {self._found[-1]}; "
                "pass --resume to go on from it, --overwrite to replace it, or another --save-dir"
            )
        self.resumed = find_resumed(options.save_dir, kind, config) if options.resume else None
        self.strategy = make_strategy(options.devices, place)
        self.precision = choose(config.mixed_precision, self.strategy)
        is_gan = kind == "gan"
        batch_size = config.gan_batch_size if is_gan else config.cls_batch_size
        replicas = self.strategy.num_replicas_in_sync
        check_divisible(batch_size, replicas, "gan_batch_size" if is_gan else "cls_batch_size")
        check_compilable(is_gan and config.jit_compile, replicas)
        self.data = _read_data(config, options, batch_size=batch_size)
        learnt, self.scored = self.data.divide(config.held_out)
        self.batches = Batches(learnt, batch_size=batch_size, seed=config.seed)
        if is_gan and config.held_out and self.scored is self.data.test:
            print("warning: too few images can be held out: the test images score the run", file=sys.stderr)
        self.epochs = config.gan_epochs if is_gan else config.cls_epochs
        count = self.epochs * self.batches.per_epoch
        self.total_steps = count // config.crit_steps if is_gan else count
        if self.total_steps < 1:
            raise UserError(
                f"crit_steps is {config.crit_steps}, more than the {count} batches of the run; lower crit_steps or "
                "gan_batch_size, or raise gan_epochs"
            )
        self.about = About(kind, 0, self.data.spec, config, self.data.digest)
        self.first_step = self.resumed.about.step if self.resumed else 0
        self.records: Records = NoRecords()

    def final_scores(self) -> Scores | None:
        """The scores of the checkpoint that the run goes on from, if that is its end and was scored.

        Raises:
            UserError: it is of another run.
        """
        if self.resumed is None:
            return None
        path, about = self.resumed
        if about.data != self.data.digest:
            raise UserError(f"{path} was trained on other images; pass the same --data-path and --resize")
        if about.step > self.total_steps:
            raise UserError(
                f"{path} is at step {about.step:,}, but the run ends at {self.total_steps:,}; raise the epochs"
            )
        reason = self._reason_to_end(about.course)
        if not about.scores or (about.step < self.total_steps and not reason):
            return None
        print(f"{path} is the end of the run: {reason or 'more epochs in the config would make it longer'}")
        return dict(about.scores)

    def begin(self, trainer: Trainer) -> None:
        """Set what is trained to what was saved, if the run goes on; check that all workers agree; print the plan."""
        if self.resumed is not None:
            checkpoints.restore(self.resumed.path, trainer.state)
            trainer.guard.begin_scaling()
        check_agreement(self.strategy, self.place, self.config, self.data.digest, self.first_step)
        policy = self.precision.policy
        problem = f"mixed_precision is true, which is {policy} here but not at every worker; set it to bfloat16, "
        check_agreement(self.strategy, self.place, policy, problem=f"{problem}float16 or false")
        print(self.precision)
        print(self.data.describe())
        counts = zip(self.data.spec.class_names, self.data.class_counts()[0], strict=True)
        if empty := [name for name, count in counts if count == 0]:
            print(f"warning: no training image of class {', '.join(empty)}", file=sys.stderr)
        print(", ".join(f"{name} {model.count_params():,} parameters" for name, model in trainer.models.items()))
        begun = f"from step {self.first_step:,}, " if self.first_step else ""
        devices = ", ".join(device.split("device:")[-1] for device in self.strategy.extended.worker_devices)
        several = f" of each of {self.place.workers} workers" if self.place.workers > 1 else ""
        print(f"{begun}{self.total_steps:,} steps in {self.epochs} epochs, on {devices}{several}")

    def train(
        self,
        trainer: Trainer,
        *,
        name: str,
        evaluate: Callable[[int], Scores],
        start: Callable[[], None] = lambda: None,
    ) -> Scores:
        """Make all steps, with records and checkpoints; the scores of the last evaluation.

        Args:
            trainer: makes the steps.
            name: of what is trained, for the progress bar.
            evaluate: scores it after a step.
            start: called before the first step. Both may write to `records`.
        """
        options = self.options
        record_steps = options.record_steps
        if self.kind == "classifier":
            record_steps = options.record_epochs * self.batches.per_epoch
        schedule = Schedule(
            self.total_steps,
            self.config.steps_per_call or (STEPS_PER_CALL if self.place.workers > 1 else None),
            record_steps,
            options.save_steps,
            self.first_step,
            options.save_minutes,
        )
        source = resident(self.batches, self.strategy)
        course = list(self.resumed.about.course) if self.resumed else []

        def evaluated(step: int) -> Scores:
            scores = evaluate(step)
            course.extend([scores[BEST_BY]] if BEST_BY in scores else [])
            return scores

        with self._saving() as replaced, self._open_records() as records:
            self.records = records

            def save(step: int, scores: Mapping[str, Any]) -> None:
                about = replace(
                    self.about, step=step, scores=scores, course=tuple(course), records=records.directory.name
                )
                self._save(about, trainer.state, replaced)

            if self.resumed is None:
                records.picture("real", 0, real_grid(self.data))
            start()
            scores = train(
                trainer,
                source,
                schedule,
                name=name,
                records=records,
                evaluate=evaluated,
                save=save,
                enough=lambda: self._reason_to_end(course),
                is_best=lambda: options.patience is not None and course[-1:] < [min(course[:-1], default=math.inf)],
                agree=lambda signal: agreed_signal(self.strategy, self.place, signal),
            )
            if options.log_graph:
                records.graph(trainer.traced)
        return scores

    def _reason_to_end(self, course: Sequence[float]) -> str | None:
        """Why a run whose records had these FIDs ends before its last step, if it does."""
        target, patience = self.options.target_fid, self.options.patience
        if target is not None and course and course[-1] <= target:
            return f"the FID is {course[-1]:.3f}, and {target:g} was wanted"
        if patience is not None and course and len(course) - 1 - course.index(min(course)) >= patience:
            return f"the FID was {min(course):.3f}, and is no lower after {patience} more records"
        return None

    def end(self, result: str) -> None:
        """Print what came of the run, and where it is."""
        print(result)
        print(f"checkpoints in {self.options.save_dir}, records in {self.records.directory}")

    @contextmanager
    def _saving(self) -> Iterator[list[int]]:
        """Be the only process that saves checkpoints of the kind.

        Yields the steps of an earlier run, which the first checkpoint of this run replaces. Of several workers only the
        chief saves.

        Raises:
            UserError: another process does, or did meanwhile.
        """
        save_dir = self.options.save_dir
        if not self.place.is_chief:
            yield []
            return
        with places.writing(save_dir, self.kind):
            if checkpoints.steps_saved(save_dir, self.kind) != self._found:
                raise UserError(f"another run has saved checkpoints in {save_dir} meanwhile; start again")
            with file_errors(save_dir):
                for left in save_dir.glob(f".{CONFIG_FILES[self.kind]}.part-*"):
                    left.unlink()
            yield [] if self.options.resume else self._found.copy()

    def _open_records(self) -> Records:
        """Open the records, with the config beside them: the first thing a run writes."""
        if not self.place.is_chief:
            return NoRecords()
        options, name = self.options, CONFIG_FILES[self.kind]
        earlier = self.resumed and (self.resumed.about.records, self.resumed.about.step)
        return Records(options.log_dir, self.config, name=name, resumed=earlier, save_dir=options.save_dir)

    def _save(self, about: About, state: Mapping[str, Any], replaced: list[int]) -> None:
        """Save a checkpoint, which replaces those of the steps `replaced`, and then none. Done by the chief alone."""
        if not self.place.is_chief:
            checkpoints.check_finite(state, about.step)
            return
        checkpoints.save(self.options.save_dir, about, state, keep=self.options.keep, replaces=replaced)
        replaced.clear()
        # Not earlier: until now, what is there belongs to the checkpoints of an earlier run.
        dump_config(about.config, self.options.save_dir / CONFIG_FILES[self.kind])


def _read_data(config: Config, options: RunOptions, *, batch_size: int) -> DataSet:
    """The data set, which must have a batch of training images."""
    read = ReadOptions(
        image_size=config.image_height_width,
        resize=options.resize,
        cache_dir=options.cache_dir,
        on_bad_image=options.on_bad_image,
        max_megapixels=options.max_megapixels,
        batch_size=batch_size,
    )
    return load_dataset(options.data_path, read)


def find_resumed(directory: Path, kind: Kind, config: Config) -> Saved:
    """The newest whole checkpoint of a directory, which must have been made with this config.

    Raises:
        UserError: there is none, or its config is another.
    """
    found = checkpoints.find(directory, kind, remedy="leave --resume out to begin a run")
    changed = [line for line in differences(found.about.config, config) if line.partition(":")[0] not in SAFE_TO_CHANGE]
    if changed:
        raise UserError(
            f"{found.path} was made with another config ({'; '.join(changed)}); pass -c "
            f"{shlex.quote(str(directory / CONFIG_FILES[kind]))}, in which only {', '.join(SAFE_TO_CHANGE)} may change"
        )
    return found
