from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_data, tiny_trainer

from gan.config import Config
from gan.data.batches import Batches
from gan.devices.strategy import replica_slice
from gan.images import ImageSpec
from gan.models.classifier import Classifier
from gan.objectives.creative import hot_count_probabilities
from gan.objectives.objective import Given
from gan.objectives.wasserstein import Wasserstein
from gan.training.gan import GanTrainer, Networks
from gan.training.loop import Values

DATA = tiny_data()


def make_trainer(
    strategy, config: Config = TINY, *, total_steps: int = 100, dtype: str = "float32", classifier=None
) -> GanTrainer:
    return tiny_trainer(strategy, config, total_steps=total_steps, dtype=dtype, classifier=classifier)


def batches(config: Config = TINY) -> Batches:
    return Batches(DATA.train, batch_size=config.gan_batch_size, seed=config.seed)


def run(trainer: GanTrainer, first: int, count: int) -> Values:
    updates = trainer.batches_per_step
    metrics = trainer.run(first, batches(trainer.config).take(first * updates, count * updates))
    return {name: float(value) for name, value in metrics.items()}


def values_of(trainer: GanTrainer) -> dict[str, np.ndarray]:
    """Every variable that training changes."""
    found = {}
    for name, part in trainer.state.items():
        for index, variable in enumerate(part.variables):
            found[f"{name}/{index}"] = variable.numpy()
    return found


def assert_equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_replicas_see_different_images_and_noise(two_replicas):
    trainer = make_trainer(two_replicas)
    batch = batches().take(0, 1)

    def look(images):
        (draws,), _ = trainer.draw(tf.constant(0, tf.int64), tf.constant(batch.labels))
        return replica_slice(images), replica_slice(draws.styles)

    images, styles = two_replicas.run(tf.function(look), (tf.constant(batch.images[0]),))
    np.testing.assert_array_equal(np.concatenate([part.numpy() for part in images.values]), batch.images[0])
    assert not np.isin(styles.values[0], styles.values[1]).any()


def test_the_step_is_traced_once_over_two_epochs(one_replica):
    config = replace(TINY, steps_per_call=3)
    trainer = make_trainer(one_replica, config)
    per_epoch = batches(config).per_epoch
    for first in range(0, 2 * per_epoch, 3):
        run(trainer, first, min(3, 2 * per_epoch - first))
    assert trainer.traced.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("crit_steps", [1, 2])
def test_steps_in_one_call_are_the_same_as_one_by_one(one_replica, crit_steps):
    config = replace(TINY, crit_steps=crit_steps)
    together, apart = make_trainer(one_replica, config), make_trainer(one_replica, config)
    run(together, 0, 4)
    for step in range(4):
        run(apart, step, 1)
    assert_equal(values_of(together), values_of(apart))


def test_a_step_is_crit_steps_critic_updates_and_one_generator_update(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, crit_steps=3))
    run(trainer, 0, 2)
    assert trainer.critic_optimizer.iterations.numpy() == 6
    assert trainer.generator_optimizer.iterations.numpy() == 2


def test_each_critic_update_sees_fresh_reals(one_replica):
    """Changing any one of a step's batches changes the critic."""
    config = replace(TINY, crit_steps=2)
    outcomes = []
    trainer, batch = make_trainer(one_replica, config), batches(config).take(0, 2)
    variables = [variable for part in trainer.state.values() for variable in part.variables]
    before = [variable.numpy() for variable in variables]
    for changed in (None, 0, 1):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        images = batch.images.copy()
        if changed is not None:
            images[changed] = 255 - images[changed]
        trainer.run(0, batch._replace(images=images))
        outcomes.append(trainer.networks.critic.spectral_layers[0].weight.numpy())
    assert not np.array_equal(outcomes[0], outcomes[1])
    assert not np.array_equal(outcomes[0], outcomes[2])


def test_every_variable_is_trained(one_replica):
    trainer = make_trainer(one_replica)
    before = values_of(trainer)
    run(trainer, 0, 3)
    after = values_of(trainer)
    still = [name for name in before if np.array_equal(before[name], after[name])]
    # Gains, biases, moving statistics and singular vectors too; but a vector of one number can only be 1.
    head = trainer.networks.critic.head
    alone = [index for index, variable in enumerate(trainer.networks.critic.variables) if variable is head.v]
    assert still == [*(f"critic/{index}" for index in alone), *(f"guard/{index}" for index in range(4))]


