"""Any labelled pictures, whatever format lists them: checked, decoded once and mapped.

    dataset = load_pictures(read_listing(Path("pets")), ReadOptions(image_size=(64, 64), resize="crop"))

Shapes: `N` images of `H W C` height, width, channels.
"""

import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gan.config import MAX_SIDE, MIN_SIDE
from gan.data.cache import Entry, PixelFile, cached, map_images
from gan.data.dataset import DataSet, ReadOptions
from gan.data.decoding import BadImage, Picture, decode, quiet, resized
from gan.data.listing import Listing, Problems, Row, check_splits
from gan.data.tree import MAX_FILE, Unreadable
from gan.errors import UserError
from gan.images import ImageSpec, Pixels
from gan.threads import in_order

FIRST_ROWS = 16
"""Rows whose images tell the size of all, where the config does not."""

PART_ROWS, PART_BYTES = 256, 4 << 20
"""What a thread takes at a time, at most: rows, and bytes of files or of pixels."""

SMALL_FILE = 4096
"""Bytes. To decode smaller files is mostly work in Python, where threads only get in each other's way: on two cores
they decoded 7,700 files of MNIST per second, and one at a time 17,000."""

SHOWN_SIZES = 5

Size = tuple[int, int]


class WrongSize(BadImage):
    """An image is not of the size wanted."""


class Examined(NamedTuple):
    """What was found in one row. `size` is (H, W) as it was in the file, if it could be decoded."""

    row: Row
    size: Size | None
    result: Picture | BadImage


def load_pictures(listing: Listing, options: ReadOptions) -> DataSet:
    """Read both splits; only the first run decodes the images, and later ones until the list or a file changes.

    Raises:
        UserError: the data cannot be used, or the cache cannot be written. Its notes are lines `file:line: what`.
    """
    check_splits(listing, batch_size=options.batch_size)
    listing.tell()
    entry, dataset = cached(listing, options, fill=_decode, read=_dataset)
    if entry.skipped:
        rows = listing.places()
        number, what = min(entry.skipped.items())
        print(
            f"warning: {len(entry.skipped):,} of {len(rows):,} images cannot be used and are left out; "
            f"the first: {problem(listing, rows[number], what)}",
            file=sys.stderr,
        )
    return dataset


def problem(listing: Listing, row: Row, what: object) -> str:
    """What is wrong with a picture, after its place."""
    return f"{listing.where(row)}: {named(row, what)}"


def named(row: Row, what: object) -> str:
    """What is wrong with a picture, after its name, if its place does not tell that."""
    return f"{row.name} {what}" if row.name else str(what)


def _decode(path: Path, listing: Listing, options: ReadOptions) -> Entry:
    """Check all images, and write the pixels of those that can be used to a file."""
    problems, sizes = Problems(), Counter[Size]()
    skipped: dict[int, str] = {}
    transparent = 0
    skips = options.on_bad_image == "skip"
    with PixelFile(path) as file:
        for number, found in enumerate(examine(listing, options)):
            if found.size:
                sizes[found.size] += 1
            if isinstance(found.result, BadImage):
                problems.add(listing.where(found.row), named(found.row, found.result))
                skipped[number] = str(found.result)
                # Which size is right is a guess without image_size: nothing is left out for that.
                skips = skips and not (isinstance(found.result, WrongSize) and options.image_size is None)
            elif skips or not skipped:
                file.append(found.result.pixels)
                transparent += found.result.transparent
    if skipped and not skips:
        raise problems.error(listing.path, _remedy(sizes, options))
    for split, kept in zip(listing.splits, _kept(listing, skipped), strict=True):
        if not kept.any():
            raise problems.error(listing.path, f"no image of the {split.name} split can be used")
    entry = Entry(str(listing.path.resolve()), file.shape, skipped, transparent, digest="")
    return replace(entry, digest=_dataset(listing, entry, map_images(path, file.shape)).digest)


def _dataset(listing: Listing, entry: Entry, images: Pixels) -> DataSet:
    """The data set of the images (N, H, W, C) of all rows but those skipped."""
    kept = _kept(listing, entry.skipped)
    train, test = (listing.class_indices(split)[rows] for split, rows in zip(listing.splits, kept, strict=True))
    _, height, width, channels = images.shape
    laid = f", {entry.transparent:,} of them with transparent parts, laid on black" if entry.transparent else ""
    return DataSet(
        spec=ImageSpec(height, width, channels, listing.class_names),
        train_images=images[: len(train)],
        train_labels=train,
        test_images=images[len(train) :],
        test_labels=test,
        source=f"{listing.source}{laid}",
    )


def _kept(listing: Listing, skipped: Iterable[int]) -> list[NDArray[np.bool_]]:
    """For each split, which rows are not skipped."""
    kept = np.ones(sum(len(split.rows) for split in listing.splits), bool)
    kept[list(skipped)] = False
    return np.split(kept, [len(listing.train.rows)])


