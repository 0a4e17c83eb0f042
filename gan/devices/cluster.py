"""One run on many machines: the processes that `TF_CONFIG` names, of which the chief alone writes and prints.

The form of `TF_CONFIG` is TensorFlow's, which Kubeflow, Vertex AI and Ray set: a cluster of `worker` addresses, perhaps
a `chief`, and which task this process is. All read one data set and one save directory.

    with workers.only_the_chief_prints():
        train_gan(config, options)
"""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from gan.errors import UserError

VARIABLE = "TF_CONFIG"


class Place(NamedTuple):
    """The number of worker processes, and whether this is the one that writes."""

    workers: int
    is_chief: bool


def place() -> Place:
    """This process among the workers; one alone is the chief.

    Raises:
        ValueError: `TF_CONFIG` is not of TensorFlow's form.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return Place(1, is_chief=True)
    try:
        values = json.loads(text)
        cluster, task = values["cluster"], values["task"]
        addresses = {kind: list(cluster.get(kind, [])) for kind in ("chief", "worker")}
        kind, index = task["type"], int(task["index"])
        addresses[kind][index]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"{VARIABLE} is {text!r}; expected such as "
            '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    first = "chief" if addresses["chief"] else "worker"
    return Place(sum(map(len, addresses.values())), is_chief=(kind, index) == (first, 0))


@contextmanager
def only_the_chief_prints() -> Iterator[None]:
    """Errors, which go to standard error, are every worker's."""
    if place().is_chief:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


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


def check_agreement(strategy: tf.distribute.Strategy, *facts: object) -> None:
    """See that all workers begin with the same.

    Raises:
        ValueError: they do not.
    """
    if place().workers == 1:
        return
    digest = hashlib.sha256(repr(facts).encode()).digest()
    own = float(int.from_bytes(digest[:5], "big"))
    if _sum(strategy, own) != own * strategy.num_replicas_in_sync:
        raise UserError(
            "the workers differ in data, config, classifier or checkpoint; expected the same -c, and --data-path, "
            "--load-dir and --save-dir on disks that all of them share"
        )


def agreed_signal(strategy: tf.distribute.Strategy, number: int | None) -> int | None:
    """The signal that ends a run, if one has come to any worker. All ask at the same step."""
    if place().workers == 1:
        return number
    stops = _sum(strategy, float(number is not None)) > 0
    return (number or int(signal.SIGTERM)) if stops else None


@contextmanager
def a_lost_worker_is_told() -> Iterator[None]:
    """Another worker's end as one line.

    Raises:
        ConnectionError: says how to go on.
    """
    try:
        yield
    except tf.errors.OpError as error:
        lost = isinstance(error, tf.errors.UnavailableError) or "ollective" in error.message
        if place().workers == 1 or not lost:
            raise
        raise UserError(
            "another worker was lost; checkpoints are intact: start all workers again, with --resume"
        ) from error
