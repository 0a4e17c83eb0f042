"""The files of a directory, or of a zip archive, by name: a format reads both alike, and unpacks nothing to a disk.

    tree = open_tree(Path("pets.zip"))
    tree.files["cat/tom.jpg"].size
    content = tree.read("cat/tom.jpg")

Names are relative, with `/`. Left out are hidden files, what macOS puts beside them, and this project's own cache. If
all files but a readme or a licence are in one directory, as archives often have it, names begin within it.
"""

import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple, Protocol

from gan.data.kinds import kind_of
from gan.errors import UserError
from gan.files import file_errors
from gan.names import UNWRITABLE

MAX_FILE = 1 << 28
"""Bytes of a picture file."""

CACHED = re.compile(r"[0-9a-f]{16}-(native|\d+x\d+(-[a-z]+)?)")
"""Directories that the cache makes: they hold no data of a user's."""

MAX_TABLE = 1 << 30
"""Bytes of a table or another file that is no picture."""

ZIP_MAGIC = b"PK\x03\x04"
ENCRYPTED = 1
UTF8 = 0x800
FORBIDDEN = re.compile(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)")
"""Names that would lie outside of a directory that the archive is unpacked to."""

DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises for archives that are damaged, or packed in a way that it does not know."""

SOURCES = (".csv", ".json", ".parquet", ".npz")
"""Files that say what the pictures beside them are."""


PAPERS = re.compile(
    r"(readme|licen[cs]e|copying|notice|authors)|[^/]+\.(txt|md|rst|pdf|html?|docx?|db|ini)", re.IGNORECASE
)
"""Files that tell of the data and are none."""


class Unreadable(ValueError):
    """Why a file cannot be read, in words that follow its name."""


class Stat(NamedTuple):
    """Size in bytes, and what changes with the content: a date in ns, or a checksum. Both -1 for what is no file."""

    size: int
    stamp: int


NO_FILE = Stat(-1, -1)


class Tree(Protocol):
    """Files by name; `tops` are the directories at the top, empty ones too."""

    path: Path
    files: dict[str, Stat]
    tops: set[str]

    def where(self, name: str) -> str:
        """The file, for people."""

    def read(self, name: str) -> bytes:
        """Its content; an `OSError` or `Unreadable` if it has none."""


class Directory:
    """Files in a directory and in those below it; links are followed, but not round and round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prefix, self.files = _without_top(dict(sorted(_walk(path))))
        with os.scandir(path / self.prefix) as entries:
            self.tops = {entry.name for entry in entries if _is_directory(entry)}

    def where(self, name: str) -> str:
        return str(self.path / self.prefix / name)

    def read(self, name: str) -> bytes:
        path = self.path / self.prefix / name
        if self.files.get(name, NO_FILE).size < 0:
            if path.exists():
                raise Unreadable("is no file; expected a picture")
            raise Unreadable("is a link that leads nowhere; mend it" if path.is_symlink() else _absent(path.parent))
        return path.read_bytes()


class Archive:
    """Files in a zip archive, read from where they are.

    Raises:
        UserError: it is damaged or encrypted, or has a name that leads out of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with file_errors(path):
                self._zip = zipfile.ZipFile(path)
                members = [info for info in self._zip.infolist() if not info.is_dir()]
        except UserError:
            raise
        except DAMAGES as error:
            raise UserError(f"{path} is a damaged zip archive ({error}); download or make it again") from None
        found: dict[str, zipfile.ZipInfo] = {}
        for info in members:
            name = _name(info)
            if FORBIDDEN.search(name) or UNWRITABLE.search(name):
                raise UserError(f"{path} holds {name!r}, which is no name of a file below it; make the archive again")
            if info.flag_bits & ENCRYPTED:
                raise UserError(f"{path} is encrypted ({name}); make it again without a password")
            if not name:  # Of the directory that was packed.
                continue
            if name in found:
                raise UserError(f"{path} holds {name} twice; expected one file of each name: make the archive again")
            found[name] = info
        shown = {name: Stat(info.file_size, info.CRC) for name, info in sorted(found.items()) if _is_shown(name)}
        self.prefix, self.files = _without_top(shown)
        self.tops = {name.partition("/")[0] for name in self.files if "/" in name}
        self._members = found

    def where(self, name: str) -> str:
        return f"{self.path}/{self.prefix}{name}"

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise Unreadable(_absent(Path(self.where(name)).parent))
        try:
            with self._zip.open(self._members[f"{self.prefix}{name}"]) as file:
                return file.read()
        except DAMAGES as error:
            raise Unreadable(f"cannot be unpacked ({error})") from None


def open_tree(path: Path) -> Tree:
    """The files of a directory or of a zip archive."""
    return Directory(path) if path.is_dir() else Archive(path)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does, whatever it is called."""
    return first_bytes(path).startswith(ZIP_MAGIC)


