"""A signal to end as an exception, so that what was being written is cleared away as after Ctrl-C.

with ended_by_signal():
    ...
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)
"""Ctrl-C, `kill`, a connection or a terminal that is lost, and a limit of CPU time that is near."""


class Ended(KeyboardInterrupt):
    """A process was told to end. `status` is what it ends with: 128 + the signal's number."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Let signals raise `Ended`, but those that are ignored or that others hear; and none outside of the main thread.

    Further ones are ignored, so that all can be cleared away. Of SIGINT Python itself makes a `KeyboardInterrupt`.
    """
    in_main = threading.current_thread() is threading.main_thread()
    heard = [each for each in STOPPING if in_main and signal.getsignal(each) == signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        for each in heard:
            signal.signal(each, signal.SIG_IGN)
        raise Ended("told to end", number)

    for each in heard:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in heard:
            signal.signal(each, signal.SIG_DFL)
