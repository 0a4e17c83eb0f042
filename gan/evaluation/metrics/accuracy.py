"""Class accuracy: how often the classifier sees in a sample the class that was asked for.

Range: 0 to 1, which is best; by chance it is 1 / K. Shapes: `N` samples, `K` classes.
"""

from gan.evaluation.features import Features
from gan.evaluation.metric import Estimate, Metric


def _accuracy(real: Features, fake: Features) -> dict[str, float]:
    return {"accuracy": Estimate.share(fake.classes == fake.labels)}


accuracy = Metric(
    measure=_accuracy,
    says="How often the FID's own classifier sees in a sample the class that was asked for.",
    blind="Whether the sample looks like a picture; a GAN with cls_weight is trained to please this very classifier.",
    form=".2%",
    alone=True,
    most=50_000,
    training=True,
)
