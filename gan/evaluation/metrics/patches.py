"""The sliced Wasserstein distance of small patches at each level of a Laplacian pyramid (arXiv 1710.10196).

A level of the pyramid holds the details of one size: the image less what is left of it when it is halved and doubled
again. Patches of 7×7 pixels are compared as sets: projected onto a random direction, sorted, and subtracted. Here the
differences are squared, so that the distance falls with the number of images as the others do. Both sets are divided by
the standard deviations of the real level's channels, so that too little contrast counts.

Range: from 0, which is best; without a unit. Shapes: `N` images of `H W C`, `P` patches.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from scipy.ndimage import correlate1d

from gan.data.dataset import Indices
from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Metric
from gan.images import Pixels
from gan.seeding import Purpose, numpy_stream

SIDE, PER_IMAGE, DIRECTIONS = 7, 16, 64
PART_VALUES = 1 << 18
"""Of pixels, as floating-point numbers in memory at once while levels are made."""

AT_ONCE = 8
"""Directions whose projections are in memory at a time."""

SMALLEST = 14
"""Side of the last level of a pyramid, in pixels, at least."""

MOST_VALUES = 1 << 27
"""Of pixels on either side: of large images, fewer are looked at."""

BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16


def blurred(images: Matrix) -> Matrix:
    """Images (N, H, W, C), each pixel mixed with those around it."""
    return correlate1d(correlate1d(images, BLUR, axis=1, mode="mirror"), BLUR, axis=2, mode="mirror")


def pyramid(images: Pixels) -> Iterator[Matrix]:
    """The levels of images (N, H, W, C), from the finest; the last is what is left of the image."""
    level = images.astype(np.float32) / 255
    while min(level.shape[1:3]) >= 2 * SMALLEST:
        smaller = blurred(level)[:, ::2, ::2]
        spread = np.zeros_like(level)
        spread[:, ::2, ::2] = smaller
        yield level - 4 * blurred(spread)
        level = smaller
    yield level


def places(sides: tuple[int, ...], count: int, seed: int) -> Indices:
    """Where patches of images of these sides (H, W) are cut: tops and lefts, (2, N, 16)."""
    draw = numpy_stream(Purpose.PATCHES, seed)
    return np.stack([draw.integers(0, size - min(SIDE, *sides) + 1, (count, PER_IMAGE)) for size in sides])


def patches(level: Matrix, where: Indices) -> Matrix:
    """Patches of each image of a level (N, H, W, C), cut at places (2, N, 16): (P, C·49)."""
    side = min(SIDE, *level.shape[1:3])
    windows = np.lib.stride_tricks.sliding_window_view(level, (side, side), axis=(1, 2))
    return windows[np.arange(len(level))[:, None], *where].reshape(len(level) * PER_IMAGE, -1)


def cut(images: Pixels, number: int, seed: int) -> tuple[Matrix, Matrix]:
    """Patches (P, C·49) of a level of images' pyramids, and the standard deviation (C,) of the whole level's channels.

    Few images at a time have a pyramid: all of them would take several times as much memory as the patches.
    """
    height, width = (-(-side // 2**number) for side in images.shape[1:3])
    where = places((height, width), len(images), seed)
    found = np.empty((len(images), PER_IMAGE, min(SIDE, height, width) ** 2 * images.shape[3]), np.float32)
    sums = np.zeros((2, images.shape[3]))
    step = max(1, PART_VALUES // images[0].size)
    for part in (slice(start, start + step) for start in range(0, len(images), step)):
        level = next(islice(pyramid(images[part]), number, None))
        found[part] = patches(level, where[:, part]).reshape(-1, *found.shape[1:])
        sums += [power.sum(axis=(0, 1, 2), dtype=np.float64) for power in (level, np.square(level, dtype=np.float64))]
    mean, square = sums / (len(images) * height * width)
    return found.reshape(-1, found.shape[2]), np.sqrt(np.maximum(square - mean**2, 0))


def sliced_distance(first: Matrix, second: Matrix) -> float:
    """Of as many points (P, D): the mean over directions of the squared distance of the sorted projections."""
    directions = numpy_stream(Purpose.PATCHES, 1).standard_normal((first.shape[1], DIRECTIONS)).astype(first.dtype)
    directions /= np.linalg.norm(directions, axis=0)
    found = []
    for some in np.split(directions, DIRECTIONS // AT_ONCE, axis=1):
        one, other = (np.sort(points @ some, axis=0) for points in (first, second))
        found.append(np.square(one - other).mean())
    return float(np.mean(found))


def _patches(real: Features, fake: Features) -> dict[str, float]:
    assert real.images is not None and fake.images is not None
    found = {}
    for number, level in enumerate(pyramid(real.images[:1])):
        # Patches of the two are at other places: else equal images would be nearer than two sets of real ones can be.
        one, scale = cut(real.images, number, 2 * number)
        other, _ = cut(fake.images, number, 2 * number + 1)
        for each in (one, other):
            each /= (scale + 1e-6).astype(np.float32).repeat(each.shape[1] // len(scale))
        found[f"patches_{level.shape[1]}"] = sliced_distance(one, other)
    return found


patches_metric = Metric(
    measure=_patches,
    says="Whether small pieces of the picture look like pieces of real ones, at each size: blur, noise, texture.",
    blind="How the pieces are put together: a scrambled picture made of right pieces is perfect here.",
    form=".3g",
    perfect=0.0,
    headline=True,
    most=5_000,
    most_values=MOST_VALUES,
    splits=5,
    needs=("images",),
)
