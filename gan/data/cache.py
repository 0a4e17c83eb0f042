"""Decoded images kept in a file, so that they are checked and decoded once.

An entry of the cache is a directory `{digest of the listing}-{size}`, with `images.bin`, the pixels of all rows in
order, training split first, and `about.json`. It is written under a temporary name and moved into place, by one process
at a time; a changed table or file gives another digest, and the old entry is removed. Labels are not in it: they are
those of the tables, whose digest is in the name. What `about.json` says of pixels and labels is checked at each start,
by the SHA-256 of all of them, so a disk that has changed a bit is noticed, and the images are decoded anew.

    entry, dataset = cached(listing, ReadOptions(image_size=(64, 64), resize="crop"), fill=fill, read=read)
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import PIL
from PIL import features

from gan.data.dataset import MAX_MEGAPIXELS, DataSet, ReadOptions, parts
from gan.data.listing import Listing
from gan.data.tree import CACHED
from gan.errors import UserError
from gan.files import check_writable, exclusive, file_errors, flush, warn_once, writing
from gan.images import Pixels

VERSION = 2
"""Part of the digest: to be raised when this code would decode the same files to other pixels."""

IMAGES, ABOUT = "images.bin", "about.json"

PARTIAL = re.compile(rf"\.{CACHED.pattern}\.part-\d+")
"""Of entries being written: the directory may hold other things, which are none of ours."""


class PixelFile:
    """A file of images of one size, one after another: grey until the first one in colour, then all are RGB."""

    def __init__(self, path: Path) -> None:
        self.shape: tuple[int, int, int, int] = (0, 0, 0, 1)  # (N, H, W, C) so far
        self._path = path
        self._file = path.open("wb")

    def __enter__(self) -> "PixelFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All is on the disk then."""
        try:
            if error is None:
                self._file.flush()
                flush(self._file.fileno())
        finally:
            self._file.close()

    def append(self, pixels: Pixels) -> None:
        """Add one image (H, W, C)."""
        if pixels.shape[-1] > self.shape[-1]:
            self._change_to_rgb()
        elif pixels.shape[-1] < self.shape[-1]:
            pixels = pixels.repeat(self.shape[-1], axis=-1)
        self._file.write(pixels.tobytes())
        self.shape = (self.shape[0] + 1, *pixels.shape)

    def _change_to_rgb(self) -> None:
        self._file.close()
        grey = self._path.with_suffix(".grey")
        self._path.rename(grey)
        self._file = self._path.open("wb")
        if self.shape[0]:
            for part in parts(map_images(grey, self.shape)):
                self._file.write(part.repeat(3, axis=-1).tobytes())
        grey.unlink()
        self.shape = (*self.shape[:3], 3)


def map_images(path: Path, shape: tuple[int, ...]) -> Pixels:
    """The file's bytes as a read-only array of this shape; nothing is read yet where the file system can map it."""
    try:
        return np.asarray(np.memmap(path, np.uint8, mode="r", shape=shape))
    except OSError as error:
        if error.filename is not None:  # It cannot be opened.
            raise
        warn_once(
            f"files in {path.parents[1]} cannot be mapped ({error.strerror}), so all images are read into memory; a "
            "--cache-dir on a local disk would save that"
        )
    images = np.fromfile(path, np.uint8).reshape(shape)
    images.flags.writeable = False
    return images


@dataclass(frozen=True)
class Entry:
    """What is in the cache.

    Attributes:
        directory: where the data are, absolute.
        shape: (N, H, W, C) of the images, height, width and channels.
        skipped: rows that cannot be used, numbered from 0 through both splits, and why.
        transparent: how many images were laid on black.
        digest: of the data set, as `DataSet.digest`: of all pixels and labels.
    """

    directory: str
    shape: tuple[int, int, int, int]
    skipped: dict[int, str]
    transparent: int
    digest: str


Fill = Callable[[Path, Listing, ReadOptions], Entry]
"""Decodes the images of a listing into a file."""

Read = Callable[[Listing, Entry, Pixels], DataSet]
"""Makes a data set of an entry and its images (N, H, W, C)."""


