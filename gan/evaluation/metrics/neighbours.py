"""Precision and recall (arXiv 1904.06991, k = 3), density and coverage (arXiv 2002.09797, k = 5).

Around each image of a set lies a ball that reaches to its k-th nearest neighbour in the set. Precision is the share of
samples in a ball of a real image; recall the share of real images in a ball of a sample. Density counts, for each
sample, the balls of real images that it is in, by k; coverage is the share of real images with a sample in their ball.

Range: 0 to 1, density upwards of 0; the values of real against real are the best, and are below 1. They depend on the
number of images, so both are measured with as many. Shapes: `N` images, `M` samples, `D` features.
"""

import numpy as np
from scipy.spatial.distance import cdist

from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Metric

PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


def radii(points: Matrix, k: int) -> Matrix:
    """How far the k-th nearest other point is from each of points (N, D), squared: (N,)."""
    distances = cdist(points, points, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, k - 1]


def shares(real: Matrix, fake: Matrix) -> dict[str, float]:
    """All four, of features (N, D) and (M, D); NaN where there are too few for neighbours."""
    names = ("precision", "recall", "density", "coverage")
    if min(len(real), len(fake)) <= DENSITY_NEIGHBOURS:
        return dict.fromkeys(names, float("nan"))
    between = cdist(real, fake, "sqeuclidean")  # (N, M)
    precision = (between <= radii(real, PRECISION_NEIGHBOURS)[:, None]).any(axis=0).mean()
    recall = (between <= radii(fake, PRECISION_NEIGHBOURS)).any(axis=1).mean()
    inside = between <= radii(real, DENSITY_NEIGHBOURS)[:, None]
    density, coverage = inside.sum(axis=0).mean() / DENSITY_NEIGHBOURS, inside.any(axis=1).mean()
    return dict(zip(names, map(float, (precision, recall, density, coverage)), strict=True))


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
