"""Precision and recall (arXiv 1904.06991, k = 3), density and coverage (arXiv 2002.09797, k = 5).

Around each image of a set lies a ball that reaches to its k-th nearest neighbour in the set. Precision is the share of
samples in a ball of a real image; recall the share of real images in a ball of a sample. Density counts, for each
sample, the balls of real images that it is in, by k; coverage is the share of real images with a sample in their ball.

Range: 0 to 1, density upwards of 0; the values of real against real are the best, and are below 1. They depend on the
number of images, so both are measured with as many. Shapes: `N` images, `M` samples, `D` features.
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Estimate, Metric

PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


ROWS = 256
"""Of a matrix of distances, in memory at once."""


def distances(points: Matrix, others: Matrix) -> Iterator[Matrix]:
    """Squared distances (some rows, M) from points (N, D) to others (M, D), some points at a time."""
    for start in range(0, len(points), ROWS):
        yield cdist(points[start : start + ROWS], others, "sqeuclidean")


def radii(points: Matrix, *neighbours: int) -> list[Matrix]:
    """How far the k-th nearest other point is from each of points (N, D), squared: (N,) for each k."""
    nearest = [np.partition(rows, neighbours, axis=1)[:, neighbours] for rows in distances(points, points)]
    return list(np.concatenate(nearest).T)  # A point is at place 0 itself.


def shares(real: Matrix, fake: Matrix) -> dict[str, float]:
    """All four, of features (N, D) and (M, D); NaN where there are too few for neighbours."""
    names = ("precision", "recall", "density", "coverage")
    if min(len(real), len(fake)) <= DENSITY_NEIGHBOURS:
        return dict.fromkeys(names, float("nan"))
    radius, larger = radii(real, PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS)
    (of_fakes,) = radii(fake, PRECISION_NEIGHBOURS)
    balls, recalled, covered = np.zeros((2, len(fake)), np.int64), [], []
    for start, between in zip(range(0, len(real), ROWS), distances(real, fake), strict=True):
        own = slice(start, start + ROWS)
        inside = np.stack([between <= each[own, None] for each in (radius, larger)])
        balls += inside.sum(axis=1)
        recalled.append((between <= of_fakes).any(axis=1))
        covered.append(inside[1].any(axis=1))
    precision, recall, coverage = map(Estimate.share, (balls[0] > 0, np.concatenate(recalled), np.concatenate(covered)))
    found = precision, recall, float(balls[1].mean() / DENSITY_NEIGHBOURS), coverage
    return dict(zip(names, found, strict=True))


def _neighbours(real: Features, fake: Features) -> dict[str, float]:
    return shares(real.features.astype(np.float64), fake.features.astype(np.float64))


neighbours = Metric(
    measure=_neighbours,
    says="Precision and density: how many samples lie among real images. Recall and coverage: how many real images have"
    " samples near them.",
    blind="The same as FID; and a single odd real image widens its ball, so precision and recall forgive outliers.",
    most=2_500,
    splits=4,
)
