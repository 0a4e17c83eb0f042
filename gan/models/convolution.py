"""The 4×4 convolution of stride 2 that the networks are made of, and its two gradients, each in its fastest form.

    maps = convolution(images, kernel)

The three are linear in both arguments, and the gradients of each are the other two, so derivatives of any order, which
a gradient penalty needs, are of these forms too. On a CPU oneDNN is slow in two places, which are computed otherwise:
images of few channels from maps, and the gradient of a kernel in 16 bits (docs/performance.md has the figures).

Shapes: `B` batch, `H W C` image, `h w O` maps of half the sides, kernel (4, 4, C, O).
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

SIDE = 4
"""Of a kernel."""

FEW_CHANNELS = 3
"""So many are fewer than a vector register holds, and oneDNN's transposed convolution computes them one by one."""

SMALL_MAP, SMALL_MAP_IN_16_BITS = 4, 8
"""Sides of maps up to which a kernel's gradient is a convolution in the batch."""

AROUND = ((0, 0), (1, 1), (1, 1), (0, 0))
"""A border of one pixel, as the padding of a 4×4 convolution of stride 2 is."""


def with_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pair, result and gradient; AutoGraph, which would take the pair for the result, passes by."""
    return tf.autograph.experimental.do_not_convert(tf.custom_gradient(function))


@with_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, object]:
    """(B, H, W, C) -> (B, h, w, O)."""

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return transposed_convolution(upstream, kernel), kernel_gradient(images, upstream)

    return tf.nn.conv2d(images, kernel, strides=2, padding="SAME"), gradients


@with_gradient
def transposed_convolution(maps: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, object]:
    """(B, h, w, O) -> (B, H, W, C): the gradient of `convolution` in its images."""

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return convolution(upstream, kernel), kernel_gradient(upstream, maps)

    batch, height, width = tf.shape(maps)[0], 2 * maps.shape[1], 2 * maps.shape[2]
    channels = kernel.shape[2]
    if channels <= FEW_CHANNELS and _on_cpu():
        return _by_blocks(maps, kernel), gradients
    return tf.nn.conv2d_transpose(maps, kernel, (batch, height, width, channels), strides=2), gradients


@with_gradient
def kernel_gradient(images: tf.Tensor, maps: tf.Tensor) -> tuple[tf.Tensor, object]:
    """(B, H, W, C), upstream (B, h, w, O) -> (4, 4, C, O): the gradient of `convolution` in its kernel."""

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return transposed_convolution(maps, upstream), convolution(images, upstream)

    small = SMALL_MAP if images.dtype == tf.float32 else SMALL_MAP_IN_16_BITS
    if max(maps.shape[1:3]) <= small and _on_cpu():
        return _in_the_batch(images, maps), gradients
    shape = (SIDE, SIDE, images.shape[3], maps.shape[3])
    return _backprop_filter(images, shape, maps), gradients


def _backprop_filter(images: tf.Tensor, shape: tuple[int, ...], maps: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=shape, out_backprop=maps, strides=(1, 2, 2, 1), padding="SAME"
    )


def _on_cpu() -> bool:
    return not tf.config.list_logical_devices("GPU")


def _by_blocks(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Transposed convolution as one of 2×2 and stride 1, whose 4C channels are blocks of 2×2 pixels.

    The blocks begin one pixel before the image, so they are one more than the maps on each side.
    """
    height, width, _ = maps.shape[1:]
    channels, outputs = kernel.shape[2:]
    # Of kernel row 2·i + p and column 2·j + q, the block i, j has pixel p, q; it meets the maps from behind.
    blocks = tf.reshape(kernel, (2, 2, 2, 2, channels, outputs))[::-1, :, ::-1]  # i, p, j, q, C, O
    blocks = tf.reshape(tf.transpose(blocks, (0, 2, 5, 1, 3, 4)), (2, 2, outputs, 4 * channels))
    pixels = tf.nn.conv2d(maps, blocks, strides=1, padding=AROUND)  # (B, h+1, w+1, 4C)
    rows = tf.reshape(pixels, (-1, width + 1, 2, 2 * channels))
    rows = tf.transpose(rows, (0, 2, 1, 3))  # (B · (h+1), 2, w+1, 2C)
    return tf.reshape(rows, (-1, 2 * height + 2, 2 * width + 2, channels))[:, 1:-1, 1:-1]


def _in_the_batch(images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """The kernel's gradient as a convolution: of images whose channels are the batch, by a dilated kernel, the maps."""
    _, height, width, channels = images.shape
    # Twice two neighbouring axes swapped: TensorFlow takes three times as long for all at once.
    turned = tf.transpose(tf.reshape(images, (-1, height * width, channels)), (1, 0, 2))
    turned = tf.transpose(tf.transpose(turned, (0, 2, 1)), (1, 0, 2))
    turned = tf.reshape(turned, (channels, height, width, -1))
    kernel = tf.transpose(maps, (1, 2, 0, 3))  # (h, w, B, O)
    found = tf.nn.conv2d(turned, kernel, strides=1, padding=AROUND, dilations=2)  # (C, 4, 4, O)
    return tf.transpose(found, (1, 2, 0, 3))
