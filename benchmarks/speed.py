#!/usr/bin/env python3
"""Speed of the step beside a PyTorch twin's and a plain Keras model's: 32x32 pixels, width 32, batch 64.

    .venv/bin/python benchmarks/speed.py                                       # about 3 minutes on two cores
    .venv/bin/python benchmarks/speed.py --torch-python torch-env/bin/python --starts 3
    python3 -m venv torch-env && torch-env/bin/pip install -r benchmarks/requirements-torch.txt     # once, for PyTorch
    .venv/bin/python benchmarks/speed.py --contestants ours eigen --precisions float32     # what oneDNN brings here

`ours` is the project's step as it is: one critic update with its penalty, one generator update, a moving average, and a
look at whether all is finite. `torch` is the same step in eager PyTorch (step_torch.py), `keras` a model with a
train_step as Keras's tutorials have it, without average and look (step_keras.py). All three have the same networks,
which is checked. `eigen` is ours without oneDNN, by the kernels that TensorFlow itself would take on a CPU with AVX2
alone. Each of them, in each precision, on one core and on all, is a process of its own. They take turns, one at
a time; a ratio is the median over turns of the ratio of two turns in one round. Prints tables and in how many of the
starts, each with fresh processes, a ratio reached its bound.
"""

import argparse
import os
import statistics
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

from machine import device_name, today
from steps import Setting
from turns import Child, ChildFailed, Spread, core_sets, ended, ratio, spread, steps_for

HERE = Path(__file__).parent
PRECISIONS = ("float32", "bfloat16")
BOUNDS = {"torch": 1.5, "keras": 1.0, "eigen": 1.0, "precision": 1.3, "cores": 1.75}
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
"""Lets the C library keep its memory, which makes PyTorch faster and leaves TensorFlow as it is."""


class Row(NamedTuple):
    """Who is measured, in what, on which cores."""

    name: str
    precision: str
    cores: str


class Compared(NamedTuple):
    """A ratio of two rows, and the bound that it should reach."""

    above: Row
    below: Row
    bound: str

    def __str__(self) -> str:
        if self.bound == "cores":
            return f"all cores / one core, {self.above.precision}"
        if self.bound == "precision":
            return f"bfloat16 / float32, cores: {self.above.cores}"
        return f"ours / {self.below.name}, {self.above.precision}, cores: {self.above.cores}"


def commands(options: argparse.Namespace) -> dict[str, list[str]]:
    """How each contestant is started, without its precision."""
    own = [*Setting().flags()]
    shared = [word for name in ("batch", "width") for word in (f"--{name}", str(getattr(Setting(), name)))]
    keep = ["env", *(f"{name}={value}" for name, value in ALLOCATOR.items())]
    found = {
        "ours": [sys.executable, str(HERE / "steps.py"), *own],
        "keras": [sys.executable, str(HERE / "step_keras.py"), *own],
        "eigen": ["env", "TF_ENABLE_ONEDNN_OPTS=0", sys.executable, str(HERE / "steps.py"), *own],
    }
    if options.torch_python:
        found["torch"] = [*keep, str(options.torch_python), str(HERE / "step_torch.py"), *shared]
        if options.compile:
            found["torch compiled"] = [*found["torch"], "--compile"]
    return {name: found[name] for name in found if name.split()[0] in options.contestants}


def start(rows: list[Row], options: argparse.Namespace, children: dict[Row, Child]) -> None:
    """Start one process after the other, each warm before the next begins; check that the networks are the same."""
    words, cores = commands(options), core_sets()
    for row in rows:
        try:
            child = Child([*words[row.name], "--precision", row.precision], cores=cores[row.cores])
        except ChildFailed as error:
            if row.name != "torch compiled":
                raise
            print(f"left out: {row}: {str(error).splitlines()[-1]}", file=sys.stderr)
            continue
        children[row] = child
        print(f"{row} is ready after {child.seconds_to_start:.0f} s: {child.about}", file=sys.stderr, flush=True)
    parameters = {str(child.about["parameters"]) for child in children.values()}
    assert len(parameters) == 1, f"the networks differ: {parameters}"


class Measured(NamedTuple):
    """Of one start: images a second of each turn, the processes' peak memory in GB, and what they used while idle."""

    speeds: dict[Row, list[float]]
    peaks: dict[Row, float]
    idle_seconds: float
    parameters: dict[str, int]


