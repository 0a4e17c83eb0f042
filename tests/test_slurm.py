"""Slurm's variables as its documentation has them, in the words of TF_CONFIG."""

import json

import pytest

from gan.devices import slurm


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
        ("n9,n10", "1(x2)", ["n9:20350", "n10:20350"]),  # Not in the order of text, which would mix up the two.
        ("n[9-10]", "1(x2)", ["n9:20350", "n10:20350"]),
        ("n[08-10,12],gpu1", "1(x5)", ["n08:20350", "n09:20350", "n10:20350", "n12:20350", "gpu1:20350"]),
        ("n[1-2]", "2,1", ["n1:20350", "n1:20351", "n2:20350"]),
        ("rack[1-2]-n[3-4]", "1(x4)", ["rack1-n3:20350", "rack1-n4:20350", "rack2-n3:20350", "rack2-n4:20350"]),
        ("n[1-2]-ib,m.example.org", "1(x3)", ["n1-ib:20350", "n2-ib:20350", "m.example.org:20350"]),
        ("localhost", "2", ["localhost:20350", "localhost:20351"]),
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
        step("n[1-2]", "1(x2)", -1, 2),
        step("n1,n1", "1(x2)", 0, 2),
        step("n1, n2", "1(x2)", 0, 2),
        step("n[2-1],x,y", "1(x2)", 0, 2),
        step("n[1-2]", "1(x2)", 0, 2) | {"SLURM_STEP_NUM_TASKS": "x"},
        step("n[1-2]", "1(x2)", 0, 2) | {"SLURM_STEP_NUM_TASKS": ""},
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


def test_processes_that_are_dealt_out_in_turns_are_refused():
    """Each would take the address of another."""
    dealt = step("n[1-2]", "2(x2)", 1, 4, SLURM_NODEID="1", SLURM_LOCALID="0")
    with pytest.raises(ValueError, match=r"expected number 1 on host 0: start by srun --distribution=block"):
        slurm.name_the_workers(dealt)
    slurm.name_the_workers(step("n[1-2]", "2(x2)", 1, 4, SLURM_NODEID="0", SLURM_LOCALID="1"))


def test_jobs_in_a_row_share_no_port():
    found = []
    for job in range(100, 200):
        environment = step("n1", "8", 0, 8, SLURM_JOB_ID=str(job))
        slurm.name_the_workers(environment)
        found += json.loads(environment["TF_CONFIG"])["cluster"]["worker"]
    assert len(set(found)) == 800
