"""The kernel inception distance (arXiv 1801.01401), here in the classifier's features: an unbiased estimate.

The squared maximum mean discrepancy with the cubic kernel k(x, y) = (x·y / D + 1)³: the mean kernel of two different
real images, plus that of two different samples, less twice that of a real image and a sample. Subsets of up to 1,000
are compared, and their mean is reported.

Range: 0 is best; being unbiased, it is as often below 0 as above for equal distributions, however few images there are.
Shapes: `N` images, `M` samples, `D` features.
"""

import numpy as np

from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Metric


def kernel_distance(first: Matrix, second: Matrix) -> float:
    """Of features (N, D) and (M, D), two of each at least; NaN of fewer."""
    if min(len(first), len(second)) < 2:
        return float("nan")

    def kernel(one: Matrix, other: Matrix) -> Matrix:
        return (one @ other.T / one.shape[1] + 1.0) ** 3

    def within(points: Matrix) -> float:
        values, count = kernel(points, points), len(points)
        return float((values.sum() - np.trace(values)) / (count * (count - 1)))

    return within(first) + within(second) - 2.0 * float(kernel(first, second).mean())


def _kid(real: Features, fake: Features) -> dict[str, float]:
    return {"kid": kernel_distance(real.features.astype(np.float64), fake.features.astype(np.float64))}


kid = Metric(
    measure=_kid,
    says="A distance in the classifier's last features that means something for small sets too: 0 is perfect.",
    blind="The same as FID: all that the classifier does not need to tell the classes apart.",
    form=".3g",
    perfect=0.0,
    most=1_000,
    splits=20,
)