def measure(rows: list[Row], options: argparse.Namespace) -> Measured:
    """Start all, let them take turns, and end them."""
    batch = Setting().batch
    children: dict[Row, Child] = {}
    with ended(children):
        start(rows, options, children)
        steps = {row: steps_for(child, options.seconds) for row, child in children.items()}
        speeds: dict[Row, list[float]] = {row: [] for row in children}
        peaks = dict.fromkeys(children, 0.0)
        for _ in range(options.turns):
            for row, child in children.items():
                told = child.turn(steps[row])
                speeds[row].append(steps[row] * batch / told["seconds"])
                peaks[row] = told["peak_gb"]
        idle = sum(child.idle_seconds for child in children.values())
        return Measured(speeds, peaks, idle, next(iter(children.values())).about["parameters"])


def comparisons(rows: list[Row]) -> list[Compared]:
    """All ratios that these rows allow."""
    found = [
        Compared(row, row._replace(name=other), other.split()[0])
        for row in rows
        if row.name == "ours"
        for other in ("torch", "torch compiled", "keras", "eigen")
    ]
    ours = [row for row in rows if row.name == "ours"]
    found += [
        Compared(row, row._replace(precision="float32"), "precision") for row in ours if row.precision != "float32"
    ]
    found += [Compared(row, row._replace(cores="one"), "cores") for row in ours if row.cores != "one"]
    return [each for each in found if each.below in rows and each.below != each.above]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--torch-python", type=Path, help="the Python of an environment with PyTorch")
    flags.add_argument("--compile", action="store_true", help="also PyTorch with torch.compile; needs a C++ compiler")
    flags.add_argument("--contestants", nargs="+", default=["ours", "torch", "keras"], metavar="NAME")
    flags.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    flags.add_argument("--cores", nargs="+", default=list(core_sets()), choices=list(core_sets()))
    flags.add_argument("--turns", type=int, default=5)
    flags.add_argument("--seconds", type=float, default=1.2, help="of each turn, about")
    flags.add_argument("--starts", type=int, default=1, help="do it all so often, with fresh processes")
    flags.add_argument("--bound", nargs="+", default=[], metavar="NAME=RATIO", help=f"instead of {BOUNDS}")
    options = flags.parse_args()
    bounds = BOUNDS | {name: float(value) for name, _, value in (text.partition("=") for text in options.bound)}
    if unknown := set(bounds) - set(BOUNDS):
        flags.error(f"--bound {min(unknown)}: expected {', '.join(BOUNDS)}")
    if "torch" in options.contestants and not options.torch_python:
        requirements = HERE / "requirements-torch.txt"
        print(
            "torch is left out: no --torch-python. python3 -m venv torch-env, then torch-env/bin/pip install -r "
            f"{os.path.relpath(requirements)}, then --torch-python torch-env/bin/python"
        )
    asked = [Row(*each) for each in product(commands(options), options.precisions, options.cores)]

    starts = []
    for number in range(options.starts):
        starts.append(measure(asked, options))
        print(f"start {number + 1} of {options.starts} is done", file=sys.stderr, flush=True)
    rows = list(starts[0].speeds)
    print(f"parameters of all: {starts[0].parameters}\n")
    print("| step | precision | cores | images/s (least to most) | peak memory |\n|---|---|---|---|---|")
    for row in rows:
        speeds = spread([speed for found in starts for speed in found.speeds[row]])
        print(f"| {' | '.join(row)} | {speeds:,.0f} | {max(found.peaks[row] for found in starts):.2f} GB |")
    print("\n| ratio | median (least to most) | bound | starts that reach it |\n|---|---|---|---|")
    for each in comparisons(rows):
        ratios = [ratio(found.speeds[each.above], found.speeds[each.below]) for found in starts]
        bound = bounds[each.bound]
        held = sum(found.median >= bound for found in ratios)
        print(f"| {each} | {_over(ratios):.2f} | {bound:g} | {held} of {len(ratios)} |")
    print(
        f"\n{device_name()}, {today()}; batch {Setting().batch}, {options.turns} turns of about "
        f"{options.seconds:g} s in each of {options.starts} starts; processes used "
        f"{sum(found.idle_seconds for found in starts):.1f} s between their turns"
    )


def _over(ratios: list[Spread]) -> Spread:
    """The median of the starts' medians, and the least and the most of all turns."""
    return Spread(
        statistics.median(each.median for each in ratios),
        min(each.least for each in ratios),
        max(each.most for each in ratios),
    )


if __name__ == "__main__":
    main()
