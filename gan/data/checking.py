"""Every image of a listing, read once: its pixels, or what is wrong with it. With a progress bar, several at a time.

    for found in examine(listing, ReadOptions()):
        ...

An image that is not of the size wanted is wrong, unless it may be resized.
"""

import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from gan.config import MAX_SIDE, MIN_SIDE
from gan.data.dataset import ReadOptions
from gan.data.listing import Listing, Row, Split
from gan.data.parallel import in_order
from gan.data.pictures import BadImage, Picture, decode, resized

PART_ROWS = 256
PART_BYTES = 1 << 20
"""Rows that a thread takes at a time, at most, and about how many bytes of files."""

FIRST_ROWS = 16
"""Rows in the first part, at least: they tell the size of the images, where nothing else does."""

MAX_FILE = 1 << 28
"""Bytes of a picture file."""

SMALL_FILE = 4096
"""Bytes. To decode smaller files is mostly work in Python, where threads would only get in each other's way."""

Size = tuple[int, int]


class Examined(NamedTuple):
    """What was found in one row. `size` is (H, W) as it was in the file, if it could be decoded."""

    split: Split
    row: Row
    size: Size | None
    result: Picture | BadImage


def examine(listing: Listing, options: ReadOptions) -> Iterator[Examined]:
    """Every row of the training split, then of the test split, in the order of the tables.

    Without `options.image_size` the size wanted is the most common one among the first images.

    Raises:
        ValueError: that size is none that networks can be built for.
    """
    one_at_a_time = threading.Lock()
    wanted = options.image_size

    def read(part: list[tuple[Split, Row]]) -> list[Examined]:
        contents = [_content(split, row) for split, row in part]
        if sum(row.size for _, row in part) < SMALL_FILE * len(part):
            with one_at_a_time:
                found = [_decoded(content, options) for content in contents]
        else:
            found = [_decoded(content, options) for content in contents]
        return [Examined(*of, *what) for of, what in zip(part, found, strict=True)]

    total = sum(len(split.rows) for split in listing.splits)
    with warnings.catch_warnings(), tqdm(total=total, desc="images", unit=" images", disable=None) as progress:
        warnings.simplefilter("ignore")  # Pillow's, on what is odd in a file but does not matter here.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for found in in_order(read, _parts(listing)):
            wanted = wanted or _native_size(listing, found)
            for each in found:
                yield _of_size(each, wanted, options) if wanted else each
            progress.update(len(found))


def _parts(listing: Listing) -> Iterator[list[tuple[Split, Row]]]:
    part: list[tuple[Split, Row]] = []
    size, least = 0, FIRST_ROWS
    for split in listing.splits:
        for row in split.rows:
            part.append((split, row))
            size += row.size
            if len(part) == PART_ROWS or (size >= PART_BYTES and len(part) >= least):
                yield part
                part, size, least = [], 0, 1
    if part:
        yield part


def _content(split: Split, row: Row) -> bytes | BadImage:
    path = split.path(row)
    try:
        if row.size > MAX_FILE:
            return BadImage(f"has {row.size:,} bytes; expected at most {MAX_FILE:,}")
        if row.size >= 0:
            return path.read_bytes()
        return BadImage(
            "is no file; expected a picture" if path.exists() else f"is not there; expected it in {path.parent}"
        )
    except OSError as error:
        return BadImage(f"cannot be read ({error.strerror})")


def _decoded(content: bytes | BadImage, options: ReadOptions) -> tuple[Size | None, Picture | BadImage]:
    if isinstance(content, BadImage):
        return None, content
    try:
        picture = decode(content)
    except BadImage as problem:
        return None, problem
    height, width = size = picture.pixels.shape[:2]
    if options.image_size is not None and options.resize is not None:
        height, width = options.image_size
        picture = picture._replace(pixels=resized(picture.pixels, height=height, width=width, how=options.resize))
    return size, picture


def _native_size(listing: Listing, found: list[Examined]) -> Size | None:
    """The most common size; None if nothing could be decoded."""
    sizes = Counter(each.size for each in found if each.size)
    if not sizes:
        return None
    ((height, width),) = (size for size, _ in sizes.most_common(1))
    if not MIN_SIDE <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise ValueError(
            f"{listing.directory} holds images of {height}x{width}; expected sides of {MIN_SIDE} to {MAX_SIDE} pixels: "
            "set image_size in the config and pass --resize fit, crop or pad"
        )
    return height, width


def _of_size(found: Examined, wanted: Size, options: ReadOptions) -> Examined:
    if isinstance(found.result, BadImage) or found.result.pixels.shape[:2] == wanted:
        return found
    as_what = "image_size" if options.image_size else "most of the first images"
    height, width = found.result.pixels.shape[:2]
    problem = BadImage(f"is {height}x{width}; expected {wanted[0]}x{wanted[1]}, as {as_what}")
    return found._replace(result=problem)
