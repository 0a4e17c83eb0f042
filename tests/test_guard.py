"""Numbers that go wrong on one replica: every replica skips the update, and nothing of it stays anywhere."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_about, tiny_data, tiny_trainer

from gan import checkpoints
from gan.about import About
from gan.data.batches import Batches
from gan.models.classifier import Classifier
from gan.seeding import Purpose
from gan.training import classifier as classifier_module
from gan.training import step as guard
from gan.training.classifier import ClassifierTrainer
from gan.training.gan import GanTrainer

DATA = tiny_data()
BATCHES = Batches(DATA.train, batch_size=8, seed=0)


def here(replica: int) -> tf.Tensor:
    """Whether this is the replica of that number; in a replica function."""
    return tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, replica)


def make_trainer(strategy, **settings) -> GanTrainer:
    return tiny_trainer(strategy, replace(TINY, **settings))


def values_of(trainer) -> dict[str, np.ndarray]:
    return {
        f"{name}/{index} {variable.path}": variable.numpy()
        for name, part in trainer.state.items()
        for index, variable in enumerate(part.variables)
    }


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[str]:
    """The variables that differ."""
    return [name for name in before if not np.array_equal(before[name], after[name])]


def parts(names: list[str]) -> set[str]:
    """The parts of the state that variables are in."""
    return {name.partition("/")[0] for name in names}


def assert_replicas_equal(trainer) -> None:
    compared = 0
    for part in trainer.state.values():
        for variable in part.variables:
            first, *others = [copy.numpy() for copy in getattr(variable.value, "values", [variable.value])]
            assert np.all(np.isfinite(first)), variable.path
            for other in others:
                np.testing.assert_array_equal(first, other, err_msg=variable.path)
                compared += 1
    assert compared > 20


def infect(trainer: GanTrainer, purpose: Purpose, replica: int, monkeypatch) -> None:
    """Make the styles of update 1 NaN for one purpose on one replica."""
    healthy = trainer._styles

    def styles(asked: Purpose, index: tf.Tensor) -> tf.Tensor:
        found = healthy(asked, index)  # (B, Z), of which each replica takes a half
        count = found.shape[0]
        rows = tf.range(count) // (count // 2) == replica
        return tf.where(rows[:, None] & (index == 1), np.nan, found) if asked is purpose else found

    monkeypatch.setattr(trainer, "_styles", styles)


@pytest.mark.parametrize("replica", [0, 1])
@pytest.mark.parametrize(
    ("purpose", "moved"),
    [
        (Purpose.CRITIC_STYLES, {"generator", "average", "generator_optimizer", "guard"}),
        (Purpose.GENERATOR_STYLES, {"generator", "critic", "critic_optimizer", "guard"}),
    ],
    ids=["critic", "generator"],
)
def test_a_bad_update_of_one_replica_is_skipped_on_both(two_replicas, replica, purpose, moved, monkeypatch):
    """The other network's goes on; where the generator's is skipped, the critic's still moves its statistics."""
    trainer = make_trainer(two_replicas)
    infect(trainer, purpose, replica, monkeypatch)
    trainer.run(0, BATCHES.take(0, 1))
    before = values_of(trainer)
    metrics = trainer.run(1, BATCHES.take(1, 1))
    after = values_of(trainer)
    assert parts(changed(before, after)) == moved
    if purpose is Purpose.GENERATOR_STYLES:
        assert all("moving" in name for name in changed(before, after) if name.startswith("generator/"))
    assert not np.isfinite(metrics["loss/critic" if purpose is Purpose.CRITIC_STYLES else "loss/generator"])
    assert (trainer.guard.skipped.numpy(), trainer.guard.in_a_row.numpy()) == (1, 1)
    assert_replicas_equal(trainer)
    trainer.run(2, BATCHES.take(2, 1))
    assert parts(changed(after, values_of(trainer))) == set(trainer.state)
    assert (trainer.guard.skipped.numpy(), trainer.guard.in_a_row.numpy()) == (1, 0)
    assert_replicas_equal(trainer)


