"""The Wasserstein loss (arXiv 1701.07875) with gradient penalty between reals and fakes (arXiv 1704.00028)."""

import tensorflow as tf

from gan.objectives.objective import Given, Objective, Terms
from gan.objectives.penalties import interpolate, one_centred


class Wasserstein(Objective):
    """The critic minimises fake less real scores, the generator the negated scores of its fakes."""

    def critic(self, given: Given) -> Terms:
        real_scores, fake_scores = given.scores()
        return {"critic": fake_scores - real_scores}

    def penalty(self, given: Given) -> Terms:
        between = interpolate(given.reals, given.fakes, given.draws["epsilon"])
        return {"penalty": one_centred(given.critic, between, given.labels)}

    def generator(self, given: Given) -> Terms:
        return {"generator": -given.fake_scores()}

    def draws(self, seed: tf.Tensor, batch_size: int) -> dict[str, tf.Tensor]:
        """Where between real and fake the penalty is taken, per pair."""
        return {"epsilon": tf.random.stateless_uniform((batch_size,), seed)}
