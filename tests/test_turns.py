"""Processes of a benchmark that take turns: what they tell, and what becomes of one that fails."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

CHILD = """
import os, sys
sys.path.insert(0, {path!r})
from turns import serve
def turn(steps):
    if steps == 13:
        sys.exit("no step 13")
    return {{"twice": 2 * steps}}
serve(turn, cores=sorted(os.sched_getaffinity(0)))
"""


@pytest.fixture(scope="module")
def turns() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("turns", BENCHMARKS / "turns.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def command() -> list[str]:
    return [sys.executable, "-c", CHILD.format(path=str(BENCHMARKS))]


def test_a_child_does_its_turns_on_its_cores_and_waits_without_work(turns):
    core = max(os.sched_getaffinity(0))
    with turns.ended({"one": turns.Child(command(), cores={core})}) as children:
        child = children["one"]
        assert child.about == {"cores": [core]}
        told = [child.turn(steps) for steps in (3, 5)]
    assert [each["twice"] for each in told] == [6, 10]
    assert all(0 <= each["seconds"] < 1 and each["peak_gb"] > 0.001 for each in told)
    assert child.idle_seconds < 0.1


def test_the_last_words_of_a_child_that_fails_are_told(turns):
    child = turns.Child(command())
    with pytest.raises(turns.ChildFailed, match="no step 13"):
        child.turn(13)
    child.end()


def test_a_ratio_is_of_turns_side_by_side(turns):
    """The machine was twice as slow in the second round, which the ratio does not see."""
    assert turns.ratio([30.0, 15.0, 33.0], [20.0, 10.0, 20.0]) == (1.5, 1.5, 1.65)