@pytest.mark.parametrize("replica", [0, 1])
def test_a_gradient_alone_is_enough(two_replicas, replica, monkeypatch):
    """All losses are finite."""
    trainer = make_trainer(two_replicas)

    @tf.custom_gradient
    def passes_on(x):
        return x, lambda upstream: upstream * tf.where(here(replica), tf.constant(np.inf), 1.0)

    healthy = trainer.objective.critic
    monkeypatch.setattr(trainer.objective, "critic", lambda given: {"critic": passes_on(healthy(given)["critic"])})
    before = values_of(trainer)
    metrics = trainer.run(0, BATCHES.take(0, 1))
    assert np.isfinite(metrics["loss/critic"]) and not np.isfinite(metrics["gradient/critic"])
    assert parts(changed(before, values_of(trainer))) == {"generator", "average", "generator_optimizer", "guard"}
    assert_replicas_equal(trainer)


def test_each_critic_update_is_judged_by_itself(two_replicas, monkeypatch):
    """And a step in which any was skipped counts once, and shows the loss of that one."""
    trainer = make_trainer(two_replicas, crit_steps=2)
    infect(trainer, Purpose.CRITIC_STYLES, 1, monkeypatch)  # Update 1 of 0 and 1.
    metrics = trainer.run(0, BATCHES.take(0, 2))
    assert np.isnan(metrics["loss/critic"]) and np.isfinite(metrics["loss/generator"])
    assert trainer.critic_optimizer.iterations.numpy() == 1
    assert trainer.generator_optimizer.iterations.numpy() == 1
    assert (trainer.guard.skipped.numpy(), trainer.guard.in_a_row.numpy()) == (1, 1)


def test_no_step_is_run_after_too_many_in_a_row(one_replica, monkeypatch):
    """One bad step, a good one, then bad ones: the call ends after the third of those."""
    trainer = make_trainer(one_replica, max_bad_steps=3, steps_per_call=8)
    healthy = trainer._styles
    monkeypatch.setattr(
        trainer, "_styles", lambda *asked: tf.where((asked[1] == 1) | (asked[1] >= 3), np.nan, healthy(*asked))
    )
    metrics = trainer.run(0, BATCHES.take(0, 8))
    assert [int(metrics[f"steps/{name}"]) for name in ("ran", "skipped", "skipped_in_a_row")] == [6, 4, 3]
    before = values_of(trainer)
    assert int(trainer.run(8, BATCHES.take(8, 8))["steps/ran"]) == 0
    assert changed(before, values_of(trainer)) == []


def test_a_moving_statistic_alone_is_enough(one_replica):
    """An infinite variance leaves nothing of a unit, and all losses finite."""
    judge = guard.Guard(one_replica, max_bad_steps=5)
    with one_replica.scope():
        moving = keras.Variable(1.0, trainable=False, aggregation="only_first_replica")
        network = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
        optimizer = keras.optimizers.Adam(0.5)
        optimizer.build(network.trainable_variables)
    followed = []

    def overflows(images):
        moving.assign(np.inf)
        return guard.Losses({"critic": network(images)[:, 0]})

    def step():
        return guard.update(
            judge,
            overflows,
            (tf.ones((2, 1)),),
            network=network,
            optimizer=optimizer,
            name="critic",
            moving=[moving],
            then=lambda: followed.append(1),
        )

    with one_replica.scope():
        updated = tf.function(step)()
    assert not updated.finite and np.isfinite(updated.metrics["gradient/critic"])
    assert (moving.numpy(), network.layers[0].kernel.numpy().item()) == (1.0, 1.0)
    assert followed == [1]  # Traced, but not run: else the kernel would have moved.


