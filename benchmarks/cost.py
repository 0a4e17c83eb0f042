#!/usr/bin/env python3
"""What a step costs in time and memory by image size, batch, width, classes and channels, one of them at a time.

    .venv/bin/python benchmarks/cost.py                # about 6 minutes on two cores
    .venv/bin/python benchmarks/cost.py --quick        # fewer values, about 3 minutes

Each row is a process of its own, which takes turns with one of the default setting: so the columns "of the default" are
medians over pairs of turns. Operations are those of the formula (operations.py). Where cost per operation is 1, time
grows as the arithmetic does. Below the table: by what power of the operations per image the time per image grows along
each axis, 1 where it is linear, and what a step costs apart from its images. Peak memory is that of the whole process.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from machine import device_name, today
from operations import reference
from steps import Setting
from turns import Child, core_sets, ended, ratio, steps_for

SCRIPT = Path(__file__).with_name("steps.py")
AXES = {
    "side": (16, 32, 64, 128),
    "batch": (16, 32, 64, 128, 256),
    "width": (16, 32, 64),
    "classes": (10, 100, 1000),
    "channels": (1, 3),
}
QUICK = {"side": (16, 32, 64), "batch": (16, 64, 256), "width": (16, 32), "classes": (10, 1000), "channels": (1, 3)}


class Cost(NamedTuple):
    """What one setting was measured at, beside the default."""

    setting: Setting
    seconds: float  # per step
    times_default: float  # time per image
    operations: float  # per image
    peak_gb: float

    @property
    def microseconds(self) -> float:
        """Per image."""
        return self.seconds / self.setting.batch * 1e6


def start(setting: Setting, cores: set[int] | None) -> Child:
    return Child([sys.executable, str(SCRIPT), *setting.flags()], cores=cores)


def measure(setting: Setting, default: Child, options: argparse.Namespace, usual: int) -> Cost:
    """Turns of a fresh process of this setting, each after one of the default's with so many steps."""
    base = Setting(precision=setting.precision)
    with ended({}) as children:
        children[setting] = own = start(setting, core_sets()[options.cores])
        steps = steps_for(own, options.seconds, tried=2)
        pairs = []
        for _ in range(options.turns):
            before = default.turn(usual)["seconds"] / (usual * base.batch)
            told = own.turn(steps)
            pairs.append((told["seconds"] / (steps * setting.batch), before))
    times, befores = zip(*pairs, strict=True)
    return Cost(
        setting,
        statistics.median(times) * setting.batch,
        ratio(times, befores).median,
        reference(setting.spec(), setting.config()).total,
        told["peak_gb"],
    )


def power(x: Sequence[float], y: Sequence[float]) -> float:
    """The k of y ~ x^k that fits best, by least squares of logarithms."""
    return statistics.linear_regression([math.log(each) for each in x], [math.log(each) for each in y]).slope


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--quick", action="store_true")
    flags.add_argument("--axes", nargs="+", default=list(AXES), choices=list(AXES))
    flags.add_argument("--precision", default="float32")
    flags.add_argument("--cores", default=list(core_sets())[-1], choices=list(core_sets()))
    flags.add_argument("--turns", type=int, help="of each row (default: 3, or 2 with --quick)")
    flags.add_argument("--seconds", type=float, default=1.0, help="of each turn, about; at least two steps")
    options = flags.parse_args()
    options.turns = options.turns or (2 if options.quick else 3)
    axes = {name: values for name, values in (QUICK if options.quick else AXES).items() if name in options.axes}
    base = Setting(precision=options.precision)
    costs: dict[tuple[str, int], Cost] = {}
    with ended({}) as children:
        children[base] = default = start(base, core_sets()[options.cores])
        usual = steps_for(default, options.seconds)
        same = measure(base, default, options, usual)
        for name, values in axes.items():
            for value in values:
                setting = replace(base, **{name: value})
                costs[name, value] = same if setting == base else measure(setting, default, options, usual)
                print(f"{name} {value} is done", file=sys.stderr, flush=True)
    print("| varied | value | ms a step | images/s | µs an image | MFLOP an image | time an image, of the default "
          "| time an operation, of the default | peak memory |\n" + "|---" * 9 + "|")  # fmt: skip
    for (name, value), cost in costs.items():
        images, of_operations = 1e6 / cost.microseconds, cost.operations / same.operations
        print(
            f"| {name} | {value} | {cost.seconds * 1e3:.1f} | {images:,.0f} | {cost.microseconds:,.0f} "
            f"| {cost.operations / 1e6:,.1f} | {cost.times_default:.2f} | {cost.times_default / of_operations:.2f} "
            f"| {cost.peak_gb:.2f} GB |"
        )
    print()
    for name in [name for name in ("side", "width") if name in axes]:
        found = [costs[name, value] for value in axes[name]]
        exponent = power([each.operations for each in found], [each.times_default for each in found])
        print(f"{name}: time an image grows as operations an image to the power {exponent:.2f}")
    if "batch" in axes:
        found = [costs["batch", value] for value in axes["batch"]]
        times = [each.times_default * each.setting.batch for each in found]  # of images of the default
        slope, fixed = statistics.linear_regression([each.setting.batch for each in found], times)
        print(
            f"batch: a step takes as long as {fixed / slope:.1f} images, and its images; so at a batch of "
            f"{max(fixed, 0) / slope * 9:.0f} nine tenths of the time is the images'"
        )
    print(
        f"\n{device_name()}, cores: {options.cores}, {options.precision}, {today()}; default: {base.side}x{base.side}, "
        f"batch {base.batch}, width {base.width}, {base.classes} classes, {base.channels} channel; "
        f"{options.turns} turns"
    )


if __name__ == "__main__":
    main()
