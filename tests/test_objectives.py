"""Objectives against numbers worked by hand and closed forms; augmentations."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_about, tiny_data, tiny_trainer

from gan.data.batches import Batches
from gan.errors import Diverged, UserError
from gan.objectives.augmentation import chain, flip, translate
from gan.objectives.creative import class_loss
from gan.objectives.hinge import Hinge
from gan.objectives.objective import Given, Objective, term_names
from gan.objectives.penalties import interpolate, one_centred, zero_centred
from gan.objectives.relativistic import Relativistic
from gan.objectives.wasserstein import Wasserstein
from gan.registry import AUGMENTATIONS, OBJECTIVES
from gan.runs import make_trainer
from gan.seeding import Purpose
from gan.training.loop import _values, check

DATA = tiny_data()


def linear_critic(weights: np.ndarray):
    """Scores w·x, whose gradient is w everywhere."""
    return lambda images, labels: tf.reduce_sum(images * weights, axis=[1, 2, 3])


def given(real: list[float], fake: list[float], slope: float = 1.0) -> Given:
    """One-pixel images whose scores are slope times these numbers."""
    reals, fakes = (tf.reshape(tf.constant(values), (-1, 1, 1, 1)) for values in (real, fake))
    labels = tf.zeros((len(real), 2))
    draws = {"epsilon": tf.fill((len(real),), 0.5)}
    return Given(linear_critic(np.full((1, 1, 1), slope, np.float32)), reals, fakes, labels, labels, draws)


@pytest.mark.parametrize(
    ("objective", "critic", "generator"),
    [
        (Wasserstein(), [-4.0, -0.5], [1.0, -0.5]),
        (Hinge(), [0.0 + 0.0, 0.0 + 1.5], [1.0, -0.5]),
        (Relativistic(), np.log1p(np.exp([-4.0, -0.5])), np.log1p(np.exp([4.0, 0.5]))),
    ],
    ids=["wasserstein", "hinge", "relativistic"],
)
def test_losses_are_worked_by_hand(objective, critic, generator):
    """Scores 3 and 1 of reals, -1 and 0.5 of fakes."""
    example = given([3.0, 1.0], [-1.0, 0.5])
    np.testing.assert_allclose(objective.critic(example)["critic"], critic, atol=1e-6)
    np.testing.assert_allclose(objective.generator(example)["generator"], generator, atol=1e-6)


@pytest.mark.parametrize("objective", [Wasserstein(), Hinge()])
@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_the_one_centred_penalty_of_a_linear_critic(objective, slope):
    """Its gradient is the slope everywhere: (|a| - 1)²."""
    found = objective.penalty(given([3.0, 1.0], [-1.0, 0.5], slope))
    assert list(found) == ["penalty"]
    np.testing.assert_allclose(found["penalty"], np.full(2, (slope - 1.0) ** 2), atol=1e-5)


def test_the_zero_centred_penalties_of_a_linear_critic():
    """a² / 2, on reals and on fakes."""
    found = Relativistic().penalty(given([3.0, 1.0], [-1.0, 0.5], slope=3.0))
    assert list(found) == ["penalty_real", "penalty_fake"]
    for values in found.values():
        np.testing.assert_allclose(values, [4.5, 4.5], rtol=1e-6)


def test_the_relativistic_penalties_are_taken_where_their_images_are():
    """A critic of Σ x² has the gradient 2x: its penalty is 2 ‖x‖²."""
    example = replace(given([3.0, 1.0], [-1.0, 0.5]), critic=lambda x, y: tf.reduce_sum(x * x, axis=[1, 2, 3]))
    found = Relativistic().penalty(example)
    np.testing.assert_allclose(found["penalty_real"], [18.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(found["penalty_fake"], [2.0, 0.5], rtol=1e-6)


def test_the_wasserstein_penalty_is_taken_between_real_and_fake():
    """At ε = ½ the point between 3 and -1 is 1, between 1 and 0.5 it is 0.75, where Σ x² has gradients 2 and 1.5."""
    example = replace(given([3.0, 1.0], [-1.0, 0.5]), critic=lambda x, y: tf.reduce_sum(x * x, axis=[1, 2, 3]))
    np.testing.assert_allclose(Wasserstein().penalty(example)["penalty"], [1.0, 0.25], rtol=1e-5)


def test_where_the_penalty_is_taken_is_uniform_and_a_function_of_the_seed():
    first, again = (Wasserstein().draws(tf.constant([0, 7]), 4000)["epsilon"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.histogram(first, 4, (0, 1))[0], 1000, atol=120)
    assert np.isin(first, Wasserstein().draws(tf.constant([0, 8]), 4000)["epsilon"]).mean() < 0.01


def test_the_norm_is_taken_for_each_example_before_anything_is_averaged():
    """Norms 0 and 2: each is one away from 1, so the penalty is 1, where a mean norm of 1 would give 0."""
    scale = tf.constant([0.0, 2.0])

    def critic(images, labels):
        return scale * tf.reduce_sum(images, axis=[1, 2, 3])

    np.testing.assert_allclose(one_centred(critic, tf.ones((2, 1, 1, 1)), tf.zeros((2, 1))), [1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(zero_centred(critic, tf.ones((2, 1, 1, 1)), tf.zeros((2, 1))), [0.0, 2.0], atol=1e-5)


@pytest.mark.parametrize("penalty", [one_centred, zero_centred])
def test_the_norm_is_over_all_pixels_and_channels(penalty):
    weights = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    norm = np.linalg.norm(weights)
    found = penalty(linear_critic(weights), tf.random.stateless_normal((6, 4, 5, 3), seed=(0, 1)), tf.zeros((6, 2)))
    expected = (norm - 1.0) ** 2 if penalty is one_centred else norm**2 / 2
    np.testing.assert_allclose(found, np.full(6, expected), rtol=1e-4)


@pytest.mark.parametrize("penalty", [one_centred, zero_centred])
def test_the_gradient_of_the_penalty_is_finite_where_the_norm_is_zero(penalty):
    weights = tf.Variable(tf.zeros((2, 2, 1)))
    with tf.GradientTape() as tape:
        found = penalty(linear_critic(weights), tf.ones((3, 2, 2, 1)), tf.zeros((3, 1)))
        total = tf.reduce_sum(found)
    assert np.isfinite(tape.gradient(total, weights).numpy()).all()


@pytest.mark.parametrize("penalty", [one_centred, zero_centred])
def test_the_penalty_is_float32_for_a_critic_in_bfloat16(penalty):
    def critic(images, labels):
        return tf.cast(tf.reduce_sum(tf.cast(images, tf.bfloat16) * 2.0, axis=[1, 2, 3]), tf.float32)

    found = penalty(critic, tf.ones((2, 3, 1, 1)), tf.zeros((2, 1)))
    assert found.dtype == tf.float32
    expected = (np.sqrt(12.0) - 1.0) ** 2 if penalty is one_centred else 6.0
    np.testing.assert_allclose(found, expected * np.ones(2), rtol=1e-5)


def test_each_pair_is_interpolated_with_its_own_epsilon():
    reals, fakes = tf.ones((3, 2, 2, 1)), -tf.ones((3, 2, 2, 1))
    between = interpolate(reals, fakes, tf.constant([0.0, 0.5, 1.0])).numpy()
    np.testing.assert_array_equal(between[:, 0, 0, 0], [-1.0, 0.0, 1.0])
    assert (between == between[:, :1, :1]).all()
    with pytest.raises(ValueError, match=r"epsilon has shape \(4, 1\); expected one number per example"):
        interpolate(tf.zeros((4, 2)), tf.zeros((4, 2)), tf.zeros((4, 1)))
    with pytest.raises(ValueError, match="incompatible"):
        interpolate(tf.zeros((4, 2)), tf.zeros((1, 2)), tf.zeros((4,)))


class Columns(Wasserstein):
    """Forgets to squeeze the scores."""

    def generator(self, given):
        return {"generator": super().generator(given)["generator"][:, None]}


class Mean(Wasserstein):
    """Averages, which belongs to the step."""

    def critic(self, given):
        return {"critic": tf.reduce_mean(super().critic(given)["critic"], keepdims=True)}


class Both(Wasserstein):
    """Reals and fakes one after another, in place of pairs."""

    def critic(self, given):
        real_scores, fake_scores = given.scores()
        return {"critic": tf.concat([-real_scores, fake_scores], axis=0)}


class Twice(Wasserstein):
    """One name for two losses: the second would hide the first."""

    def penalty(self, given):
        return {"critic": super().penalty(given)["penalty"]}


class Same(Wasserstein):
    """One name for the loss on wrong labels and another."""

    def wrong_label(self, given):
        return {"critic": super().wrong_label(given)["label"]}


class SameToo(Wasserstein):
    """One name for the generator's loss on labels and another."""

    def own_label(self, given):
        return {"penalty": super().own_label(given)["own_label"]}


