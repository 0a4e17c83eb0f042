"""What is evaluated: the samples of a checkpoint, or a directory of images, and the class of each.

    images, labels = read_images(Path("outputs"), spec, options, pick=lambda labels: range(len(labels)))
    images = draw(sampler, labels, seed=0)

Shapes: `N` images, `H W C` image, `K` classes, `Z` style.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import Labels, ReadOptions
from gan.data.decoding import BadImage
from gan.data.formats.format import Place
from gan.data.formats.tables import FORMAT as tables
from gan.data.listing import Listing, Problems, Row, Split
from gan.data.loading import of_size, open_data
from gan.data.pictures import examine, named
from gan.data.tree import some
from gan.errors import MissingError, UserError
from gan.files import content_of as content_of_file
from gan.files import warn_once
from gan.images import ImageSpec, Pixels
from gan.labels import class_index, one_hot
from gan.names import same_form
from gan.registry import FORMATS
from gan.sampling import Numbers, Sampler, own_styles_of, places_in_class, styles

PART = 1_000

DRAWN = re.compile(r"(.+)-(\d+)\.(?:png|jpe?g)")
"""A file of `generate.py`: class and number."""


class Labelled(NamedTuple):
    """Images (N, H, W, C) uint8 and the class of each, (N,)."""

    images: Pixels
    labels: Labels


def draw(sampler: Sampler, labels: Labels, *, seed: int, own_styles: bool = False) -> Pixels:
    """One image for each label (N,): the first of a class is what `generate.py` draws as its number 1, and so on."""
    numbers: Numbers = places_in_class(labels)
    if own_styles:
        numbers = own_styles_of(numbers, labels, sampler.spec.num_classes)
    found, places = np.unique(numbers, return_inverse=True)
    by_number = styles(sampler.noise_dims, seed=seed, numbers=found.tolist())
    vectors = one_hot(labels.tolist(), sampler.spec.num_classes)
    parts = [slice(start, start + PART) for start in range(0, len(labels), PART)]
    return np.concatenate([sampler.sample(vectors[part], by_number[places[part]]) for part in parts])


def read_images(
    directory: Path, spec: ImageSpec, options: ReadOptions, pick: Callable[[Labels], Sequence[int]]
) -> Labelled:
    """Some images of a place: what `generate.py` writes, or data in any format that can be trained on.

    Args:
        directory: of the images.
        spec: what they have to be.
        options: how they are read.
        pick: from the classes of all, (N,), which of them are wanted; the others are not looked at.

    Raises:
        UserError: there are none, a class is not in `spec`, or an image is not of its size.
    """
    if not directory.exists():
        raise MissingError(f"{directory} does not exist; expected images, such as ./generate.py writes")
    found = _drawn(directory, spec) or open_data(directory, replace(options, test_share=0.0))[1]  # Nothing held back.
    if isinstance(found, Listing):
        rows = found.places()
        labels = np.array([_class_of(row, found, spec) for row in rows], np.int32)
        places = np.asarray(pick(labels), np.int64)
        images, kept = _pixels([rows[place] for place in places.tolist()], found, spec, options)
        return Labelled(images, labels[places[kept]])
    found = of_size(found, options)
    if found.spec.shape != spec.shape:
        raise UserError(f"{directory} holds images of {found.spec}; expected {spec}: name another one")
    index = np.array([class_index(name, spec) for name in found.spec.class_names], np.int32)
    labels = index[np.concatenate([found.train_labels, found.test_labels])]
    places = np.asarray(pick(labels), np.int64)
    return Labelled(np.concatenate([found.train_images, found.test_images])[places], labels[places])


def _class_of(row: Row, listing: Listing, spec: ImageSpec) -> int:
    try:
        return class_index(row.label, spec)
    except UserError as error:
        raise UserError(f"{listing.where(row)}: {error}") from error


def _drawn(directory: Path, spec: ImageSpec) -> Listing | None:
    """Pictures that are named by class and number, in the order of their numbers; None if there are none.

    Nor are they where a table tells their labels, or where some are of no class and another format fits.
    """
    place = Place(directory)
    visible = [path for path in directory.iterdir() if not path.name.startswith(".")] if place.is_directory else []
    named = sorted((int(match[2]), match[1], path) for path in visible if (match := DRAWN.fullmatch(path.name)))
    # So does generate.py name them, unless it is told to use names: then one of them is no index.
    names = {name for _, name, _ in named}
    by_index = all(re.fullmatch("[0-9]{1,9}", name) and int(name) < spec.num_classes for name in names)
    by_name = {same_form(name) for name in names} <= {*spec.class_names}
    if by_index and by_name and any(spec.class_names[int(name)] != name for name in names):
        warn_once(f"{directory}: {some(sorted(names))} may be names of classes; they are taken for indices of classes")
    if tables.fits(place) or (not (by_index or by_name) and any(FORMATS[name].fits(place) for name in FORMATS)):
        return None
    rows = [
        Row("", spec.class_names[int(name)] if by_index else name, 0, path.stat().st_size, 0, path.name)
        for _, name, path in named
    ]
    listing = Listing(
        directory,
        Split("train", rows),
        Split("test", []),
        source=f"pictures in {directory}",
        place=lambda name: str(directory / name),
        read=lambda row: content_of_file(directory / row.file),
        again=lambda: listing,
        saved_as=lambda row: row.file,
    )
    return listing if rows else None


def _pixels(
    rows: list[Row], listing: Listing, spec: ImageSpec, options: ReadOptions
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The pixels (N, H, W, C) of some pictures, and which of them could be used."""
    problems = Problems()
    images, kept = np.empty((len(rows), *spec.shape), np.uint8), np.zeros(len(rows), bool)
    wanted = replace(options, image_size=(spec.height, spec.width))
    for number, each in enumerate(examine(listing, wanted, only=rows)):
        result = each.result
        if isinstance(result, BadImage):
            problems.add(listing.where(each.row), named(each.row, result))
        elif result.pixels.shape[-1] > spec.channels:
            problems.add(listing.where(each.row), named(each.row, f"is in colour; expected {spec}"))
        else:
            images[number] = result.pixels.repeat(spec.channels // result.pixels.shape[-1], axis=-1)
            kept[number] = True
    if problems.count and (options.on_bad_image != "skip" or not kept.any()):
        resize = "" if options.resize else ", or pass --resize fit, crop or pad for other sizes"
        raise problems.error(listing.path, f"correct the files, or name other images{resize}")
    if problems.count:
        print(
            f"warning: {problems.count:,} images cannot be used and are left out; the first: {problems.shown[0]}",
            file=sys.stderr,
        )
    return images[kept], kept


def chosen(labels: Labels, wanted: Labels) -> Sequence[int] | None:
    """Places of images whose classes are `wanted`, one by one, the first of each class first; None: one has too few."""
    by_class = {index: iter(np.flatnonzero(labels == index).tolist()) for index in np.unique(wanted).tolist()}
    places = [next(by_class[label], -1) for label in wanted.tolist()]
    return None if -1 in places else places
