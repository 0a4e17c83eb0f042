"""Every call of the system on a user's files can fail: what comes of it is right, or one line that names a file."""

import builtins
import errno
import fcntl
import io
import itertools
import mmap
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from helpers import TINY, write_idx, write_pictures

from gan import checkpoints
from gan.checkpoints import About
from gan.config import dump_config, load_config
from gan.data.convert import convert
from gan.data.loading import load_dataset
from gan.drawing import generate
from gan.errors import UserError
from gan.film import make_film
from gan.images import ImageSpec, encode
from gan.interpolation import Way, interpolate_labels
from gan.models.generator import Generator

CALLS = [(os, name) for name in ("listdir", "mkdir", "rename", "replace", "rmdir", "scandir", "stat", "unlink")]
CALLS += [(io, "open"), (builtins, "open")]
"""What Python asks of the system, by path."""

ERRORS = (errno.EACCES, errno.EBUSY, errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.EXDEV)
FULL = (errno.EDQUOT, errno.ENOSPC)
LABELS = {"train": ["a", "b"] * 3, "test": ["a", "b"]}
SPEC = ImageSpec(8, 8, 1, ("cat", "dog"))


class Job(NamedTuple):
    """What is called, and what can be seen of it thereafter."""

    call: Callable[[], object]
    result: Callable[[], object]


