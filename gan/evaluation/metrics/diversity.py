"""Diversity within a class: how far apart the samples of one class are, compared with real images of the class.

The root of the total variance of the classifier's features within a class, samples' by real images': a ratio of
lengths, averaged over the classes.

Range: from 0, all samples of a class are one; about 1 is best; above 1 they differ more than real images do.
Shapes: `N` images, `D` features, `K` classes.
"""

import numpy as np

from gan.evaluation.features import Features
from gan.evaluation.metric import Metric


def _diversity(real: Features, fake: Features) -> dict[str, object]:
    found = {}
    for index in np.unique(real.labels):
        one, other = (each.features[each.labels == index].astype(np.float64) for each in (real, fake))
        if min(len(one), len(other)) >= 2 and (variance := one.var(axis=0, ddof=1).sum()) > 0:
            found[int(index)] = float(np.sqrt(other.var(axis=0, ddof=1).sum() / variance))
    return {"diversity": float(np.mean(list(found.values()))) if found else float("nan"), "diversity_of": found}


diversity = Metric(
    measure=_diversity,
    says="How much the samples of a class differ, by how much real images of it do: 1 is right, 0 is one image.",
    blind="What they differ in: noise makes them differ too.",
    most=5_000,
)
