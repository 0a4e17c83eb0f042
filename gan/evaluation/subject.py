"""What is evaluated: the samples of a checkpoint, or a directory of images, and the class of each.

    labels, images = read_images(Path("outputs"), spec)
    images = draw(sampler, labels, seed=0)

Shapes: `N` images, `H W C` image, `K` classes, `Z` style.
"""

import re
from collections import Counter
from collections.abc import Sequence
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


def read_images(directory: Path, spec: ImageSpec, options: ReadOptions) -> Labelled:
    """The images of a directory in any layout: what `generate.py` writes, a directory per class, tables, IDX files.

    Raises:
        UserError: there are none, a class is not in `spec`, or an image is not of its size.
    """
    if not directory.is_dir():
        raise MissingError(f"{directory} is no directory; expected one of images, such as ./generate.py writes")
    files = _files(directory)
    if not files:
        found = load_dataset(str(directory), options)
        if found.spec.shape != spec.shape:
            raise UserError(f"{directory} holds images of {found.spec}; expected {spec}: name another one")
        images = np.concatenate([found.train_images, found.test_images])
        labels = np.concatenate([found.train_labels, found.test_labels])
        index = np.array([class_index(name, spec) for name in found.spec.class_names], np.int32)
        return Labelled(images, index[labels])
    images = np.empty((len(files), *spec.shape), np.uint8)
    for place, (_, path) in enumerate(files):
        images[place] = _pixels(path, spec, options)
    return Labelled(images, np.array([class_index(name, spec) for name, _ in files], np.int32))


def _files(directory: Path) -> list[tuple[str, Path]]:
    """Classes and paths of pictures that are named by class, in the order of their numbers, or in a directory of it."""
    found = [(DRAWN.fullmatch(path.name), path) for path in directory.iterdir()]
    if any(match for match, _ in found):
        named = sorted((int(match[2]), match[1], path) for match, path in found if match)
        return [(name, path) for _, name, path in named]
    return [
        (name, path)
        for name in class_directories(directory)
        for path in sorted((directory / name).iterdir())
        if path.name.lower().endswith(SUFFIXES)
    ]


def _pixels(path: Path, spec: ImageSpec, options: ReadOptions) -> Pixels:
    """The pixels (H, W, C) of a picture."""
    try:
        pixels = decode(read_file(path), max_megapixels=options.max_megapixels).pixels
    except BadImage as error:
        raise UserError(f"{path} {error}") from error
    if pixels.shape[:2] != spec.shape[:2] and options.resize is not None:
        pixels = resized(pixels, height=spec.height, width=spec.width, how=options.resize)
    if pixels.shape[-1] == 1 and spec.channels == 3:
        pixels = pixels.repeat(3, axis=-1)
    if pixels.shape != spec.shape:
        raise UserError(
            f"{path} has {'x'.join(map(str, pixels.shape))}; expected {spec}: pass --resize, or other images"
        )
    return pixels


def chosen(labels: Labels, wanted: Labels) -> Sequence[int] | None:
    """Places of images whose classes are `wanted`, one by one, the first of each class first; None: one has too few."""
    by_class = {index: iter(np.flatnonzero(labels == index).tolist()) for index in np.unique(wanted).tolist()}
    places = [next(by_class[label], -1) for label in wanted.tolist()]
    return None if -1 in places else places
