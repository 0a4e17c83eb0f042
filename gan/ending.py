"""A signal to end as an exception, so that what was being written is cleared away as after Ctrl-C.

with ended_by_signal():
    ...
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(KeyboardInterrupt):
    """A process was told to end. `status` is what it ends with: 128 + the signal's number."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Let SIGTERM, as of `kill`, raise `Ended`; not where another has a say in it, nor outside of the main thread."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended("told to end", number)

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