def entry_name(listing: Listing, options: ReadOptions) -> str:
    """Such as `0f3a59c1d2e4b687-64x64-crop`."""
    size = "native"
    if options.image_size is not None:
        height, width = options.image_size
        size = f"{height}x{width}" + (f"-{options.resize}" if options.resize else "")
    return f"{_digest(listing, options)}-{size}"


def place_of(path: Path) -> Path:
    """The directory of the cache, where none is named: in that of the data, or beside the file of the data."""
    return path / "cache" if path.is_dir() else path.with_name(f"{path.name}.cache")


def cached(listing: Listing, options: ReadOptions, *, fill: Fill, read: Read) -> tuple[Entry, DataSet]:
    """The entry of a listing, and its data, of mapped images; where it is not there, `fill` writes the images.

    Raises:
        UserError: the cache cannot be written; or what `fill` raises.
    """
    cache = options.cache_dir or place_of(listing.path)
    path = cache / entry_name(listing, options)
    if found := _open(path, listing, options, read):
        return found
    check_writable(cache, flag="--cache-dir")
    with exclusive(cache / ".lock", waiting=f"waiting for another run, which is writing to {cache}"):
        if found := _open(path, listing, options, read, tell=True):
            return found
        entry = _write(path, listing, options, fill)
        return entry, read(listing, entry, map_images(path / IMAGES, entry.shape))


def _digest(listing: Listing, options: ReadOptions) -> str:
    """Of the listing and of what decodes it; in a place that others may use too, also of where the data are.

    Of NumPy only whole numbers are wanted, which are those of any version.
    """
    directory = "" if options.cache_dir is None else listing.path.resolve()
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    if options.max_megapixels != MAX_MEGAPIXELS:
        directory = f"{directory} {options.max_megapixels:g}"
    text = f"{VERSION} {PIL.__version__} {jpeg} {listing.digest()} {directory}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _open(
    path: Path, listing: Listing, options: ReadOptions, read: Read, *, tell: bool = False
) -> tuple[Entry, DataSet] | None:
    """The entry at `path`, and its data; None if it is not there, damaged, or lacks rows that may not be skipped."""
    try:
        values = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        values["shape"] = tuple(map(int, values["shape"]))
        values["skipped"] = {int(row): str(why) for row, why in values["skipped"].items()}
        entry = Entry(**values)
        if entry.skipped and options.on_bad_image != "skip":
            return None
        dataset = read(listing, entry, map_images(path / IMAGES, entry.shape))
        if dataset.digest == entry.digest:
            return entry, dataset
    except (AttributeError, IndexError, KeyError, OSError, OverflowError, TypeError, ValueError):
        pass  # Of what is damaged, anything may be wrong.
    if tell and path.exists():
        print(f"warning: {path} is damaged; the images are decoded anew", file=sys.stderr)
    return None


def _write(path: Path, listing: Listing, options: ReadOptions, fill: Fill) -> Entry:
    """Make the entry; what killed runs left half-written goes, and entries of this directory as it was before."""
    for left in path.parent.iterdir():
        if PARTIAL.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
    partial = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        with writing(f"{path.parent}: the decoded images", flag="--cache-dir"):
            partial.mkdir()
            entry = fill(partial / IMAGES, listing, options)
            with file_errors():
                changed = listing.again().digest() != listing.digest()
            if changed:
                raise UserError(f"{listing.path} has changed while it was read; run the command again")
            (partial / ABOUT).write_text(json.dumps(asdict(entry), indent=1), encoding="utf-8")
            shutil.rmtree(path, ignore_errors=True)
            partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for other in path.parent.iterdir():
        stale = CACHED.fullmatch(other.name) and not other.name.startswith(_digest(listing, options))
        if stale and (options.cache_dir is None or _directory(other) == entry.directory):
            shutil.rmtree(other, ignore_errors=True)
    return entry


def _directory(path: Path) -> str | None:
    try:
        return str(json.loads((path / ABOUT).read_text(encoding="utf-8"))["directory"])
    except (KeyError, OSError, TypeError, ValueError):
        return None
