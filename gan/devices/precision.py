"""Which numbers networks compute in: float32, or 16 bits with float32 variables.

bfloat16 has float32's range and needs no care. float16 has more digits and less range: losses are scaled up before they
are differentiated, see `gan.training.step`.

    precision = choose(config.mixed_precision, strategy)
    generator = Generator(spec, config, dtype=precision.policy)
"""

import re
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

CPU_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""What processors that compute in bfloat16 say of themselves, x86's and ARM's."""

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
"""From what every device computes in to what few do: the first one that a device needs is that of all."""

CPUINFO = Path("/proc/cpuinfo")

LEAST_GAIN = 1.2
"""How many times float32's rate bfloat16's must be. CPUs come at 0.5, where the instructions are slow ones, or at 2."""


class Precision(NamedTuple):
    """A Keras dtype policy, and why it was chosen."""

    policy: str
    reason: str

    def __str__(self) -> str:
        name = self.policy.removeprefix("mixed_")
        return f"computing in {name}{' with float32 variables' if name != self.policy else ''}: {self.reason}"


def choose(mixed_precision: bool | str, strategy: tf.distribute.Strategy) -> Precision:
    """What `config.mixed_precision` comes to on the devices of a strategy.

    True is bfloat16 where every device gains by it: GPUs of compute capability 8.0 or higher, CPUs with such
    instructions, if these are fast. Else it is float16 on GPUs, and float32 on CPUs, which are many times slower in
    float16.
    """
    if isinstance(mixed_precision, str):
        return Precision(f"mixed_{mixed_precision}", "as mixed_precision says")
    if not mixed_precision:
        return Precision("float32", "mixed_precision is false")
    found = {_fitting(device) for device in strategy.extended.worker_devices}
    policy = min((each.policy for each in found), key=POLICIES.index)
    return Precision(policy, ", ".join(sorted(each.reason for each in found if each.policy == policy)))


def _fitting(name: str) -> Precision:
    """The 16 bits that a device computes in, else float32, and how one can tell."""
    device = tf.DeviceSpec.from_string(name)
    if device.device_type == "GPU":
        gpu = tf.config.get_visible_devices("GPU")[device.device_index]
        major, minor = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        policy = "mixed_bfloat16" if (major, minor) >= (8, 0) else "mixed_float16"
        return Precision(policy, f"a GPU of compute capability {major}.{minor}; bfloat16 wants 8.0")
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = {flag for line in re.findall(r"(?m)^(?:flags|Features)\s*:(.*)", text) for flag in line.split()}
    able_by = next((flag for flag in CPU_FLAGS if flag in flags), None)
    if able_by is None:
        return Precision("float32", "the CPU tells of no bfloat16 instructions, without which 16 bits are slower")
    gain = bfloat16_gain()
    if gain < LEAST_GAIN:
        return Precision("float32", f"the CPU has {able_by}, and multiplies at {gain:.1f} times float32's rate with it")
    return Precision("mixed_bfloat16", f"the CPU has {able_by}")


@cache
def bfloat16_gain() -> float:
    """The rate at which the CPU multiplies matrices in bfloat16, over that in float32; it takes a fifth of a second."""
    seconds = {tf.float32: float("inf"), tf.bfloat16: float("inf")}
    with tf.device("CPU:0"):
        for _ in range(4):
            for kind in seconds:
                matrix = tf.ones((1024, 1024), kind)
                started = time.perf_counter()
                tf.linalg.matmul(matrix, matrix)
                seconds[kind] = min(seconds[kind], time.perf_counter() - started)
    return seconds[tf.float32] / seconds[tf.bfloat16]
