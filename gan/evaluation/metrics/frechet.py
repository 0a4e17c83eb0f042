"""The Fréchet distance between two sets of features (arXiv 1706.08500), in float64.

For normal distributions with means m and covariances S it is |m₁ - m₂|² + Tr S₁ + Tr S₂ - 2 Tr (S₁ S₂)^½. With the
symmetric root A = S₁^½, S₁ S₂ = A (A S₂) is similar to (A S₂) A for invertible A (and by continuity has the same
eigenvalues for every A), so Tr (S₁ S₂)^½ is the sum of the roots of the eigenvalues of the *symmetric* matrix A S₂ A.
Two symmetric eigenproblems, no root of a non-symmetric product. The distance itself is not rooted.

    fid.measure(real, fake)["fid"]

Range: from 0, which is best; units are those of the features, squared. Shapes: `N` samples, `D` features.
"""

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gan.evaluation.features import Features, FeatureStatistics, Matrix, feature_statistics
from gan.evaluation.metric import Metric

NEGATIVE_TOLERANCE = 1e-6
"""How far below zero rounding may bring the distance, as a share of the traces it is the difference of."""


def symmetric_root(matrix: Matrix) -> Matrix:
    """The positive semi-definite root of such a matrix (D, D); eigenvalues that rounding made negative count as 0."""
    values, vectors = scipy.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T


def frechet_distance(first: FeatureStatistics, second: FeatureStatistics) -> float:
    """The squared Fréchet distance, ≥ 0.

    Raises:
        ValueError: the two have different numbers of features, or the result is negative beyond rounding.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"{len(first.mean)} features against {len(second.mean)}; expected the same classifier's")
    root = symmetric_root(first.covariance)
    eigenvalues = scipy.linalg.eigvalsh(root @ second.covariance @ root)
    shared = np.sqrt(np.clip(eigenvalues, 0.0, None)).sum()
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    distance = float(np.square(first.mean - second.mean).sum() + traces - 2.0 * shared)
    if distance < -NEGATIVE_TOLERANCE * max(float(traces), 1.0):
        raise ValueError(f"the Fréchet distance came out as {distance}; expected ≥ 0: a covariance is not valid")
    return max(distance, 0.0)


def distance_of(real: NDArray[np.floating[Any]], fake: NDArray[np.floating[Any]]) -> float:
    """Of features (N, D) and (M, D); NaN where either has no more images than features: that would be noise."""
    if min(len(real), len(fake)) <= real.shape[1]:
        return float("nan")
    return frechet_distance(feature_statistics(real), feature_statistics(fake))


def _fid(real: Features, fake: Features) -> dict[str, float]:
    if real.known is not None:
        return {"fid": distance_of(real.features, fake.features)}
    # While it trains, a run of few images needs a best checkpoint all the same.
    return {"fid": frechet_distance(real.statistics, fake.statistics)}


fid = Metric(
    measure=_fid,
    says="How far what the classifier sees in the samples is from what it sees in real images: means and covariances.",
    blind="All that the classifier does not need to tell the classes apart: of few classes, most of the picture.",
    perfect=0.0,
    headline=True,
    whole=True,
    training=True,
)
