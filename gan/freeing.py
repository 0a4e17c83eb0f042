"""Memory that is in no use any more, given back to the system.

free_unused()    # between two parts of a long work
"""

import ctypes
import gc
import sys


def free_unused() -> None:
    """Collect garbage, and let the C library of Linux return what it keeps for later."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none.
        if trim is not None:
            trim(0)
