import numpy as np
import pytest
import tensorflow as tf

from gan.objectives import losses


def linear_critic(weights: np.ndarray):
    """Scores w·x, whose gradient is w everywhere."""
    return lambda images, labels: tf.reduce_sum(images * weights, axis=[1, 2, 3])


def test_the_wasserstein_losses_are_worked_by_hand():
    real, fake = tf.constant([3.0, 1.0]), tf.constant([-1.0, 0.5])
    np.testing.assert_allclose(losses.critic_loss(real, fake), [-4.0, -0.5])
    np.testing.assert_allclose(losses.generator_loss(fake), [1.0, -0.5])


@pytest.mark.parametrize("norm", [0.0, 0.25, 1.0, 3.0])
def test_the_penalty_of_a_linear_critic_is_its_norm_less_one_squared(norm):
    weights = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    weights *= norm / np.linalg.norm(weights)
    images = tf.random.stateless_normal((6, 4, 5, 3), seed=(0, 1))
    penalty = losses.gradient_penalty(linear_critic(weights), images, tf.zeros((6, 2)))
    np.testing.assert_allclose(penalty, np.full(6, (norm - 1.0) ** 2), rtol=1e-4, atol=1e-5)


def test_the_norm_is_taken_for_each_example_before_anything_is_averaged():
    """Norms 0 and 2: each is one away from 1, so the penalty is 1, where a mean norm of 1 would give 0."""
    scale = tf.constant([0.0, 2.0])

    def critic(images, labels):
        return scale * tf.reduce_sum(images, axis=[1, 2, 3])

    penalty = losses.gradient_penalty(critic, tf.ones((2, 1, 1, 1)), tf.zeros((2, 1)))
    np.testing.assert_allclose(penalty, [1.0, 1.0], atol=1e-5)


def test_the_gradient_of_the_penalty_is_finite_where_the_norm_is_zero():
    weights = tf.Variable(tf.zeros((2, 2, 1)))
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(
            lambda images, labels: tf.reduce_sum(images * weights, axis=[1, 2, 3]),
            tf.ones((3, 2, 2, 1)),
            tf.zeros((3, 1)),
        )
        total = tf.reduce_sum(penalty)
    assert np.isfinite(tape.gradient(total, weights).numpy()).all()


def test_the_penalty_is_float32_for_a_critic_in_bfloat16():
    def critic(images, labels):
        return tf.cast(tf.reduce_sum(tf.cast(images, tf.bfloat16) * 2.0, axis=[1, 2, 3]), tf.float32)

    penalty = losses.gradient_penalty(critic, tf.ones((2, 3, 1, 1)), tf.zeros((2, 1)))
    assert penalty.dtype == tf.float32
    np.testing.assert_allclose(penalty, (np.sqrt(12.0) - 1.0) ** 2 * np.ones(2), rtol=1e-5)


def test_each_pair_is_interpolated_with_its_own_epsilon():
    reals, fakes = tf.ones((3, 2, 2, 1)), -tf.ones((3, 2, 2, 1))
    between = losses.interpolate(reals, fakes, tf.constant([0.0, 0.5, 1.0])).numpy()
    np.testing.assert_array_equal(between[:, 0, 0, 0], [-1.0, 0.0, 1.0])
    assert (between == between[:, :1, :1]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.critic_loss(tf.zeros((4,)), tf.zeros((4, 1))),
        lambda: losses.critic_loss(tf.zeros((4, 1)), tf.zeros((4,))),
        lambda: losses.generator_loss(tf.zeros((4, 1))),
        lambda: losses.interpolate(tf.zeros((4, 2)), tf.zeros((4, 2)), tf.zeros((4, 1))),
    ],
)
def test_a_column_where_a_vector_belongs_is_refused(call):
    with pytest.raises(ValueError, match=r"\(4, 1\); expected one number an example"):
        call()


def test_different_numbers_of_reals_and_fakes_are_refused():
    with pytest.raises(ValueError, match="incompatible"):
        losses.critic_loss(tf.zeros((4,)), tf.zeros((1,)))


def test_class_loss_is_the_cross_entropy_with_a_label_vector():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).astype(np.float32) + 3
    labels = np.array([[0.5, 0.5, 0], [0, 0, 1]], np.float32)
    expected = [-0.5 * np.log(0.5) - 0.5 * np.log(0.25), -np.log(0.8)]
    np.testing.assert_allclose(losses.class_loss(tf.constant(logits), tf.constant(labels)), expected, rtol=1e-5)
    with pytest.raises(ValueError):
        losses.class_loss(tf.constant(logits), tf.constant(labels[:, :2]))
