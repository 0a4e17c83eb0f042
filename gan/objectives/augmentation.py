"""Random changes of images, the same on reals and on fakes, so that the critic cannot learn few reals by heart.

An augmentation is a function `(images (B, H, W, C), seed (2,)) -> images`, differentiable in the images (arXiv
2006.10738), and a line in `gan/registry.py`. One seed gives the same changes: pair i of reals and fakes moves alike.

    augment = chain([translate, flip])
    reals, fakes = augment(reals, seed), augment(fakes, seed)
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from gan.images import BLACK

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

LARGEST_SHIFT = 0.125
"""Of the image's side."""


def chain(augmentations: Sequence[Augmentation]) -> Augmentation:
    """One after another, each with numbers of its own. None of them leaves images as they are."""

    def augmented(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        for number, augmentation in enumerate(augmentations):
            images = augmentation(images, seed + tf.constant([0, number]))
        return images

    return augmented


def translate(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shift each image by up to an eighth of its sides, by whole pixels; black comes in."""
    numbers = uniform(images, seed, 2)
    for axis, side in enumerate(images.shape[1:3], start=1):
        largest = int(side * LARGEST_SHIFT)
        around = [(0, 0), (0, 0), (0, 0), (0, 0)]
        around[axis] = (largest, largest)
        start = tf.cast(tf.floor(numbers[:, axis - 1] * (2 * largest + 1)), tf.int32)  # (B,)
        rows = start[:, None] + tf.range(side)  # (B, side)
        images = tf.gather(tf.pad(images, around, constant_values=BLACK), rows, axis=axis, batch_dims=1)
    return images


def flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror every other image, left to right. Not for digits and letters."""
    flipped = uniform(images, seed, 1)[:, :, None, None] < 0.5
    return tf.where(flipped, tf.reverse(images, axis=[2]), images)


def uniform(images: tf.Tensor, seed: tf.Tensor, count: int) -> tf.Tensor:
    """Numbers (B, count) in [0, 1): this replica's part of those of the global batch."""
    context = tf.distribute.get_replica_context()
    replicas, replica = (1, 0) if context is None else (context.num_replicas_in_sync, context.replica_id_in_sync_group)
    batch = images.shape[0]
    # Whole numbers: XLA draws the same ones as TensorFlow's kernels, from positive seeds of 32 bits.
    bits = tf.random.stateless_uniform((batch * replicas, count), seed, minval=None, maxval=None, dtype=tf.uint32)
    own = bits[replica * batch : (replica + 1) * batch]
    return tf.cast(tf.bitwise.right_shift(own, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
