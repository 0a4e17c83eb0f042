"""Creative labels (arXiv 1706.07068, relaxed): label vectors of several classes, which the generator is asked for.

    labels = creative_labels(stream(seed, Purpose.GENERATOR_LABELS, step), own, pan_classness=0.3)

Shapes: `B` global batch, `K` classes.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

CRITIC_SHARE = 0.25
"""In critic updates `pan_classness` counts this much, so among the fakes of a class are a few mixtures that have it.

With none of them the generator finds mixtures that please the critic and look like nothing. With 1, and
`pan_classness` 0.2, FID is three times as large. See docs/log.md.
"""


def hot_count_probabilities(num_classes: int, pan_classness: float) -> NDArray[np.float64]:
    """P(k) for k = 1..K hot classes: a truncated geometric distribution mixed with its mirror image.

    The ratio of the geometric distribution is min(p, 1 - p) for `pan_classness` p, so 0 gives one-hot vectors only
    and 1 all-hot vectors only. Creative training after arXiv 1706.07068, relaxed from all-hot to k-hot.
    """
    ratio = min(pan_classness, 1.0 - pan_classness)
    geometric = ratio ** np.arange(num_classes, dtype=np.float64)
    geometric /= geometric.sum()
    return (1.0 - pan_classness) * geometric + pan_classness * geometric[::-1]


def creative_labels(seed: tf.Tensor, own: tf.Tensor, *, pan_classness: float) -> tf.Tensor:
    """Label vectors (B, K): k classes at weight 1/k each, that of one-hot `own` (B, K) and k - 1 others.

    k is from the distribution above, and the others are uniform without replacement.
    """
    batch_size, num_classes = own.shape
    count_seed, class_seed = tf.unstack(tf.random.split(seed, 2))
    log_probabilities = np.log(np.maximum(hot_count_probabilities(num_classes, pan_classness), 1e-30))
    draws = tf.random.stateless_categorical(log_probabilities[None].astype(np.float32), batch_size, count_seed)
    hot = tf.cast(draws[0] + 1, tf.int32)[:, None]  # (B, 1)
    order = tf.argsort(tf.random.stateless_uniform((batch_size, num_classes), class_seed) - own, axis=1)
    rank = tf.argsort(order, axis=1)  # (B, K)
    return tf.cast(rank < hot, tf.float32) / tf.cast(hot, tf.float32)


def class_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of what a classifier sees against the label vectors asked for: (B, K) and (B, K) -> (B,).

    As in an auxiliary classifier's loss (arXiv 1610.09585), for mixtures too; at least the entropy of the label vector.

    Raises:
        ValueError: the two have not one shape.
    """
    logits.shape.assert_is_compatible_with(labels.shape)
    return tf.nn.softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
