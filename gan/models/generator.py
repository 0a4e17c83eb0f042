"""The generator: an image from a style vector and a label vector.

A DCGAN (arXiv 1511.06434) of transposed convolutions with batch norm, conditioned by the label vector's embedding
`y @ E`, so a mixture of classes is as good an input as one class.

Shapes: `B` batch, `Z` style, `K` classes, `H W C` image.
"""

from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.images import ImageSpec
from gan.models.convolution import SIDE, transposed_convolution
from gan.models.norm import Norm
from gan.models.sizes import network_sizes


class Upsampling(keras.layers.Conv2DTranspose):
    """Transposed 4×4 convolution of stride 2: (B, h, w, inputs) -> (B, 2h, 2w, outputs)."""

    def __init__(self, outputs: int, **layer: Any) -> None:
        super().__init__(outputs, SIDE, strides=2, padding="same", **layer)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = transposed_convolution(x, tf.convert_to_tensor(self.kernel))
        return x + tf.convert_to_tensor(self.bias) if self.use_bias else x


class Generator(keras.Model):
    """(styles (B, Z) ~ N(0, 1), label vectors (B, K) that sum to 1) -> float32 images (B, H, W, C) in [-1, 1].

    Args:
        spec: what the images are.
        config: `noise_dims`, `label_dims`, `gen_width`.
        dtype: Keras dtype policy; the output is float32 under all.
    """

    def __init__(self, spec: ImageSpec, config: Config, *, dtype: str = "float32") -> None:
        super().__init__(name="generator", dtype=dtype)
        self.spec = spec
        sizes = network_sizes(spec.height, spec.width)
        channels = sizes.channels(config.gen_width)[::-1]
        self.base_shape = (sizes.base_height, sizes.base_width, channels[0])

        def upsampling(outputs: int, level: int, *, use_bias: bool = False) -> keras.layers.Layer:
            return Upsampling(outputs, use_bias=use_bias, dtype=dtype, name=f"up_{level}")

        def norm(level: int) -> keras.layers.Layer:
            return Norm(dtype=dtype, name=f"norm_{level}")

        self.embedding = keras.layers.Dense(config.label_dims, use_bias=False, dtype=dtype, name="embedding")
        self.dense = keras.layers.Dense(
            sizes.base_height * sizes.base_width * channels[0], use_bias=False, dtype=dtype, name="dense"
        )
        self.hidden = [upsampling(outputs, level) for level, outputs in enumerate(channels[1:])]
        self.norms = [norm(level) for level in range(len(channels))]
        self.last = upsampling(spec.channels, len(channels) - 1, use_bias=True)
        self(tf.zeros((1, config.noise_dims)), tf.zeros((1, spec.num_classes)))

    def call(self, styles: tf.Tensor, labels: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.dense(tf.concat([styles, self.embedding(labels)], axis=1))
        x = tf.reshape(x, (-1, *self.base_shape))
        x = tf.nn.relu(self.norms[0](x, training=training))
        for upsampling, norm in zip(self.hidden, self.norms[1:], strict=True):
            x = tf.nn.relu(norm(upsampling(x), training=training))  # H and W double
        x = tf.tanh(tf.cast(self.last(x), tf.float32))
        return x[:, : self.spec.height, : self.spec.width, :]
