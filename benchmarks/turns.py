"""Processes that are measured in turns: all are started, one after the other, and only one works at a time.

A machine's slow spell then hits all of them alike, and a ratio is the median of the ratios of single turns.

    children = {name: Child(command, cores={1}) for name, command in commands.items()}     # where it is measured
    serve(turn, parameters=123)                     # in a child: turn(20) does 20 steps

Needs only Python's own library: a child may run where nothing else of the project's is installed.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from machine import peak_memory_gb

SETTLING_SECONDS = 0.2
"""Threads that spin for a moment after their work are asleep by then."""


class ChildFailed(Exception):
    """A process ended before its turn was over; the message has its last words."""


class Child:
    """A process that waits for its turns, on these cores or on all.

    Attributes:
        about: what it told of itself when it was ready.
        seconds_to_start: from its start to that moment.
        idle_seconds: processor time that it used between its turns, which should be none; 0 without /proc.

    Raises:
        ChildFailed: it ended before it was ready.
    """

    def __init__(self, command: Sequence[str], *, cores: set[int] | None = None) -> None:
        started = time.perf_counter()
        self._process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=partial(os.sched_setaffinity, 0, cores) if cores else None,
        )
        try:
            self.about = self._answer()
        except BaseException:
            self.end()
            raise
        self.seconds_to_start = time.perf_counter() - started
        self.idle_seconds, self._used = 0.0, self._cpu_seconds()

    def turn(self, steps: int) -> dict[str, Any]:
        """What it tells of a turn of so many steps: `seconds`, `peak_gb` and more."""
        assert self._process.stdin is not None
        self.idle_seconds += self._cpu_seconds() - self._used
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._answer()
        time.sleep(SETTLING_SECONDS)
        self._used = self._cpu_seconds()
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _cpu_seconds(self) -> float:
        """Processor time of all its threads since it was started."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                return dict(json.loads(line))
        words = self._process.stderr.read().strip()[-2000:]
        raise ChildFailed(f"{' '.join(map(str, self._process.args))} ended with status {self._process.wait()}\n{words}")


def requests(told: dict[str, Any], **about: Any) -> Iterator[int]:
    """In a child that has warmed up: say so, and for each turn the number of steps; asked on, the turn is over.

    What is in `told` by then is told with it.
    """
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        yield int(line)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "peak_gb": peak_memory_gb(), **told}), flush=True)


def serve(turn: Callable[[int], dict[str, Any] | None], **about: Any) -> None:
    """The same for a child that does a turn in one call, and may tell more of it."""
    told: dict[str, Any] = {}
    for steps in requests(told, **about):
        told.update(turn(steps) or {})


@contextmanager
def ended(children: dict[Any, Child]) -> Iterator[dict[Any, Child]]:
    """Whatever happens, no child is left behind."""
    try:
        yield children
    finally:
        for child in children.values():
            child.end()


def steps_for(child: Child, seconds: float, *, tried: int = 10) -> int:
    """How many steps of a child last about so long, by a turn that is not counted."""
    return max(2, round(seconds * tried / child.turn(tried)["seconds"]))


class Spread(NamedTuple):
    """The median of some turns, and the least and the most of them."""

    median: float
    least: float
    most: float

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.least:{spec}} to {self.most:{spec}})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Of the ratios of single turns, since what was measured side by side had the same machine."""
    return spread([one / other for one, other in zip(above, below, strict=True)])


def core_sets() -> dict[str, set[int] | None]:
    """`one` core and `all` of them, or only one of the two where there is one core or no way to choose it."""
    if not hasattr(os, "sched_getaffinity"):
        return {"all": None}
    usable = os.sched_getaffinity(0)
    return {"one": {max(usable)}} | ({"all": None} if len(usable) > 1 else {})