class Halves(Wasserstein):
    """Scores in 16 bits, as a critic has them that casts nothing."""

    def critic(self, given):
        return {name: tf.cast(values, tf.bfloat16) for name, values in super().critic(given).items()}


class Drawing(Wasserstein):
    """Wants draws in the generator's update, which has none."""

    def generator(self, given):
        return {"generator": given.draws["epsilon"]}


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Columns(), r"^Columns\.generator: generator has shape \(2, 1\); expected one number per example, \(B,\)$"),
        (Mean(), r"^Mean\.critic: critic has shape \(1,\); expected one number per example, \(B,\)$"),
        (Both(), r"^Both\.critic: critic has shape \(4,\); expected one number per example, \(B,\)$"),
        (Twice(), r"^Twice\.penalty: the name critic is taken; expected each name once$"),
        (Same(), r"^Same\.wrong_label: the name critic is taken; expected each name once$"),
        (SameToo(), r"^SameToo\.own_label: the name penalty is taken; expected each name once$"),
        (Halves(), r"^Halves\.critic: critic is bfloat16; expected float32: cast the critic's scores$"),
        (Drawing(), "epsilon"),
    ],
)
def test_what_is_wrong_with_an_objective_is_said_before_training(objective, message):
    def critic(images, labels):
        return tf.reduce_sum(images) * tf.reduce_sum(labels, axis=-1)  # Of one label for each image or several.

    with pytest.raises((ValueError, KeyError), match=message):
        term_names(
            objective,
            critic,
            image=(4, 4, 1),
            classes=2,
            wrong_label=isinstance(objective, Same),
            own_label=isinstance(objective, SameToo),
        )


