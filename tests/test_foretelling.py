"""How long a run will take, as a dry run says it."""

from types import SimpleNamespace

import pytest
from helpers import tiny_data, tiny_trainer

from gan.data.batches import Batches
from gan.training import foretelling
from gan.training.foretelling import duration, foretell


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (40.4, "40 seconds"),
        (89, "89 seconds"),
        (91, "2 minutes"),
        (3600, "60 minutes"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (50 * 3600, "2 days"),
        (4000 * 86400, "4,000 days"),
    ],
)
def test_a_duration_is_rounded_as_people_say_it(seconds, words):
    assert duration(seconds) == words


def test_the_median_call_stands_for_all_steps_that_are_left(one_replica, monkeypatch):
    """Of 30 steps, 20 are left; a call takes 2 s on this clock, but for the first, which traces, and one slow one."""
    clock = iter([0, 50, 60, 62, 70, 72, 80, 180, 190, 192])
    monkeypatch.setattr(foretelling, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    trainer = tiny_trainer(one_replica, total_steps=30)
    batches = Batches(tiny_data().train, batch_size=trainer.batch_size, seed=0)
    said = foretell(trainer, batches, first_step=10, total_steps=30)
    assert said.startswith("about 40 seconds of training here, at ")
    assert next(clock) == 190  # Three calls were enough.


def test_a_run_at_its_end_takes_no_time(one_replica):
    trainer = tiny_trainer(one_replica)
    batches = Batches(tiny_data().train, batch_size=trainer.batch_size, seed=0)
    assert foretell(trainer, batches, first_step=10, total_steps=10) == "no step is left"
