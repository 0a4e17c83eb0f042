"""Slurm's variables as its documentation has them, in the words of TF_CONFIG."""

import json

import pytest

from gan import slurm


def step(hosts: str, per_host: str, own: int, processes: int, **more: str) -> dict[str, str]:
    return {
        "SLURM_STEP_NUM_TASKS": str(processes),
        "SLURM_STEP_NODELIST": hosts,
        "SLURM_STEP_TASKS_PER_NODE": per_host,
        "SLURM_PROCID": str(own),
        **more,
    }


@pytest.mark.parametrize(
    ("hosts", "per_host", "expected"),
    [
        ("n9,n10", "1(x2)", ["n9:20007", "n10:20007"]),  # Not in the order of text, which would mix up the two.
        ("n[9-10]", "1(x2)", ["n9:20007", "n10:20007"]),
        ("n[08-10,12],gpu1", "1(x5)", ["n08:20007", "n09:20007", "n10:20007", "n12:20007", "gpu1:20007"]),
        ("n[1-2]", "2,1", ["n1:20007", "n1:20008", "n2:20007"]),
        ("rack[1-2]-n[3-4]", "1(x4)", ["rack1-n3:20007", "rack1-n4:20007", "rack2-n3:20007", "rack2-n4:20007"]),
        ("n[1-2]-ib,m.example.org", "1(x3)", ["n1-ib:20007", "n2-ib:20007", "m.example.org:20007"]),
        ("localhost", "2", ["localhost:20007", "localhost:20008"]),
    ],
)
def test_workers_are_named_in_the_order_of_their_numbers(hosts, per_host, expected):
    for index in range(len(expected)):
        environment = step(hosts, per_host, index, len(expected), SLURM_JOB_ID="1230007")
        slurm.name_the_workers(environment)
        assert json.loads(environment["TF_CONFIG"]) == {
            "cluster": {"worker": expected},
            "task": {"type": "worker", "index": index},
        }


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "SLURM_PROCID": "0",
            "SLURM_NTASKS": "2",
            "SLURM_JOB_NODELIST": "n[1-2]",
        },
        step("n1", "1", 0, 1),
        step("n[1-2]", "1(x2)", 0, 2, TF_CONFIG="{}"),
    ],
    ids=["no Slurm", "a batch script, outside of a step", "one process", "TF_CONFIG is set"],
)
def test_else_nothing_is_said(environment):
    before = environment.copy()
    slurm.name_the_workers(environment)
    assert environment == before


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_STEP_NUM_TASKS": "2"},
        step("n[1-2]", "1(x2)", 0, 3),
        step("n[1-2]", "2", 0, 2),
        step("n[1-2]", "1(x2)", 2, 2),
        step("n[1-", "1(x2)", 0, 2),
        step("n[a-b]", "1(x2)", 0, 2),
        step("", "1(x2)", 0, 2),
        step("n[1-2]", "two", 0, 2),
    ],
)
def test_other_variables_are_refused(environment):
    with pytest.raises(ValueError, match=r"^Slurm says SLURM_STEP_NUM_TASKS=.*: start by srun, or set TF_CONFIG$"):
        slurm.name_the_workers(environment)
    assert "TF_CONFIG" not in environment
