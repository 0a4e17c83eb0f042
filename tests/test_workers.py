"""Several processes on this machine train one GAN, as several machines would."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import tensorflow as tf
import yaml
from helpers import clean_environment, tiny_settings, write_idx

from gan.devices import cluster
from gan.errors import UserError

ROOT = Path(__file__).parents[1]
THREE = (3, False, "a:1", ("c:1", "b:1"))
SETTINGS = tiny_settings(gan_batch_size=12, gan_epochs=60, cls_epochs=1, fid_samples=40)


SRUN = """#!/usr/bin/env bash
# Stands in for Slurm's: two processes on this host. Stopped as at the end of the job's time, where STOP_AT is to be.
while [[ $1 == -* ]]; do shift; done
export SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=localhost SLURM_STEP_TASKS_PER_NODE=2
SLURM_PROCID=0 "$@" & first=$!
SLURM_PROCID=1 "$@" & second=$!
if [[ -n ${STOP_AT-} ]]; then
  until [[ -e $STOP_AT ]]; do kill -0 $first || exit 99; sleep 0.01; done
  kill -TERM $first $second
fi
wait $first; status=$?
wait $second && exit $status
"""


def environment(addresses: list[str], index: int) -> dict[str, str]:
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    own = {"TF_CONFIG": json.dumps(cluster), "CUDA_VISIBLE_DEVICES": "-1", "TF_GRPC_REUSE_PORT": "1"}
    return clean_environment() | own


def held_port() -> socket.socket:
    """A socket on a port that, as long as it is open, only a server that shares ports gets, as the workers' do."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("", 0))
    return held


def words(work: Path, *more: object) -> list[str]:
    places = ["--data-path", "data", "-c", "c.yaml", "--load-dir", "classifier", "--save-steps", 10]
    places += ["--save-dir", work.name, "--log-dir", f"{work.name}-logs", "--record-steps", 60, "--deterministic"]
    return [sys.executable, str(ROOT / "train.py"), *map(str, places), *map(str, more)]


