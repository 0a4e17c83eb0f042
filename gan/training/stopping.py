"""Ctrl-C and SIGTERM end a run after its step, with a checkpoint; a second one ends it at once.

with signals_caught() as caught:
    ...
    if caught.number is not None:
        raise Stopped("saved", caught.number)
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A run was told to stop, and did so in good order. `status` is what its process ends with: 128 + the signal's."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number


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

    def note(number: int, frame: FrameType | None) -> None:
        caught.number = number
        for each in STOPPING:
            signal.signal(each, end)
        # Not by `print`, which may be what was interrupted; and there may be nobody to read it any more.
        with suppress(OSError):
            os.write(2, b"\nfinishing the step, then saving; a second signal ends the run at once\n")

    def end(number: int, frame: FrameType | None) -> None:
        raise Stopped("ended at once; what was trained since the last checkpoint is lost", number)

    before = {each: signal.signal(each, note) for each in STOPPING}
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
