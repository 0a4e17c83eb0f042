"""How long a run will take, as a dry run says it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers import TINY, tiny_data, tiny_trainer

from gan.data.batches import Batches
from gan.errors import Diverged
from gan.training import foretelling
from gan.training.foretelling import duration, foretell
from gan.training.loop import LARGEST_CALL
from gan.training.step import IN_A_ROW, RAN


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


class Stub:
    """A trainer that only says how many steps it was handed."""

    period, batches_per_step, batch_size, max_bad_steps = 1, 2, 4, 3

    def __init__(self, in_a_row: int = 0, **values: int) -> None:
        vars(self).update(values)
        self.in_a_row = in_a_row
        self.handed: set[int] = set()

    def run(self, first_step, batch):
        self.handed.add(len(batch.labels))
        return {RAN: 1, IN_A_ROW: self.in_a_row, "loss/critic": float("inf")}


@pytest.mark.parametrize(("period", "steps"), [(1, 1), (4, 4), (1000, LARGEST_CALL)])
def test_a_call_has_each_kind_of_update_but_not_those_that_hardly_come(monkeypatch, period, steps):
    monkeypatch.setattr(foretelling, "LEAST_SECONDS", 0.0)
    trainer = Stub(period=period)
    foretell(trainer, Batches(tiny_data().train, batch_size=4, seed=0), first_step=0, total_steps=5_000)
    assert trainer.handed == {steps * trainer.batches_per_step}


def test_a_rare_penalty_is_a_period_of_its_trainer(one_replica):
    assert tiny_trainer(one_replica, replace(TINY, penalty_every=4)).period == 4
    assert tiny_trainer(one_replica, replace(TINY, penalty_every=4, gp_weight=0.0)).period == 1


def test_a_run_that_diverges_at_once_is_told():
    with pytest.raises(Diverged, match=r"3 steps in a row, up to step 1, were skipped: loss/critic is inf"):
        foretell(Stub(3), Batches(tiny_data().train, batch_size=4, seed=0), first_step=0, total_steps=50)


def test_a_run_at_its_end_takes_no_time(one_replica):
    trainer = tiny_trainer(one_replica)
    batches = Batches(tiny_data().train, batch_size=trainer.batch_size, seed=0)
    assert foretell(trainer, batches, first_step=10, total_steps=10) == "no step is left"
