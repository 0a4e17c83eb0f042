"""The Wasserstein loss with gradient penalty, per example: nothing here averages over a batch.

Averages belong to the caller, who knows the global batch (`tf.nn.compute_average_loss`).
arXiv 1701.07875 (Wasserstein), arXiv 1704.00028 (gradient penalty).

Shapes: `B` batch, `H W C` image, `K` classes.
"""

from collections.abc import Callable

import tensorflow as tf

Critic = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

NORM_EPSILON = 1e-12
"""Inside the root of the gradient's norm, whose derivative at zero would be infinite."""


def critic_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """What the critic minimises: scores of fakes less scores of reals, (B,) and (B,) -> (B,).

    Raises:
        ValueError: the two are not vectors of one length; `[B]` against `[B, 1]` would broadcast.
    """
    _require_vector(real_scores, "real_scores")
    _require_vector(fake_scores, "fake_scores")
    real_scores.shape.assert_is_compatible_with(fake_scores.shape)
    return fake_scores - real_scores


def generator_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """What the generator minimises: the negated scores of its fakes, (B,) -> (B,)."""
    _require_vector(fake_scores, "fake_scores")
    return -fake_scores


def class_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of what a classifier sees against the label vectors asked for: (B, K) and (B, K) -> (B,).

    As in an auxiliary classifier's loss (arXiv 1610.09585), for mixtures too; at least the entropy of the label vector.

    Raises:
        ValueError: the two have not one shape.
    """
    logits.shape.assert_is_compatible_with(labels.shape)
    return tf.nn.softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))


def interpolate(reals: tf.Tensor, fakes: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    """ε · real + (1 - ε) · fake with one ε a pair: (B, ...), (B, ...), epsilon (B,) ~ U[0, 1] -> (B, ...).

    Raises:
        ValueError: `reals` and `fakes` differ in shape, or `epsilon` is not a vector.
    """
    _require_vector(epsilon, "epsilon")
    reals.shape.assert_is_compatible_with(fakes.shape)
    epsilon = tf.reshape(epsilon, [-1] + [1] * (len(reals.shape) - 1))
    return fakes + epsilon * (reals - fakes)


def gradient_penalty(critic: Critic, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """(‖∇ₓ critic(x, y)‖₂ - 1)² for each image, over all its pixels and channels: (B, H, W, C), (B, K) -> (B,).

    `images` are the interpolates. The norm is float32 whatever the critic computes in.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        scores = critic(images, labels)
    gradients = tf.cast(tape.gradient(scores, images), tf.float32)
    squares = tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(images.shape))))
    return tf.square(tf.sqrt(squares + NORM_EPSILON) - 1.0)


def _require_vector(values: tf.Tensor, name: str) -> None:
    if len(values.shape) != 1:
        raise ValueError(f"{name} has shape {tuple(values.shape)}; expected one number an example, (B,)")
