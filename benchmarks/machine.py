"""What the benchmarks say about where and when they ran."""

import datetime
import os
import platform
import re
import resource
import sys
from pathlib import Path


def device_name() -> str:
    """Names of the GPUs, or the processor's with its number of usable cores and its bfloat16 instructions."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from gan.starting import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join(gpus) if gpus else processor_name()


def processor_name() -> str:
    """Such as `Some CPU, 2 cores (avx512_bf16)`."""
    name, flags = platform.processor() or platform.machine(), set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        if found := re.search(r"model name\s*: (.+)", text):
            name = found[1]
        if found := re.search(r"flags\s*: (.+)", text):
            flags = {"avx512_bf16", "amx_bf16"} & set(found[1].split())
    suffix = f" ({', '.join(sorted(flags))})" if flags else " (no bfloat16 instructions)"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores{suffix}"


def today() -> str:
    """ISO 8601 date, UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def peak_memory_gb(pid: int | str = "self") -> float:
    """The largest resident size that a running process had since it became the program it is, in GB.

    Linux keeps `ru_maxrss` when a process becomes another program: a small child of a large parent would have the
    parent's. `VmHWM` begins anew.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        found = None
    if found:
        return int(found[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9 if pid == "self" else float("nan")


def children_peak_memory_gb() -> float:
    """The largest resident size of any finished child process, in GB (Linux counts in KiB, macOS in bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
