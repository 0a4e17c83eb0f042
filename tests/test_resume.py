"""A run that was killed goes on as if it had not been: real processes, compared bit by bit.

A run is killed within a quarter of a second after a checkpoint. What is left of it then takes longer on any machine.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from helpers import clean_environment, tiny_settings, write_idx

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SETTINGS = tiny_settings(gan_epochs=40, fid_samples=40)
LONGEST_WAIT = 0.25
TIMES = {"images_per_second", "training_seconds"}


def command(script: str, work: Path, *arguments: object) -> list[str]:
    places = [
        "--data-path",
        "data",
        "-c",
        f"{work.name}.yaml",
        "--save-dir",
        work.name,
        "--log-dir",
        f"{work.name}-logs",
    ]
    return [sys.executable, str(ROOT / script), *places, *map(str, arguments)]


def finish(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=300)


def started(words: list[str], cwd: Path) -> subprocess.Popen[bytes]:
    """A process to be disturbed, in the environment of those that `finish`."""
    return subprocess.Popen(words, cwd=cwd, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_after(words: list[str], checkpoint: Path, number: int = signal.SIGKILL) -> str:
    """Start a run, and end it by a signal some time after a checkpoint is there; what it says to that."""
    with started(words, checkpoint.parents[1]) as process:
        while not checkpoint.exists():
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        time.sleep(random.uniform(0, LONGEST_WAIT))
        process.send_signal(number)
        said = process.stderr.read().decode()
        assert process.wait() == (-number if number == signal.SIGKILL else 128 + number), said
        return said


def records(work: Path) -> list[dict[str, float]]:
    (directory,) = (work.parent / f"{work.name}-logs").iterdir()
    lines = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def events(work: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of every scalar in TensorBoard's files."""
    import tensorflow as tf

    (directory,) = (work.parent / f"{work.name}-logs").iterdir()
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(directory.glob("events*"), key=os.path.getmtime):
        for event in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            parsed = tf.compat.v1.Event.FromString(event)
            for value in parsed.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars" and value.tag not in TIMES:
                    found.setdefault(value.tag, []).append((parsed.step, float(tf.make_ndarray(value.tensor))))
    return found


def weights(work: Path, kind: str = "gan") -> bytes:
    """All variables, networks' and optimizers', of the last checkpoint."""
    return (max(work.glob(f"{kind}-*/")) / "variables.data-00000-of-00001").read_bytes()


def prepare(directory: Path, name: str, **settings: int) -> Path:
    work = directory / name
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(SETTINGS | settings))
    return work


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    """Data, and a classifier that was never stopped."""
    found = tmp_path_factory.mktemp("resume")
    write_idx(found / "data")
    whole = finish(command("classifier.py", prepare(found, "classifier"), "--save-steps", 7), found)
    assert whole.returncode == 0, whole.stderr
    return found


class Pair(NamedTuple):
    """A run that was never stopped, and the same one as it was when it was killed."""

    whole: Path
    killed: Path
    arguments: tuple[object, ...]
    printed: str

    def copied(self, name: str) -> Path:
        """A copy of the killed run."""
        work = self.killed.with_name(name)
        shutil.copytree(self.killed, work)
        shutil.copytree(f"{self.killed}-logs", f"{work}-logs")
        shutil.copy(f"{self.killed}.yaml", f"{work}.yaml")
        return work

    def resumed(self, name: str, script: str = "train.py", *more: object) -> tuple[Path, str]:
        """A copy of the killed run, resumed, and what it printed."""
        return self.go_on(self.copied(name), script, *more)

    def go_on(self, work: Path, script: str = "train.py", *more: object) -> tuple[Path, str]:
        words = command(script, work, *self.arguments, "--resume")
        words[2:2] = map(str, more)
        done = finish(words, work.parent)
        assert done.returncode == 0, done.stderr
        return work, done.stdout


def interrupted(directory: Path, every: int, replicas: int, **settings: int) -> Pair:
    """Runs that save after so many steps, one of which was killed some time after the first save."""
    name = f"{every}-{replicas}"
    places = ("--load-dir", "classifier", "--save-steps", every, "--record-steps", 30)
    arguments = (*places, "--deterministic", "--devices", f"cpu:{replicas}")
    whole, killed = prepare(directory, f"whole-{name}", **settings), prepare(directory, f"killed-{name}", **settings)
    undisturbed = finish(command("train.py", whole, *arguments), directory)
    assert undisturbed.returncode == 0, undisturbed.stderr
    kill_after(command("train.py", killed, *arguments), killed / f"gan-{every:08d}")
    return Pair(whole, killed, arguments, undisturbed.stdout)


@pytest.fixture(scope="module")
def simple(directory) -> Pair:
    """Saved at the end of an epoch, on one replica."""
    return interrupted(directory, 70, 1)


def assert_ends_as(pair: Pair, resumed: Path, printed: str) -> None:
    assert "from step" in printed
    assert weights(resumed) == weights(pair.whole)
    assert records(resumed) == records(pair.whole)
    assert events(resumed) == events(pair.whole)
    assert printed.splitlines()[-2] == pair.printed.splitlines()[-2]  # The last scores.


