"""The label margin of the critic: how much better it scores an image with its own label than with another.

The mean score with the right label less the mean with a wrong one, in standard deviations of the scores with the right
label (of the projection critic of arXiv 1802.05637).

Range: any; near 0 the critic does not know the classes, so nothing makes the generator draw the one that is asked for.
Shapes: `N` images, `K` classes.
"""

import numpy as np

from gan.evaluation.features import Features
from gan.evaluation.metric import Estimate, Metric
from gan.labels import one_hot
from gan.seeding import Purpose, numpy_stream


def _label_margin(real: Features, fake: Features) -> dict[str, float]:
    known = real.known
    if known.num_classes < 2:
        return {}
    assert fake.images is not None  # As `needs` says.
    draw = numpy_stream(Purpose.MATCHED, known.seed)
    shift = draw.integers(1, known.num_classes, len(fake.labels))
    order = draw.permutation(len(fake.labels))  # A critic may look at several images together.
    both = (fake.labels[order], (fake.labels + shift)[order] % known.num_classes)
    labels = np.stack([one_hot(each.tolist(), known.num_classes) for each in both], axis=1)
    right, wrong = known.critic(fake.images[order], labels).T
    spread = max(float(right.std()), 1e-12)
    error = float((right - wrong).std()) / spread / np.sqrt(len(right))
    return {"label_margin": Estimate(float(right.mean() - wrong.mean()) / spread, error)}


label_margin = Metric(
    measure=_label_margin,
    says="How well the critic knows the classes, in standard deviations of its scores: near 0 it does not.",
    blind="The generator: a critic that knows the classes may still have taught it badly.",
    form=".2f",
    alone=True,
    most=2_000,
    needs=("images", "critic"),
)
