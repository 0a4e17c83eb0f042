"""Training images in a GPU's own memory, where they fit: a batch is then gathered there, and only indices travel.

    batches = resident(Batches(data.train, batch_size=64, seed=0), strategy)

Shapes: `B` images a batch, `H W C` height, width, channels.
"""

import tensorflow as tf

from gan.data.batches import Batch, Batches, Source

LARGEST = 1 << 30
"""Bytes of images, beside which every GPU that trains has room left."""


class ResidentBatches:
    """The batches of `Batches`, whose images are on `device`, as tensors there."""

    def __init__(self, batches: Batches, device: str) -> None:
        self._batches = batches
        self._device = device
        with tf.device(device):
            # A variable: TensorFlow has a kernel that gathers bytes on a GPU from those, but none from tensors.
            self._images = tf.Variable(batches.subset.gather(), trainable=False)

    def take(self, first: int, count: int) -> Batch:
        """The batches numbered `first` to `first + count - 1`: images (count, B, H, W, C), labels (count, B)."""
        chosen = self._batches.choose(first, count)
        with tf.device(self._device):
            return Batch(tf.gather(self._images, chosen), self._batches.subset.labels[chosen])


def resident(batches: Batches, strategy: tf.distribute.Strategy) -> Source:
    """The same batches, from the memory of this process's first GPU if it has one, and they fit into it."""
    device = strategy.extended.worker_devices[0]
    if tf.DeviceSpec.from_string(device).device_type != "GPU" or batches.subset.nbytes > LARGEST:
        return batches
    try:
        return ResidentBatches(batches, device)
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError):  # The latter is of a copy that does not fit.
        print("the training images do not fit into the GPU's memory, and stay in the host's")
        return batches
