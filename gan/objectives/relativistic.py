"""The relativistic pairing loss with zero-centred penalties on reals and on fakes (R3GAN, arXiv 2501.05441).

A fake is judged against the real beside it, which has its class, or one of its classes where labels are creative.
"""

import tensorflow as tf

from gan.objectives.objective import Given, Objective, Terms
from gan.objectives.penalties import zero_centred


class Relativistic(Objective):
    """The critic minimises softplus(fake - real), the generator softplus(real - fake); `gp_weight` is the paper's γ."""

    def critic(self, given: Given) -> Terms:
        real_scores, fake_scores = given.scores()
        return {"critic": tf.nn.softplus(fake_scores - real_scores)}

    def penalty(self, given: Given) -> Terms:
        return {
            "penalty_real": zero_centred(given.critic, given.reals, given.labels),
            "penalty_fake": zero_centred(given.critic, given.fakes, given.fake_labels),
        }

    def generator(self, given: Given) -> Terms:
        real_scores, fake_scores = given.scores()
        return {"generator": tf.nn.softplus(real_scores - fake_scores)}
