"""The noise floor: the score of a perfect generator, by real images that no network was trained on.

They are divided at random into halves, class by class, and one half is compared with the other. A distance of means
and covariances of samples is larger by a part that falls with their number as 1/N, and for equal distributions it is
nothing else: so the floor of all N is that of halves of M, times M / N. docs/evaluation.md has a test of this rule.

    floor = noise_floor(real, measure, seed=0)      # Floor(mean, spread)

Shapes: `N` images, `M` of a half.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from gan.data.dataset import Indices, Labels
from gan.seeding import Purpose, numpy_stream

SPLITS = 10


class Floor(NamedTuple):
    """Of a score, over the random splits."""

    mean: float
    spread: float  # One standard deviation.


def halves(labels: Labels, *, seed: int, splits: int = SPLITS) -> Iterator[tuple[Indices, Indices]]:
    """Random halves of images with these labels (N,), each sorted; a class of an odd number falls to either side."""
    for split in range(splits):
        draw = numpy_stream(Purpose.HALVES, seed, split)
        order = draw.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]  # By class, in random order within each.
        first = draw.integers(2)
        yield np.sort(order[first::2]), np.sort(order[1 - first :: 2])


def noise_floor(labels: Labels, distance: Callable[[Indices, Indices], float], *, seed: int) -> Floor | None:
    """The floor of `distance(one half, the other)` for all N images with these labels; None for fewer than four."""
    if len(labels) < 4:
        return None
    found = [distance(one, other) * len(one) / len(labels) for one, other in halves(labels, seed=seed)]
    return Floor(float(np.mean(found)), float(np.std(found, ddof=1)))