def _remedy(sizes: Counter[Size], options: ReadOptions) -> str:
    """What to do about images that cannot be used; for sizes, with those there are."""
    if sizes and (len(sizes) > 1 or options.image_size not in (None, *sizes)) and not _resizes(options):
        found = ", ".join(f"{height}x{width} ({count:,})" for (height, width), count in sizes.most_common(SHOWN_SIZES))
        more = f" and {len(sizes) - SHOWN_SIZES:,} more" if len(sizes) > SHOWN_SIZES else ""
        size = "set image_size in the config and pass" if options.image_size is None else "pass"
        return f"sizes found: {found}{more}; {size} --resize fit, crop or pad"
    return "correct the files, or pass --on-bad-image skip to leave them out"


def _resizes(options: ReadOptions) -> bool:
    return options.image_size is not None and options.resize is not None


def examine(listing: Listing, options: ReadOptions, *, only: list[Row] | None = None) -> Iterator[Examined]:
    """Every row of the training split, then of the test split, in their order; or only some rows.

    Without `options.image_size` the size wanted is the most common one among the first images.

    Raises:
        UserError: that size is none that networks can be built for.
    """
    places = listing.places() if only is None else only
    wanted = options.image_size
    with quiet(), tqdm(total=len(places), desc="images", unit=" images", disable=None) as progress:
        start = 0
        while wanted is None and start < len(places):
            first = [_examined(row, content_of(listing, row), options) for row in places[start : start + FIRST_ROWS]]
            wanted = _native_size(listing, first)
            yield from (_of_size(each, wanted, options) for each in first)
            start += len(first)
            progress.update(len(first))
        if wanted is None:
            return
        one_at_a_time = threading.Lock()

        def read(part: list[Row]) -> list[Examined]:
            contents = [content_of(listing, row) for row in part]
            small = sum(row.size for row in part) < SMALL_FILE * len(part)
            with one_at_a_time if small else nullcontext():
                return [
                    _of_size(_examined(row, content, options), wanted, options)
                    for row, content in zip(part, contents, strict=True)
                ]

        for found in in_order(read, _parts(places[start:], wanted)):
            yield from found
            progress.update(len(found))


def _parts(rows: list[Row], size: Size) -> Iterator[list[Row]]:
    """Consecutive rows, so few that neither their files nor RGB images of this size take much memory."""
    most = max(1, min(PART_ROWS, PART_BYTES // (3 * size[0] * size[1])))
    part: list[Row] = []
    total = 0
    for row in rows:
        part.append(row)
        total += row.size
        if len(part) == most or total >= PART_BYTES:
            yield part
            part, total = [], 0
    if part:
        yield part


def content_of(listing: Listing, row: Row) -> bytes | BadImage:
    """The bytes of a picture, or why there are none."""
    try:
        if row.size > MAX_FILE:
            return BadImage(f"has {row.size:,} bytes; expected at most {MAX_FILE:,}")
        return listing.read(row)
    except Unreadable as error:
        return BadImage(str(error))
    except OSError as error:
        return BadImage(f"cannot be read ({error.strerror})")


def _examined(row: Row, content: bytes | BadImage, options: ReadOptions) -> Examined:
    """The content decoded and, if it may be, resized."""
    if isinstance(content, BadImage):
        return Examined(row, None, content)
    try:
        picture = decode(content, max_megapixels=options.max_megapixels)
    except BadImage as problem:
        return Examined(row, None, problem)
    height, width = size = picture.pixels.shape[:2]
    if options.image_size is not None and options.resize is not None:
        height, width = options.image_size
        picture = picture._replace(pixels=resized(picture.pixels, height=height, width=width, how=options.resize))
    return Examined(row, size, picture)


def _native_size(listing: Listing, found: list[Examined]) -> Size | None:
    """The most common size; None if nothing could be decoded."""
    sizes = Counter(each.size for each in found if each.size)
    if not sizes:
        return None
    ((height, width),) = (size for size, _ in sizes.most_common(1))
    if not MIN_SIDE <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise UserError(
            f"{listing.path} holds images of {height}x{width}; expected sides of {MIN_SIDE} to {MAX_SIDE} pixels: "
            "set image_size in the config and pass --resize fit, crop or pad"
        )
    return height, width


def _of_size(found: Examined, wanted: Size | None, options: ReadOptions) -> Examined:
    if isinstance(found.result, BadImage) or wanted is None or found.result.pixels.shape[:2] == wanted:
        return found
    as_what = "image_size" if options.image_size else "most of the first images"
    height, width = found.result.pixels.shape[:2]
    return found._replace(result=WrongSize(f"is {height}x{width}; expected {wanted[0]}x{wanted[1]}, as {as_what}"))