def test_the_average_follows_with_warm_up(one_replica):
    trainer = make_trainer(one_replica)
    initial = [variable.numpy() for variable in trainer.networks.generator.variables]
    run(trainer, 0, 1)
    first = [variable.numpy() for variable in trainer.networks.generator.variables]
    run(trainer, 1, 1)
    second = [variable.numpy() for variable in trainer.networks.generator.variables]
    for average, *values in zip(trainer.networks.average.variables, initial, first, second, strict=True):
        expected = values[0] + (1 - 1 / 10) * (values[1] - values[0])  # decay (1 + 0) / (10 + 0)
        expected = expected + (1 - 2 / 11) * (values[2] - expected)
        np.testing.assert_allclose(average.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_decay_is_bounded_by_the_config(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, ema_decay=0.0))
    run(trainer, 50, 1)
    for average, current in zip(trainer.networks.average.variables, trainer.networks.generator.variables, strict=True):
        np.testing.assert_allclose(average.numpy(), current.numpy(), rtol=1e-6, atol=1e-7)


class LinearCritic(keras.Model):
    """score = a · sum of pixels + b: its penalty has a closed form."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer=keras.initializers.Constant(slope))
        self.offset = self.add_weight(shape=(), initializer="zeros")

    def call(self, images, labels):
        return self.slope * tf.reduce_sum(images, axis=[1, 2, 3]) + self.offset

    def after_update(self):
        pass


class ConstantGenerator(keras.Model):
    """Every pixel has one trained value, whatever is asked for."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec
        self.value = self.add_weight(shape=(), initializer="zeros")

    def call(self, styles, labels, training=False):
        return tf.zeros((tf.shape(styles)[0], *self.spec.shape)) + self.value


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_losses_penalty_and_gradients_of_a_two_parameter_critic(replicas, request):
    """64 pixels, slope a: critic loss = a·(0 - Σ real), penalty = (8|a| - 1)², each over the global batch."""
    strategy = request.getfixturevalue(replicas)
    slope, weight = 0.5, 10.0
    with strategy.scope():
        networks = Networks(ConstantGenerator(DATA.spec), ConstantGenerator(DATA.spec), LinearCritic(slope))
    trainer = GanTrainer(networks, DATA.spec, objective=Wasserstein(), config=TINY, total_steps=10, strategy=strategy)
    batch = batches().take(0, 1)
    found = {name: float(value) for name, value in trainer.run(0, batch).items()}
    real_sums = (batch.images[0] / 127.5 - 1.0).sum(axis=(1, 2, 3))
    assert found["loss/critic"] == pytest.approx(-slope * real_sums.mean(), rel=1e-5)
    assert found["loss/penalty"] == pytest.approx((8 * slope - 1) ** 2, rel=1e-5)
    expected = -real_sums.mean() + weight * 2 * (8 * slope - 1) * 8
    assert found["gradient/critic"] == pytest.approx(abs(expected), rel=1e-5)
    new_slope = float(networks.critic.slope.numpy())
    assert new_slope == pytest.approx(slope - TINY.crit_lr * np.sign(expected), rel=1e-4)
    assert found["gradient/generator"] == pytest.approx(64 * new_slope, rel=1e-5)


class RecordingCritic(LinearCritic):
    """Keeps what it was asked to score, and counts its updates."""

    def __init__(self) -> None:
        super().__init__(0.5)
        self.asked = []
        self.updates = 0

    def call(self, images, labels):
        self.asked.append((images, labels))
        return super().call(images, labels)

    def after_update(self):
        self.updates += 1