@pytest.mark.parametrize("replica", [0, 1])
def test_the_classifier_skips_too(two_replicas, replica, monkeypatch):
    with two_replicas.scope():
        classifier = Classifier(DATA.spec, TINY)
    trainer = ClassifierTrainer(classifier, DATA.spec, config=TINY, total_steps=10, strategy=two_replicas)
    healthy = classifier_module.shifted

    def shifted(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        first = tf.reduce_all(seed == classifier_module.stream(TINY.seed, Purpose.SHIFTS, tf.constant(0, tf.int64)))
        return tf.where(here(replica) & first, np.nan, healthy(images, seed))

    monkeypatch.setattr(classifier_module, "shifted", shifted)
    before = values_of(trainer)
    trainer.run(0, BATCHES.take(0, 1))
    assert parts(changed(before, values_of(trainer))) == {"guard"}
    assert_replicas_equal(trainer)
    trainer.run(1, BATCHES.take(1, 1))
    assert parts(changed(before, values_of(trainer))) == {"classifier", "optimizer", "guard"}
    assert_replicas_equal(trainer)


def test_what_is_not_finite_is_never_saved(one_replica, tmp_path):
    trainer = make_trainer(one_replica)
    about = tiny_about(step=3)
    checkpoints.save(tmp_path, about, trainer.state, keep=1)
    slot = trainer.critic_optimizer.variables[-1]
    slot.assign(tf.fill(slot.shape, np.inf))
    with pytest.raises(FloatingPointError, match=r"after step 4: variable .* of the critic_optimizer is not finite"):
        checkpoints.save(tmp_path, replace(about, step=4), trainer.state, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["gan-00000003"]


@pytest.mark.parametrize("keep", [1, 4])
@pytest.mark.parametrize("distances", [(np.nan, 2.0, np.nan, 3.0, np.nan), (3.0, 2.0, np.nan, 4.0, np.nan)])
def test_a_distance_that_is_no_number_is_never_the_best(one_replica, distances, keep, tmp_path):
    """Also where more were kept before."""
    trainer = make_trainer(one_replica)
    for step, fid in enumerate(distances, start=1):
        about = About("gan", step, DATA.spec, TINY, DATA.digest, {"fid": fid})
        checkpoints.save(tmp_path, about, {"guard": trainer.guard}, keep=keep if step < 5 else 1)
    assert checkpoints.steps_saved(tmp_path, "gan") == [2, 5]


def make_float16_trainer(strategy, **settings) -> GanTrainer:
    return tiny_trainer(strategy, replace(TINY, **settings), dtype="mixed_float16")


@pytest.mark.parametrize("replica", [0, 1])
def test_an_overflow_on_one_replica_halves_the_scale_on_both(two_replicas, replica, monkeypatch):
    trainer = make_float16_trainer(two_replicas)
    trainer.guard.scale.assign(1024.0)
    healthy = trainer.objective.generator
    huge = tf.constant(1e30)  # Finite, but not in float16, where its gradient goes.

    def overflowing(given):
        return {"generator": healthy(given)["generator"] * tf.where(here(replica), huge, 1.0)}

    monkeypatch.setattr(trainer.objective, "generator", overflowing)
    before = values_of(trainer)
    metrics = trainer.run(0, BATCHES.take(0, 1))
    assert not np.isfinite(metrics["gradient/generator"])
    assert trainer.guard.scale.numpy() == 512.0
    assert trainer.guard.skipped.numpy() == 1
    assert not any(name.startswith("average") for name in changed(before, values_of(trainer)))
    assert_replicas_equal(trainer)


def test_the_scale_grows_after_many_good_steps_and_has_bounds(one_replica, monkeypatch):
    monkeypatch.setattr(guard, "GROWTH_STEPS", 3)
    judge = guard.Guard(one_replica, max_bad_steps=5, scaling=True)
    finite = [True, True, True, True, False, True, True, True] + [False] * 20 + [True] * 90
    scales = []
    for each in finite:
        judge.count(tf.constant(each))
        scales.append(judge.scale.numpy() / guard.INITIAL_SCALE)
    assert scales[:9] == [1, 1, 2, 2, 1, 1, 1, 2, 1]
    assert scales[27] * guard.INITIAL_SCALE == 1
    assert scales[-1] * guard.INITIAL_SCALE == guard.LARGEST_SCALE


@pytest.mark.parametrize(("scaling", "expected"), [(True, guard.INITIAL_SCALE), (False, 1.0)])
def test_a_run_that_goes_on_in_float16_begins_with_a_scale(one_replica, scaling, expected):
    """Saved in bfloat16 or float32, without one."""
    judge = guard.Guard(one_replica, max_bad_steps=5, scaling=scaling)
    judge.scale.assign(1.0)
    judge.begin_scaling()
    assert judge.scale.numpy() == expected
    judge.scale.assign(512.0)
    judge.begin_scaling()
    assert judge.scale.numpy() == 512.0


@pytest.mark.parametrize("finite", [False, True])
def test_a_scale_that_has_fallen_to_1_goes_on_from_there(one_replica, finite):
    judge = guard.Guard(one_replica, max_bad_steps=50, scaling=True)
    for each in [False] * 20 + [finite]:
        judge.count(tf.constant(each))
    judge.begin_scaling()
    assert judge.scale.numpy() == 1.0


def test_steps_with_a_rare_update_are_a_row_by_themselves(one_replica):
    """One bad step in 50 is never a row; bad steps with the rare update are one, whatever is between them."""
    judge = guard.Guard(one_replica, max_bad_steps=20)
    for step in range(1000):
        judge.count(tf.constant(step % 50 != 0), tf.constant(False))
        assert not judge.exhausted
    for row in range(1, 21):
        assert not judge.exhausted
        judge.count(tf.constant(False), tf.constant(True))
        judge.count(tf.constant(True), tf.constant(False))
        assert int(judge.metrics(tf.constant(1))[guard.IN_A_ROW]) == row
    assert judge.exhausted
    judge.count(tf.constant(True), tf.constant(True))
    assert judge.in_a_row.numpy() == 0


def test_a_row_in_a_checkpoint_from_before_there_were_two_goes_on(one_replica, tmp_path):
    """The variables, and what a number below 2³² in them means, are the same."""
    judge = guard.Guard(one_replica, max_bad_steps=20)
    assert [each.name for each in judge.variables] == [
        "skipped",
        "skipped_in_a_row",
        "loss_scale",
        "unskipped_in_a_row",
    ]
    judge.in_a_row.assign(7)
    judge.count(tf.constant(False), tf.constant(True))
    assert [int(row) for row in judge.rows] == [8, 1]
    path = checkpoints.save(tmp_path, tiny_about(step=3), {"guard": judge}, keep=1)
    fresh = guard.Guard(one_replica, max_bad_steps=20)
    checkpoints.restore(path, {"guard": fresh})
    assert [int(row) for row in fresh.rows] == [8, 1]


def test_gradients_do_not_depend_on_the_scale(one_replica):
    """But for float16's rounding; and in other precisions there is none."""
    norms = []
    for scale in (8.0, 256.0):
        trainer = make_float16_trainer(one_replica)
        trainer.guard.scale.assign(scale)
        metrics = trainer.run(0, BATCHES.take(0, 1))
        norms.append([float(metrics[f"gradient/{name}"]) for name in ("critic", "generator")])
        assert metrics["loss_scale"] == scale
    np.testing.assert_allclose(norms[0], norms[1], rtol=0.01)
    assert "loss_scale" not in make_trainer(one_replica).guard.metrics(tf.constant(0))


def test_the_scale_comes_back_with_a_checkpoint(one_replica, tmp_path):
    trainer = make_float16_trainer(one_replica)
    trainer.guard.scale.assign(128.0)
    trainer.guard.unskipped_in_a_row.assign(77)
    about = tiny_about(step=3)
    path = checkpoints.save(tmp_path, about, trainer.state, keep=1)
    fresh = make_float16_trainer(one_replica)
    checkpoints.restore(path, fresh.state)
    assert (fresh.guard.scale.numpy(), fresh.guard.unskipped_in_a_row.numpy()) == (128.0, 77)
