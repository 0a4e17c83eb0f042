"""The hinge loss (arXiv 1705.02894), with the gradient penalty of `wasserstein`; `gp_weight: 0` leaves that out.

Without a penalty the critic must be bounded by its layers alone: fix the spectral gain (`learn_spectral_gain: false`).
"""

import tensorflow as tf

from gan.objectives.objective import Given, Terms
from gan.objectives.wasserstein import Wasserstein


class Hinge(Wasserstein):
    """The critic minimises how far reals are below 1 and fakes above -1; the generator as in `wasserstein`."""

    def critic(self, given: Given) -> Terms:
        real_scores, fake_scores = given.scores()
        return {"critic": tf.nn.relu(1.0 - real_scores) + tf.nn.relu(1.0 + fake_scores)}
