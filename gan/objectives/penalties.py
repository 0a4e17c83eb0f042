"""Penalties on the norm of the critic's gradient with respect to its images, per example.

Shapes: `B` batch, `H W C` image, `K` classes.
"""

import tensorflow as tf

from gan.objectives.objective import CriticFunction, require_vector

NORM_EPSILON = 1e-12
"""Inside the root of the gradient's norm, whose derivative at zero would be infinite."""


def interpolate(reals: tf.Tensor, fakes: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    """ε · real + (1 - ε) · fake with one ε per pair: (B, ...), (B, ...), epsilon (B,) ~ U[0, 1] -> (B, ...).

    Raises:
        ValueError: `reals` and `fakes` differ in shape, or `epsilon` is not a vector.
    """
    require_vector(epsilon, "epsilon")
    reals.shape.assert_is_compatible_with(fakes.shape)
    epsilon = tf.reshape(epsilon, [-1] + [1] * (len(reals.shape) - 1))
    return fakes + epsilon * (reals - fakes)


def one_centred(critic: CriticFunction, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """(‖∇ₓ critic(x, y)‖₂ - 1)² for each image (arXiv 1704.00028): (B, H, W, C), (B, K) -> (B,).

    The norm is over all pixels and channels, and float32 whatever the critic computes in.
    """
    return tf.square(tf.sqrt(_squared_norms(critic, images, labels) + NORM_EPSILON) - 1.0)


def zero_centred(critic: CriticFunction, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """½ ‖∇ₓ critic(x, y)‖₂² for each image (R₁ on reals, R₂ on fakes, arXiv 1801.04406): -> (B,), float32."""
    return 0.5 * _squared_norms(critic, images, labels)


def _squared_norms(critic: CriticFunction, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(images)
        scores = critic(images, labels)
    gradients = tf.cast(tape.gradient(scores, images), tf.float32)
    return tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(images.shape))))
