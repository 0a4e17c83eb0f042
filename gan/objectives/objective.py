"""An objective says what the critic minimises and what the generator minimises, per example and by name.

Nothing here averages over a batch: the training step does, over the global batch, and knows the weights. An objective
is a class in a file of its own, and a line in `gan/registry.py`:

    class Wasserstein(Objective):
        def critic(self, given: Given) -> Terms:
            real_scores, fake_scores = given.scores()
            return {"critic": fake_scores - real_scores}

        def generator(self, given: Given) -> Terms:
            return {"generator": -given.fake_scores()}

Shapes: `B` batch, `H W C` image, `K` classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import tensorflow as tf

from gan.errors import UserError

CriticFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Terms = dict[str, tf.Tensor]
"""Losses by name, one number per example, (B,). Their weighted sum is what is minimised."""


@dataclass(frozen=True)
class Given:
    """What an objective is handed. Images are float32 in [-1, 1], already augmented.

    Attributes:
        critic: (images (B, H, W, C), label vectors (B, K)) -> scores (B,); with several for each image, (B, L, K),
            scores (B, L).
        reals: images of the training split.
        fakes: images of the generator, as many.
        labels: of the reals.
        fake_labels: what the critic is told of the fakes; in a critic update the labels of the reals.
        draws: what `Objective.draws` drew, in a critic update.
        wrong_labels: label vectors of other classes: than the reals' in a critic update if `label_weight` is above 0,
            than the fakes' in a generator update if `gen_label_weight` is.
    """

    critic: CriticFunction
    reals: tf.Tensor
    fakes: tf.Tensor
    labels: tf.Tensor
    fake_labels: tf.Tensor
    draws: Mapping[str, tf.Tensor] = field(default_factory=dict)
    wrong_labels: tf.Tensor | None = None

    def scores(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The critic's scores of reals and of fakes, (B,) and (B,), in one pass, which is made once.

        To differentiate by images, call `critic` under a tape of your own.
        """
        if self.wrong_labels is None:
            real_scores, fake_scores = self._scored
        else:
            real_scores, fake_scores = (scores[:, 0] for scores in self._scored)
        return real_scores, fake_scores

    def fake_scores(self) -> tf.Tensor:
        """The critic's scores of fakes alone, (B,), in a pass that is made once."""
        return self._scored_fakes if self.wrong_labels is None else self._scored_fakes[:, 0]

    def label_margins(self) -> tf.Tensor:
        """How much higher the critic scores a real with its own label than with a wrong one, (B,): of `scores()`.

        Raises:
            UserError: there are no wrong labels.
        """
        return _margins(self._scored[0])

    def fake_label_margins(self) -> tf.Tensor:
        """The same of fakes, (B,): of `scores()` if that was called, else of `fake_scores()`; errors are the same."""
        return _margins(self._scored[1] if "_scored" in vars(self) else self._scored_fakes)

    @cached_property
    def _scored(self) -> list[tf.Tensor]:
        """Scores of reals and of fakes: (B,) each, or (B, 2) where there is a wrong label beside the first."""
        labels = [self._beside_wrong(each) for each in (self.labels, self.fake_labels)]
        return tf.split(self.critic(tf.concat([self.reals, self.fakes], axis=0), tf.concat(labels, axis=0)), 2)

    @cached_property
    def _scored_fakes(self) -> tf.Tensor:
        """Scores of fakes, (B,) or (B, 2)."""
        return self.critic(self.fakes, self._beside_wrong(self.fake_labels))

    def _beside_wrong(self, labels: tf.Tensor) -> tf.Tensor:
        return labels if self.wrong_labels is None else tf.stack([labels, self.wrong_labels], axis=1)


def _margins(scores: tf.Tensor) -> tf.Tensor:
    """(B, 2) -> (B,)."""
    if len(scores.shape) != 2:
        raise UserError(
            "there are no wrong labels, and so no margins; expected label_weight above 0 in a critic update, "
            "gen_label_weight above 0 in a generator update, and no margins in a penalty"
        )
    return scores[:, 0] - scores[:, 1]


