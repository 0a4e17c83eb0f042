"""The sliced Wasserstein distance of small patches at each level of a Laplacian pyramid (arXiv 1710.10196).

A level of the pyramid holds the details of one size: the image less what is left of it when it is halved and doubled
again. Patches of 7×7 pixels are compared as sets: projected onto a random direction, sorted, and subtracted. Here the
differences are squared, so that the distance falls with the number of images as the others do. Both sets are divided by
the standard deviations of the real level's channels, so that too little contrast counts.

Range: from 0, which is best; without a unit. Shapes: `N` images of `H W C`, `P` patches.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import correlate1d

from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Metric
from gan.images import Pixels
from gan.seeding import Purpose, numpy_stream

SIDE, PER_IMAGE, DIRECTIONS = 7, 16, 64
PART_VALUES = 1 << 20
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


def levels_of(images: Pixels) -> list[Matrix]:
    """The same, made of few images at a time: what they are made by takes several times as much memory."""
    step = max(1, PART_VALUES // images[0].size)
    parts = [list(pyramid(images[start : start + step])) for start in range(0, len(images), step)]
    return [np.concatenate(level) for level in zip(*parts, strict=True)]


def patches(level: Matrix, seed: int) -> Matrix:
    """Some patches of each image of a level (N, H, W, C), at random places: (P, 49·C)."""
    side = min(SIDE, *level.shape[1:3])
    draw = numpy_stream(Purpose.PATCHES, seed)
    tops, lefts = (draw.integers(0, size - side + 1, (len(level), PER_IMAGE)) for size in level.shape[1:3])
    windows = np.lib.stride_tricks.sliding_window_view(level, (side, side), axis=(1, 2))
    return windows[np.arange(len(level))[:, None], tops, lefts].reshape(len(level) * PER_IMAGE, -1)


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
    found = {}
    assert real.images is not None and fake.images is not None
    most = max(2, MOST_VALUES // real.images[0].size)
    pyramids = [levels_of(each[:most]) for each in (real.images, fake.images)]
    for number, levels in enumerate(zip(*pyramids, strict=True)):
        scale = levels[0].std(axis=(0, 1, 2)) + 1e-6  # (C,)
        # Patches of the two are at other places: else equal images would be nearer than two sets of real ones can be.
        one, other = (patches(level / scale, 2 * number + each) for each, level in enumerate(levels))
        found[f"patches_{levels[0].shape[1]}"] = sliced_distance(one, other)
    return found


patches_metric = Metric(
    measure=_patches,
    says="Whether small pieces of the picture look like pieces of real ones, at each size: blur, noise, texture.",
    blind="How the pieces are put together: a scrambled picture made of right pieces is perfect here.",
    form=".3g",
    perfect=0.0,
    headline=True,
    most=5_000,
    splits=5,
    needs=("images",),
)
