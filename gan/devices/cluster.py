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
import re
import socket
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import NamedTuple

from gan.devices.slurm import name_the_workers
from gan.errors import UserError

VARIABLE = "TF_CONFIG"


KINDS = ("chief", "worker")
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'

FIRST_WORD, NEXT_WORD, SECONDS_BETWEEN_LOOKS = 10.0, 60.0, 0.2
"""Seconds of waiting for other workers until that is said, and said again; and how often it is looked for them."""


class Place(NamedTuple):
    """The number of worker processes, whether this is the one that writes, its address and those of the others."""

    workers: int
    is_chief: bool
    own: str = ""
    others: tuple[str, ...] = ()


ALONE = Place(1, is_chief=True)


def find_place(environment: MutableMapping[str, str]) -> Place:
    """This process among the workers; one alone is the chief.

    Sets `TF_CONFIG` under Slurm, and elsewhere to what TensorFlow reads. One that names no other process is removed:
    clouds set it for a single machine, too.

    Raises:
        UserError: `TF_CONFIG` is not of TensorFlow's form, or Slurm's variables are not as expected.
    """
    name_the_workers(environment)
    text = environment.get(VARIABLE)
    if not text:
        return ALONE
    try:
        kinds, (kind, index) = _read(text)
    except ValueError as error:
        raise UserError(f"{VARIABLE} is {text!r}: {error}; expected such as {EXAMPLE}") from None
    addresses = [address for each in KINDS for address in kinds.get(each, [])]
    if len(addresses) < 2:
        del environment[VARIABLE]
        return ALONE
    environment[VARIABLE] = json.dumps({"cluster": kinds, "task": {"type": kind, "index": index}})
    own = kinds[kind][index]
    return Place(len(addresses), own == addresses[0], own, tuple(each for each in addresses if each != own))


def _read(text: str) -> tuple[dict[str, list[str]], tuple[str, int]]:
    """The addresses by kind of process, without the kinds that have none, and which process this is.

    Raises:
        ValueError: says what is wrong.
    """
    try:
        values = json.loads(text)
    except ValueError:
        raise ValueError("that is not JSON") from None
    cluster = values.get("cluster", {}) if isinstance(values, dict) else None
    if not isinstance(cluster, dict):
        raise ValueError("there is no mapping of addresses")
    # The first process is called master by TensorFlow 1, and by clouds that go by it.
    kinds = {"chief" if kind == "master" else kind: addresses for kind, addresses in cluster.items() if addresses}
    for kind, addresses in kinds.items():
        if kind not in KINDS:
            raise ValueError(f"there are processes of the kind {kind!r}, where a run has a chief and workers")
        if not (isinstance(addresses, list) and all(isinstance(each, str) for each in addresses)):
            raise ValueError(f"the addresses of {kind} are no list of texts")
    found = [address for addresses in kinds.values() for address in addresses]
    if len(found) < 2:
        return kinds, ("worker", 0)
    if wrong := [address for address in found if not re.fullmatch(r".+:[0-9]{1,5}", address)]:
        raise ValueError(f"the address {wrong[0]!r} has no port")
    for address in found:
        host, _, port = address.rpartition(":")
        if not 1 <= int(port) <= 65_535:
            raise ValueError(f"the address {address!r} has the port {port}, where ports are 1 to 65535")
        try:
            host.encode("idna")
        except UnicodeError:
            raise ValueError(f"the address {address!r} has no name of a host") from None
    if len(set(found)) < len(found):
        raise ValueError("an address is there twice")
    task = values.get("task")
    task = task if isinstance(task, dict) else {}
    kind, index = str(task.get("type")).replace("master", "chief"), str(task.get("index"))
    if kind not in kinds:
        raise ValueError(f"this process is of the kind {kind}, of which there are no addresses")
    if not re.fullmatch("[0-9]{1,5}", index) or int(index) >= len(kinds[kind]):
        raise ValueError(f"this process has the index {index}, where {kind} has {len(kinds[kind])} from 0")
    return kinds, (kind, int(index))


def wait_for_others(place: Place, *, first: float = FIRST_WORD, following: float = NEXT_WORD) -> None:
    """Wait until every other worker has begun, and say from time to time which have not.

    TensorFlow waits, too, but it says nothing, and no signal ends that.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # Then TensorFlow will say what is wrong with the port.
            stack.enter_context(_listening(place.own))
        missing, told = list(place.others), time.monotonic() + first
        while missing := [address for address in missing if not _answers(address)]:
            if time.monotonic() > told:
                print(
                    f"waiting for {len(missing)} of {place.workers} workers: nothing answers at {', '.join(missing)}; "
                    "start the same command there",
                    file=sys.stderr,
                )
                told = time.monotonic() + following
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _listening(address: str) -> socket.socket:
    """A socket at the port of an address, at which the other workers see that this one has begun.

    Who connects is never accepted, so that TensorFlow finds the port free afterwards.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return socket.create_server(("", int(port)), family=family, reuse_port=True)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return True
    except OSError:
        return False


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