def test_what_the_critic_is_asked(one_replica):
    """One pass of reals and fakes, one of their interpolates, all with the reals' classes; ε is uniform, one a pair."""
    config = replace(TINY, gan_batch_size=40, pan_classness=0.5)
    with one_replica.scope():
        critic = RecordingCritic()
        networks = Networks(ConstantGenerator(DATA.spec), ConstantGenerator(DATA.spec), critic)
    trainer = GanTrainer(
        networks, DATA.spec, objective=Wasserstein(), config=config, total_steps=10, strategy=one_replica
    )
    batch = batches(config).take(0, 1)
    epsilons = []
    for update in range(20):
        critic.asked.clear()
        (draws,), _ = trainer.draw(tf.constant(update, tf.int64), tf.constant(batch.labels))
        asked = (tf.constant(batch.images[0]), draws.styles, draws.labels, draws.real_labels, (), draws.objective)
        trainer._critic_losses(draws.augmentation, *asked)
        (both, both_labels), (between, between_labels) = ((a.numpy(), b.numpy()) for a, b in critic.asked)
        reals, fakes = np.split(both, 2)
        np.testing.assert_allclose(reals, batch.images[0] / 127.5 - 1.0, atol=1e-6)
        np.testing.assert_array_equal(both_labels, np.tile(np.eye(3)[batch.labels[0]], (2, 1)))
        np.testing.assert_array_equal(between_labels, np.eye(3)[batch.labels[0]])
        epsilon = ((between - fakes) / (reals - fakes))[:, 0, 0, 0]
        mixed = fakes + epsilon[:, None, None, None] * (reals - fakes)
        np.testing.assert_allclose(between, mixed, atol=1e-5)
        epsilons.extend(epsilon)
    epsilons = np.array(epsilons)
    assert len(np.unique(epsilons.round(5))) > 780
    assert -1e-5 <= epsilons.min() < 0.01 and 0.99 < epsilons.max() <= 1.0 + 1e-5
    np.testing.assert_allclose(np.histogram(epsilons, 4, (0, 1))[0], 200, atol=60)
    trainer.run(0, batch)
    assert critic.updates == 1


def test_a_compiled_step_is_the_plain_one(one_replica):
    """Up to rounding: XLA adds up in another order. Each critic update and what is creative draws the same numbers."""
    config = replace(TINY, crit_steps=2, pan_classness=0.3, penalty_every=2, augment="translate+flip")
    plain = make_trainer(one_replica, config)
    compiled = make_trainer(one_replica, replace(config, jit_compile=True))
    metrics, same = run(plain, 0, 1), run(compiled, 0, 1)
    for name, value in metrics.items():
        np.testing.assert_allclose(same[name], value, rtol=1e-5, err_msg=name)
    expected = values_of(plain)
    for name, value in values_of(compiled).items():
        scale = np.abs(expected[name]).max(initial=0.1)
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5 * scale, err_msg=name)
    graph = compiled.traced.get_concrete_function().graph.as_graph_def()
    assert any(function.attr["_XlaMustCompile"].b for function in graph.library.function)


def test_several_replicas_are_not_compiled(two_replicas):
    with pytest.raises(ValueError, match="jit_compile is true, but there are 2 replicas; expected one"):
        make_trainer(two_replicas, replace(TINY, jit_compile=True))


@pytest.mark.parametrize("strategy", ["one_replica", "two_replicas"])
def test_the_classifier_is_to_see_what_was_asked_for(strategy, request):
    """The generator's update is by the gradient of both losses, and nothing else moves by it."""
    strategy = request.getfixturevalue(strategy)
    config = replace(TINY, pan_classness=0.5, cls_weight=3.0)
    with strategy.scope():
        classifier = Classifier(DATA.spec, TINY)
    trainer = make_trainer(strategy, config, classifier=classifier)
    _, draws = trainer.draw(tf.constant(0, tf.int64), tf.constant(batches().take(0, 1).labels))
    critic, generator = trainer.networks.critic, trainer.networks.generator
    kept = classifier.get_weights()

    def asked() -> tuple[tf.Tensor, tf.Tensor]:
        fakes = generator(draws.styles, draws.labels, training=True)
        seen = classifier(fakes, training=False)
        cross_entropy = -tf.reduce_sum(draws.labels * tf.nn.log_softmax(seen), axis=1)
        return -tf.reduce_mean(critic(fakes, draws.labels)), tf.reduce_mean(cross_entropy)

    if strategy.num_replicas_in_sync == 1:
        with tf.GradientTape() as tape:
            loss, class_loss = asked()
            total = loss + 3.0 * class_loss
        variables = [variable.value for variable in generator.trainable_variables]
        expected = tape.gradient(total, variables)
        images = tf.constant(batches().take(0, 1).images[0])
        with tf.GradientTape() as tape:
            losses = trainer._generator_losses(
                draws.augmentation, images, draws.styles, draws.labels, draws.real_labels
            )
            means = {name: tf.reduce_mean(values) for name, values in losses.terms.items()}
            total = sum(losses.weights.get(name, 1.0) * mean for name, mean in means.items())
        found = tape.gradient(total, variables)
        np.testing.assert_allclose(means["class"], class_loss, rtol=1e-5)
        np.testing.assert_allclose(means["generator"], loss, rtol=1e-5)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert run(trainer, 0, 2)["loss/class"] > 0
    for before, after in zip(kept, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_without_a_classifier_there_is_no_class_loss(one_replica):
    with pytest.raises(ValueError, match=r"cls_weight is 0\.5, but there is no classifier; expected a trained one"):
        make_trainer(one_replica, replace(TINY, cls_weight=0.5))
    assert "loss/class" not in run(make_trainer(one_replica), 0, 1)


def test_each_update_of_a_step_has_numbers_of_its_own(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, crit_steps=2))
    seen = []
    for step in range(2):
        critic, generator = trainer.draw(tf.constant(step, tf.int64), tf.zeros((2, 8), tf.int32))
        seen += [*(draws.styles for draws in critic), generator.styles]
        first, second = (draws.objective["epsilon"] for draws in critic)
        assert not np.isin(first, second).any()
    assert len(np.unique(np.stack(seen))) == 6 * 8 * TINY.noise_dims


