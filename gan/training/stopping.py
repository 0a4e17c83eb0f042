"""Signals that end a run after its step, with a checkpoint; a second one ends it at once.

with signals_caught() as caught:
    ...
    if caught.number is not None:
        raise Stopped("saved", caught.number)
"""

import os
import signal
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from gan.ending import STOPPING, Ended


class Stopped(Ended):
    """A run was told to stop, and did so in good order."""


@dataclass
class Caught:
    """The signal that came, if one has."""

    number: int | None = None


@contextmanager
def signals_caught() -> Iterator[Caught]:
    """Note the first signal instead of ending; outside of the main thread, where Python gets none, note nothing."""
    caught = Caught()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    outputs = [descriptor for descriptor in (1, 2) if _may_go(descriptor)]

    def note(number: int, frame: FrameType | None) -> None:
        caught.number = number
        for each in before:
            signal.signal(each, end)
        if number == signal.SIGHUP:
            _silence(outputs)
        # Not by `print`, which may be what was interrupted; and there may be nobody to read it any more.
        with suppress(OSError):
            os.write(2, b"\nfinishing the step, then saving; a second signal ends the run at once\n")

    def end(number: int, frame: FrameType | None) -> None:
        raise Stopped("ended at once; what was trained since the last checkpoint is lost", number)

    # Under nohup, which has SIGHUP ignored, it stays so.
    heard = [each for each in STOPPING if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, note) for each in heard}
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _may_go(descriptor: int) -> bool:
    """Whether an output is a terminal, or a pipe to a program in one, which are gone after SIGHUP."""
    try:
        return os.isatty(descriptor) or stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _silence(outputs: Iterable[int]) -> None:
    """Let outputs lead nowhere: an error of printing must not keep a run from being saved."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in outputs:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
