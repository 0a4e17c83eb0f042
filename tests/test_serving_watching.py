"""What `--watch` does with a checkpoint that cannot be served now: one line, and another look where that may help."""

import errno
import json
import time
from pathlib import Path

import pytest
from helpers import TINY

from gan import checkpoints
from gan.about import About, Damaged, OtherVersion, digest_of
from gan.errors import Diverged, FileError, UserError
from gan.images import ImageSpec
from gan.models.generator import Generator
from gan.places import remove
from gan.serving.batching import Batching
from gan.serving.watching import Watching, load

SPEC = ImageSpec(8, 8, 1, ("dark", "bright"))
WAIT = 20


def save(directory, step, *, spec=SPEC):
    about = About("gan", step, spec, TINY, data="")
    return checkpoints.save(directory, about, {"average": Generator(spec, TINY)}, keep=9)


@pytest.fixture
def batching(tmp_path):
    """Serves step 1; its network's thread is not needed."""
    save(tmp_path, 1)
    return Batching(load(tmp_path), capacity=1)


@pytest.fixture
def disk(monkeypatch):
    """A switch: while it is set, files with this name cannot be read, and are there as before."""
    away = {"name": None, "reads": 0}
    read = Path.read_bytes

    def read_bytes(self):
        if away["name"] and away["name"] in str(self):
            away["reads"] += 1
            raise OSError(errno.EIO, "Input/output error", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return away


class Loader:
    """Loads after it has raised these; `calls` counts."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0

    def __call__(self, directory):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return load(directory)


def eventually(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def lines(caplog, text):
    return [message for message in caplog.messages if text in message]


def test_a_checkpoint_whose_disk_was_away_is_picked_up_when_it_is_back(tmp_path, batching, disk, caplog):
    caplog.set_level("INFO", logger="gan.serving")
    with Watching(tmp_path, batching, seconds=0.01):
        for step in (2, 3):
            disk.update(name=f"gan-{step:08}/variables.data", reads=0)
            save(tmp_path, step)
            eventually(lambda: disk["reads"] > 5)
            assert batching.sampler.step == step - 1
            disk["name"] = None
            eventually(lambda step=step: batching.sampler.step == step)
    said = lines(caplog, "cannot be read (Input/output error)")
    assert [line.split()[:2] for line in said] == [["gan-00000001", "stays:"], ["gan-00000002", "stays:"]]
    assert len(lines(caplog, "picked up")) == 2


def test_one_that_can_be_read_is_picked_up_beside_one_that_cannot(tmp_path, batching, disk, caplog):
    watching = Watching(tmp_path, batching, seconds=1)
    save(tmp_path, 2)
    save(tmp_path, 3)
    disk["name"] = "gan-00000003/variables.data"
    (problem,) = watching.look()
    assert isinstance(problem, Damaged)
    assert batching.sampler.step == 2
    disk["name"] = None
    assert watching.look() == []
    assert batching.sampler.step == 3


def test_one_that_the_run_removes_at_that_moment_is_no_problem(tmp_path, batching, monkeypatch):
    check = checkpoints.check

    def check_late(path):
        if path.name == "gan-00000002":
            remove(path)
        return check(path)

    watching = Watching(tmp_path, batching, seconds=1)
    for step in (2, 3):
        save(tmp_path, step)
    monkeypatch.setattr(checkpoints, "check", check_late)
    assert watching.look() == []
    assert batching.sampler.step == 3


def test_one_of_another_version_keeps_no_other_from_being_picked_up(tmp_path, batching):
    watching = Watching(tmp_path, batching, seconds=1)
    path = save(tmp_path, 3) / "about.json"
    values = json.loads(path.read_text()) | {"later": 1}
    del values["digest"]
    path.write_text(json.dumps(values | {"digest": digest_of(values)}))
    for step in (2, 4):
        save(tmp_path, step)
        assert [type(problem) for problem in watching.look()] == [OtherVersion]
        assert batching.sampler.step == step


def test_one_that_goes_away_before_it_is_loaded_is_looked_at_again(tmp_path, batching, monkeypatch):
    """Its disk goes away between the look and the loading, and is back soon."""
    check, checked = checkpoints.check, []

    def check_and_go_away(path):
        checked.append(path.name)
        if path.name == "gan-00000002" and checked.count(path.name) == 2:
            raise Damaged("the disk is away")
        return check(path)

    monkeypatch.setattr(checkpoints, "check", check_and_go_away)
    watching = Watching(tmp_path, batching, seconds=1)
    save(tmp_path, 2)
    assert [str(problem) for problem in watching.look()] == ["the disk is away"]
    assert batching.sampler.step == 1
    assert watching.look() == []
    assert batching.sampler.step == 2


@pytest.mark.parametrize("error", [FileError("away"), Damaged("away"), OSError(errno.EIO, "away"), MemoryError("away")])
def test_what_may_pass_is_tried_again_and_said_once(tmp_path, batching, caplog, error):
    save(tmp_path, 2)
    loader = Loader(*[error] * 5)
    with Watching(tmp_path, batching, seconds=0.01, loader=loader):
        eventually(lambda: batching.sampler.step == 2)
    assert loader.calls == 6
    assert len(lines(caplog, "away")) == 1
    assert ("Traceback" in caplog.text) == isinstance(error, MemoryError)


@pytest.mark.parametrize("error", [UserError("another network"), Diverged("diverged")])
def test_what_will_not_pass_is_tried_once(tmp_path, batching, caplog, error):
    save(tmp_path, 2)
    watching = Watching(tmp_path, batching, seconds=1, loader=Loader(error))
    assert watching.look() == [error]
    assert watching.look() == []
    assert batching.sampler.step == 1
    save(tmp_path, 3)
    assert watching.look() == []
    assert batching.sampler.step == 3


def test_a_directory_that_goes_away_is_said(tmp_path, batching):
    watching = Watching(tmp_path, batching, seconds=1)
    assert watching.look() == []
    moved = tmp_path.rename(tmp_path.with_name("away"))
    assert "no such directory; expected a gan checkpoint: put it back" in str(watching.look())
    tmp_path.touch()
    assert "is a file; expected a directory of checkpoints" in str(watching.look())
    tmp_path.unlink()
    tmp_path.mkdir()
    assert "no gan-STEP in it" in str(watching.look())
    moved.replace(tmp_path)
    assert watching.look() == []


def test_a_directory_that_cannot_be_read_is_said_once_each_time(tmp_path, batching, monkeypatch, caplog):
    looks = []

    def steps_saved(directory, kind):
        looks.append(kind)
        if len(looks) in (1, 2, 3, 7, 8, 9):
            raise PermissionError(errno.EACCES, "Permission denied", str(directory))
        return [1]

    monkeypatch.setattr(checkpoints, "steps_saved", steps_saved)
    with Watching(tmp_path, batching, seconds=0.001):
        eventually(lambda: len(looks) > 12)
    assert len(lines(caplog, "Permission denied")) == 2
