"""Memory that is in no use any more, given back to the system.

stay_small()     # once, at the start of a process
free_unused()    # between two parts of a long work

Both do what they can: only the C library of most Linux systems, glibc, can be told to.
"""

import ctypes
import gc
import sys

MMAP_THRESHOLD, ARENA_MAX = -3, -8
"""`M_MMAP_THRESHOLD` and `M_ARENA_MAX` of `mallopt`."""

LARGE = 1 << 20
"""Bytes."""


def stay_small() -> None:
    """Have blocks of a megabyte and more go back as soon as they are freed; else the library learns to keep them.

    And have all threads share one store of small blocks; else there are up to eight for each core.
    """
    if (mallopt := _function("mallopt")) is not None:
        mallopt(MMAP_THRESHOLD, LARGE)
        mallopt(ARENA_MAX, 1)


def free_unused() -> None:
    """Collect garbage, and have the library return what it keeps for later."""
    gc.collect()
    if (malloc_trim := _function("malloc_trim")) is not None:
        malloc_trim(0)


def _function(name: str) -> "ctypes._NamedFuncPointer | None":
    """Of the C library, where it has one of this name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