def test_both_optimizers_have_the_configs_moments(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, beta_1=0.25, beta_2=0.75))
    for optimizer in (trainer.generator_optimizer, trainer.critic_optimizer):
        assert (optimizer.beta_1, optimizer.beta_2) == (0.25, 0.75)


def test_critic_and_generator_see_mixtures_that_have_the_reals_class(one_replica):
    trainer = make_trainer(one_replica, replace(TINY, gan_batch_size=800, pan_classness=0.5, crit_steps=2))
    own = tf.constant(np.random.default_rng(0).integers(0, 3, 800), tf.int32)
    critic, generator = trainer.draw(tf.constant(0, tf.int64), tf.stack([own, own]))
    for draws, share in ((critic[0], 0.125), (critic[1], 0.125), (generator, 0.5)):
        np.testing.assert_array_equal(draws.real_labels, tf.one_hot(own, 3))
        np.testing.assert_allclose(tf.reduce_sum(draws.labels, axis=1), 1.0, rtol=1e-6)
        assert (tf.reduce_sum(draws.labels * draws.real_labels, axis=1) > 0.3).numpy().all()
        counts = np.bincount(np.count_nonzero(draws.labels, axis=1), minlength=4)[1:] / 800
        np.testing.assert_allclose(counts, hot_count_probabilities(3, share), atol=0.06)
    hot = np.array([np.count_nonzero(draws.labels, axis=1) for draws in (*critic, generator)])
    together = np.corrcoef(hot)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(together, 0, atol=0.15)  # Each update draws its own.


@pytest.mark.parametrize("penalty_every", [1, 2])
def test_the_critic_is_told_one_class_of_a_mixture(one_replica, monkeypatch, penalty_every):
    """By a label of several it would know a fake without a look at it."""
    told, asked = [], []

    class Told(Wasserstein):
        def critic(self, given: Given) -> dict[str, tf.Tensor]:
            told.extend((given.labels, given.fake_labels))
            return super().critic(given)

        def penalty(self, given: Given) -> dict[str, tf.Tensor]:
            told.extend((given.labels, given.fake_labels))
            return super().penalty(given)

    class Generator(type(make_trainer(one_replica).networks.generator)):
        def call(self, z: tf.Tensor, y: tf.Tensor, training: bool = False) -> tf.Tensor:
            asked.append(y)
            return super().call(z, y, training=training)

    trainer = make_trainer(one_replica, replace(TINY, pan_classness=1.0, penalty_every=penalty_every))
    trainer.objective = Told()
    monkeypatch.setattr(trainer.networks.generator, "__class__", Generator)
    batch = batches().take(0, 1)
    draws = trainer.draw(tf.constant(1, tf.int64), tf.constant(batch.labels))
    trainer.step(tf.constant(1, tf.int64), tf.constant(batch.images), draws)
    own = tf.one_hot(batch.labels[0], 3)
    assert len(told) == 4
    for labels in told:
        np.testing.assert_array_equal(labels, own)
    np.testing.assert_array_equal(asked[0], draws[0][0].labels)
    assert (np.count_nonzero(draws[0][0].labels, axis=1) == 3).any()


def test_creative_training_draws_its_own_labels(one_replica):
    seen = {}
    for share in (0.0, 0.5):
        trainer = make_trainer(one_replica, replace(TINY, pan_classness=share))
        run(trainer, 0, 1)
        seen[share] = trainer.networks.generator.embedding.kernel.numpy()
    assert not np.array_equal(seen[0.0], seen[0.5])


