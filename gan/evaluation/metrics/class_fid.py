"""FID within each class, and their mean (intra-class FID, as in arXiv 1802.05637).

FID over all classes together hardly notices that one class is drawn badly, or that two are swapped.

Range: from 0, which is best; units are those of the features, squared. Shapes: `N` images, `K` classes.
"""

import numpy as np

from gan.evaluation.features import Features
from gan.evaluation.metric import Metric
from gan.evaluation.metrics.frechet import distance_of


def _class_fid(real: Features, fake: Features) -> dict[str, object]:
    present = np.unique(real.labels)
    found = [distance_of(*(each.features[each.labels == index] for each in (real, fake))) for index in present]
    return {"class_fid": float(np.mean(found)), "fid_of": dict(zip(present.tolist(), found, strict=True))}


class_fid = Metric(
    measure=_class_fid,
    says="The mean over the classes of each one's own FID: whether every class is drawn well, and as asked.",
    blind="The same as FID; and it needs many more images, since each class is measured alone.",
    perfect=0.0,
    headline=True,
    whole=True,
)
