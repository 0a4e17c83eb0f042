"""Tell TensorFlow of the processes that one `srun` has started, in the words of `TF_CONFIG`.

Slurm says in the environment of each which hosts the step has, how many processes are on each, and which one this is.
TensorFlow's own resolver sorts hosts as text (n10 before n9), while Slurm numbers processes in the order of its list;
and it wants GPUs.

    name_the_workers(os.environ)
"""

import itertools
import json
import re
from collections.abc import Iterator, MutableMapping

from gan.errors import UserError

FIRST_PORT, PORTS, PORTS_PER_JOB = 20_000, 10_000, 50
"""Ports follow from the job's number, since jobs may share a host: those of 200 jobs in a row differ, with up to 50
processes per host. Those of steps of one job do not: run them on other hosts, or after each other."""

PROCESSES, HOSTS, PER_HOST, OWN = (
    f"SLURM_{name}" for name in ("STEP_NUM_TASKS", "STEP_NODELIST", "STEP_TASKS_PER_NODE", "PROCID")
)
HOST_NUMBER, NUMBER_ON_HOST = "SLURM_NODEID", "SLURM_LOCALID"


def name_the_workers(environment: MutableMapping[str, str]) -> None:
    """Set `TF_CONFIG` where a Slurm step has several processes, unless it is set.

    Processes are expected in blocks, the first host's first: `srun --distribution=block`, which is the default.

    Raises:
        UserError: Slurm's variables are not as expected.
    """
    if environment.get("TF_CONFIG") or environment.get(PROCESSES, "1") == "1":
        return
    try:
        hosts, counts = _hosts(environment[HOSTS]), _counts(environment[PER_HOST])
        port = FIRST_PORT + int(environment.get("SLURM_JOB_ID", "0")) * PORTS_PER_JOB % PORTS
        places = [(h, n) for h, count in zip(range(len(hosts)), counts, strict=True) for n in range(count)]
        index = int(environment[OWN])
        if len(places) != int(environment[PROCESSES]) or len(set(hosts)) < len(hosts) or not 0 <= index < len(places):
            raise ValueError
        host, number = places[index]
        own = int(environment.get(HOST_NUMBER, host)), int(environment.get(NUMBER_ON_HOST, number))
    except (KeyError, ValueError):
        found = ", ".join(f"{name}={environment.get(name)}" for name in (PROCESSES, HOSTS, PER_HOST, OWN))
        raise UserError(
            f"Slurm says {found}; expected the hosts and as many processes: start by srun, or set TF_CONFIG"
        ) from None
    if own != (host, number):
        raise UserError(
            f"process {index} of the step is number {own[1]} on host {own[0]}; expected number {number} on host {host}"
            ": start by srun --distribution=block"
        )
    workers = [f"{hosts[host]}:{port + number}" for host, number in places]
    environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


def _hosts(text: str) -> list[str]:
    """Hosts of Slurm's short form: `n[08-10,12],gpu1` are n08, n09, n10, n12 and gpu1."""
    if not re.fullmatch(r"([^][,\s]|\[[-0-9,]+\])+(,([^][,\s]|\[[-0-9,]+\])+)*", text):
        raise ValueError(text)
    parts = re.findall(r"(?:[^][,]|\[[^]]*\])+", text)
    return [
        "".join(pieces)
        for part in parts
        for pieces in itertools.product(*(_alternatives(piece) for piece in re.findall(r"\[[^]]*\]|[^][]+", part)))
    ]


def _alternatives(piece: str) -> list[str]:
    """What a piece of a host's name stands for: `[08-10,12]` for four numbers, any other for itself."""
    return list(_numbers(piece[1:-1])) if piece.startswith("[") else [piece]


def _numbers(text: str) -> Iterator[str]:
    """`08-10,12` -> 08, 09, 10, 12."""
    for numbers in text.split(","):
        first, _, last = numbers.partition("-")
        if int(last or first) < int(first):
            raise ValueError(text)
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _counts(text: str) -> list[int]:
    """`3(x2),1` -> 3, 3, 1."""
    found = [re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part) for part in text.split(",")]
    if not all(found):
        raise ValueError(text)
    return [int(match[1]) for match in found if match for _ in range(int(match[2] or 1))]
