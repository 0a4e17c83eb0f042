"""What is evaluated: the samples of a checkpoint, or a directory of images, and the class of each.

    images, labels = read_images(Path("outputs"), spec, options, pick=lambda labels: range(len(labels)))
    images = draw(sampler, labels, seed=0)

Shapes: `N` images, `H W C` image, `K` classes, `Z` style.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.data.dataset import Labels, ReadOptions
from gan.data.decoding import BadImage, decode, resized
from gan.data.formats.classes import class_directories
from gan.data.formats.listing import SUFFIXES
from gan.data.loading import load_dataset
from gan.errors import MissingError, UserError
from gan.files import read_file
from gan.images import ImageSpec, Pixels
from gan.labels import class_index, one_hot
from gan.sampling import Sampler, styles

PART = 1_000

DRAWN = re.compile(r"(.+)-(\d+)\.(?:png|jpe?g)")
"""A file of `generate.py`: class and number."""


class Labelled(NamedTuple):
    """Images (N, H, W, C) uint8 and the class of each, (N,)."""

    images: Pixels
    labels: Labels


def places_in_class(labels: Labels) -> Labels:
    """Of each image (N,), the how manieth of its class it is, from 1."""
    seen: Counter[int] = Counter()
    return np.array([seen.update([label]) or seen[label] for label in labels.tolist()], np.int32)


def draw(sampler: Sampler, labels: Labels, *, seed: int) -> Pixels:
    """One image for each label (N,): the first of a class is what `generate.py` draws as its number 1, and so on."""
    numbers = places_in_class(labels)
    by_number = styles(sampler.noise_dims, seed=seed, numbers=range(1, int(numbers.max()) + 1))
    vectors = one_hot(labels.tolist(), sampler.spec.num_classes)
    parts = [slice(start, start + PART) for start in range(0, len(labels), PART)]
    return np.concatenate([sampler.sample(vectors[part], by_number[numbers[part] - 1]) for part in parts])


def read_images(
    directory: Path, spec: ImageSpec, options: ReadOptions, pick: Callable[[Labels], Sequence[int]]
) -> Labelled:
    """Some images of a directory in any layout: what `generate.py` writes, a directory per class, tables, IDX files.

    Args:
        directory: of the images.
        spec: what they have to be.
        options: how they are read.
        pick: from the classes of all, (N,), which of them are wanted; the others are not looked at.

    Raises:
        UserError: there are none, a class is not in `spec`, or an image is not of its size.
    """
    if not directory.is_dir():
        raise MissingError(f"{directory} is no directory; expected one of images, such as ./generate.py writes")
    files, drawn = _files(directory)
    if not files:
        found = load_dataset(str(directory), options)
        if found.spec.shape != spec.shape:
            raise UserError(f"{directory} holds images of {found.spec}; expected {spec}: name another one")
        index = np.array([class_index(name, spec) for name in found.spec.class_names], np.int32)
        labels = index[np.concatenate([found.train_labels, found.test_labels])]
        places = np.asarray(pick(labels), np.int64)
        images = np.concatenate([found.train_images, found.test_images])[places]
        return Labelled(images, labels[places])
    # So does generate.py name them, unless it is told to use names: then one of them is no index.
    by_index = drawn and all(re.fullmatch("[0-9]{1,9}", name) and int(name) < spec.num_classes for name, _ in files)
    labels = np.array([int(name) if by_index else _class_of(name, path, spec) for name, path in files], np.int32)
    places = np.asarray(pick(labels), np.int64)
    images = np.empty((len(places), *spec.shape), np.uint8)
    for row, place in enumerate(places.tolist()):
        images[row] = _pixels(files[place][1], spec, options)
    return Labelled(images, labels[places])


def _class_of(name: str, path: Path, spec: ImageSpec) -> int:
    try:
        return class_index(name, spec)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _files(directory: Path) -> tuple[list[tuple[str, Path]], bool]:
    """Classes and paths of pictures, and whether they are named by class, in the order of their numbers.

    Else they are in a directory for each class.
    """
    visible = [path for path in directory.iterdir() if not path.name.startswith(".")]
    named = sorted((int(match[2]), match[1], path) for path in visible if (match := DRAWN.fullmatch(path.name)))
    if named:
        return [(name, path) for _, name, path in named], True
    by_directory = [
        (name, path)
        for name in class_directories(directory)
        for path in sorted((directory / name).iterdir())
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    ]
    return by_directory, False


def _pixels(path: Path, spec: ImageSpec, options: ReadOptions) -> Pixels:
    """The pixels (H, W, C) of a picture."""
    try:
        pixels = decode(read_file(path), max_megapixels=options.max_megapixels).pixels
    except BadImage as error:
        raise UserError(f"{path} {error}") from error
    if pixels.shape[-1] > spec.channels:
        raise UserError(f"{path} is in colour; expected {spec}: convert it, or name other images")
    if pixels.shape[:2] != spec.shape[:2] and options.resize is not None:
        pixels = resized(pixels, height=spec.height, width=spec.width, how=options.resize)
    if pixels.shape[:2] != spec.shape[:2]:
        size = "x".join(map(str, pixels.shape[:2]))
        raise UserError(f"{path} has {size} pixels; expected {spec}: pass --resize, or name other images")
    return pixels.repeat(spec.channels // pixels.shape[-1], axis=-1)


def chosen(labels: Labels, wanted: Labels) -> Sequence[int] | None:
    """Places of images whose classes are `wanted`, one by one, the first of each class first; None: one has too few."""
    by_class = {index: iter(np.flatnonzero(labels == index).tolist()) for index in np.unique(wanted).tolist()}
    places = [next(by_class[label], -1) for label in wanted.tolist()]
    return None if -1 in places else places