def test_a_killed_run_ends_as_one_that_was_not(simple):
    assert_ends_as(simple, *simple.resumed("resumed"))


@pytest.mark.parametrize(
    ("every", "replicas", "settings"),
    [(70, 2, {}), (25, 1, {"crit_steps": 2, "steps_per_call": 4}), (25, 2, {"crit_steps": 2, "steps_per_call": 4})],
    ids=[
        "two replicas",
        "two critic updates, four steps a call, saved within epochs",
        "the same on two replicas",
    ],
)
def test_other_killed_runs_do_too(directory, every, replicas, settings):
    pair = interrupted(directory, every, replicas, **settings)
    assert_ends_as(pair, *pair.resumed(f"resumed-{every}-{replicas}"))


@pytest.mark.parametrize("piece", ["average", "critic_optimizer"])
def test_a_run_that_forgets_a_piece_of_its_state_does_not(simple, piece):
    """The negative control of the tests above."""
    resumed, printed = simple.resumed(f"without-{piece}", "tests/forgetful.py", piece)
    assert weights(resumed) != weights(simple.whole)
    with pytest.raises(AssertionError):
        assert_ends_as(simple, resumed, printed)


def test_a_damaged_checkpoint_is_passed_over_and_the_end_is_the_same(simple):
    """One with a bit flipped, and one that is another step's."""
    work = simple.copied("damaged")
    whole = max(work.glob("gan-*/"))
    step = int(whole.name[-8:])
    another, flipped = (Path(shutil.copytree(whole, work / f"gan-{step + more:08d}")) for more in (1, 2))
    shard = flipped / "variables.data-00000-of-00001"
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    _, printed = simple.go_on(work)
    assert f"from step {step:,}," in printed
    assert_ends_as(simple, work, printed)
    assert not another.exists() and not flipped.exists()


def test_a_run_that_has_ended_does_not_go_on(simple):
    before = weights(simple.whole)
    again = finish(command("train.py", simple.whole, *simple.arguments, "--resume"), simple.whole.parent)
    assert again.returncode == 0
    assert "is the end of the run" in again.stdout
    assert weights(simple.whole) == before


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limits of another process can be set on Linux alone")
@pytest.mark.parametrize(
    ("save_steps", "record_steps", "unwritten"),
    [(200, 10, "-logs/"), (7, 5000, "the checkpoint ")],
    ids=["a record", "a checkpoint"],
)
def test_a_full_disk_ends_a_run_in_one_line_and_it_goes_on_later(
    directory, simple, save_steps, record_steps, unwritten
):
    """As for a process whose files may not grow any more."""
    work = prepare(directory, f"full-{record_steps}")
    arguments = [*simple.arguments, "--save-steps", save_steps, "--record-steps", record_steps]
    written = [work / f"gan-{save_steps:08d}", work / "config-gan.yaml"]
    with started(command("train.py", work, *arguments), directory) as process:
        while not all(path.exists() for path in written):
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        said = process.stderr.read().decode().splitlines()[-1]
        assert process.wait() == 2, said
    assert said.startswith("train.py: ")
    assert unwritten in said and "cannot be written (File too large)" in said
    done = finish(command("train.py", work, *arguments, "--resume"), directory)
    assert done.returncode == 0, done.stderr
    assert weights(work) == weights(simple.whole)


def test_a_killed_classifier_ends_as_one_that_was_not(directory):
    killed = prepare(directory, "classifier-killed", cls_epochs=60)
    whole = prepare(directory, "classifier-whole", cls_epochs=60)
    arguments = ("--save-steps", 35, "--record-eps", 3)
    assert finish(command("classifier.py", whole, *arguments), directory).returncode == 0
    kill_after(command("classifier.py", killed, *arguments), killed / "classifier-00000035")
    resumed = finish(command("classifier.py", killed, *arguments, "--resume"), directory)
    assert resumed.returncode == 0, resumed.stderr
    assert weights(killed, "classifier") == weights(whole, "classifier")
    assert records(killed) == records(whole)
    assert events(killed) == events(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_a_run_finish_its_step_and_save(directory, number):
    """Which is a step that is not saved otherwise."""
    work = prepare(directory, f"signal-{number}", gan_epochs=500)
    arguments = ("--load-dir", "classifier", "--save-steps", 20, "--record-steps", 5000)
    said = kill_after(command("train.py", work, *arguments), work / "gan-00000020", number)
    *_, first, last = said.splitlines()
    assert first == "finishing the step, then saving; a second signal ends the run at once"
    step = int(max(work.glob("gan-*/")).name[-8:])
    assert last == f"train.py: stopped and saved at step {step:,} of 5,000; go on with --resume"
    plan = finish(command("train.py", work, *arguments, "--resume", "--dry-run"), directory)
    assert f"from step {step:,}, 5,000 steps in 500 epochs" in plan.stdout
