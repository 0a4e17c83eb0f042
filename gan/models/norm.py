"""Batch norm over the global batch, in one operation where one replica has all of it.

Shapes: `B` batch, `h w O` maps.
"""

import keras
import tensorflow as tf

MOMENTUM = 0.9


class Norm(keras.layers.BatchNormalization):
    """Keras's synchronized layer: (B, h, w, O) -> the same shape. One replica trains through a fused kernel."""

    def __init__(self, **layer: object) -> None:
        super().__init__(momentum=MOMENTUM, synchronized=True, **layer)

    def call(self, maps: tf.Tensor, training: bool = False) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        if training and (context is None or context.num_replicas_in_sync > 1):
            return super().call(maps, training=training)
        mean, variance = _float32(self.moving_mean), _float32(self.moving_variance)
        found = tf.raw_ops.FusedBatchNormV3(
            x=maps,
            scale=_float32(self.gamma),
            offset=_float32(self.beta),
            mean=tf.zeros((0,)) if training else mean,
            variance=tf.zeros((0,)) if training else variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # The kernel's variance is that of a sample from more; Keras's is that of these numbers.
            count = tf.cast(tf.reduce_prod(tf.shape(maps)[:-1]), tf.float32)
            own_variance = found.batch_variance * ((count - 1.0) / count)
            self.moving_mean.assign(self.momentum * mean + (1.0 - self.momentum) * found.batch_mean)
            self.moving_variance.assign(self.momentum * variance + (1.0 - self.momentum) * own_variance)
        return found.y


def _float32(variable: keras.Variable) -> tf.Tensor:
    return tf.convert_to_tensor(variable.value)
