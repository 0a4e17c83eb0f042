#!/usr/bin/env python3
"""What more replicas bring: the model of docs/scaling.md, with what it needs measured on this machine.

    .venv/bin/python benchmarks/scaling.py                     # two minutes; Linux, two cores or more
    .venv/bin/python benchmarks/scaling.py --compute-ms 4      # the same tables for a device whose step takes 4 ms

Two worker processes, each on a core of its own, make steps of the default GAN by themselves, at the same time; then
they train one over the loopback device, each with as many images a step as before. They also measure how long an
all-reduce of a number takes, and one of as many bytes as a step sends; from those the model says how long a step should
take.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import processor_name, today

ROOT = Path(__file__).parents[1]
BATCH, SIDE, STEPS = 64, 28, 16
LINKS = {
    "1 Gbit/s": (50e-6, 0.125e9),
    "10 Gbit/s": (30e-6, 1.25e9),
    "100 Gbit/s": (10e-6, 12.5e9),
    "NVLink": (5e-6, 200e9),
}
"""Seconds a message takes, and bytes a second."""


def all_reduces(crit_steps: int, norms: int) -> int:
    """All-reduces of a step: three a batch norm and forward pass, two a batch norm and backward pass, the gradients."""
    return (crit_steps + 1) * (3 * norms + 1) + 2 * norms


def step_seconds(compute: float, replicas: int, *, messages: int, size: float, link: tuple[float, float]) -> float:
    """A step of R replicas in a ring: 2 (R - 1) messages an all-reduce, which send 2 (R - 1) / R of the bytes."""
    latency, bandwidth = link
    return compute + 2 * (replicas - 1) * (messages * latency + size / bandwidth / replicas)


def worker(turns: int, seed: int) -> None:
    """Measure as one of the processes that TF_CONFIG names, and print what was found as JSON."""
    sys.path.insert(0, str(ROOT))
    from gan.starting import import_tensorflow

    import_tensorflow()
    import numpy as np
    import tensorflow as tf

    from gan.about import About
    from gan.config import Config
    from gan.data.batches import Batches
    from gan.data.dataset import Subset
    from gan.devices.strategy import make_strategy
    from gan.images import ImageSpec
    from gan.runs import make_trainer

    strategy = make_strategy(None)
    config = Config(seed=seed, gan_batch_size=BATCH * strategy.num_replicas_in_sync)
    spec = ImageSpec(SIDE, SIDE, 1, tuple("0123456789"))
    images = np.random.default_rng(seed).integers(0, 256, (512, *spec.shape), np.uint8)
    batches = Batches(
        Subset.of(images, np.arange(512, dtype=np.int32) % 10), batch_size=config.gan_batch_size, seed=seed
    )
    trainer = make_trainer(About("gan", 0, spec, config, data=""), strategy, total_steps=10_000)
    trained = [variable for model in trainer.models.values() for variable in model.trainable_variables]
    size = sum(4.0 * np.prod(variable.shape) for variable in trained)  # All are float32.

    @tf.function
    def reduced(value: tf.Tensor) -> tf.Tensor:
        def add(value: tf.Tensor) -> tf.Tensor:
            value = tf.identity(value)
            for _ in range(STEPS):
                value = 0.5 * tf.distribute.get_replica_context().all_reduce("sum", value)
            return value

        return strategy.experimental_local_results(strategy.run(add, (value,)))[0]

    def seconds(run: object, *args: object) -> float:
        found = []
        for _ in range(turns + 1):
            started = time.perf_counter()
            run(*args)  # type: ignore[operator]
            found.append((time.perf_counter() - started) / STEPS)
        return statistics.median(found[1:])

    found = {
        "step": seconds(lambda: float(trainer.run(0, batches.take(0, STEPS))["loss/critic"])),
        "number": seconds(lambda: reduced(tf.zeros(1)).numpy()),
        "gradients": seconds(lambda: reduced(tf.zeros(int(size) // 4)).numpy()),
        "size": size,
        "norms": len(trainer.networks.generator.norms),
    }
    print(json.dumps(found))


def measure(options: argparse.Namespace, *, together: bool) -> dict[str, float]:
    """What two processes found, each on a core of its own; the times of the first, whose step waits for the other's."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index, core in enumerate(sorted(os.sched_getaffinity(0))[:2]):
        cluster, own = (addresses, index) if together else ([addresses[index]], 0)
        task = {"cluster": {"worker": cluster}, "task": {"type": "worker", "index": own}}
        words = [sys.executable, __file__, "--worker", "--turns", str(options.turns), "--seed", str(options.seed)]
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": "-1"}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(process.pid, {core})
        processes.append(process)
    found = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit("a worker failed")
    result: dict[str, float] = json.loads(found[0].splitlines()[-1])
    return result


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--compute-ms", type=float, help="a replica's step alone (default: as measured)")
    flags.add_argument("--turns", type=int, default=10, help="of 16 steps each")
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = flags.parse_args()
    if options.worker:
        worker(options.turns, options.seed)
        return
    apart, together = measure(options, together=False), measure(options, together=True)
    size, messages = together["size"], all_reduces(1, int(together["norms"]))
    latency = together["number"] / 2
    bandwidth = size / max(together["gradients"] - together["number"], 1e-9)
    expected = step_seconds(apart["step"], 2, messages=messages, size=size, link=(latency, bandwidth))
    print(f"a step: {messages} all-reduces, {size / 1e6:.2f} MB of gradients a replica")
    print(f"loopback: {1e6 * latency:.0f} µs a message, {bandwidth / 1e9:.2f} GB/s")
    print(f"apart: {1e3 * apart['step']:.1f} ms a step")
    for name, seconds in (("measured", together["step"]), ("by the model", expected)):
        print(f"together, {name}: {1e3 * seconds:.1f} ms a step, efficiency {apart['step'] / seconds:.2f}")
    compute = options.compute_ms / 1e3 if options.compute_ms else apart["step"]
    print(f"\nefficiency by the model, {1e3 * compute:.1f} ms of compute a step\n")
    print("| replicas | " + " | ".join(LINKS) + " |")
    print("|---" * (len(LINKS) + 1) + "|")
    for replicas in (2, 4, 8, 16, 64):
        times = [step_seconds(compute, replicas, messages=messages, size=size, link=link) for link in LINKS.values()]
        print(f"| {replicas} | " + " | ".join(f"{compute / each:.2f}" for each in times) + " |")
    print(f"\n{processor_name()}; {SIDE}x{SIDE} pixels, {BATCH} images a replica, seed {options.seed}, {today()}")


if __name__ == "__main__":
    main()
