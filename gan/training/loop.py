"""The loop of both trainers: step, record, save.

    train(trainer, batches, schedule, name="GAN", records=records, evaluate=evaluate, save=save)

Shapes: `B` global batch, `H W C` image.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from gan.data.batches import Source
from gan.errors import Diverged
from gan.evaluation.scores import Scores
from gan.training.progress import Progress
from gan.training.records import Records
from gan.training.step import COMPUTED, IN_A_ROW, RAN, SKIPPED, Metrics
from gan.training.stopping import Stopped, signals_caught
from gan.training.trainer import Trainer

Values = dict[str, float]

REMEDY = (
    "checkpoints saved before are intact; begin anew with lower learning rates or without mixed_precision (--overwrite)"
)

CALL_SECONDS, LARGEST_CALL, MEASURED_CALLS = 0.2, 64, 5
"""See `Pace`."""


class Schedule(NamedTuple):
    """How long a run is and how often things happen, in steps; saves also by minutes since the last one.

    Where `steps_per_call` is None, the loop finds it.
    """

    total_steps: int
    steps_per_call: int | None
    record_steps: int
    save_steps: int
    first_step: int = 0
    save_minutes: float = math.inf

    def end_of_call(self, step: int, steps_per_call: int) -> int:
        """Where a call of at most so many steps ends; it does not reach over a record or a save."""
        ends = [(step // interval + 1) * interval for interval in (self.record_steps, self.save_steps)]
        return min(step + steps_per_call, self.total_steps, *ends)

    def records_after(self, step: int) -> bool:
        return step == self.total_steps or step % self.record_steps == 0

    def saves_after(self, step: int) -> bool:
        return step == self.total_steps or step % self.save_steps == 0


class Pace:
    """How many steps to run in a call: as many as are wanted; else so many that they take `CALL_SECONDS`.

    Python takes a millisecond or two per call, however many steps are in it, and cores wait for it. The first call
    traces; the speed is that of the fastest of the next few.
    """

    def __init__(self, wanted: int | None) -> None:
        self.steps_per_call = wanted or 1
        self._seconds: list[float] | None = None if wanted else []

    def timed(self, call: Callable[[], Metrics]) -> Metrics:
        """What the call returns."""
        if self._seconds is None:
            return call()
        started = time.perf_counter()
        metrics = call()
        int(metrics[RAN])  # Waits for the device.
        self._seconds.append(time.perf_counter() - started)
        if len(self._seconds) == MEASURED_CALLS:
            self.steps_per_call = min(max(round(CALL_SECONDS / min(self._seconds[1:])), 1), LARGEST_CALL)
            self._seconds = None
        return metrics


def train(
    trainer: Trainer,
    batches: Source,
    schedule: Schedule,
    *,
    name: str,
    records: Records,
    evaluate: Callable[[int], Scores],
    save: Callable[[int, Scores], object],
    agree: Callable[[int | None], int | None] = lambda signal: signal,
    enough: Callable[[], str | None] = lambda: None,
    is_best: Callable[[], bool] = lambda: False,
) -> Scores:
    """Run the schedule; the scores of the last evaluation are the result.

    Args:
        trainer: makes the steps.
        batches: of the training images.
        schedule: when to do what.
        name: for the progress bar.
        records: takes the losses, speed, learning rates and the evaluation's values.
        evaluate: scores the networks after a step: numbers by name, and what one must know of them.
        save: saves them, with their scores if they were just evaluated.
        enough: why the run may end with the record that was just made, if it may.
        is_best: whether it is saved because it is the best one so far.
        agree: the signal to stop by, if one came to any worker, of the one that came to this; asked after every call.

    Raises:
        Diverged: too many steps in a row were not finite, or a sample or a variable is not; nothing is saved
            from then on.
        Stopped: Ctrl-C or SIGTERM came; the step was finished and saved.
    """
    updates = trainer.batches_per_step
    images_a_step = updates * trainer.batch_size
    total, done = schedule.total_steps * images_a_step, schedule.first_step * images_a_step
    scores: Scores = {}
    with Progress(total, name, done=done, seconds=records.seconds) as progress, signals_caught() as caught:
        saved, earlier = time.monotonic(), None
        if schedule.first_step == schedule.total_steps:  # The end of a run whose last checkpoint has no scores.
            scores = _evaluated(evaluate, schedule.total_steps)
            records.scalars(schedule.total_steps, _numbers(scores) | trainer.learning_rates())
            save(schedule.total_steps, scores)
            return scores
        pace, step = Pace(schedule.steps_per_call), schedule.first_step
        while step < schedule.total_steps:
            first, step = step, schedule.end_of_call(step, pace.steps_per_call)
            count = step - first
            batch = batches.take(first * updates, count * updates)
            metrics = pace.timed(partial(trainer.run, first, batch))
            progress.advance(count * images_a_step)
            # Of the call before: this one's result would have to be waited for.
            if earlier is not None:
                check(*earlier, trainer.max_bad_steps)
            earlier = first, metrics
            if progress.wants_values:
                progress.show(_losses(_values(metrics)))
            scores = {}
            if schedule.records_after(step):
                check(first, metrics, trainer.max_bad_steps)
                with progress.paused():
                    scores = _evaluated(evaluate, step)
                    values, found, speed = _values(metrics), _numbers(scores), progress.speed()
                    records.scalars(step, values | found | trainer.learning_rates() | speed)
                    records.histograms(step, trainer.models)
                    progress.show(_losses(values) | found)
                    progress.say(summary(step, schedule.total_steps, _losses(values) | found | speed))
            reason = enough() if scores else None
            signal = agree(caught.number)
            overdue = time.monotonic() - saved > 60 * schedule.save_minutes
            if schedule.saves_after(step) or overdue or signal is not None or reason or (scores and is_best()):
                check(first, metrics, trainer.max_bad_steps)
                with progress.paused():
                    save(step, scores)
                saved = time.monotonic()
            if reason and step < schedule.total_steps:
                progress.say(f"ended at step {step:,} of {schedule.total_steps:,}: {reason}")
                break
            if signal is not None and step < schedule.total_steps:
                place = f"step {step:,} of {schedule.total_steps:,}"
                raise Stopped(f"stopped and saved at {place}; go on with --resume", signal)
    return scores


def check(first: int, metrics: Metrics, max_bad_steps: int) -> None:
    """Check that a call of steps, numbered from `first`, did not end with too many that were skipped.

    Raises:
        Diverged: it did; says which step was the last, and what was not finite in it.
    """
    in_a_row = int(metrics[IN_A_ROW])
    if in_a_row < max_bad_steps:
        return
    last = first + int(metrics[RAN])
    if last == first:
        raise Diverged(f"the {in_a_row:,} steps before step {last + 1:,} were skipped; raise max_bad_steps")
    steps = f"{in_a_row:,} steps in a row, up to step {last:,}, were" if in_a_row > 1 else f"step {last:,} was"
    wrong = ", ".join(f"{name} is {value}" for name, value in _values(metrics).items() if not math.isfinite(value))
    raise Diverged(f"{steps} skipped: {wrong or 'a moving statistic is not finite'}; {REMEDY}")


def _numbers(scores: Scores) -> Values:
    """What the records are told of scores."""
    return {f"score/{name}": value for name, value in scores.items() if isinstance(value, int | float)}


def _evaluated(evaluate: Callable[[int], Scores], step: int) -> Scores:
    try:
        return evaluate(step)
    except FloatingPointError as error:
        raise Diverged(f"after step {step}: {error}; {REMEDY}") from error


def _values(metrics: Metrics) -> Values:
    """The metrics that were computed, as numbers, which waits for the device; without what only `check` looks at."""
    told = [name for name in metrics if name not in (IN_A_ROW, RAN) and not name.startswith(COMPUTED)]
    return {name: float(metrics[name]) for name in told if metrics.get(COMPUTED + name, True)}


def _losses(values: Values) -> Values:
    """What is told of a step: its losses, and how many steps were skipped, if any."""
    return {name: value for name, value in values.items() if name.startswith("loss/") or (name == SKIPPED and value)}


def summary(step: int, total_steps: int, values: Values) -> str:
    """One line on a record: `step 500/1,000: loss/critic -0.3, ..., fid 0.9, accuracy 0.97, images_per_second 600`."""
    words = [f"{name.removeprefix('score/')} {value:.4g}" for name, value in values.items()]
    return f"step {step:,}/{total_steps:,}: " + ", ".join(words)