class Margins(Wasserstein):
    """Makes terms of its own of what its labels are worth."""

    def critic(self, given):
        return super().critic(given) | {"real_margin": -given.label_margins()}

    def generator(self, given):
        return super().generator(given) | {"fake_margin": -given.fake_label_margins()}


class InPenalty(Wasserstein):
    def penalty(self, given):
        return {"penalty": given.label_margins()}


@pytest.mark.parametrize("every", [1, 2])
def test_margins_are_there_for_terms_of_ones_own(one_replica, monkeypatch, every):
    monkeypatch.setitem(OBJECTIVES, "margins", Margins)
    config = replace(TINY, objective="margins", label_weight=1.0, gen_label_weight=1.0, penalty_every=every)
    metrics = tiny_trainer(one_replica, config).run(0, Batches(DATA.train, batch_size=8, seed=0).take(0, 2))
    assert np.isfinite([metrics["loss/real_margin"], metrics["loss/fake_margin"]]).all()


@pytest.mark.parametrize(
    ("objective", "wrong", "own"), [(Margins(), False, True), (Margins(), True, False), (InPenalty(), True, True)]
)
def test_margins_where_no_label_is_wrong_are_refused_in_one_line(objective, wrong, own):
    with pytest.raises(UserError, match=r"^there are no wrong labels, .*; expected label_weight above 0 in a critic"):
        term_names(objective, by_class, image=(), classes=2, wrong_label=wrong, own_label=own)


def test_metric_names_come_from_the_objective(one_replica, monkeypatch):
    """An objective is a class and a line: `terms` it has are what is shown, with weights from the config."""

    class LeastSquares(Objective):
        def critic(self, given):
            real_scores, fake_scores = given.scores()
            return {"real": tf.square(real_scores - 1.0), "fake": tf.square(fake_scores)}

        def generator(self, given):
            return {"fooled": tf.square(given.critic(given.fakes, given.fake_labels) - 1.0)}

    monkeypatch.setitem(OBJECTIVES, "squares", LeastSquares)
    trainer = tiny_trainer(one_replica, replace(TINY, objective="squares"))
    batches = Batches(DATA.train, batch_size=8, seed=0)
    metrics = trainer.run(0, batches.take(0, 2))
    names = ["loss/real", "loss/fake", "loss/fooled", "gradient/critic", "gradient/generator"]
    assert [name for name in metrics if "/" in name and not name.startswith("steps")] == names
    assert all(np.isfinite(metrics[name]) for name in names)


