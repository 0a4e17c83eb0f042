"""Any labelled pictures: a directory in the format of `gan.data.listing`, checked, decoded once and mapped.

    dataset = load_folder(Path("datasets/pets"), ReadOptions(image_size=(64, 64), resize="crop"))

Shapes: `N` images of `H W C` height, width, channels.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan.data.cache import Entry, cached
from gan.data.checking import Size, WrongSize, examine
from gan.data.dataset import DataSet, ReadOptions
from gan.data.listing import Listing, Problems, read_listing, shown
from gan.data.mapped import PixelFile, map_images
from gan.data.pictures import BadImage
from gan.images import ImageSpec, Pixels

SHOWN_SIZES = 5


def load_folder(directory: Path, options: ReadOptions) -> DataSet:
    """Read both splits; only the first run decodes the images, and later ones until a table or a file changes.

    Raises:
        FileNotFoundError: a table or a directory is missing.
        ValueError: the data cannot be used; the notes of the error are lines `file:line: what`.
        OSError: the cache cannot be written.
    """
    listing = read_listing(directory, batch_size=options.batch_size)
    for split in listing.splits:
        if split.unlisted:
            more = f" and {len(split.unlisted) - 1:,} more" if len(split.unlisted) > 1 else ""
            print(f"warning: {shown(split.unlisted[0])}{more} in {split.name}/: not in {split.table}", file=sys.stderr)
    entry, images = cached(listing, options, _decode)
    if entry.skipped:
        places = listing.places()
        number, what = min(entry.skipped.items())
        split, row = places[number]
        print(
            f"warning: {len(entry.skipped):,} of {len(places):,} images cannot be used and are left out; "
            f"the first: {split.where(row)}: {row.name} {what}",
            file=sys.stderr,
        )
    return _dataset(listing, images, skipped=entry.skipped, transparent=entry.transparent, digest=entry.digest)


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
                problems.add(found.split.where(found.row), f"{found.row.name} {found.result}")
                skipped[number] = str(found.result)
                # Which size is right is a guess without image_size: nothing is left out for that.
                skips = skips and not (isinstance(found.result, WrongSize) and options.image_size is None)
            elif skips or not skipped:
                file.append(found.result.pixels)
                transparent += found.result.transparent
    if skipped and not skips:
        raise problems.error(listing.directory, _remedy(sizes, options))
    for split, kept in zip(listing.splits, _kept(listing, skipped), strict=True):
        if not kept.any():
            raise problems.error(listing.directory, f"no image of the {split.name} split can be used")
    dataset = _dataset(listing, map_images(path, file.shape), skipped=skipped, transparent=transparent)
    return Entry(str(listing.directory.resolve()), file.shape, skipped, transparent, dataset.digest)


def _dataset(
    listing: Listing, images: Pixels, *, skipped: Iterable[int], transparent: int, digest: str | None = None
) -> DataSet:
    """The data set of the images (N, H, W, C) of all rows but those skipped."""
    train, test = (
        listing.class_indices(split)[kept] for split, kept in zip(listing.splits, _kept(listing, skipped), strict=True)
    )
    _, height, width, channels = images.shape
    laid = f", {transparent:,} of them with transparent parts, laid on black" if transparent else ""
    return DataSet(
        spec=ImageSpec(height, width, channels, listing.class_names),
        train_images=images[: len(train)],
        train_labels=train,
        test_images=images[len(train) :],
        test_labels=test,
        source=f"PNG and JPEG files in {listing.directory}{laid}",
        stored_digest=digest,
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
