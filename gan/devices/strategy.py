"""One run on any number of replicas: which devices, each one's slice, and sums over all.

Every replica computes on its slice of the *global* batch; losses are divided by the global batch size, so summed
gradients are those of the global mean, and a run is the same run on one replica or eight.
"""

import hashlib
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import tensorflow as tf

from gan.devices.cluster import ALONE, Place, wait_for_others
from gan.errors import UserError

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def make_strategy(devices: str | None, place: Place = ALONE) -> tf.distribute.Strategy:
    """`MirroredStrategy` over these devices; by default over all visible GPUs, or the CPU where there is none.

    Where `TF_CONFIG` names several workers, `MultiWorkerMirroredStrategy` over the devices of all.

    The same one at every call: two in one process would mix up each other's reductions.

    Args:
        devices: `cpu`, `cpu:N`, or indices of visible GPUs, such as `0,1`; None for the default.
        place: of this process among the workers.

    Raises:
        UserError: there is no such device, or both are given.
    """
    return _make_strategy(devices, place)


@cache
def _make_strategy(devices: str | None, place: Place) -> tf.distribute.Strategy:
    if place.workers > 1:
        if devices is not None:
            raise UserError(f"--devices is {devices}, but TF_CONFIG is set; choose GPUs by CUDA_VISIBLE_DEVICES")
        wait_for_others(place)
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices is not None:
        return tf.distribute.MirroredStrategy(_names(devices))
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    if NVIDIA_DRIVER.exists() and "CUDA_VISIBLE_DEVICES" not in os.environ:
        print(
            "warning: there is an NVIDIA driver, but TensorFlow finds no GPU and the CPU is used; "
            "install its CUDA libraries (see docs/install.md), or look for the reason with TF_CPP_MIN_LOG_LEVEL=0",
            file=sys.stderr,
        )
    return tf.distribute.MirroredStrategy(["CPU:0"])


def _names(devices: str) -> list[str]:
    """TensorFlow's names of devices, such as `GPU:0`, which is the first of the GPUs that are visible to it."""
    if devices.startswith("cpu"):
        wanted = [f"CPU:{index}" for index in range(int(devices.removeprefix("cpu").removeprefix(":") or 1))]
    else:
        wanted = [f"GPU:{int(index)}" for index in devices.split(",")]
    gpus, visible = tf.config.list_physical_devices("GPU"), tf.config.get_visible_devices("GPU")
    there = {f"GPU:{index}": f"GPU:{visible.index(gpu)}" for index, gpu in enumerate(gpus) if gpu in visible}
    there |= {f"CPU:{index}": f"CPU:{index}" for index in range(len(tf.config.list_logical_devices("CPU")))}
    missing = [name for name in wanted if name not in there]
    if missing or len(set(wanted)) < len(wanted):
        problem = f"there is no {missing[0]}" if missing else "a device is named twice"
        expected = (
            f"each once, of {','.join(map(str, range(len(gpus))))}"
            if gpus
            else "cpu or cpu:N, as TensorFlow finds no GPU"
        )
        raise UserError(f"--devices {devices}: {problem}; expected {expected}")
    return [there[name] for name in wanted]


def check_divisible(batch_size: int, replicas: int, key: str, *, group: int = 1) -> None:
    """Raise `UserError` if the global batch does not split evenly over the replicas, in whole groups of images."""
    unit = replicas * group
    if batch_size % unit:
        lower = batch_size // unit * unit
        choices = f"{lower} or {lower + unit}" if lower else f"{unit}"
        divisors = f"{replicas} replicas"
        if group > 1:
            divisors = f"groups of {group} images, at which the critic looks together, on each of {divisors}"
        raise UserError(f"{key} is {batch_size}, which {divisors} do not divide; use {choices}")


def check_compilable(jit_compile: bool, replicas: int) -> None:
    """Raise `UserError` if a step is to be compiled for several replicas."""
    if jit_compile and replicas > 1:
        raise UserError(
            f"jit_compile is true, but there are {replicas} replicas; expected one: choose it by --devices or "
            "CUDA_VISIBLE_DEVICES, or leave jit_compile out"
        )


def replica_slice(values: tf.Tensor) -> tf.Tensor:
    """This replica's part of a global batch: (B, ...) -> (B / replicas, ...). Call in a replica function."""
    context = tf.distribute.get_replica_context()
    count = values.shape[0] // context.num_replicas_in_sync
    start = context.replica_id_in_sync_group * count
    part = values[start : start + count]
    part.set_shape([count, *values.shape[1:]])
    return part


def sum_over_replicas(values: Any) -> Any:
    """The sum over all replicas of a list or dict of tensors, known to each. Call in a replica function."""
    context = tf.distribute.get_replica_context()
    flat = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.nest.flatten(values))
    return tf.nest.pack_sequence_as(values, flat)


def first_replica(values: Any) -> Any:
    """Replica 0's value of everything that a replica function returned."""

    def first(value: Any) -> Any:
        return value.values[0] if isinstance(value, tf.distribute.DistributedValues) else value

    return tf.nest.map_structure(first, values)


@cache
def _summed(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function of a worker's value: the sum over all replicas, each of whose is its worker's."""

    @tf.function
    def total(own: tf.Tensor) -> tf.Tensor:
        def share(value: tf.Tensor) -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value))

        return strategy.experimental_local_results(strategy.run(share, (own,)))[0]

    return total


def _sum(strategy: tf.distribute.Strategy, value: float) -> float:
    return float(_summed(strategy)(tf.constant(value, tf.float64)))


OTHER_RUNS = (
    "the workers differ in data, config, classifier or checkpoint; expected the same -c, and --data-path, "
    "--load-dir and --save-dir on disks that all of them share"
)


def check_agreement(strategy: tf.distribute.Strategy, place: Place, *facts: object, problem: str = OTHER_RUNS) -> None:
    """Check that all workers begin with the same.

    Raises:
        UserError: they do not; it says the problem.
    """
    if place.workers == 1:
        return
    digest = hashlib.sha256(repr(facts).encode()).digest()
    own = float(int.from_bytes(digest[:5], "big"))
    if _sum(strategy, own) != own * strategy.num_replicas_in_sync:
        raise UserError(problem)


def agreed_signal(strategy: tf.distribute.Strategy, place: Place, number: int | None) -> int | None:
    """The signal that ends a run, if one has come to any worker. All ask at the same step."""
    if place.workers == 1:
        return number
    stops = _sum(strategy, float(number is not None)) > 0
    return (number or int(signal.SIGTERM)) if stops else None
