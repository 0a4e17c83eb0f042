"""Which numbers networks compute in: float32, or 16 bits with float32 variables.

bfloat16 has float32's range and needs no care. float16 has more digits and less range: losses are scaled up before they
are differentiated, see `gan.training.guard`.

    precision = choose(config.mixed_precision, strategy)
    generator = Generator(spec, config, dtype=precision.policy)
"""

import re
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

CPU_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""What processors that compute in bfloat16 say of themselves, x86's and ARM's."""

CPUINFO = Path("/proc/cpuinfo")


class Precision(NamedTuple):
    """A Keras dtype policy, and why it was chosen."""

    policy: str
    reason: str

    def __str__(self) -> str:
        name = self.policy.removeprefix("mixed_")
        return f"computing in {name}{' with float32 variables' if name != self.policy else ''}: {self.reason}"


def choose(mixed_precision: bool | str, strategy: tf.distribute.Strategy) -> Precision:
    """What `config.mixed_precision` comes to on the devices of a strategy.

    True is bfloat16 where every device computes in it: TPUs, GPUs of compute capability 8.0 or higher, CPUs with such
    instructions; else float16.
    """
    if isinstance(mixed_precision, str):
        return Precision(f"mixed_{mixed_precision}", "as mixed_precision says")
    if not mixed_precision:
        return Precision("float32", "mixed_precision is false")
    found = {_bfloat16(device) for device in strategy.extended.worker_devices}
    lacking = sorted(reason for able, reason in found if not able)
    reason = ", ".join(lacking or sorted(reason for _, reason in found))
    return Precision("mixed_float16" if lacking else "mixed_bfloat16", reason)


def _bfloat16(name: str) -> tuple[bool, str]:
    """Whether a device computes in bfloat16, and by what one can tell."""
    device = tf.DeviceSpec.from_string(name)
    if device.device_type == "TPU":
        return True, "a TPU does"
    if device.device_type == "GPU":
        gpu = tf.config.get_visible_devices("GPU")[device.device_index]
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        return capability >= (8, 0), f"a GPU of compute capability {capability[0]}.{capability[1]}; bfloat16 wants 8.0"
    text = CPUINFO.read_text() if CPUINFO.exists() else ""
    flags = {flag for line in re.findall(r"(?m)^(?:flags|Features)\s*:(.*)", text) for flag in line.split()}
    able_by = next((flag for flag in CPU_FLAGS if flag in flags), None)
    return (True, f"the CPU has {able_by}") if able_by else (False, "the CPU has no bfloat16 instructions")
