#!/usr/bin/env python3
"""Where the time of a step goes: its kernels by TensorFlow's profiler, on one core and on all, in each precision.

    .venv/bin/python benchmarks/kernels.py                   # a minute or two

Prints a row for each kind of kernel: milliseconds per step and how many kernels that is. On several cores kernels run
side by side, so the sum of a column may be more than the step took.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from machine import device_name, today
from steps import ROOT, WARM_UP_STEPS, Measured, Setting, add_setting_flags
from turns import core_sets

STEPS = 16
KINDS = {
    "Conv2DBackpropInput": "convolutions: gradients of images",
    "Conv2DBackpropFilter": "convolutions: gradients of kernels",
    "FusedConv2D": "convolutions: forward, with bias and activation",
    "Conv2D": "convolutions: forward",
    "MatMul": "products of matrices",
    "Transpose": "transposes",
    "Cast": "casts",
    "LeakyReluGrad": "activations",
    "LeakyRelu": "activations",
    "ReluGrad": "activations",
    "Relu": "activations",
    "FusedBatchNorm": "batch norm",
    "ResourceApply": "Adam and the average",
    "Random": "random numbers",
}
"""By the beginning of a kernel's name; everything else is small arithmetic."""


def kind_of(kernel: str) -> str:
    name = kernel.removeprefix("_Mkl").removeprefix("Native").removeprefix("Stateless")
    return next((kind for start, kind in KINDS.items() if name.startswith(start)), "small arithmetic and bookkeeping")


def measured_here(setting: Setting) -> dict[str, Any]:
    """Seconds per step, and of each kind of kernel: seconds and number per step."""
    sys.path.insert(0, str(ROOT))
    from gan.starting import import_tensorflow

    import_tensorflow()
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    measured = Measured(setting)
    for _ in range(3):
        measured.turn(WARM_UP_STEPS, steps_per_call=WARM_UP_STEPS)
    with tempfile.TemporaryDirectory() as directory:
        with tf.profiler.experimental.Profile(directory):
            started = time.perf_counter()
            measured.turn(STEPS, steps_per_call=STEPS)
            seconds = time.perf_counter() - started
        space = xplane_pb2.XSpace.FromString(next(Path(directory).rglob("*.xplane.pb")).read_bytes())
    kinds: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    for plane in space.planes:
        names = {key: each.name for key, each in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            node, colon, kernel = names[event.metadata_id].rpartition(":")
            whole = event.duration_ps / 1e12 > seconds / 2  # The loop, which all others are in.
            if not colon or not node or "::" in names[event.metadata_id] or whole:
                continue
            of_kind = kinds[kind_of(kernel.split("#")[0])]
            of_kind[0] += event.duration_ps / 1e12 / STEPS
            of_kind[1] += 1 / STEPS
    return {"step": seconds / STEPS, "kinds": kinds}


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_flags(flags)
    flags.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = vars(flags.parse_args())
    here = options.pop("here")
    setting = Setting(**options)
    if here:
        print(json.dumps(measured_here(setting)))
        return
    columns = list(product(("float32", "bfloat16"), core_sets()))
    found = []
    for precision, cores in columns:
        words = [sys.executable, __file__, "--here", *setting.flags(), "--precision", precision]
        chosen = core_sets()[cores]
        pinned = ["taskset", "-c", ",".join(map(str, chosen))] if chosen else []
        done = subprocess.run([*pinned, *words], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    kinds = sorted({kind for each in found for kind in each["kinds"]}, key=lambda kind: -_seconds(found[0], kind))
    print("| ms per step (kernels) | " + " | ".join(f"{precision}, {cores}" for precision, cores in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for kind in kinds:
        cells = (f"{1e3 * _seconds(each, kind):.1f} ({each['kinds'].get(kind, [0, 0])[1]:.0f})" for each in found)
        print(f"| {kind} | " + " | ".join(cells) + " |")
    print("| **the step** | " + " | ".join(f"**{1e3 * each['step']:.1f}**" for each in found) + " |")
    print(
        f"\n{device_name()}, {today()}; {setting.side}x{setting.side} pixels, width {setting.width}, "
        f"batch {setting.batch}"
    )


def _seconds(found: dict[str, Any], kind: str) -> float:
    return float(found["kinds"].get(kind, [0.0, 0.0])[0])


if __name__ == "__main__":
    main()
