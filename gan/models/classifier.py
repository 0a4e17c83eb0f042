"""The classifier: its accuracy scores samples by class, and its penultimate features are those of the Fréchet distance.

Shapes: `B` batch, `H W C` image, `D` = 128 features, `K` classes.
"""

import keras
import tensorflow as tf

from gan.config import Config
from gan.images import ImageSpec

FEATURES = 128


class Classifier(keras.Model):
    """Images (B, H, W, C) in [-1, 1] -> float32 logits (B, K).

    Blocks of convolution, batch norm and pooling until the shorter side is below 8, then two dense layers.

    Args:
        spec: what the images are.
        config: `cls_width`.
        dtype: Keras dtype policy; features and logits are float32 under all.
    """

    def __init__(self, spec: ImageSpec, config: Config, *, dtype: str = "float32") -> None:
        super().__init__(name="classifier", dtype=dtype)
        shorter, level, channels = min(spec.height, spec.width), 0, spec.channels
        self.blocks: list[list[keras.layers.Layer]] = []
        while level == 0 or shorter >= 8:
            side = 5 if level == 0 else 3
            width = config.cls_width * min(2**level, 4)
            convolution = keras.layers.Conv2D(
                width, side, padding="same", use_bias=False, dtype=dtype, name=f"convolution_{level}"
            )
            norm = keras.layers.BatchNormalization(momentum=0.9, synchronized=True, dtype=dtype, name=f"norm_{level}")
            convolution.build((None, None, None, channels))
            norm.build((None, None, None, width))
            self.blocks.append([convolution, norm, keras.layers.MaxPooling2D(2, padding="same", dtype=dtype)])
            shorter, level, channels = -(-shorter // 2), level + 1, width
        self.dense = keras.layers.Dense(FEATURES, use_bias=False, dtype=dtype, name="dense")
        self.dense_norm = keras.layers.BatchNormalization(
            momentum=0.9, synchronized=True, dtype="float32", name="dense_norm"
        )
        self.head = keras.layers.Dense(spec.num_classes, dtype="float32", name="head")
        self(tf.zeros((1, *spec.shape)))

    def features(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Images (B, H, W, C) -> float32 features (B, D), not negative."""
        x = self._seen(images, training)[-1]
        x = self.dense(tf.reshape(x, (tf.shape(x)[0], -1)))
        return tf.nn.relu(self.dense_norm(tf.cast(x, tf.float32), training=training))

    def block_means(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Images (B, H, W, C) -> the mean over the image of what each block sees, float32 (B, channels)."""
        return [tf.cast(tf.reduce_mean(x, axis=(1, 2)), tf.float32) for x in self._seen(images, False)]

    def _seen(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """What comes out of each block."""
        seen = [images]
        for convolution, norm, pool in self.blocks:
            run = _trained if training else _folded
            seen.append(tf.nn.relu(run(seen[-1], convolution, norm, pool)))
        return seen[1:]

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.head(self.features(images, training=training))


def _trained(
    x: tf.Tensor, convolution: keras.layers.Layer, norm: keras.layers.Layer, pool: keras.layers.Layer
) -> tf.Tensor:
    return pool(norm(convolution(x), training=True))


def _folded(
    x: tf.Tensor, convolution: keras.layers.Layer, norm: keras.layers.Layer, pool: keras.layers.Layer
) -> tf.Tensor:
    """The same by the moving statistics, in half the passes over the maps.

    The norm's scale is in the kernel. Its shift is the same for all pixels, so it is left until after the pooling.
    """
    scale = norm.gamma * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    shift = norm.beta - norm.moving_mean * scale
    kind = convolution.compute_dtype
    maps = tf.nn.conv2d(tf.cast(x, kind), tf.cast(convolution.kernel * scale, kind), strides=1, padding="SAME")
    return pool(maps) + tf.cast(shift, kind)
