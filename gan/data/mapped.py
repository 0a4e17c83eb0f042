"""Images in a file, mapped rather than read, so that a data set larger than memory can be used.

What a process has looked at in a map counts as its memory until it lets go of it, which `gather` and `parts` do.

    with PixelFile(path) as file:
        file.append(pixels)
    images = map_images(path, file.shape)
    part = gather(images, chosen)

Shapes: `N` images of `H W C` height, width, channels.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.images import Pixels

PART_BYTES = 16 << 20


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
                os.fsync(self._file.fileno())
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
    """The file's bytes as a read-only array of this shape; nothing is read yet."""
    return np.asarray(np.memmap(path, np.uint8, mode="r", shape=shape))


def gather(images: Pixels, chosen: NDArray[np.int64] | slice) -> Pixels:
    """Images (N, ...) by their indices, of any shape: a copy, and nothing more of the map stays in memory."""
    found = np.array(images[chosen])
    release(images)
    return found


def release(images: Pixels) -> None:
    """Let go of the memory that holds what was read of a map; the values stay. Nothing for arrays in memory."""
    owner: Any = images
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def parts(images: Pixels) -> Iterator[Pixels]:
    """Consecutive parts of images (N, ...), of some megabytes each; each is to be used before the next is asked for."""
    step = max(1, PART_BYTES // max(1, images[:1].nbytes))
    for start in range(0, len(images), step):
        yield images[start : start + step]
        release(images)