def start(work: Path, count: int, *more: object, differ: tuple[object, ...] = ()) -> list[subprocess.Popen[str]]:
    """The processes, the chief first; `differ` is what the last one alone is told."""
    with ExitStack() as stack:
        ports = [stack.enter_context(held_port()) for _ in range(count)]
        addresses = [f"127.0.0.1:{port.getsockname()[1]}" for port in ports]
        return [
            subprocess.Popen(
                words(work, *more, *(differ if index == count - 1 else ())),
                cwd=work.parent,
                env=environment(addresses, index),
                pass_fds=[port.fileno() for port in ports],  # Held until all of them have ended.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for index in range(count)
        ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Status, output and errors of each."""
    found = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=200)
            found.append((process.returncode, out, err))
    finally:
        for process in processes:
            process.kill()
    return found


def weights(work: Path) -> bytes:
    return (max(work.glob("gan-*")) / "variables.data-00000-of-00001").read_bytes()


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("workers")
    write_idx(found / "data")
    (found / "c.yaml").write_text(yaml.safe_dump(SETTINGS))
    command = [sys.executable, str(ROOT / "classifier.py"), "--data-path", "data", "-c", "c.yaml"]
    subprocess.run([*command, "--save-dir", "classifier"], cwd=found, env=clean_environment(), check=True, timeout=100)
    return found


@pytest.fixture(scope="module")
def alone(directory) -> Path:
    """The run on two replicas of one process."""
    done = subprocess.run(
        words(directory / "alone", "--devices", "cpu:2"),
        cwd=directory,
        env=clean_environment(),
        check=True,
        timeout=200,
        capture_output=True,
        text=True,
    )
    (directory / "alone.txt").write_text(done.stdout)
    return directory / "alone"


@pytest.mark.slow
def test_two_workers_are_the_run_of_one_process_on_two_replicas(directory, alone):
    """To the bit; one set of records and checkpoints, and only the chief prints."""
    (status, out, _), (other, nothing, _) = ended(start(directory / "two", 2))
    assert (status, other) == (0, 0)
    assert weights(directory / "two") == weights(alone)
    assert nothing == ""
    assert out.splitlines()[-2] == (directory / "alone.txt").read_text().splitlines()[-2]  # The last scores.
    (log,) = (directory / "two-logs").iterdir()
    steps = [json.loads(line)["step"] for line in (log / "records.jsonl").read_text().splitlines()]
    assert steps == [60, 120, 180, 240, 300, 360]
    assert len(list(log.glob("events*"))) == 1
    assert not list((directory / "two").glob(".*.*-*"))


@pytest.mark.slow
def test_three_workers_agree_with_it(directory, alone):
    """Up to rounding, of which three sums have more than one order."""
    outcomes = ended(start(directory / "three", 3))
    assert [status for status, *_ in outcomes] == [0, 0, 0]

    def first(work: str) -> dict[str, float]:
        (log,) = (directory / f"{work}-logs").iterdir()
        return json.loads((log / "records.jsonl").read_text().splitlines()[0])

    for name in ("loss/critic", "loss/penalty", "score/fid"):
        assert first("three")[name] == pytest.approx(first("alone")[name], rel=0.05), name


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1], ids=["the chief", "another"])
def test_a_lost_worker_ends_the_others_and_the_job_goes_on(directory, alone, lost):
    work = directory / f"lost-{lost}"
    processes = start(work, 2)
    while not (work / "gan-00000010").exists():
        assert processes[0].poll() is None, ended(processes)
        time.sleep(0.01)
    processes[lost].kill()
    outcomes = ended(processes)
    assert outcomes[lost][0] == -signal.SIGKILL
    status, _, errors = outcomes[1 - lost]
    assert status == 2
    assert errors.splitlines()[-1] == (
        "train.py: another worker was lost; checkpoints are intact: start all workers again, with --resume"
    )
    assert [status for status, *_ in ended(start(work, 2, "--resume"))] == [0, 0]
    assert weights(work) == weights(alone)


@pytest.mark.slow
def test_a_signal_to_one_worker_ends_all_in_good_order(directory, alone):
    work = directory / "signalled"
    processes = start(work, 2)
    while not (work / "gan-00000010").exists():
        assert processes[0].poll() is None, ended(processes)
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    outcomes = ended(processes)
    assert [status for status, *_ in outcomes] == [143, 143]
    step = int(max(work.glob("gan-*")).name[-8:])
    for _, _, errors in outcomes:
        assert errors.splitlines()[-1] == f"train.py: stopped and saved at step {step} of 360; go on with --resume"
    assert [status for status, *_ in ended(start(work, 2, "--resume"))] == [0, 0]
    assert weights(work) == weights(alone)


@pytest.mark.slow
def test_a_slurm_job_goes_on_when_its_time_was_up(directory, alone, monkeypatch):
    """The script, with a stand-in for srun, ends as the run that was never stopped."""
    for name in ("deploy", "train.py"):
        (directory / name).symlink_to(ROOT / name)
    (directory / ".venv").symlink_to(sys.prefix)
    tools = directory / "tools"
    tools.mkdir()
    (tools / "srun").write_text(SRUN)
    (tools / "scontrol").write_text("#!/usr/bin/env bash\necho scontrol $*\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    flags = words(directory / "slurm")[2:]
    place = flags.index("--save-dir")
    command = ["deploy/slurm.sh", "slurm", *flags[:place], *flags[place + 2 :]]
    job = clean_environment() | {
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_CPUS_PER_TASK": "16",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PATH": f"{tools}:{os.environ['PATH']}",
    }

    def done(**more: str) -> tuple[int, str]:
        found = subprocess.run(command, cwd=directory, env=job | more, timeout=200, capture_output=True, text=True)
        return found.returncode, found.stdout

    status, out = done(STOP_AT="slurm/gan-00000010")
    assert (status, out.splitlines()[-1]) == (143, f"scontrol requeue {os.getpid()}")
    assert "on CPU:0 of each of 2 workers" in out
    assert done()[0] == 0
    assert weights(directory / "slurm") == weights(alone)


@pytest.mark.slow
def test_workers_that_would_begin_differently_are_refused(directory):
    other = directory / "other.yaml"
    other.write_text(yaml.safe_dump(SETTINGS | {"gen_lr": 0.5}))
    for status, _, errors in ended(start(directory / "differ", 2, differ=("-c", "other.yaml"))):
        assert status == 2
        assert "train.py: the workers differ in data, config, classifier or checkpoint; expected the same -c" in errors
    assert not (directory / "differ").exists()


def test_a_process_alone_is_the_chief():
    assert cluster.find_place({}) == cluster.ALONE == (1, True, "", ())


@pytest.mark.parametrize(
    ("members", "task", "expected"),
    [
        ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 0}, (2, True, "a:1", ("b:1",))),
        ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": "1"}, (2, False, "b:1", ("a:1",))),
        (
            {"chief": ["c:1"], "worker": ["a:1", "b:1"]},
            {"type": "worker", "index": 0},
            (3, False, "a:1", ("c:1", "b:1")),
        ),
        ({"chief": ["c:1"], "worker": ["a:1"]}, {"type": "chief", "index": 0}, (2, True, "c:1", ("a:1",))),
        ({"worker": ["a:1"], "master": ["c:1"], "ps": []}, {"type": "master", "index": 0}, (2, True, "c:1", ("a:1",))),
        ({"worker": ["[fd00::1]:1", "b:1"]}, {"type": "worker", "index": 1}, (2, False, "b:1", ("[fd00::1]:1",))),
    ],
)
def test_the_chief_is_the_one_or_the_first_worker(members, task, expected):
    environment = {"TF_CONFIG": json.dumps({"cluster": members, "task": task})}
    assert cluster.find_place(environment) == expected
    # What TensorFlow reads has numbers for texts and a chief for a master.
    for_tensorflow = json.loads(environment["TF_CONFIG"])
    assert set(for_tensorflow["cluster"]) <= {"chief", "worker"}
    assert for_tensorflow["task"]["index"] == int(task["index"])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"environment": "cloud"}',
        '{"cluster": {}, "task": {}}',
        '{"cluster": {"worker": []}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"master": ["algo-1:8890"]}, "task": {"index": "0", "type": "master"}, "environment": "cloud"}',
        '{"cluster": {"chief": ["c:1"]}, "task": {"type": "chief", "index": -1}}',
        '{"cluster": {"worker": ["localhost"]}}',
    ],
)
def test_a_cluster_of_one_is_a_process_alone(text):
    """Clouds set it for a single machine, too. TensorFlow is not to read it then."""
    environment = {"TF_CONFIG": text}
    assert cluster.find_place(environment) == cluster.ALONE
    assert environment == {}


def two(**task) -> str:
    return json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0} | task})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "that is not JSON"),
        ("[]", "there is no mapping of addresses"),
        ("3", "there is no mapping of addresses"),
        ('{"cluster": 3, "task": {"type": "worker", "index": 0}}', "there is no mapping of addresses"),
        ('{"cluster": {"worker": "a:1"}}', "the addresses of worker are no list of texts"),
        ('{"cluster": {"worker": [1, 2]}}', "the addresses of worker are no list of texts"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}}',
            "this process is of the kind None, of which there are no addresses",
        ),
        ('{"cluster": {"worker": ["a:1", "b"]}, "task": {}}', "the address 'b' has no port"),
        (
            '{"cluster": {"worker": ["a:1", "b:99999"]}}',
            "the address 'b:99999' has the port 99999, where ports are 1 to",
        ),
        ('{"cluster": {"worker": ["a:0", "b:1"]}}', "the address 'a:0' has the port 0, where ports are 1 to 65535"),
        ('{"cluster": {"worker": ["a:1", "a..b:2222"]}}', "the address 'a..b:2222' has no name of a host"),
        ('{"cluster": {"worker": ["a:1"], "chief": ["a:1"]}, "task": {}}', "an address is there twice"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}', "there are processes of the kind 'ps', where a run has a"),
        (two(type="evaluator"), "this process is of the kind evaluator, of which there are no addresses"),
        (two(type=["worker"]), "this process is of the kind ['worker'], of which there are no addresses"),
        (two(index=-1), "this process has the index -1, where worker has 2 from 0"),
        (two(index=2), "this process has the index 2, where worker has 2 from 0"),
        (two(index=True), "this process has the index True, where"),
        (two(index=None), "this process has the index None, where"),
        (two(index=0.5), "this process has the index 0.5, where"),
        (two(index="one"), "this process has the index one, where"),
    ],
)
def test_another_form_is_one_line_that_says_what_is_wrong(text, problem):
    with pytest.raises(UserError, match=r"^TF_CONFIG is .*; expected such as \{\"cluster\"") as found:
        cluster.find_place({"TF_CONFIG": text})
    assert problem in str(found.value)
    assert "\n" not in str(found.value)


def test_workers_wait_for_each_other_and_say_for_whom(capfd):
    """Of the two others one has begun; the other one begins once it was missed."""
    with socket.create_server(("127.0.0.1", 0)) as here, held_port() as own, held_port() as late, ExitStack() as stack:
        there, mine, away = (f"127.0.0.1:{each.getsockname()[1]}" for each in (here, own, late))
        place = cluster.Place(3, is_chief=True, own=mine, others=(there, away))
        waiter = threading.Thread(target=cluster.wait_for_others, args=(place,), kwargs={"first": 0, "following": 0})
        waiter.start()
        said = ""
        while said.count("waiting for 1 of 3 workers") < 2:
            said += capfd.readouterr().err
        assert f"nothing answers at {away}; start the same command there" in said
        assert there not in said
        assert cluster._answers(mine)
        late.listen()
        waiter.join(timeout=60)
        assert not waiter.is_alive()
        assert not cluster._answers(mine)
        stack.enter_context(cluster._listening(mine))  # The port is free again.


def test_errors_that_tell_of_no_other_worker_stay():
    error, several = tf.errors.UnavailableError(None, None, "gone"), cluster.Place(2, is_chief=True)
    with pytest.raises(tf.errors.UnavailableError), cluster.member(cluster.ALONE):
        raise error
    with pytest.raises(UserError, match="another worker was lost"), cluster.member(several):
        raise error
    with pytest.raises(tf.errors.InternalError, match="a bug"), cluster.member(several):
        raise tf.errors.InternalError(None, None, "a bug")


def test_only_the_chief_prints(capsys):
    for is_chief in (True, False):
        with cluster.member(cluster.Place(2, is_chief=is_chief)):
            print(is_chief)
    assert capsys.readouterr().out == "True\n"