def first_bytes(path: Path, count: int = 4096) -> bytes:
    """The beginning of a file; nothing of a directory or of a pipe."""
    if not path.is_file():
        return b""
    with file_errors(path), path.open("rb") as file:
        return file.read(count)


def read_table(tree: Tree, name: str) -> bytes:
    """The content of a table or of another small file.

    Raises:
        UserError: it cannot be read, or is far too large.
    """
    where = tree.where(name)
    if name not in tree.files:
        raise UserError(f"{where} is hidden, as its name begins with a dot; expected another name: rename it")
    if tree.files[name].size > MAX_TABLE:
        raise UserError(f"{where} has {tree.files[name].size:,} bytes; expected at most {MAX_TABLE:,}")
    try:
        with file_errors(Path(where)):
            return tree.read(name)
    except Unreadable as error:
        raise UserError(f"{where} {error}; correct it") from None


def looks_like(path: Path) -> str:
    """What is at a path, in a few words for a message."""
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        return f"holds {some(names) or 'nothing'}"
    kind = kind_of(first_bytes(path))
    return f"is {kind.name if kind else 'a file of an unknown kind'}"


def some(names: list[str]) -> str:
    """The first few names, for an error message."""
    return ", ".join(map(shown, names[:4])) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")


def shown(text: str, length: int = 255) -> str:
    """Text of others in a message: of bounded length, and on one line."""
    short = text if len(text) <= length else f"{text[:length]}..."
    return short.encode("unicode_escape").decode() if UNWRITABLE.search(short) else short


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a member; `zip` of Linux writes UTF-8 and does not say so."""
    name = info.filename
    with suppress(UnicodeError):
        if not info.flag_bits & UTF8:
            name = name.encode("cp437").decode()
    return "/".join(part for part in name.split("/") if part != ".")


def _absent(directory: Path) -> str:
    return f"is not there; expected it in {directory}"


def _is_shown(name: str) -> bool:
    parts = name.split("/")
    return not any(part.startswith(".") or part == "__MACOSX" or CACHED.fullmatch(part) for part in parts)


def _walk(directory: Path) -> Iterator[tuple[str, Stat]]:
    """Name and status of each file."""
    pending: list[tuple[str, Path, frozenset[tuple[int, int]]]] = [("", directory, frozenset())]
    while pending:
        prefix, place, above = pending.pop()
        status = place.stat()
        identity = status.st_dev, status.st_ino
        if identity in above:  # A link to a directory that it is in.
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                if not _is_shown(entry.name):
                    continue
                if _is_directory(entry):
                    pending.append((f"{prefix}{entry.name}/", Path(entry.path), above | {identity}))
                else:
                    yield f"{prefix}{entry.name}", _status(entry)


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads round and round.
        return False


def _status(entry: "os.DirEntry[str]") -> Stat:
    try:
        status = entry.stat()
    except OSError:  # A link that leads nowhere or round and round.
        return NO_FILE
    return Stat(status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else NO_FILE


def _without_top(files: dict[str, Stat]) -> tuple[str, dict[str, Stat]]:
    """The directory that all files are in but for papers, such as `pets/`, and the files within it.

    One that holds files itself is a class of pictures, unless a table among them says more.
    """
    prefix = ""
    while True:
        data = [name for name in files if not PAPERS.fullmatch(name)]
        tops = {name.partition("/")[0] for name in data}
        if len(tops) != 1 or not all("/" in name for name in data):
            return prefix, files
        (top,) = tops
        within = {name.partition("/")[2]: status for name, status in files.items() if "/" in name}
        own = [name for name in within if "/" not in name and not PAPERS.fullmatch(name)]
        if own and not any(name.lower().endswith(SOURCES) for name in own):
            return prefix, files
        if top.lower() in ("train", "training"):
            return prefix, files
        prefix, files = f"{prefix}{top}/", within
