"""Every write of a save can fail, at any byte: the directory always holds a checkpoint that loads."""

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY, tiny_data

from gan import checkpoints, places
from gan.checkpoints import About
from gan.models.generator import Generator

DATA = tiny_data()
CALLS = ("fsync", "mkdir", "open", "rename", "replace", "rmdir", "unlink")
"""What Python asks of the system to save. TensorFlow's own writes are cut short by a limit on the size of files."""


class Weights:
    """A generator whose weights tell the step."""

    def __init__(self) -> None:
        self.objects = {"average": Generator(DATA.spec, TINY)}

    def set(self, step: int) -> None:
        for variable in self.objects["average"].variables:
            variable.assign(np.full(variable.shape, step, np.float32))

    def save(self, directory: Path, step: int, *, keep: int = 3, replaces: tuple[int, ...] = ()) -> None:
        self.set(step)
        about = About("gan", step, DATA.spec, TINY, DATA.digest)
        with places.writing(directory, "gan"):
            checkpoints.save(directory, about, self.objects, keep=keep, replaces=replaces)

    def loaded(self, directory: Path) -> int:
        """The step of the newest checkpoint, which all its weights are of."""
        path, about = checkpoints.find(directory, "gan")
        self.set(0)
        checkpoints.restore(path, self.objects)
        (step,) = {float(value) for array in self.objects["average"].get_weights() for value in array.ravel()}
        assert step == about.step
        return int(step)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights()


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException, *, after: bool, from_there_on: bool
) -> Iterator[Callable[[], int]]:
    """Let a call of the system fail, by its number; before it does what it should, or after.

    From there on: all that follow too, so that nothing is cleared up, as when the process is killed.
    """
    count = 0

    def faulty(real):
        def call(*args, **keywords):
            nonlocal count
            count += 1
            fails = count == number or (from_there_on and count > number)
            if fails and not (after and count == number):
                raise error
            result = real(*args, **keywords)
            if fails:
                if real is os_open:
                    os_close(result)
                raise error
            return result

        return call

    os_open, os_close = os.open, os.close
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, faulty(getattr(os, name)))
        yield lambda: count


SAVES = {
    "a new step": ((1, 2), {"step": 3, "keep": 2}),
    "the same step": ((1, 2), {"step": 2, "keep": 2}),
    "the only step": ((2,), {"step": 2}),
    "a new step, the last one deleted": ((1, 2), {"step": 3, "keep": 1}),
    "a new run over an earlier one": ((1, 2), {"step": 1, "replaces": (1, 2)}),
}


@pytest.mark.parametrize("from_there_on", [False, True], ids=["one call", "all calls from there on"])
@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize(("before", "save"), SAVES.values(), ids=SAVES)
def test_a_save_may_fail_at_any_call(weights, before, save, after, from_there_on, tmp_path, monkeypatch):
    for step in before:
        weights.save(tmp_path / "start", step)
    errors = (OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt())
    failures = 0
    for number in range(1, 200):
        directory = tmp_path / "run"
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(tmp_path / "start", directory)
        error = errors[number % 2]
        with failing(monkeypatch, number, error, after=after, from_there_on=from_there_on) as count:
            try:
                weights.save(directory, **save)
            except (OSError, KeyboardInterrupt):
                failures += 1
        if count() < number:
            break
        assert weights.loaded(directory) in (*before, save["step"])
        weights.save(directory, **save)
        assert weights.loaded(directory) == save["step"]
        assert {path.name for path in directory.iterdir() if path.name[0] == "."} == {".gan.lock"}
    assert weights.loaded(directory) == save["step"]
    assert failures > 8


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EPERM, errno.EXDEV])
@pytest.mark.parametrize("step", [2, 3], ids=["the same step", "a new step"])
def test_a_rename_that_is_refused_is_said_to_be_one(weights, code, step, tmp_path, monkeypatch):
    """As of a directory that is a part of a container's image."""

    def refuse(source, target):
        raise OSError(code, os.strerror(code), source, None, target)

    weights.save(tmp_path, 2)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="the checkpoint cannot be written") as error:
        patch.setattr(os, "rename", refuse)
        weights.save(tmp_path, step)
    assert str(error.value) == (
        f"{tmp_path}/gan-0000000{step}: the checkpoint cannot be written (rename: {os.strerror(code)}); "
        "earlier ones are intact: use a disk that can rename, then go on with --resume"
    )
    assert weights.loaded(tmp_path) == 2


def test_nobody_is_told_to_resume_where_nothing_was_saved(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "rename", lambda *_: (tmp_path / "none").stat())
    with pytest.raises(OSError, match=r"cannot be written \(No such file or directory\).*, then start again$"):
        weights.save(tmp_path / "run", 1)


def test_a_file_system_may_have_no_locks_and_no_flushing(weights, tmp_path, monkeypatch, capsys):
    def lacking(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "fsync", lacking)
    monkeypatch.setattr("fcntl.flock", lacking)
    for step in (2, 3):
        weights.save(tmp_path, step)
        assert weights.loaded(tmp_path) == step
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: {tmp_path}/.gan.lock cannot be locked (Function not implemented)")


@pytest.mark.parametrize(("before", "save"), SAVES.values(), ids=SAVES)
def test_a_save_may_be_cut_short_at_any_byte(weights, before, save, tmp_path):
    """By a limit on the size of files: what is over it is not written, in TensorFlow's own code too."""
    directory = tmp_path / "run"
    for step in before:
        weights.save(directory, step)
    content = {path: path.read_bytes() for path in sorted(directory.glob("*/*"))}
    largest = max(map(len, content.values()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in [*range(0, largest, largest // 40), largest - 1]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OSError, match=r"the checkpoint cannot be written \(File too large\); earlier ones are"):
                weights.save(directory, **save)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert weights.loaded(directory) == 2
        assert {path: path.read_bytes() for path in sorted(directory.glob("*/*"))} == content
    weights.save(directory, **save)
    assert weights.loaded(directory) == save["step"]
