"""The judge of an evaluation: a small residual network (arXiv 1512.03385), which the FID's classifier is not.

Shapes: `B` batch, `H W C` image, `K` classes.
"""

from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.images import ImageSpec

LARGEST = 32
"""Pixels of the shorter side, up to twice that less one: larger images are made smaller first, by whole factors."""


class ResidualBlock(keras.layers.Layer):
    """Two convolutions beside a shorter way, then half the size."""

    def __init__(self, width: int, *, dtype: str) -> None:
        super().__init__(dtype=dtype)
        self.convolutions = [
            keras.layers.Conv2D(width, 3, padding="same", use_bias=False, dtype=dtype) for _ in range(2)
        ]
        self.norms = [keras.layers.BatchNormalization(momentum=0.9, dtype=dtype) for _ in range(2)]
        self.short = keras.layers.Conv2D(width, 1, use_bias=False, dtype=dtype)
        self.pool = keras.layers.AveragePooling2D(2, padding="same", dtype=dtype)

    def build(self, shape: Any) -> None:
        self.short.build(shape)
        wider = (*shape[:-1], self.short.filters)
        self.convolutions[0].build(shape)
        self.convolutions[1].build(wider)
        for norm in self.norms:
            norm.build(wider)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = tf.nn.relu(self.norms[0](self.convolutions[0](x), training=training))
        y = self.norms[1](self.convolutions[1](y), training=training)
        return self.pool(tf.nn.relu(y + self.short(x)))


class ResidualClassifier(keras.Model):
    """Images (B, H, W, C) uint8 -> float32 logits (B, K).

    Residual blocks until the shorter side is below 4, then a mean over the image and a dense layer.

    Args:
        spec: what the images are.
        config: `cls_width`.
        dtype: Keras dtype policy; logits are float32 under all.
    """

    def __init__(self, spec: ImageSpec, config: Config, *, dtype: str = "float32") -> None:
        super().__init__(name="judge", dtype=dtype)
        self.rescaling = keras.layers.Rescaling(1 / 127.5, -1.0, dtype=dtype)
        shorter, level = min(spec.height, spec.width), 0
        factor = max(1, shorter // LARGEST)
        shorter = -(-shorter // factor)
        self.smaller = keras.layers.AveragePooling2D(factor, padding="same", dtype=dtype)
        self.blocks: list[ResidualBlock] = []
        while level == 0 or shorter >= 4:
            self.blocks.append(ResidualBlock(max(8, config.cls_width // 2) * min(2**level, 4), dtype=dtype))
            shorter, level = -(-shorter // 2), level + 1
        self.pool = keras.layers.GlobalAveragePooling2D(dtype=dtype)
        self.head = keras.layers.Dense(spec.num_classes, dtype="float32", name="head")
        self(tf.zeros((1, *spec.shape)))

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.smaller(self.rescaling(images))
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(self.pool(x))