class Objective:
    """What subclasses override: `critic` and `generator`, and `penalty` with its `draws` if they have one.

    `wrong_label` and `own_label` are the same for all. Without the first a critic need not know the classes, since
    reals and fakes both come with labels that fit them; without the second a generator may care little.
    """

    def critic(self, given: Given) -> Terms:
        """What the critic minimises."""
        raise NotImplementedError

    def generator(self, given: Given) -> Terms:
        """What the generator minimises. It has no draws."""
        raise NotImplementedError

    def penalty(self, given: Given) -> Terms:
        """What the critic minimises besides, weighted by `gp_weight`, at every `penalty_every`-th update.

        It is to do without wrong labels: an update of its own has none.
        """
        return {}

    def wrong_label(self, given: Given) -> Terms:
        """What the critic minimises besides, weighted by `label_weight`: a wrong label should score at least 1 less.

        That a real image with a wrong label is no better than a fake is from arXiv 1605.05396; here it is a hinge, so
        that the critic stops once it knows the classes.
        """
        return {"label": tf.nn.relu(1.0 - given.label_margins())}

    def own_label(self, given: Given) -> Terms:
        """What the generator minimises besides, weighted by `gen_label_weight`: its own label should score 1 more.

        The mirror of `wrong_label`: the generator stops where the critic tells the classes of its images. A mixture
        shares classes with its wrong label, so it should score as much of 1 more as the share of weight that differs.
        """
        margins = given.fake_label_margins()
        differs = 0.5 * tf.reduce_sum(tf.abs(given.fake_labels - given.wrong_labels), axis=1)  # 1 for one class
        return {"own_label": tf.nn.relu(differs - margins)}

    def draws(self, seed: tf.Tensor, batch_size: int) -> dict[str, tf.Tensor]:
        """Random numbers of a critic update for the *global* batch, a function of the seed (2,); rows are examples."""
        return {}


def term_names(
    objective: Objective,
    critic: CriticFunction,
    *,
    image: tuple[int, ...],
    classes: int,
    wrong_label: bool = False,
    own_label: bool = False,
) -> dict[str, list[str]]:
    """Names of the terms of each method of an objective, found by one look at two black images.

    So what is wrong with an objective is said before anything is trained.

    Raises:
        ValueError: a term is not one float32 number per example, or two have one name.
        UserError: a term is of wrong labels, where there are none.
    """
    images, labels = tf.zeros((2, *image)), tf.one_hot([0, 0], classes)
    of_penalty = Given(critic, images, images, labels, labels, objective.draws(tf.constant([0, 0]), 2))
    of_critic = replace(of_penalty, wrong_labels=labels if wrong_label else None)
    of_generator = replace(of_penalty, wrong_labels=labels if own_label else None, draws={})
    methods = [(objective.critic, of_critic), (objective.penalty, of_penalty), (objective.generator, of_generator)]
    if wrong_label:
        methods.insert(1, (objective.wrong_label, of_critic))
    if own_label:
        methods.append((objective.own_label, of_generator))
    names: dict[str, list[str]] = {}
    taken = {"class"}  # The classifier's, where `cls_weight` wants it.
    for method, given in methods:
        where = f"{type(objective).__name__}.{method.__name__}"
        terms = method(given)
        for name, values in terms.items():
            require_vector(values, f"{where}: {name}", length=len(images))
        if clash := taken.intersection(terms):
            raise ValueError(f"{where}: the name {min(clash)} is taken; expected each name once")
        taken |= set(terms)
        names[method.__name__] = list(terms)
    return names


def require_vector(values: tf.Tensor, name: str, length: int | None = None) -> None:
    """Check that there is one float32 number per example; `[B]` less `[B, 1]` would be `[B, B]` without a word.

    Raises:
        ValueError: there is not.
    """
    if len(values.shape) != 1 or (length is not None and values.shape[0] != length):
        raise ValueError(f"{name} has shape {tuple(values.shape)}; expected one number per example, (B,)")
    if values.dtype != tf.float32:
        raise ValueError(f"{name} is {values.dtype.name}; expected float32: cast the critic's scores")
