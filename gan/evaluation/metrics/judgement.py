"""Class accuracy by a judge: a network that neither the FID nor the GAN knows, of another architecture and seed.

A GAN may learn to please the classifier that scores it, or is trained with it (`cls_weight`); a judge tells.

Range: 0 to 1; what the judge gets right of real test images is the most that can be expected. By chance it is 1 / K.
Shapes: `N` samples, `K` classes.
"""

import numpy as np

from gan.evaluation.features import Features
from gan.evaluation.metric import Estimate, Metric


def _judgement(real: Features, fake: Features) -> dict[str, object]:
    assert fake.judged is not None
    count = real.known.num_classes
    confusion = np.bincount(fake.labels * count + fake.judged, minlength=count * count).reshape(count, count)
    return {"judge_accuracy": Estimate.share(fake.judged == fake.labels), "confusion": confusion}


judge_accuracy = Metric(
    measure=_judgement,
    says="How often another network, the judge, sees in a sample the class that was asked for.",
    blind="Whether the sample looks like a picture: blobs with the colours of a class can pass.",
    form=".2%",
    alone=True,
    most=50_000,
    needs=("judged",),
)
