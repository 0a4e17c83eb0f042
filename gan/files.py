"""Files that are either whole or not there, and directories that one process writes to."""

import errno
import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from gan.errors import FileError, MissingError, UserError

LACKING = frozenset((errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP))
"""What a file system says of a call that it does not have."""

NO_RENAME = frozenset((errno.EBUSY, errno.EPERM, errno.EXDEV))
"""What one says that does not rename, or not from there to here."""

NOT_UTF8 = r"[\udc80-\udcff]"
"""What stands in a name for bytes that are no UTF-8."""


@contextmanager
def file_errors(path: Path | None = None) -> Iterator[None]:
    """What the operating system says of a file, as a `FileError`: one line for whoever named the file.

    An error while a file is read or written does not say which; it is then of `path`, if that is given.
    """
    try:
        yield
    except UserError:
        raise
    except UnicodeEncodeError as error:
        if error.encoding != sys.getfilesystemencoding():
            raise
        raise UserError(unnameable(error.object)) from error
    except OSError as error:
        name = error.filename2 or error.filename or path
        if error.errno is None or name is None:
            raise
        raise FileError(f"{name} cannot be used ({reason(error)}); correct that, or name another one") from error


def unnameable(name: str) -> str:
    """What is wrong with a name that no file can have here, and what to do."""
    return (
        f"{name!r} cannot be the name of a file in this locale, whose encoding is {sys.getfilesystemencoding()}; use a "
        "UTF-8 locale, such as LC_ALL=C.UTF-8"
    )


def check_names(names: Iterable[str]) -> None:
    """Check that files can have these names, before the first of them is written.

    Raises:
        UserError: the locale lacks a letter of one.
    """
    for name in names:
        try:
            os.fsencode(name)
        except UnicodeEncodeError as error:
            raise UserError(unnameable(name)) from error


