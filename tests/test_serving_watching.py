"""What `--watch` does with a checkpoint that cannot be served now: one line, and another look where that may help."""

import errno
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY

from gan import checkpoints
from gan.about import About, Damaged, OtherVersion, digest_of
from gan.errors import Diverged, FileError, UserError
from gan.images import ImageSpec
from gan.labels import one_hot
from gan.models.generator import Generator
from gan.places import remove
from gan.sampling import Sampler, styles
from gan.serving.batching import Batching
from gan.serving.watching import Watching, load

SPEC = ImageSpec(8, 8, 1, ("dark", "bright"))
WAIT = 20


def save(directory, step, *, spec=SPEC, config=TINY):
    about = About("gan", step, spec, config, data="")
    return checkpoints.save(directory, about, {"average": Generator(spec, config)}, keep=9)


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

    def __call__(self, directory, *, spare):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return Sampler.from_checkpoint(directory, spare=spare)


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


def drawn(sampler, *, number=1):
    """An image of the style of this number."""
    z = styles(sampler.noise_dims, seed=0, numbers=[number])
    return sampler.sample(one_hot([0], SPEC.num_classes), z)


@pytest.fixture
def made(monkeypatch):
    """Grows when a generator is built, and when a graph is made of one."""
    generators, call = [], Generator.call

    def noted(self, styles, labels, training=False):
        generators.append(self)
        return call(self, styles, labels, training)

    monkeypatch.setattr(Generator, "call", noted)
    return generators


def test_two_graphs_draw_all_checkpoints_of_a_run(tmp_path, batching, made):
    """TensorFlow gives back no memory of a graph: one for each checkpoint would fill a server's."""
    paths = [save(tmp_path, step) for step in range(2, 7)]
    for path in paths:
        path.rename(tmp_path / f"later-{path.name}")
    watching = Watching(tmp_path, batching, seconds=1)
    seen = []
    for path in paths:
        made.clear()
        (tmp_path / f"later-{path.name}").rename(path)
        assert watching.look() == []
        assert batching.sampler.path == path
        seen.append(drawn(batching.sampler))
        assert bool(made) == (path == paths[0])
    for path, image in zip(paths, seen, strict=True):
        np.testing.assert_array_equal(image, drawn(load(path)))
    assert len({image.tobytes() for image in seen}) == len(paths)


def test_a_checkpoint_of_another_network_has_a_graph_of_its_own(tmp_path, batching, made):
    watching = Watching(tmp_path, batching, seconds=1)
    for step, config in ((2, TINY), (3, replace(TINY, gen_width=3)), (4, replace(TINY, gen_width=3)), (5, TINY)):
        save(tmp_path, step, config=config)
        made.clear()
        assert watching.look() == []
        assert batching.sampler.step == step
        assert made


def test_refused_checkpoints_of_another_network_share_a_graph(tmp_path, batching, made):
    watching = Watching(tmp_path, batching, seconds=1)
    for step in (2, 3, 4):
        save(tmp_path, step, spec=ImageSpec(8, 8, 1, ("cat", "dog")))
        made.clear()
        assert "restart the server to serve it" in str(watching.look())
        assert batching.sampler.step == 1
        assert bool(made) == (step == 2)


def test_damage_while_it_is_restored_spoils_nothing_that_is_served(tmp_path, batching, monkeypatch):
    """The spare network may have some of the damaged weights: the next checkpoint is restored over them."""
    watching = Watching(tmp_path, batching, seconds=1)
    for step in (2, 3):
        save(tmp_path, step)
        assert watching.look() == []
    before, served = drawn(batching.sampler), batching.sampler

    def read(path, about, objects, *, partial):
        for variable in objects["average"].variables:
            variable.assign(variable + 1)
        raise Damaged("half of it is read")

    save(tmp_path, 4)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_read", read)
        assert [str(problem) for problem in watching.look()] == ["half of it is read"]
    assert batching.sampler is served
    np.testing.assert_array_equal(drawn(served), before)
    path = save(tmp_path, 5)
    assert watching.look() == []
    np.testing.assert_array_equal(drawn(batching.sampler), drawn(load(path)))


def test_a_network_that_draws_is_not_restored(tmp_path, batching, monkeypatch):
    """A call that began two checkpoints ago ends first, with the weights that it began with."""
    first = batching.sampler
    expected = drawn(first)
    entered, go, sample, wait = threading.Event(), threading.Event(), Sampler.sample, Batching.wait_for_call

    def slow(self, labels, styles):
        if self is first:
            entered.set()
            assert go.wait(WAIT)
            time.sleep(0.3)
        return sample(self, labels, styles)

    def waited(self):
        go.set()
        wait(self)

    monkeypatch.setattr(Sampler, "sample", slow)
    monkeypatch.setattr(Batching, "wait_for_call", waited)
    with Batching(first, capacity=1, warm=True) as batching:
        watching = Watching(tmp_path, batching, seconds=1)
        answer = batching.submit(one_hot([0], SPEC.num_classes), styles(first.noise_dims, seed=0, numbers=[1]))
        assert entered.wait(WAIT)
        for step in (2, 3):
            save(tmp_path, step)
            assert watching.look() == []
            assert batching.sampler.step == step
        go.set()
        found = answer.result(WAIT)
    assert found.checkpoint == "gan-00000001"
    np.testing.assert_array_equal(found.images, expected)


@pytest.mark.parametrize("warm", [True, False])
def test_a_call_draws_with_what_is_served_when_it_begins(tmp_path, batching, monkeypatch, warm):
    """One that was swapped out just before may be the spare one, which is being restored."""
    first, second = batching.sampler, load(save(tmp_path, 2))
    drew, sample = [], Sampler.sample
    monkeypatch.setattr(Sampler, "sample", lambda self, *given: drew.append(self.step) or sample(self, *given))
    batching = Batching(first, capacity=1, warm=warm)
    lock = batching._drawing

    class SwapsBefore:
        def __enter__(self):
            batching.swap(second)
            lock.acquire()

        def __exit__(self, *_):
            lock.release()

    batching._drawing = SwapsBefore()
    with batching:
        labels = one_hot([0], SPEC.num_classes)
        batching.submit(labels, styles(first.noise_dims, seed=0, numbers=[1])).result(WAIT)
    assert set(drew) == {2}


def test_one_that_is_replaced_while_it_is_loaded_is_picked_up(tmp_path, batching):
    """A run that begins anew saves other weights under the same name."""
    replaced = []

    def loader(path, *, spare):
        sampler = Sampler.from_checkpoint(path, spare=spare)
        if not replaced:
            replaced.append(save(tmp_path, 2))
        return sampler

    watching = Watching(tmp_path, batching, seconds=1, loader=loader)
    path = save(tmp_path, 2)
    assert watching.look() == []
    assert replaced == [path]
    assert watching.look() == []
    np.testing.assert_array_equal(drawn(batching.sampler), drawn(load(path)))
    served = batching.sampler
    assert watching.look() == []
    assert batching.sampler is served


@pytest.mark.parametrize("what", ["the same", "another", "nothing"])
def test_the_first_one_is_picked_up_again_if_another_took_its_name_before_the_watch(tmp_path, batching, what):
    path = batching.sampler.path
    if what == "another":
        save(tmp_path, 1)
    elif what == "nothing":
        remove(path)
    watching = Watching(tmp_path, batching, seconds=1)
    if what == "nothing":
        save(tmp_path, 1)
    served = batching.sampler
    assert watching.look() == []
    assert (batching.sampler is served) == (what == "the same")
    np.testing.assert_array_equal(drawn(batching.sampler), drawn(load(path)))
