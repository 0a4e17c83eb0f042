#!/usr/bin/env python3
"""Images a second of the GAN's step by precision, number of replicas and steps in a call, as ratios of one run.

    .venv/bin/python benchmarks/throughput.py                # a few minutes on two cores
    .venv/bin/python benchmarks/throughput.py --devices 0 1  # GPUs, one and both; or one only

All take turns, so that a slow spell of the machine hits each of them. On a CPU two replicas are two logical devices
that share its cores: nothing is gained, and the ratio says what it costs to keep them equal.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from machine import processor_name, today
from steps import Measured, Setting

BATCH = Setting().batch


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--devices", type=int, nargs="+", help="one or two GPUs (default: two logical CPU devices)")
    flags.add_argument("--turns", type=int, default=5)
    flags.add_argument("--steps", type=int, default=16, help="steps in a turn")
    flags.add_argument("--seed", type=int, default=0)
    options = flags.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from gan.starting import import_tensorflow

    import_tensorflow(devices=None if options.devices else "cpu:2")
    from gan.devices.strategy import make_strategy

    names = list(map(str, options.devices or []))
    chosen = {len(names[:count]): ",".join(names[:count]) for count in (1, 2)} if names else {1: "cpu", 2: "cpu:2"}
    runners: dict[tuple[str, int, int], Callable[[], None]] = {}
    for replicas, devices in chosen.items():
        strategy = make_strategy(devices)
        for precision in ("float32", "bfloat16"):
            measured = Measured(Setting(precision=precision, seed=options.seed), strategy)
            for steps_per_call in (1, options.steps):
                runners[precision, replicas, steps_per_call] = partial(
                    measured.turn, options.steps, steps_per_call=steps_per_call
                )
    for run in runners.values():
        run()
    speeds: dict[tuple[str, int, int], list[float]] = {key: [] for key in runners}
    for _ in range(options.turns):
        for key, run in runners.items():
            started = time.perf_counter()
            run()
            speeds[key].append(options.steps * BATCH / (time.perf_counter() - started))
    plain = statistics.median(speeds["float32", 1, 1])
    print("| precision | replicas | steps in a call | images/s | of the first row |")
    print("|---|---|---|---|---|")
    for (precision, replicas, steps_per_call), found in speeds.items():
        speed = statistics.median(found)
        print(f"| {precision} | {replicas} | {steps_per_call} | {speed:,.0f} | {speed / plain:.2f} |")
    where = f"GPUs {', '.join(names)}" if names else processor_name()
    print(
        f"{where}; {Setting().side}x{Setting().side} pixels, batch {BATCH}, median of {options.turns} turns of "
        f"{options.steps} steps, seed {options.seed}, {today()}"
    )


if __name__ == "__main__":
    main()
