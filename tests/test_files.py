import ast
import errno
import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gan.errors import FileError
from gan.files import check_writable, exclusive, file_errors, write_atomically

ROOT = Path(__file__).parents[1]


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"one")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"two")
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_write_that_is_cut_short_leaves_what_was_there(tmp_path, durable):
    """By a limit on the size of files, in place of a full disk."""
    path = tmp_path / "file"
    write_atomically(path, b"one", durable=durable)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, hard))
    try:
        with pytest.raises(FileError) as error:
            write_atomically(path, b"two", durable=durable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(error.value) == f"{path} cannot be written (File too large); make room there or name another place"
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("durable", "flushed"), [(True, 2), (False, 0)])
def test_what_is_not_to_be_durable_does_not_wait_for_the_disk(tmp_path, durable, flushed, monkeypatch):
    descriptors = []
    monkeypatch.setattr("os.fsync", descriptors.append)
    write_atomically(tmp_path / "file", b"one", durable=durable)
    assert len(descriptors) == flushed  # The file, and the directory.


def test_a_place_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file/below/name cannot be written \(Not a directory\); make room there or"):
        write_atomically(tmp_path / "file" / "below" / "name", b"")
    with pytest.raises(FileError, match=r"x/name cannot be written \(File name too long\)"):
        write_atomically(tmp_path / ("x" * 300) / "name", b"")
    (tmp_path / "directory").mkdir()
    with pytest.raises(FileError, match=r"directory cannot be written \(Is a directory\)"):
        write_atomically(tmp_path / "directory", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]


def test_errors_of_the_system_become_one_line_and_others_stay(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(FileError) as error, file_errors():
        missing.read_bytes()
    assert str(error.value) == (
        f"{missing} cannot be used (No such file or directory); correct that, or name another one"
    )
    with pytest.raises(FileError, match="place cannot be used"), file_errors():  # Not the one that a user never sees.
        (tmp_path / ".place.part-1").rename(tmp_path / "place")
    nameless = OSError(errno.EIO, "Input/output error")
    with pytest.raises(FileError, match=r"missing cannot be used \(Input/output error\)"), file_errors(missing):
        raise nameless
    for bug in (nameless, OSError("of no call of the system"), ValueError("a bug")):
        with pytest.raises(type(bug)) as found, file_errors():
            raise bug
        assert found.value is bug


def test_a_lock_that_cannot_be_had_is_one_line(tmp_path, monkeypatch):
    def unable(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unable)
    with pytest.raises(FileError, match=r"lock cannot be locked \(No locks available\); name a place"):
        exclusive(tmp_path / "lock").__enter__()


def test_a_directory_to_be_made_is_looked_at_and_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file; expected a directory to write to"):
        check_writable(tmp_path / "file" / "b")
    with pytest.raises(ValueError, match=r"xx cannot be used \(File name too long\)"):
        check_writable(tmp_path / ("x" * 300))


def test_a_directory_of_someone_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match="cannot be written to; expected a directory of yours"):
        check_writable(tmp_path)


@pytest.mark.parametrize("name", ["猫-1.jpg", "Größe"])
def test_a_name_that_the_locale_lacks_is_one_line(name, monkeypatch):
    """As under LC_ALL=en_US, which is Latin-1 where it is there, or under C without Python's help."""
    program = f"""
from pathlib import Path
from gan.files import check_names, file_errors, write_atomically
for attempt in (lambda: check_names(["fine.jpg", {name!a}]), lambda: file_errors()(lambda: Path({name!a}).mkdir())()):
    try:
        attempt()
    except ValueError as error:
        print(ascii(str(error)))
"""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    said = (
        f"{name!r} cannot be the name of a file in this locale, whose encoding is ascii; use a UTF-8 locale, such as "
    )
    assert done.stdout.splitlines() == [ascii(f"{said}LC_ALL=C.UTF-8")] * 2, done.stderr


def test_no_text_file_depends_on_the_locale():
    """Of every text that is read or written, the encoding is said."""
    found = []
    for path in [*ROOT.glob("*.py"), *ROOT.glob("gan/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            modes = [each.value for each in node.args if isinstance(each, ast.Constant)]
            text = node.func.attr in ("read_text", "write_text") or (
                node.func.attr == "open" and modes and isinstance(modes[0], str) and modes[0] in ("r", "w", "a")
            )
            if text and "encoding" not in {each.arg for each in node.keywords}:
                found.append(f"{path.name}, line {node.lineno}")
    assert found == []
