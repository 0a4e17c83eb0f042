import ast
import errno
import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gan.errors import FileError, MissingError, UserError
from gan.files import check_utf8, check_writable, exclusive, file_errors, read_file, write_atomically

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
    assert str(error.value) == (
        f"{path} cannot be written (File too large); raise the limit on the size of files (ulimit -f), or name another "
        "place"
    )
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
    with pytest.raises(FileError, match=r"file/below/name cannot be written \(Not a directory\); correct that, or"):
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


def lacks(code):
    """A call of the system that the file system does not have."""

    def call(*_):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_warned_of_once(code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", lacks(code))
    for _ in range(2):
        with exclusive(tmp_path / "lock"):
            pass
    assert capsys.readouterr().err == (
        f"warning: {tmp_path}/lock cannot be locked ({os.strerror(code)}), so nothing keeps two runs from writing to "
        f"{tmp_path} at once: start one at a time\n"
    )


def test_a_lock_that_cannot_be_had_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lacks(errno.EIO))
    with pytest.raises(FileError, match=r"lock cannot be locked \(Input/output error\); name a place"):
        exclusive(tmp_path / "lock").__enter__()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_be_told_to_flush_is_written_to(code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.fsync", lacks(code))
    write_atomically(tmp_path / "file", b"one")
    assert (tmp_path / "file").read_bytes() == b"one"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EFBIG, "raise the limit on the size of files (ulimit -f)"),
        (errno.EIO, "correct that"),
        (errno.EROFS, "correct that"),
    ],
)
def test_only_a_full_disk_needs_room(code, remedy, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lacks(code))
    with pytest.raises(FileError) as error:
        write_atomically(tmp_path / "file", b"one")
    assert str(error.value) == (
        f"{tmp_path}/file cannot be written ({os.strerror(code)}); {remedy}, or name another place"
    )


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.EBUSY])
def test_a_rename_that_is_refused_is_said_to_be_one(code, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(code, os.strerror(code), source, None, target)

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(FileError) as error:
        write_atomically(tmp_path / "file", b"one")
    assert str(error.value) == (
        f"{tmp_path}/file cannot be written (rename: {os.strerror(code)}); use a disk that can rename, or name another "
        "place"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match=r"pipe cannot be used \(it is a pipe\); correct that, or name another"):
        read_file(tmp_path / "pipe")


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    for name in ("pipe", "device"):
        with pytest.raises(
            FileError, match=f"{name} is no regular file, and another would take its place; name another"
        ):
            write_atomically(tmp_path / name, b"one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "pipe"]
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "device").is_symlink()


def test_a_link_to_a_file_is_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"one")
    for name, target in (("link", "file"), ("nowhere", "purged")):
        (tmp_path / name).symlink_to(target)
        write_atomically(tmp_path / name, b"two")
        assert not (tmp_path / name).is_symlink() and (tmp_path / name).read_bytes() == b"two"
    assert (tmp_path / "file").read_bytes() == b"one"


@pytest.mark.parametrize("below", [(), ("a",), ("a", "b")], ids=len)
def test_a_link_that_leads_nowhere_is_said_to(below, tmp_path):
    """It is not there, and yet nothing can be made in its place."""
    (tmp_path / "nowhere").symlink_to("purged")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "second").symlink_to("nowhere")
    (tmp_path / "file").touch()
    (tmp_path / "under").symlink_to("file/under")
    for name, target, why in (
        ("nowhere", "purged", "No such file or directory"),
        ("second", "nowhere", "No such file or directory"),
        ("round", "round", "Too many levels of symbolic links"),
        ("under", "file/under", "Not a directory"),
    ):
        with pytest.raises(MissingError) as error:
            check_writable(tmp_path.joinpath(name, *below))
        assert str(error.value) == (
            f"{tmp_path}/{name} is a link to {target}, which leads nowhere ({why}); mend or remove the link, or name "
            "another place"
        )
    (tmp_path / "purged").mkdir()
    check_writable(tmp_path.joinpath("second", *below))


def test_a_name_that_tensorflow_cannot_write_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no name in UTF-8, as TensorFlow's have to be; name another one"):
        check_utf8(tmp_path / os.fsdecode(b"caf\xe9"))
    check_utf8(tmp_path / "caf\u00e9")


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
