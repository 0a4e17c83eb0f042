"""Class accuracy: how often the classifier sees in a sample the class that was asked for.

Range: 0 to 1, which is best; by chance it is 1 / K. Shapes: `N` samples, `K` classes.
"""

import numpy as np

from gan.evaluation.features import Features


def accuracy(real: Features, fake: Features) -> dict[str, float]:
    """The share of samples whose class the classifier names."""
    return {"accuracy": float(np.mean(fake.classes == fake.labels))}
