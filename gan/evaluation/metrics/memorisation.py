"""Memorisation: whether samples are nearer to training images than other real images are.

For each image the Euclidean distance of its pixels to the nearest training image is found. `nearer` is the share of
pairs of a sample and a test image in which the sample is the nearer one (a Mann-Whitney statistic, as in arXiv
2004.05675); `copies` the share of samples that are nearer than all but one in a hundred test images. It is NaN where
there are fewer than a hundred.

Range: 0 to 1. `nearer` is 0.5 and `copies` 0.01 for new images of the same kind; both are 1 for copies; below 0.5 the
samples are farther from all training images than real ones are. Shapes: `N` images, `M` training images, `D` pixels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import Subset
from gan.evaluation.features import Features
from gan.evaluation.metric import Estimate, Metric, Share
from gan.images import Pixels

PART_VALUES = 1 << 20
"""Of pixels of training images, or of distances to them, as floating-point numbers in memory at once."""

SHARE = 0.01


def nearest(images: Pixels, train: Subset) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Distances (N,) of images to the nearest training image, pixels from 0 to 1, and which ones they are."""

    def flat(pixels: Pixels) -> NDArray[np.float32]:
        return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)

    points = flat(images)
    best, place = np.full(len(points), np.inf, np.float32), np.zeros(len(points), np.int64)
    step = max(1, PART_VALUES // max(points.shape))
    for start in range(0, train.size, step):
        others = flat(train.gather(slice(start, start + step)))
        distances = np.square(others).sum(axis=1) - np.float32(2) * points @ others.T
        nearest_here = distances.argmin(axis=1)
        found = distances[np.arange(len(points)), nearest_here]
        better = found < best
        best[better], place[better] = found[better], start + nearest_here[better]
    squares = best + np.square(points).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0)).astype(np.float32), place


def _memorisation(real: Features, fake: Features) -> dict[str, object]:
    assert real.images is not None and fake.images is not None
    distances, places = nearest(fake.images, real.known.train)
    others = np.sort(nearest(real.images, real.known.train)[0])
    below = (np.searchsorted(others, distances, "left") + np.searchsorted(others, distances, "right")) / 2
    # By this method a new image is as near as that once in a hundred times, however many there are.
    limit = np.quantile(others, SHARE, method="weibull")
    copies = Estimate.share(distances <= limit) if SHARE * (len(others) + 1) >= 1 else math.nan
    return {
        "nearer": Share(float(1 - below.mean() / len(others)), len(distances)),
        "copies": copies,
        "nearest": (fake.images, fake.labels, distances, places),
    }


memorisation = Metric(
    measure=_memorisation,
    says="Whether samples repeat training images: nearer is 50% and copies 1% for new images, and 100% for copies.",
    blind="Copies that are moved, turned or recoloured; and blurred samples are near to everything.",
    form=".1%",
    most=1_000,
    splits=5,
    needs=("images", "train"),
)