@contextmanager
def writing(what: object, *, flag: str | None = None) -> Iterator[None]:
    """What the operating system says while something is written, as a `FileError` that says what that is."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise _unwritten(what, error, flag) from error


def _unwritten(what: object, error: Exception, flag: str | None = None) -> FileError:
    other = "name another place" + (f" with {flag}" if flag else "")
    return FileError(f"{what} cannot be written ({reason(error)}); {way_out(error)}, or {other}")


def reason(error: Exception) -> str:
    """Why something could not be written, of an error of Python or TensorFlow: `No space left on device`."""
    if isinstance(error, OSError) and error.strerror:
        return f"rename: {error.strerror}" if error.filename2 and error.errno in NO_RENAME else error.strerror
    return str(error).partition("\n")[0].rpartition("; ")[2].partition(" [Op:")[0]


def way_out(error: Exception) -> str:
    """What to do then."""
    if reason(error) in (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)):
        return "make room"
    if reason(error) == os.strerror(errno.EFBIG):
        return "raise the limit on the size of files (ulimit -f)"
    return "use a disk that can rename" if reason(error).startswith("rename: ") else "correct that"


def check_links(path: Path) -> None:
    """Check that a path, if it is not there, is not below a link that leads nowhere.

    Raises:
        MissingError: it is.
    """
    for place in (path, *path.parents):
        if place.is_symlink():
            try:
                place.stat()
            except OSError as error:
                raise MissingError(
                    f"{place} is a link to {place.readlink()}, which leads nowhere ({error.strerror}); mend or remove "
                    "the link, or name another place"
                ) from None


@file_errors()
def check_writable(directory: Path, *, flag: str | None = None) -> None:
    """Check that a directory can be written to, or made; nothing is made.

    Raises:
        UserError: it cannot; name another one, with `flag` if that is given.
    """
    check_links(directory)
    remedy = "name another one" + (f" with {flag}" if flag else "")
    nearest = directory
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise UserError(f"{nearest} is a file; expected a directory to write to: {remedy}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"{nearest} cannot be written to; expected a directory of yours: {remedy}")


def check_utf8(directory: Path) -> None:
    """Check that a directory has a name that TensorFlow can write to.

    Raises:
        UserError: it is not text in UTF-8.
    """
    if re.search(NOT_UTF8, str(directory)):
        raise UserError(f"{directory} is no name in UTF-8, as TensorFlow's have to be; name another one")


def check_regular(path: Path) -> None:
    """Check that what is at a path, if anything, is a file that another one can take the place of.

    Raises:
        FileError: it is a device, a pipe or a socket, or leads to one. Of a directory, the system says what it is.
    """
    if not path.is_file() and path.exists() and not path.is_dir():
        raise FileError(f"{path} is no regular file, and another would take its place; name another place")


@contextmanager
def exclusive(path: Path, *, waiting: str | None = None) -> Iterator[None]:
    """Hold the lock file `path`, which stays; the system lets go of it however the process ends.

    While another process holds it, say `waiting` and wait.

    Raises:
        UserError: another process holds it, and `waiting` is None; or it cannot be had.
    """
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a", encoding="utf-8")
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                raise UserError(f"another run is writing to {path.parent}; wait for it, or name another one") from None
            print(waiting, file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in LACKING:
                raise FileError(f"{path} cannot be locked ({error.strerror}); name a place on another disk") from error
            warn_once(
                f"{path} cannot be locked ({error.strerror}), so nothing keeps two runs from writing to {path.parent} "
                "at once: start one at a time"
            )
        yield


def content_of(path: Path) -> bytes:
    """The content of a file, but not of a pipe, which might be waited for without an end."""
    if path.is_fifo():
        raise OSError(errno.ESPIPE, "it is a pipe", str(path))
    return path.read_bytes()


def read_file(path: Path) -> bytes:
    """The content of a file; an error names it, also one that comes while it is read."""
    with file_errors(path):
        return content_of(path)


@cache
def warn_once(text: str) -> None:
    """A warning that several calls may have a reason for."""
    print(f"warning: {text}", file=sys.stderr)


@contextmanager
def literal(directory: Path) -> Iterator[Path]:
    """A name of a directory for TensorFlow's reader, which takes names for patterns: its own, or that of a link."""
    if not re.search(rf"[][*?\\]|{NOT_UTF8}", str(directory)):
        yield directory
        return
    with file_errors(directory), tempfile.TemporaryDirectory() as place:
        link = Path(place) / "link"
        link.symlink_to(directory.absolute())
        yield link


def flush(descriptor: int) -> None:
    """Have what a file or a directory holds on the disk, where the file system can be told to."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in LACKING:
            raise


def flush_directory(directory: Path) -> None:
    """Write the names in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file under a temporary name beside it, then move it into place; parents are made.

    Args:
        path: of the file. However the process ends, it has the old content or the new.
        content: of the file.
        durable: whether it is on the disk when this returns, whatever the machine does next; that takes its time.

    Raises:
        UserError: it cannot be written; what was there is as it was.
    """
    partial = path.with_name(f".{path.name}.part-{os.getpid()}")
    with writing(path):
        check_regular(path)
        try:
            with _opened(partial) as file:
                file.write(content)
                if durable:
                    file.flush()
                    flush(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        if durable:
            flush_directory(path.parent)


@contextmanager
def writing_directory(directory: Path) -> Iterator[Path]:
    """A directory to fill, under a temporary name beside its own; it is moved into place once it is whole.

    Args:
        directory: a new one or an empty one; parents are made.

    Raises:
        UserError: it cannot be written; nothing is left.
    """
    place = directory.resolve()  # It may be a link.
    partial = place.with_name(f".{place.name}.part-{os.getpid()}")
    try:
        with writing(directory):
            partial.mkdir(parents=True)
            yield partial
            partial.replace(place)
    except FileError as error:
        cause = error.__cause__
        if str(partial) not in str(error) or not isinstance(cause, Exception):
            raise
        raise _unwritten(directory, cause) from cause  # Nobody knows of what was within, and it is gone.
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _opened(path: Path) -> IO[bytes]:
    """A new file to write to; parents are made if they are not there, which is not asked for each of many files."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
