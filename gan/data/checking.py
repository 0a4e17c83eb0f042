"""Every image of a listing, read once: its pixels, or what is wrong with it. With a progress bar, several at a time.

    for found in examine(listing, ReadOptions()):
        ...

An image that is not of the size wanted is wrong, unless it may be resized.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

from tqdm import tqdm

from gan.config import MAX_SIDE, MIN_SIDE
from gan.data.dataset import ReadOptions
from gan.data.listing import Listing, Row, Split
from gan.data.parallel import in_order
from gan.data.pictures import BadImage, Picture, decode, quiet, resized

FIRST_ROWS = 16
"""Rows whose images tell the size of all, where the config does not."""

PART_ROWS, PART_BYTES = 256, 4 << 20
"""What a thread takes at a time, at most: rows, and bytes of files or of pixels."""

SMALL_FILE = 4096
"""Bytes. To decode smaller files is mostly work in Python, where threads only get in each other's way: on two cores
they decoded 7,700 files of MNIST a second, and one at a time 17,000."""

MAX_FILE = 1 << 28
"""Bytes of a picture file."""

Size = tuple[int, int]
Place = tuple[Split, Row]


class WrongSize(BadImage):
    """An image is not of the size wanted."""


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
    places = listing.places()
    wanted = options.image_size
    with quiet(), tqdm(total=len(places), desc="images", unit=" images", disable=None) as progress:
        start = 0
        while wanted is None and start < len(places):
            first = [_examined(place, _content(*place), options) for place in places[start : start + FIRST_ROWS]]
            wanted = _native_size(listing, first)
            yield from (_of_size(each, wanted, options) for each in first)
            start += len(first)
            progress.update(len(first))
        if wanted is None:
            return
        one_at_a_time = threading.Lock()

        def read(part: list[Place]) -> list[Examined]:
            contents = [_content(*place) for place in part]
            small = sum(row.size for _, row in part) < SMALL_FILE * len(part)
            with one_at_a_time if small else nullcontext():
                return [
                    _of_size(_examined(place, content, options), wanted, options)
                    for place, content in zip(part, contents, strict=True)
                ]

        for found in in_order(read, _parts(places[start:], wanted)):
            yield from found
            progress.update(len(found))


def _parts(places: list[Place], size: Size) -> Iterator[list[Place]]:
    """Consecutive rows, so few that neither their files nor RGB images of this size take much memory."""
    most = max(1, min(PART_ROWS, PART_BYTES // (3 * size[0] * size[1])))
    part: list[Place] = []
    total = 0
    for place in places:
        part.append(place)
        total += place[1].size
        if len(part) == most or total >= PART_BYTES:
            yield part
            part, total = [], 0
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


def _examined(place: Place, content: bytes | BadImage, options: ReadOptions) -> Examined:
    """The content decoded and, if it may be, resized."""
    if isinstance(content, BadImage):
        return Examined(*place, None, content)
    try:
        picture = decode(content)
    except BadImage as problem:
        return Examined(*place, None, problem)
    height, width = size = picture.pixels.shape[:2]
    if options.image_size is not None and options.resize is not None:
        height, width = options.image_size
        picture = picture._replace(pixels=resized(picture.pixels, height=height, width=width, how=options.resize))
    return Examined(*place, size, picture)


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


def _of_size(found: Examined, wanted: Size | None, options: ReadOptions) -> Examined:
    if isinstance(found.result, BadImage) or wanted is None or found.result.pixels.shape[:2] == wanted:
        return found
    as_what = "image_size" if options.image_size else "most of the first images"
    height, width = found.result.pixels.shape[:2]
    return found._replace(result=WrongSize(f"is {height}x{width}; expected {wanted[0]}x{wanted[1]}, as {as_what}"))