@pytest.mark.parametrize("crit_steps", [1, 3])
def test_the_cosine_schedule_ends_at_zero_for_both_networks(one_replica, crit_steps):
    trainer = make_trainer(one_replica, replace(TINY, crit_steps=crit_steps), total_steps=4)
    assert trainer.learning_rates()["learning_rate/critic"] == pytest.approx(TINY.crit_lr)
    run(trainer, 0, 2)
    halfway = trainer.learning_rates()
    assert halfway["learning_rate/critic"] == pytest.approx(TINY.crit_lr / 2)
    assert halfway["learning_rate/generator"] == pytest.approx(TINY.gen_lr / 2)
    run(trainer, 2, 2)
    assert trainer.learning_rates() == pytest.approx({"learning_rate/generator": 0, "learning_rate/critic": 0})


@pytest.mark.parametrize("crit_steps", [1, 3])
def test_a_cooldown_keeps_the_rates_and_then_goes_straight_down(one_replica, crit_steps):
    trainer = make_trainer(one_replica, replace(TINY, crit_steps=crit_steps, lr_schedule="cooldown"), total_steps=5)
    found = []
    for step in range(6):
        found.append([trainer.learning_rates()[f"learning_rate/{name}"] for name in ("generator", "critic")])
        if step < 5:
            run(trainer, step, 1)
    shares = np.array([1, 1, 1, 1, 0.5, 0])
    np.testing.assert_allclose(np.array(found), shares[:, None] * [TINY.gen_lr, TINY.crit_lr], rtol=1e-5, atol=1e-9)


def test_the_exponential_schedule_counts_in_steps(one_replica):
    config = replace(TINY, lr_schedule="exponential", decay_rate=0.5, decay_steps=2, crit_steps=2)
    trainer = make_trainer(one_replica, config)
    run(trainer, 0, 2)
    assert trainer.learning_rates() == pytest.approx(
        {"learning_rate/generator": TINY.gen_lr / 2, "learning_rate/critic": TINY.crit_lr / 2}
    )


@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_a_constant_learning_rate_stays(replicas, request):
    trainer = make_trainer(request.getfixturevalue(replicas), replace(TINY, lr_schedule="constant", gen_lr=0.25))
    before = trainer.networks.generator.last.bias.numpy()
    run(trainer, 0, 1)
    assert trainer.learning_rates() == {"learning_rate/generator": 0.25, "learning_rate/critic": pytest.approx(1e-3)}
    # Adam's first step is the learning rate.
    assert np.abs(trainer.networks.generator.last.bias.numpy() - before) == pytest.approx(0.25, rel=1e-3)


def test_weight_decay_shrinks_kernels_alone(one_replica):
    plain, decayed = (
        make_trainer(one_replica, replace(TINY, gen_weight_decay=decay, crit_weight_decay=decay))
        for decay in (0.0, 100.0)
    )
    for trainer in (plain, decayed):
        run(trainer, 0, 1)
    for name in ("generator", "critic"):
        for one, other in zip(*(trainer.models[name].trainable_variables for trainer in (plain, decayed)), strict=True):
            factor = np.abs(other.numpy()).sum() / np.abs(one.numpy()).sum()
            assert factor == pytest.approx(0.9 if len(one.shape) > 1 else 1.0, abs=0.02), one.path


def test_mixed_precision_trains_float32_variables(one_replica):
    trainer = make_trainer(one_replica, dtype="mixed_bfloat16")
    metrics = run(trainer, 0, 2)
    assert all(np.isfinite(value) for value in metrics.values())
    assert all(values.dtype != tf.bfloat16.as_numpy_dtype for values in values_of(trainer).values())
    computes_in = [network.compute_dtype for network in trainer.networks]
    assert computes_in == ["bfloat16", "float32", "bfloat16"]  # generator, average, critic


def test_a_batch_that_the_replicas_do_not_divide_is_refused(two_replicas):
    with pytest.raises(ValueError, match="gan_batch_size is 7, which 2 replicas do not divide; use 6 or 8"):
        make_trainer(two_replicas, replace(TINY, gan_batch_size=7))
    together = "which groups of 32 images, at which the critic looks together, on each of 2 replicas do not divide"
    for size, choices in ((8, "64"), (96, "64 or 128")):
        with pytest.raises(ValueError, match=f"gan_batch_size is {size}, {together}; use {choices}$"):
            make_trainer(two_replicas, replace(TINY, gan_batch_size=size, critic="minibatch"))
    make_trainer(two_replicas, replace(TINY, gan_batch_size=64, critic="minibatch"))