@pytest.mark.parametrize("objective", ["hinge", "relativistic"])
@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_every_objective_trains(objective, replicas, request):
    crit_steps = 2 if replicas == "one_replica" else 1
    config = replace(TINY, objective=objective, crit_steps=crit_steps, pan_classness=0.3, augment="translate+flip")
    trainer = tiny_trainer(request.getfixturevalue(replicas), config)
    batches = Batches(DATA.train, batch_size=8, seed=0)
    metrics = trainer.run(0, batches.take(0, 6))
    assert all(np.isfinite(value) for value in metrics.values())
    assert int(metrics["steps/skipped"]) == 0
    assert [optimizer.iterations.numpy() for optimizer in trainer.optimizers.values()] == [6 // crit_steps, 6]


def test_without_weight_there_is_no_penalty(one_replica):
    trainer = tiny_trainer(one_replica, replace(TINY, gp_weight=0.0, penalty_every=4))
    assert not any("penalty" in name for name in trainer.metric_names)
    assert schedule(trainer.critic_optimizer)["initial_learning_rate"] == TINY.crit_lr


# Reals with wrong labels


def by_class(images, labels):
    """Scores of one pixel x with classes (a, b): x · (a + 2 b), for one label of each image or several."""
    x = tf.reshape(images, (-1, *[1] * (len(labels.shape) - 2)))
    return x * tf.reduce_sum(labels * [1.0, 2.0], axis=-1)


def test_the_label_margin_is_worked_by_hand():
    """Reals 3 and -0.25 of classes b and a, fakes 1 and 1: with the other label they score 3 and -0.5."""
    reals, fakes = (tf.reshape(tf.constant(each), (2, 1, 1, 1)) for each in ([3.0, -0.25], [1.0, 1.0]))
    labels = tf.constant([[0.0, 1.0], [1.0, 0.0]])
    example = Given(by_class, reals, fakes, labels, labels, {}, wrong_labels=labels[:, ::-1])
    for scores, expected in zip(example.scores(), ([6.0, -0.25], [2.0, 1.0]), strict=True):
        np.testing.assert_allclose(scores, expected)
    np.testing.assert_allclose(example.label_margins(), [3.0, 0.25])
    for objective in (Wasserstein(), Hinge(), Relativistic()):
        np.testing.assert_allclose(objective.wrong_label(example)["label"], [0.0, 0.75])


def test_one_pass_scores_every_label(one_replica):
    passes = []
    reals, fakes = tf.ones((2, 1, 1, 1)), tf.ones((2, 1, 1, 1))
    labels = tf.constant([[0.0, 1.0], [1.0, 0.0]])

    def critic(images, labels):
        passes.append(tuple(labels.shape))
        return by_class(images, labels)

    example = Given(critic, reals, fakes, labels, labels, {}, wrong_labels=labels[:, ::-1])
    Wasserstein().critic(example)
    Wasserstein().wrong_label(example)
    assert passes == [(4, 2, 2)]


@pytest.mark.parametrize("held", [False, True])
def test_the_critic_scores_several_labels_as_it_scores_each(one_replica, held):
    critic = tiny_trainer(one_replica).networks.critic
    critic = critic.held() if held else critic
    images = tf.random.stateless_normal((5, *DATA.spec.shape), (0, 1))
    labels = tf.random.stateless_uniform((5, 4, 3), (0, 2))
    together = critic(images, labels)
    assert together.shape == (5, 4)
    for place in range(4):
        np.testing.assert_allclose(together[:, place], critic(images, labels[:, place]), rtol=1e-5, atol=1e-5)


def test_a_wrong_label_is_any_other(one_replica):
    trainer = tiny_trainer(one_replica, replace(TINY, label_weight=0.5, gan_batch_size=4000))
    own = tf.constant(np.arange(4000)[None] % 3, tf.int32)
    (draws,), last = trainer.draw(tf.constant(5, tf.int64), own)
    (wrong,) = draws.wrong_labels
    assert last.wrong_labels == ()
    assert (wrong.numpy().sum(axis=1) == 1).all() and (wrong * draws.labels).numpy().sum() == 0
    further = (wrong.numpy().argmax(axis=1) - own[0].numpy()) % 3
    np.testing.assert_allclose(np.bincount(further), [0, 2000, 2000], atol=150)
    np.testing.assert_array_equal(trainer.draw(tf.constant(5, tf.int64), own)[0][0].wrong_labels[0], wrong)
    assert (trainer.draw(tf.constant(6, tf.int64), own)[0][0].wrong_labels[0] != wrong).numpy().any()


class Indifferent(Wasserstein):
    """Reals and fakes are the same to it, so the critic learns from wrong labels alone."""

    def critic(self, given):
        return {"critic": 0.0 * given.scores()[0]}


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_wrong_labels_teach_the_critic_the_classes(replicas, request, monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "indifferent", Indifferent)
    config = replace(TINY, objective="indifferent", gp_weight=0.0, label_weight=1.0)
    trainer = tiny_trainer(request.getfixturevalue(replicas), config, total_steps=40)
    images = tf.constant(DATA.train_images / np.float32(127.5) - 1)
    own = np.eye(3, dtype=bool)[DATA.train_labels]

    def lacking() -> float:
        """By how much the score with the own label is less than 1 above that with another, in the mean."""
        scores = trainer.networks.critic(images, tf.tile(tf.eye(3)[None], (len(images), 1, 1))).numpy()
        return np.maximum(0, 1 - (scores[own][:, None] - scores[~own].reshape(-1, 2))).mean()

    before = lacking()
    metrics = trainer.run(0, Batches(DATA.train, batch_size=8, seed=0).take(0, 40))
    assert 0 <= float(metrics["loss/label"]) < before
    assert lacking() < 0.6 * before


class Blind(Wasserstein):
    """To the generator all fakes are as good, so it learns from their labels alone."""

    def generator(self, given):
        return {"generator": 0.0 * given.fake_scores()}


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_the_generator_learns_what_its_labels_are_worth(replicas, request, monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "blind", Blind)
    config = replace(TINY, objective="blind", label_weight=1.0, gen_label_weight=1.0, crit_lr=1e-9, gen_lr=0.01)
    trainer = tiny_trainer(request.getfixturevalue(replicas), config, total_steps=40)
    generator, _, critic = trainer.networks
    labels = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    styles = tf.random.stateless_normal((60, config.noise_dims), (0, 1))

    def lacking() -> float:
        """By how much a fake's score with its own label is less than 1 above that with another, in the mean."""
        scores = critic(generator(styles, labels, training=True), tf.tile(tf.eye(3)[None], (60, 1, 1))).numpy()
        own = labels.astype(bool)
        return np.maximum(0, 1 - (scores[own][:, None] - scores[~own].reshape(-1, 2))).mean()

    before = lacking()
    metrics = trainer.run(0, Batches(DATA.train, batch_size=8, seed=0).take(0, 40))
    assert float(metrics["loss/own_label"]) >= 0
    assert lacking() < 0.6 * before


def test_replicas_share_the_wrong_labels(one_replica, two_replicas):
    config = replace(TINY, label_weight=1.0, gen_label_weight=1.0)
    batches = Batches(DATA.train, batch_size=8, seed=0).take(0, 1)
    found = []
    for strategy in (one_replica, two_replicas):
        keras.utils.set_random_seed(0)
        found.append(tiny_trainer(strategy, config).run(0, batches))
    for name in ("loss/label", "loss/own_label", "gradient/critic", "gradient/generator"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5, err_msg=name)


def test_margins_of_fakes_are_of_the_pass_that_was_made():
    reals, fakes, labels, passes = *tf.split(tf.random.stateless_normal((4, 1), (0, 1)), 2), tf.eye(2), []

    def critic(images, labels):
        passes.append(tuple(labels.shape))
        return by_class(images, labels)

    for objective, shape in ((Wasserstein(), (2, 2, 2)), (Relativistic(), (4, 2, 2))):
        example = Given(critic, reals, fakes, labels, labels, {}, wrong_labels=labels[:, ::-1])
        objective.generator(example)
        own = objective.own_label(example)["own_label"]
        margins = by_class(fakes, labels) - by_class(fakes, labels[:, ::-1])
        np.testing.assert_allclose(own, np.maximum(0, 1 - margins), rtol=1e-6)
        assert passes == [shape]
        passes.clear()


def test_a_mixture_should_score_as_much_more_as_its_wrong_label_differs():
    """All of it for one class, to the bit what it was; a half of a pair, and nothing where all classes are alike."""
    labels = tf.constant([[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
    wrong = tf.constant([[0, 0, 1.0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    images = tf.zeros((3, 2))
    example = Given(lambda images, labels: 0.0 * labels[..., 0], images, images, labels, labels, {}, wrong)
    np.testing.assert_array_equal(Wasserstein().own_label(example)["own_label"], [1.0, 0.5, 0.0])


def test_labels_of_others_are_as_mixed_as_these(one_replica):
    trainer = tiny_trainer(one_replica)
    mixed = tf.constant([[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]] * 50)
    others = trainer._others(Purpose.GENERATOR_WRONG_LABELS, tf.constant(5, tf.int64), mixed).numpy()
    np.testing.assert_array_equal(np.sort(others), np.sort(mixed.numpy()))
    assert (others[0::3] != mixed[0::3].numpy()).any(axis=1).all()
    assert (others[1::3] != mixed[1::3].numpy()).any(axis=1).all()
    assert {tuple(row) for row in others[0::3]} == {(0, 1, 0), (0, 0, 1)}
    np.testing.assert_array_equal(others[2::3], mixed[2::3])


def test_the_generators_wrong_labels_are_its_own_and_of_what_it_is_asked_for(one_replica):
    config = replace(TINY, label_weight=1.0, gen_label_weight=1.0, gan_batch_size=400)
    own = tf.constant(np.arange(400)[None] % 3, tf.int32)
    (of_critic,), last = tiny_trainer(one_replica, config).draw(tf.constant(5, tf.int64), own)
    assert (last.wrong_labels[0] * last.labels).numpy().sum() == 0
    assert (last.wrong_labels[0] != of_critic.wrong_labels[0]).numpy().any()
    _, last = tiny_trainer(one_replica, replace(config, pan_classness=1.0)).draw(tf.constant(5, tf.int64), own)
    np.testing.assert_array_equal(last.wrong_labels[0], last.labels)  # All classes alike have no other.


def test_a_generator_learns_no_labels_from_a_critic_that_does_not(one_replica):
    about = tiny_about(replace(TINY, gen_label_weight=0.5))
    with pytest.raises(UserError, match=r"is 0\.0, and gen_label_weight 0\.5; expected both above 0, or the second 0"):
        make_trainer(about, one_replica, total_steps=10)


@pytest.mark.parametrize("every", [1, 2])
def test_wrong_labels_weigh_what_the_config_says(one_replica, every):
    trainer = tiny_trainer(one_replica, replace(TINY, label_weight=3.0, penalty_every=every))
    (draws,), _ = trainer.draw(tf.constant(0, tf.int64), tf.zeros((1, 8), tf.int32))
    images = tf.zeros((8, *DATA.spec.shape), tf.uint8)
    asked = (images, draws.styles, draws.labels, draws.real_labels, draws.wrong_labels, draws.objective)
    assert trainer._critic_losses(draws.augmentation, *asked).weights["label"] == 3.0


@pytest.mark.parametrize("objective", ["wasserstein", "hinge", "relativistic"])
def test_own_labels_weigh_what_the_config_says(one_replica, objective):
    config = replace(TINY, objective=objective, label_weight=3.0, gen_label_weight=2.0, pan_classness=0.5)
    trainer = tiny_trainer(one_replica, config)
    assert "loss/own_label" in trainer.metric_names
    _, draws = trainer.draw(tf.constant(0, tf.int64), tf.zeros((1, 8), tf.int32))
    images = tf.zeros((8, *DATA.spec.shape), tf.uint8)
    asked = (images, draws.styles, draws.labels, draws.real_labels, draws.wrong_labels)
    assert trainer._generator_losses(draws.augmentation, *asked).weights == {"own_label": 2.0}


def test_without_weight_no_label_is_wrong(one_replica):
    trainer = tiny_trainer(one_replica)
    assert "loss/label" not in trainer.metric_names
    (draws,), _ = trainer.draw(tf.constant(0, tf.int64), tf.zeros((1, 8), tf.int32))
    assert draws.wrong_labels == ()


def test_one_class_has_no_wrong_label(one_replica):
    about = tiny_about(replace(TINY, label_weight=1.0))
    about = replace(about, spec=replace(about.spec, class_names=("only",)))
    with pytest.raises(
        UserError, match=r"label_weight is 1\.0, and .* 0\.0, but there is one class; expected several, or both 0"
    ):
        make_trainer(about, one_replica, total_steps=10)


# The penalty at every k-th update


def schedule(optimizer) -> dict[str, float]:
    return optimizer.get_config()["learning_rate"]["config"]


def lazy(strategy, every: int, **changes):
    return tiny_trainer(strategy, replace(TINY, penalty_every=every, **changes), total_steps=12)


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_a_rare_penalty_is_an_update_of_its_own(replicas, request):
    """Every third of twelve updates, two per step; its loss is shown for steps that have one."""
    trainer = lazy(request.getfixturevalue(replicas), 3, crit_steps=2)
    batches = Batches(DATA.train, batch_size=8, seed=0)
    shown = []
    for step in range(6):
        metrics = trainer.run(step, batches.take(2 * step, 2))
        shown.append(bool(np.isfinite(metrics["gradient/penalty"])))
    assert shown == [False, True, True, False, True, True]  # Of the 12 updates these are the 3rd, 6th, 9th and 12th.
    assert trainer.critic_optimizer.iterations.numpy() == 12 + 4
    assert trainer.generator_optimizer.iterations.numpy() == 6
    assert int(metrics["steps/skipped"]) == 0


def test_a_rare_penalty_weighs_as_much_and_adam_moves_as_far(one_replica):
    """Four updates and a penalty are five of Adam's: rate and decays are those of four."""
    trainer = lazy(one_replica, 4, beta_1=0.5)
    adam = trainer.critic_optimizer
    assert schedule(adam)["initial_learning_rate"] == pytest.approx(TINY.crit_lr * 4 / 5)
    assert schedule(adam)["decay_steps"] == 12 * 5 / 4
    assert (adam.beta_1, adam.beta_2) == pytest.approx((0.5**0.8, TINY.beta_2**0.8))
    assert schedule(trainer.generator_optimizer)["initial_learning_rate"] == TINY.gen_lr
    _, draws = trainer.draw(tf.constant(0, tf.int64), tf.zeros((1, 8), tf.int32))
    images = tf.zeros((8, *DATA.spec.shape))
    losses = trainer._penalty_losses(draws.real_labels, {"epsilon": tf.zeros(8)}, images, images)
    assert losses.weights == {"penalty": 4 * TINY.gp_weight}


def test_a_rare_penalty_that_always_fails_ends_the_run(one_replica, monkeypatch):
    """Good steps between, in which it is not due, do not end the row."""
    trainer = lazy(one_replica, 2, max_bad_steps=3)
    healthy = trainer.objective.penalty
    monkeypatch.setattr(trainer.objective, "penalty", lambda given: {"penalty": np.nan * healthy(given)["penalty"]})
    batches = Batches(DATA.train, batch_size=8, seed=0)
    metrics = trainer.run(0, batches.take(0, 12))
    assert [int(metrics[f"steps/{name}"]) for name in ("ran", "skipped", "skipped_in_a_row")] == [6, 3, 3]


def test_isolated_bad_steps_are_no_row_though_the_penalty_is_rare(one_replica, monkeypatch):
    """Steps 1, 3 and 5 of 12 are bad, and the penalty is due in every twelfth."""
    trainer = lazy(one_replica, 12, max_bad_steps=2)
    healthy = trainer._styles
    monkeypatch.setattr(
        trainer,
        "_styles",
        lambda *asked: tf.where(asked[1] % 2 * tf.cast(asked[1] < 6, tf.int64) == 1, np.nan, healthy(*asked)),
    )
    metrics = trainer.run(0, Batches(DATA.train, batch_size=8, seed=0).take(0, 12))
    assert [int(metrics[f"steps/{name}"]) for name in ("ran", "skipped", "skipped_in_a_row")] == [12, 3, 0]


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_a_skipped_step_tells_nothing_of_a_penalty_that_was_not_due(replicas, request, monkeypatch):
    trainer = lazy(request.getfixturevalue(replicas), 2, max_bad_steps=2)
    monkeypatch.setattr(trainer.objective, "generator", lambda given: {"generator": np.nan * given.fake_scores()})
    batches = Batches(DATA.train, batch_size=8, seed=0)
    for bad in (1, 2):
        metrics = trainer.run(bad - 1, batches.take(bad - 1, 1))
        with pytest.raises(Diverged) as error:
            check(bad - 1, metrics, bad)
        wrong = str(error.value).partition("skipped: ")[2].partition(";")[0]
        assert wrong == "loss/generator is nan, gradient/generator is nan"
        assert ("loss/penalty" in _values(metrics)) == (bad == 2)


def test_a_penalty_that_was_due_and_is_not_finite_is_told(one_replica, monkeypatch):
    trainer = lazy(one_replica, 2)
    monkeypatch.setattr(trainer.objective, "penalty", lambda given: {"penalty": np.nan * given.fake_scores()})
    batches = Batches(DATA.train, batch_size=8, seed=0)
    with pytest.raises(Diverged, match=r"step 2 was skipped: loss/penalty is nan, gradient/penalty is nan;"):
        check(0, trainer.run(0, batches.take(0, 2)), 1)


def test_a_penalty_that_would_never_come_is_refused(one_replica):
    """Of 12 steps of two updates; without a penalty there is nothing to miss."""
    with pytest.raises(UserError, match=r"^penalty_every is 25, but the run has 24 critic updates, so none would have"):
        lazy(one_replica, 25, crit_steps=2)
    lazy(one_replica, 24, crit_steps=2)
    lazy(one_replica, 25, crit_steps=2, gp_weight=0.0)


def test_every_update_has_the_penalty_where_it_is_not_rare(one_replica):
    trainer = lazy(one_replica, 1)
    adam = trainer.critic_optimizer
    assert (schedule(adam)["initial_learning_rate"], adam.beta_2) == (TINY.crit_lr, TINY.beta_2)
    assert schedule(adam)["decay_steps"] == 12
    assert "gradient/penalty" not in trainer.metric_names


# Augmentations

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (64, 16, 24, 3)).astype(np.float32))
SEED = tf.constant([3, 4])


def test_no_augmentation_leaves_images_as_they_are():
    assert chain([])(IMAGES, SEED) is IMAGES


def test_translate_shifts_whole_pixels_and_black_comes_in():
    moved = translate(IMAGES, SEED).numpy()
    shifts = set()
    for before, after in zip(IMAGES.numpy(), moved, strict=True):
        padded = np.pad(before, ((2, 2), (3, 3), (0, 0)), constant_values=-1.0)
        found = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-3, 4)
            if np.allclose(padded[2 - dy : 18 - dy, 3 - dx : 27 - dx], after, atol=1e-6)
        ]
        assert len(found) == 1
        shifts |= set(found)
    assert {dy for dy, _ in shifts} == set(range(-2, 3)) and {dx for _, dx in shifts} == set(range(-3, 4))


def test_flip_mirrors_about_half_of_the_images():
    flipped = flip(IMAGES, SEED).numpy()
    mirrored = [np.array_equal(after, before[:, ::-1]) for before, after in zip(IMAGES.numpy(), flipped, strict=True)]
    same = [np.array_equal(after, before) for before, after in zip(IMAGES.numpy(), flipped, strict=True)]
    assert all(one != other for one, other in zip(mirrored, same, strict=True))
    assert 16 < sum(mirrored) < 48


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_an_augmentation_is_a_function_of_the_seed_and_differentiable(name):
    """The same on reals and on fakes; its gradient only moves or mirrors what comes back."""
    augmentation = AUGMENTATIONS[name]
    np.testing.assert_array_equal(augmentation(IMAGES, SEED), augmentation(IMAGES, SEED))
    assert not np.array_equal(augmentation(IMAGES, SEED), augmentation(IMAGES, tf.constant([3, 5])))
    with tf.GradientTape() as tape:
        tape.watch(IMAGES)
        total = tf.reduce_sum(augmentation(IMAGES, SEED))
    gradient = tape.gradient(total, IMAGES).numpy()
    assert set(np.unique(gradient.round(5))) <= {0.0, 1.0} and gradient.mean() > 0.7


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_replicas_change_their_images_as_one_would(name, two_replicas):
    augmentation = AUGMENTATIONS[name]

    def share():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        part = IMAGES[32 * replica : 32 * replica + 32]
        part.set_shape((32, *IMAGES.shape[1:]))
        return augmentation(part, SEED)

    parts = two_replicas.run(tf.function(share)).values
    np.testing.assert_array_equal(np.concatenate([part.numpy() for part in parts]), augmentation(IMAGES, SEED))


def test_the_generators_update_has_augmented_images_and_plain_ones_for_the_classifier(one_replica, monkeypatch):
    """Reals have their own labels, fakes those that were drawn."""
    given, seen = [], []

    def classifier(images, training):
        seen.append(images)
        return tf.zeros((8, 3))

    def generator(each):
        given.append(each)
        return {"generator": tf.zeros(8)}

    trainer = tiny_trainer(one_replica, replace(TINY, cls_weight=1.0, pan_classness=0.5), classifier=classifier)
    trainer.augment = lambda images, seed: -images
    monkeypatch.setattr(trainer.objective, "generator", generator)
    batch = Batches(DATA.train, batch_size=8, seed=0).take(0, 1)
    _, drawn = trainer.draw(tf.constant(0, tf.int64), tf.constant(batch.labels))
    images = tf.constant(batch.images[0])
    trainer._generator_losses(drawn.augmentation, images, drawn.styles, drawn.labels, drawn.real_labels)
    (each,), (plain,) = given, seen
    np.testing.assert_allclose(each.reals, 1.0 - batch.images[0] / 127.5, atol=1e-6)
    np.testing.assert_array_equal(each.fakes, -plain)
    np.testing.assert_array_equal(each.labels, np.eye(3)[batch.labels[0]])
    np.testing.assert_array_equal(each.fake_labels, drawn.labels)
    assert not np.array_equal(drawn.labels, each.labels)


def test_reals_and_fakes_are_augmented_alike_in_both_updates(one_replica):
    """With one seed."""
    asked = []

    def augment(images, seed):
        asked.append((tuple(images.shape), seed.numpy().tolist()))
        return images

    trainer = tiny_trainer(one_replica)
    trainer.augment = augment
    (first,), second = trainer.draw(tf.constant(0, tf.int64), tf.zeros((1, 8), tf.int32))
    images = tf.zeros((8, *DATA.spec.shape), tf.uint8)
    trainer._critic_losses(first.augmentation, images, first.styles, first.labels, first.labels, (), first.objective)
    trainer._generator_losses(second.augmentation, images, second.styles, second.labels, second.real_labels)
    shape = (8, *DATA.spec.shape)
    assert asked[0] == asked[1] and asked[2] == asked[3] and asked[0] != asked[2]
    assert [each[0] for each in asked] == [shape] * 4


def test_class_loss_is_the_cross_entropy_with_a_label_vector():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).astype(np.float32) + 3
    labels = np.array([[0.5, 0.5, 0], [0, 0, 1]], np.float32)
    expected = [-0.5 * np.log(0.5) - 0.5 * np.log(0.25), -np.log(0.8)]
    np.testing.assert_allclose(class_loss(tf.constant(logits), tf.constant(labels)), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="incompatible"):
        class_loss(tf.constant(logits), tf.constant(labels[:, :2]))
