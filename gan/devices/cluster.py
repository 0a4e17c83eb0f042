"""One run on many machines: the processes that `TF_CONFIG` names, of which the chief alone writes and prints.

The form of `TF_CONFIG` is TensorFlow's, which Kubeflow, Vertex AI and Ray set: a cluster of `worker` addresses, perhaps
a `chief`, and which task this process is. Under Slurm it is made from what `srun` says. All read one data set and one
save directory.

    place = find_place(os.environ)  # before TensorFlow starts
    with member(place):
        train_gan(config, options, place)
"""

import json
import os
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from gan.devices.slurm import name_the_workers
from gan.errors import UserError

VARIABLE = "TF_CONFIG"


class Place(NamedTuple):
    """The number of worker processes, and whether this is the one that writes."""

    workers: int
    is_chief: bool


ALONE = Place(1, is_chief=True)


def find_place(environment: MutableMapping[str, str]) -> Place:
    """This process among the workers; one alone is the chief. Sets `TF_CONFIG` under Slurm.

    Raises:
        UserError: `TF_CONFIG` is not of TensorFlow's form, or Slurm's variables are not as expected.
    """
    name_the_workers(environment)
    text = environment.get(VARIABLE)
    if not text:
        return ALONE
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
def member(place: Place) -> Iterator[None]:
    """Let only the chief print to standard output, and tell of another worker's end in one line.

    Raises:
        UserError: another worker was lost.
    """
    import tensorflow as tf

    with ExitStack() as stack:
        if not place.is_chief:
            stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))))
        try:
            yield
        except tf.errors.OpError as error:
            lost = isinstance(error, tf.errors.UnavailableError) or "ollective" in error.message
            if place.workers == 1 or not lost:
                raise
            raise UserError(
                "another worker was lost; checkpoints are intact: start all workers again, with --resume"
            ) from error
