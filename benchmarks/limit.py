#!/usr/bin/env python3
"""How near the step comes to what the processor can do: its operations a second, over those of a product of matrices.

    .venv/bin/python benchmarks/limit.py               # about 2 minutes on two cores

Prints the operations of one step per image, by a formula from the networks' shapes and by kind from the traced graph,
and where the two differ. Then, in float32 and bfloat16, on one core and on all: images/s, the rate at which the same
process multiplies two matrices of 2048 x 2048, and the fraction: images/s times operations of the formula per image,
over that rate. Only products and convolutions count, taps on padding with them (operations.py), so the time that batch
norm, activations, Adam and copies take is missing from the fraction. Turns alternate as in speed.py.
"""

import argparse
import statistics
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

from machine import device_name, today
from operations import KINDS, of_function, reference
from steps import ROOT, WARM_UP_STEPS, Measured, Setting, add_setting_flags
from turns import Child, core_sets, ended, ratio, serve, spread, steps_for

SIDE = 2048
PRODUCT_OPERATIONS = 2 * SIDE**3
PRODUCTS_IN_A_TURN = 5


def measured_here(setting: Setting) -> None:
    """As a child: steps in a turn above 0, and the rate of a product in a turn of 0."""
    sys.path.insert(0, str(ROOT))
    from gan.starting import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    measured = Measured(setting)
    measured.turn(WARM_UP_STEPS)
    matrices = [tf.cast(tf.random.stateless_normal((SIDE, SIDE), (0, seed)), setting.precision) for seed in (1, 2)]
    multiply = tf.function(lambda one, other: tf.reduce_max(tf.abs(one @ other)))
    float(multiply(*matrices))

    def rate() -> float:
        """Operations a second of the fastest of a few products."""
        seconds = []
        for _ in range(PRODUCTS_IN_A_TURN):
            started = time.perf_counter()
            float(multiply(*matrices))
            seconds.append(time.perf_counter() - started)
        return PRODUCT_OPERATIONS / min(seconds)

    def turn(steps: int) -> dict[str, Any] | None:
        return {"rate": rate()} if steps == 0 else measured.turn(steps)

    by_kind = of_function(measured.trainer.traced.get_concrete_function())
    per_image = {kind: count / setting.batch for kind, count in by_kind.items()}
    formula = reference(setting.spec(), setting.config())
    serve(turn, graph=per_image, formula=formula._asdict(), total=formula.total)


def tell_operations(about: dict[str, Any]) -> None:
    """The table of operations per image, and the difference."""
    total, graph = about["total"], about["graph"]
    print("| operations per image | million |\n|---|---|")
    for part, count in about["formula"].items():
        print(f"| formula: {part.replace('_', ' ')} | {count / 1e6:.2f} |")
    print(f"| **formula, all** | **{total / 1e6:.2f}** |")
    for kind in KINDS:
        print(f"| graph: {kind} | {graph.get(kind, 0) / 1e6:.2f} |")
    found = sum(graph.values())
    print(f"| **graph, all** | **{found / 1e6:.2f}** |")
    print(f"\nThe graph computes {found / total - 1:+.1%} of what the formula says the step needs.\n")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_flags(flags)
    flags.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    flags.add_argument("--cores", nargs="+", default=list(core_sets()), choices=list(core_sets()))
    flags.add_argument("--turns", type=int, default=5)
    flags.add_argument("--seconds", type=float, default=1.2, help="of each turn, about")
    flags.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = vars(flags.parse_args())
    precisions, cores, turns, seconds, here = (
        options.pop(name) for name in ("precisions", "cores", "turns", "seconds", "here")
    )
    setting = Setting(**options)
    if here:
        measured_here(setting)
        return
    children: dict[tuple[str, str], Child] = {}
    told: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with ended(children):
        for name in product(precisions, cores):
            words = [sys.executable, str(Path(__file__)), "--here", *setting.flags(), "--precision", name[0]]
            children[name] = Child(words, cores=core_sets()[name[1]])
        steps = {name: steps_for(child, seconds) for name, child in children.items()}
        for _, (name, child) in product(range(turns), children.items()):
            rate = child.turn(0)["rate"]
            speed = steps[name] * setting.batch / child.turn(steps[name])["seconds"]
            told.setdefault(name, []).append((speed, rate))
        about = next(iter(children.values())).about
    tell_operations(about)
    print("| precision | cores | images/s (least to most) | GFLOP/s of the step | of a product | fraction |")
    print("|---|---|---|---|---|---|")
    for name, found in told.items():
        speeds, rates = zip(*found, strict=True)
        reached = [speed * about["total"] for speed in speeds]
        print(
            f"| {' | '.join(name)} | {spread(speeds):,.0f} | {statistics.median(reached) / 1e9:.1f} "
            f"| {statistics.median(rates) / 1e9:.1f} | {ratio(reached, rates):.2f} |"
        )
    print(
        f"\n{device_name()}, {today()}; {setting.side}x{setting.side} pixels, width {setting.width}, batch "
        f"{setting.batch}, {turns} turns of about {seconds:g} s"
    )


if __name__ == "__main__":
    main()
