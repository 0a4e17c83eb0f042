"""An objective says what the critic minimises and what the generator minimises, per example and by name.

Nothing here averages over a batch: the training step does, over the global batch, and knows the weights. An objective
is a class in a file of its own, and a line in `gan/registry.py`:

    class Wasserstein(Objective):
        def critic(self, given: Given) -> Terms:
            real_scores, fake_scores = given.scores()
            return {"critic": fake_scores - real_scores}

        def generator(self, given: Given) -> Terms:
            return {"generator": -given.critic(given.fakes, given.fake_labels)}

Shapes: `B` batch, `H W C` image, `K` classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import tensorflow as tf

CriticFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Terms = dict[str, tf.Tensor]
"""Losses by name, one number per example, (B,). Their weighted sum is what is minimised."""


@dataclass(frozen=True)
class Given:
    """What an objective is handed. Images are float32 in [-1, 1], already augmented.

    Attributes:
        critic: (images (B, H, W, C), label vectors (B, K)) -> scores (B,).
        reals: images of the training split.
        fakes: images of the generator, as many.
        labels: of the reals.
        fake_labels: of the fakes; in a critic update those of the reals.
        draws: what `Objective.draws` drew, in a critic update.
    """

    critic: CriticFunction
    reals: tf.Tensor
    fakes: tf.Tensor
    labels: tf.Tensor
    fake_labels: tf.Tensor
    draws: Mapping[str, tf.Tensor] = field(default_factory=dict)

    def scores(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The critic's scores of reals and of fakes, (B,) and (B,), in one pass."""
        images = tf.concat([self.reals, self.fakes], axis=0)
        real_scores, fake_scores = tf.split(self.critic(images, tf.concat([self.labels, self.fake_labels], axis=0)), 2)
        return real_scores, fake_scores


class Objective:
    """What subclasses override: `critic` and `generator`, and `penalty` with its `draws` if they have one."""

    def critic(self, given: Given) -> Terms:
        """What the critic minimises."""
        raise NotImplementedError

    def generator(self, given: Given) -> Terms:
        """What the generator minimises. It has no draws."""
        raise NotImplementedError

    def penalty(self, given: Given) -> Terms:
        """What the critic minimises besides, weighted by `gp_weight`, at every `penalty_every`-th update."""
        return {}

    def draws(self, seed: tf.Tensor, batch_size: int) -> dict[str, tf.Tensor]:
        """Random numbers of a critic update for the *global* batch, a function of the seed (2,); rows are examples."""
        return {}


def term_names(
    objective: Objective, critic: CriticFunction, *, image: tuple[int, ...], classes: int
) -> dict[str, list[str]]:
    """Names of the terms of `critic`, `penalty` and `generator`, found by one look at two black images.

    So what is wrong with an objective is said before anything is trained.

    Raises:
        ValueError: a term is not one number per example, or two have one name.
    """
    images, labels = tf.zeros((2, *image)), tf.one_hot([0, 0], classes)
    given = Given(critic, images, images, labels, labels, objective.draws(tf.constant([0, 0]), 2))
    names: dict[str, list[str]] = {}
    taken = {"class"}  # The classifier's, where `cls_weight` wants it.
    for method in (objective.critic, objective.penalty, objective.generator):
        where = f"{type(objective).__name__}.{method.__name__}"
        terms = method(replace(given, draws={}) if method == objective.generator else given)
        for name, values in terms.items():
            require_vector(values, f"{where}: {name}", length=len(images))
        if clash := taken.intersection(terms):
            raise ValueError(f"{where}: the name {min(clash)} is taken; expected each name once")
        taken |= set(terms)
        names[method.__name__] = list(terms)
    return names


def require_vector(values: tf.Tensor, name: str, length: int | None = None) -> None:
    """Check that there is one number per example; `[B]` less `[B, 1]` would be `[B, B]` without a word.

    Raises:
        ValueError: there is not.
    """
    if len(values.shape) != 1 or (length is not None and values.shape[0] != length):
        raise ValueError(f"{name} has shape {tuple(values.shape)}; expected one number per example, (B,)")
