"""How long a run will take: a few steps are made, timed and thrown away.

    print(foretell(trainer, batches, first_step=0, total_steps=5_000))

For a dry run alone: the trainer's variables change.
"""

import math
import time

from gan.data.batches import Source
from gan.training.loop import LARGEST_CALL, check
from gan.training.step import RAN
from gan.training.trainer import Trainer

LEAST_SECONDS, LEAST_CALLS = 3.0, 3


def foretell(trainer: Trainer, batches: Source, *, first_step: int, total_steps: int) -> str:
    """One line on the time of the steps that are left, by the median of a few calls on this machine.

    Raises:
        Diverged: these steps are skipped already, too many in a row.
    """
    # A call has its share of rare penalties, unless these are so rare that they hardly count.
    count = min(trainer.period, LARGEST_CALL, total_steps - first_step)
    if not count:
        return "no step is left"
    updates = trainer.batches_per_step
    batch = batches.take(first_step * updates, count * updates)

    def seconds() -> float:
        started = time.perf_counter()
        metrics = trainer.run(first_step, batch)
        int(metrics[RAN])  # Waits for the device.
        taken = time.perf_counter() - started
        check(first_step, metrics, trainer.max_bad_steps)
        return taken

    seconds()  # Traces.
    taken: list[float] = []
    while len(taken) < LEAST_CALLS or sum(taken) < LEAST_SECONDS:
        taken.append(seconds())
    of_a_step = sorted(taken)[len(taken) // 2] / count
    images = updates * trainer.batch_size / of_a_step
    whole = duration((total_steps - first_step) * of_a_step)
    return f"about {whole} of training here, at {images:,.0f} images per second; scores and checkpoints come on top"


def duration(seconds: float) -> str:
    """`40 seconds`, `12 minutes`, `5 hours` or `3 days`: rounded, as an estimate is."""
    units = ("second", 1, 90), ("minute", 60, 90), ("hour", 3600, 48), ("day", 86400, math.inf)
    unit, size, _ = next(each for each in units if round(seconds / each[1]) < each[2])
    count = max(1, round(seconds / size))
    return f"{count:,} {unit}{'s' if count > 1 else ''}"
