"""From what a user names with `--data-path` to a `DataSet`; the reader is chosen by looking at what is there.

dataset = load_dataset("digits", ReadOptions(image_size=(64, 64), resize="fit"))
"""

import shlex
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from gan.config import MAX_SIDE, MIN_SIDE
from gan.data.dataset import DataSet, ReadOptions
from gan.data.decoding import resized
from gan.data.formats.columns import not_understood
from gan.data.formats.digits import make_digits
from gan.data.formats.format import Format, Place
from gan.data.formats.idx import is_default
from gan.data.formats.tables import TABLE
from gan.data.listing import Listing
from gan.data.pictures import load_pictures
from gan.data.tree import looks_like
from gan.errors import MissingError, UserError
from gan.files import check_links, file_errors, warn_once
from gan.images import Pixels
from gan.registry import FORMATS

BUILT_IN = "digits"
"""The data path that names the built-in set; a directory of that name is `./digits`."""

READ_AS_IT_IS = ReadOptions()

DARK, DARK_IMAGES = 32, 1000
"""The brightest pixel of so many images is this at least, or they are hardly as they were meant."""

READ = (
    "pictures in a directory per class or with label tables (or a zip archive of them), the files of MNIST, EMNIST or "
    "CIFAR, or a file of .npz, .csv or .parquet"
)
"""What would be read."""


@file_errors()
def load_dataset(data_path: str, options: ReadOptions = READ_AS_IT_IS) -> DataSet:
    """Read the data set at `data_path`.

    Raises:
        UserError: there is none, or it cannot be used. Notes of the error, if it has some, are lines `file:line: what`.
    """
    if data_path == BUILT_IN:
        return of_size(make_digits(), options)
    path = Path(data_path)
    remedy = f"run ./download_mnist.sh {shlex.quote(data_path)}" if is_default(path) else "name another one"
    remedy += f", or pass --data-path {BUILT_IN} for the built-in set"
    _, found = open_data(path, options, remedy=remedy)
    dataset = load_pictures(found, options) if isinstance(found, Listing) else of_size(found, options)
    brightest = int(dataset.train_images[:DARK_IMAGES].max(initial=0))
    if brightest < DARK:
        warn_once(
            f"the brightest of {len(dataset.train_images[:DARK_IMAGES]):,} images is {brightest} of 255: they are all "
            "but black; if they have 12 bits in files of 16, or are 0 and 1, stretch them to 0..255"
        )
    return dataset


def open_data(path: Path, options: ReadOptions, *, remedy: str = "name another one") -> tuple[str, Listing | DataSet]:
    """What is at a path, in whatever format: its name in `gan.registry.FORMATS`, and its pictures or pixels.

    Raises:
        UserError: it is in none, or in several, or not right; of what is none, `remedy` says what to do.
    """
    if not path.exists():
        check_links(path)
        raise MissingError(f"{path} does not exist; expected labelled images{_near(path)}: {remedy}")
    place = Place(path)
    formats = {name: FORMATS[name] for name in FORMATS if FORMATS[name].fits(place)}
    if len(formats) > 1:
        both = " and ".join(each.name for each in formats.values())
        raise UserError(
            f"{path} holds {both}; expected one of them: move the other away, or name the file that is meant"
        )
    if not formats:
        if place.first and TABLE.fullmatch(path.name):
            raise not_understood(str(path), place.first, "correct it")
        raise UserError(f"{path} {looks_like(path)}{_within(place)}; expected {READ} (docs/own-images.md); {remedy}")
    ((name, found),) = formats.items()
    return name, found.read(place, options)


def of_size(dataset: DataSet, options: ReadOptions) -> DataSet:
    """A data set in memory, with images of the size that the options want."""
    size, native, how = options.image_size, dataset.spec.shape[:2], options.resize
    if size is None and not MIN_SIDE <= min(native) <= max(native) <= MAX_SIDE:
        raise UserError(
            f"{dataset.source}: the images are {native[0]}x{native[1]}; expected sides of {MIN_SIDE} to {MAX_SIDE} "
            "pixels: set image_size in the config and pass --resize fit, crop or pad"
        )
    if size is None or size == native:
        return dataset
    if how is None:
        raise UserError(
            f"{dataset.source}: the images are {native[0]}x{native[1]}; expected {size[0]}x{size[1]}, as image_size: "
            "pass --resize fit, crop or pad"
        )
    height, width = size

    def made_to_fit(images: Pixels) -> Pixels:
        made = np.empty((len(images), height, width, images.shape[-1]), np.uint8)
        for image, target in zip(images, made, strict=True):
            target[:] = resized(image, height=height, width=width, how=how)
        return made

    return replace(
        dataset,
        spec=replace(dataset.spec, height=height, width=width),
        train_images=made_to_fit(dataset.train_images),
        test_images=made_to_fit(dataset.test_images),
    )


def _near(path: Path) -> str:
    """Something that may have been meant, if there is one."""
    others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, others, n=1)
    return f", such as {path.with_name(near[0])}" if near else ""


def _within(place: Place) -> str:
    """A file in the directory that could be read, if there is one."""
    if not place.is_directory or place.tree is None:
        return ""
    for path in sorted(Path(place.tree.where(name)) for name in place.tree.files if "/" not in name):
        if path.is_file() and path.suffix.lower() in (".zip", ".npz", ".csv", ".parquet"):
            formats: list[Format] = [FORMATS[name] for name in FORMATS]
            with suppress(UserError):  # A file that is damaged is none that can be read.
                if any(each.fits(Place(path)) for each in formats):
                    return f", of which {path} can be read by its own name"
    return ""