def content(directory: Path) -> dict[str, bytes]:
    """Every file below, by its path."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def reading(place: Path) -> Job:
    digests = []
    return Job(lambda: digests.append(load_dataset(str(place)).digest), lambda: digests[-1])


def pictures(place: Path) -> Job:
    write_pictures(place, LABELS)
    return reading(place)


def cached_pictures(place: Path) -> Job:
    job = pictures(place)
    job.call()
    return job


def idx_files(place: Path) -> Job:
    return reading(write_idx(place, train=20, test=10))


def conversion(place: Path, *, to: str) -> Job:
    if to == "folder":
        write_idx(place / "from", train=20, test=10)
    else:
        write_pictures(place / "from", {split: [str("ab".index(x)) for x in LABELS[split]] for split in LABELS})
    return Job(lambda: convert(place / "from", place / "to", to=to), lambda: content(place / "to"))


def film(place: Path) -> Job:
    place.mkdir()
    for step in range(3):
        (place / f"samples-{step:08d}.png").write_bytes(encode(np.full((40, 66, 1), 9, np.uint8), "png"))
    (place / "columns.txt").write_text("a\nb\n")
    return Job(lambda: make_film(place), lambda: content(place))


def settings(place: Path) -> Job:
    place.mkdir()
    (place / "one.yaml").write_text("gan_epochs: 3\n")
    return Job(
        lambda: dump_config(load_config(place / "one.yaml"), place / "below" / "other.yaml"), lambda: content(place)
    )


def drawing(place: Path) -> Job:
    load_dir = place.with_name("checkpoint")
    if not load_dir.exists():
        about = About("gan", 1, SPEC, TINY, data="")
        checkpoints.save(load_dir, about, {"average": Generator(SPEC, TINY)}, keep=1)
    where = {"load_dir": load_dir, "output_dir": place / "below", "seed": 0}
    place.mkdir()

    def call() -> None:
        generate(**where, images_per_class=1, classes=["cat"], with_grid=True, image_format="png")
        interpolate_labels(Way(**where, steps=2, file_format="png"), ends=("0", "1"), rows=1)

    return Job(call, lambda: content(place))


JOBS = {
    "pictures": pictures,
    "cached pictures": cached_pictures,
    "IDX files": idx_files,
    "to folder": lambda place: conversion(place, to="folder"),
    "to IDX": lambda place: conversion(place, to="idx"),
    "to classes": lambda place: conversion(place, to="classes"),
    "film": film,
    "config": settings,
    "drawing": drawing,
}
WRITING = {name: make for name, make in JOBS.items() if name not in ("IDX files", "cached pictures")}


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, number: int, place: Path, code: int) -> Iterator[Callable[[], int]]:
    """Let a call of the system on a path below `place` fail, by its number, in the words of the system."""
    numbers = itertools.count(1)
    last = 0

    def faulty(real):
        def call(path, *others, **keywords):
            nonlocal last
            if isinstance(path, str | os.PathLike) and Path(path).is_relative_to(place):
                last = next(numbers)
                if last == number:
                    targets = [None, others[0]] if real in (os_rename, os_replace) else []
                    raise OSError(code, os.strerror(code), path, *targets)
            return real(path, *others, **keywords)

        return call

    os_rename, os_replace = os.rename, os.replace
    with monkeypatch.context() as patch:
        for module, name in CALLS:
            patch.setattr(module, name, faulty(getattr(module, name)))
        yield lambda: last


@pytest.mark.parametrize("make", JOBS.values(), ids=JOBS)
def test_any_call_may_fail(make, tmp_path, monkeypatch):
    place = tmp_path / "place"
    refusals = 0
    for number in range(1000):
        shutil.rmtree(place, ignore_errors=True)
        job = make(place)
        code = ERRORS[number % len(ERRORS)]
        with failing(monkeypatch, number, place, code) as count:
            try:
                job.call()
                refused = False
            except UserError as error:
                refused = True
                assert str(place) in str(error) and "\n" not in str(error)
                assert code in FULL or "make room" not in str(error)
        if number == 0:  # None fails.
            expected = job.result()
        elif refused:
            refusals += 1
            job.call()
        assert job.result() == expected
        if count() < number:
            break
    assert refusals > 2


@pytest.mark.parametrize("name", [name for name in JOBS if name not in ("cached pictures", "drawing")])
def test_any_file_may_fail_while_it_is_read(name, tmp_path, monkeypatch):
    """The system does not name it then."""

    place = tmp_path / "place"
    job = JOBS[name](place)
    files = [path for path in place.rglob("*") if path.is_file() and path.name[:8] != "samples-"]
    read_bytes = Path.read_bytes
    assert files
    for broken in files:

        def read(path, *, broken=broken, **_):
            if path == broken:
                raise OSError(errno.EIO, "Input/output error")
            return read_bytes(path)

        with monkeypatch.context() as patch, pytest.raises(UserError) as error:
            patch.setattr(Path, "read_bytes", read)
            patch.setattr(Path, "read_text", read)
            job.call()
        said = [str(error.value), *getattr(error.value, "__notes__", [])]
        assert str(place) in said[0]
        assert broken.name in "".join(said) and "Input/output error" in "".join(said)


@pytest.mark.parametrize("make", WRITING.values(), ids=WRITING)
def test_any_write_may_be_cut_short(make, tmp_path, capsys):
    """By a limit on the size of files, in place of a full disk; then what was there is there."""
    place = tmp_path / "place"
    job = make(place)
    job.call()
    expected = job.result()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 50, 120, 300):
        shutil.rmtree(place)
        job = make(place)
        before = content(place)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            job.call()
        except UserError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert "cannot be written (File too large); raise the limit on the size of files" in str(error)
            assert str(place) in str(error)
            after = content(place)
            assert before.items() <= after.items()
            assert not any(".part-" in name for name in after)
            job.call()
        else:
            assert limit
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert job.result() == expected


def lacking(*_, **__):
    """A call that the file system does not have, as some of a network have not."""
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


class Unmapped(mmap.mmap):
    """That of a file that cannot be mapped."""

    __new__ = lacking


@pytest.mark.parametrize("make", JOBS.values(), ids=JOBS)
def test_without_locks_maps_and_flushing_the_same_comes_of_it(make, tmp_path, monkeypatch):
    place = tmp_path / "place"
    job = make(place)
    job.call()
    expected = job.result()
    shutil.rmtree(place)
    for module, name, fault in ((fcntl, "flock", lacking), (mmap, "mmap", Unmapped), (os, "fsync", lacking)):
        monkeypatch.setattr(module, name, fault)
    job = make(place)
    job.call()
    assert job.result() == expected


def test_a_config_that_cannot_be_looked_at_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"x.yaml: cannot be read \(File name too long\); expected a YAML file"):
        load_config(tmp_path / ("x" * 300 + ".yaml"))
    with pytest.raises(UserError, match=r"file/one.yaml: cannot be read \(Not a directory\)"):
        (tmp_path / "file").touch()
        load_config(tmp_path / "file" / "one.yaml")
    closed = tmp_path / "closed"

    def denied(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch, pytest.raises(UserError, match=r"one.yaml: cannot be read \(Permission den"):
        patch.setattr(io, "open", denied)
        patch.setattr(os, "stat", denied)
        load_config(closed / "one.yaml")


def test_a_bug_keeps_its_traceback(tmp_path, monkeypatch):
    """Also one that raises an `OSError`, if it is not the system's."""
    job = conversion(tmp_path / "place", to="folder")
    for bug in (OSError("cannot write mode F as PNG"), KeyError("x"), ValueError("shapes differ")):
        monkeypatch.setattr("gan.data.convert.encode", lambda *_, bug=bug: (_ for _ in ()).throw(bug))
        with pytest.raises(type(bug)) as error:
            job.call()
        assert error.value is bug
