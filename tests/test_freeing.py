"""Memory that is given back to the system, in processes of their own: `VmRSS` of /proc is what they take."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TAKE = """
import ctypes, re
from pathlib import Path
from gan.freeing import free_unused, stay_small

def taken():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

def blocks(size, count):
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    found = [libc.malloc(size) for _ in range(count)]
    for each in found:
        ctypes.memset(each, 1, size)
    held = libc.malloc(100_000)  # Behind them: what lies before it is not given back by itself.
    for each in found:
        libc.free(each)
"""


def run(script: str) -> float:
    done = subprocess.run([sys.executable, "-c", TAKE + script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="the C library is not glibc"
)


@pytest.mark.parametrize(("after", "kept"), [("", True), ("free_unused()", False)])
def test_small_blocks_that_were_freed_go_back_when_asked(after, kept):
    """100 MB in blocks of 100 KB."""
    grown = run(f"start = taken()\nblocks(100_000, 1_000)\n{after}\nprint(taken() - start)")
    assert (grown > 50) is kept


@pytest.mark.parametrize(("before", "kept"), [("", True), ("stay_small()", False)])
def test_large_blocks_go_back_at_once(before, kept):
    """The library learns from the first block of 20 MB to keep those that are no larger: here, five of 16 MB."""
    script = f"{before}\nblocks(20_000_000, 1)\nstart = taken()\nblocks(16_000_000, 5)\nprint(taken() - start)"
    assert (run(script) > 50) is kept
