"""A detector: a small network that learns to tell samples from real images.

This is the classifier two-sample test of arXiv 1610.06545.

It is trained on three quarters of the images, half of which are samples, and asked about the others. For real against
real it can only guess.

Range: accuracy and area under the curve from 0.5, which is best, to 1: it is never wrong. Shapes: `N` images.
"""

import numpy as np

from gan.data.dataset import Subset
from gan.evaluation.features import Features
from gan.evaluation.fitting import fit, small_network
from gan.evaluation.metric import Estimate, MeanShare, Metric
from gan.seeding import Purpose, numpy_stream

SHARE = 0.75
EPOCHS, FEWEST_STEPS = 6, 300
FEWEST = 40


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """The share of pairs of a positive and another in which the positive has the higher score, ties counting half."""
    others = np.sort(scores[~positive])
    below, up_to = (np.searchsorted(others, scores[positive], side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(others))


def error_of_area(area: float, count: int) -> float:
    """The standard error of the area under the curve of as many of either kind (Hanley and McNeil, 1982)."""
    one, other = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (count - 1) * (one + other - 2 * area**2)
    return float(np.sqrt(max(variance, 0.0)) / count)


def _detector(real: Features, fake: Features) -> dict[str, object]:
    assert real.images is not None and fake.images is not None
    count = min(len(real.images), len(fake.images))
    learnt = round(SHARE * count)
    draws = [numpy_stream(Purpose.FITTING, real.known.seed, side) for side in (0, 1)]  # Files may be in any order.
    reals, fakes = (
        each.images[draw.permutation(len(each.images))[:count]]
        for each, draw in zip((real, fake), draws, strict=True)
        if each.images is not None
    )
    if count < FEWEST:
        return dict.fromkeys(("detector_accuracy", "detector_auc"), float("nan"))
    images = np.concatenate([reals[:learnt], fakes[:learnt]])
    labels = np.repeat(np.arange(2, dtype=np.int32), learnt)
    network = small_network(images.shape[1:], classes=2, seed=real.known.seed)
    predict = fit(network, Subset.of(images, labels), epochs=EPOCHS, fewest_steps=FEWEST_STEPS, seed=real.known.seed)
    asked = np.concatenate([reals[learnt:], fakes[learnt:]])
    is_fake = np.repeat([False, True], count - learnt)
    logits = predict(asked)
    scores = logits[:, 1] - logits[:, 0]
    rest = count - learnt
    area = area_under_curve(scores, is_fake)
    surest = learnt + np.argsort(-scores[rest:])[:10]
    return {
        "detector_accuracy": Estimate.share((scores > 0) == is_fake),
        "detector_auc": MeanShare(area, rest, error_of_area(area, rest)),
        "surest": fakes[surest],
    }


detector = Metric(
    measure=_detector,
    says="How often a network that learnt the difference tells a sample from a real image: 50% is perfect.",
    blind="Copies of real images; and how bad the difference is: a single odd pixel that is always there is enough.",
    form=".1%",
    perfect=0.5,
    headline=True,
    most=5_000,
    splits=1,
    needs=("images",),
)
