"""The Fréchet distance of 8×8 pixels: each image made so small that only its light and colours are left.

The distance is that of `gan.evaluation.metrics.frechet`, of pixels from 0 to 1, each the mean of an equal part of the
image.

Range: from 0, which is best; units are squared pixel values. Shapes: `N` images of `H W C`.
"""

import numpy as np

from gan.evaluation.features import Features, Matrix
from gan.evaluation.metric import Metric
from gan.evaluation.metrics.frechet import distance_of
from gan.images import Pixels

SIDE = 8
PART_VALUES = 1 << 18
"""Of pixels, as floating-point numbers in memory at once."""


def pooling(size: int) -> Matrix:
    """Weights (8, size) that average `size` pixels to 8, a pixel on a border in part to either side."""
    edges = np.linspace(0, size, SIDE + 1)
    starts = np.arange(size)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.clip(overlap, 0, None) * SIDE / size


def pooled(images: Pixels) -> Matrix:
    """Images (N, H, W, C) uint8 -> (N, 64·C) in 0..1."""
    rows, columns = pooling(images.shape[1]), pooling(images.shape[2])
    step = max(1, PART_VALUES // images[0].size)
    parts = (images[start : start + step] / 255 for start in range(0, len(images), step))
    found = [np.einsum("ih,jw,nhwc->nijc", rows, columns, part, optimize=True) for part in parts]
    return np.concatenate(found).reshape(len(images), -1)


def _colours(real: Features, fake: Features) -> dict[str, float]:
    assert real.images is not None and fake.images is not None
    return {"colours": distance_of(pooled(real.images), pooled(fake.images))}


colours = Metric(
    measure=_colours,
    says="Whether light and colours, and where they are in the image, are those of real images.",
    blind="All detail: a blurred picture has the same 8×8 pixels.",
    form=".3g",
    perfect=0.0,
    headline=True,
    whole=True,
    needs=("images",),
)
