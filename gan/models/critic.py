"""The critic: how real an image looks *as* the classes its label vector names.

A DCGAN of strided convolutions (arXiv 1511.06434) with a projection head (arXiv 1802.05637), every layer spectrally
normalised with a learned gain. No batch norm: the gradient penalty needs examples that do not see each other. No bias
in the head: the Wasserstein loss is a difference of scores.

Shapes: `B` batch, `H W C` image, `K` classes, `D` features.
"""

from collections.abc import Callable, Sequence
from functools import partial

import keras
import tensorflow as tf

from gan.config import Config
from gan.images import BLACK, ImageSpec
from gan.models.convolution import with_gradient
from gan.models.sizes import network_sizes
from gan.models.spectral import INITIAL_POWER_ITERATIONS, SpectralConv, SpectralDense, SpectralGain, SpectralLayer

LEAK = 0.2


@with_gradient
def leaky_relu(x: tf.Tensor) -> tuple[tf.Tensor, object]:
    """x, or `LEAK` · x where that is below 0: any shape.

    Its second derivative is 0. TensorFlow's own has it as a tensor of zeros, and would send that back through all
    layers of a gradient penalty: an eighth of the step.
    """
    y = tf.nn.leaky_relu(x, LEAK)

    @with_gradient
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, object]:
        # y has the signs of x; that nobody needs x lets TensorFlow compute y along with the convolution before it.
        return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=LEAK), gradient

    return y, gradient


class Critic(keras.Model):
    """(images (B, H, W, C) in [-1, 1], label vectors (B, K)) -> float32 scores (B,), unbounded.

    With L label vectors for each image, (B, L, K), there are scores (B, L).

    Args:
        spec: what the images are.
        config: `crit_width`, `spectral_gain`, `learn_spectral_gain`, `power_iter`.
        dtype: Keras dtype policy of the convolutions; the head is float32.
    """

    def __init__(self, spec: ImageSpec, config: Config, *, dtype: str = "float32") -> None:
        super().__init__(name="critic", dtype=dtype, autocast=False)  # labels stay float32
        sizes = network_sizes(spec.height, spec.width)
        self.padding = ((0, 0), (0, sizes.height - spec.height), (0, sizes.width - spec.width), (0, 0))
        self.power_iterations = config.power_iter
        gain = SpectralGain(config.spectral_gain, learned=config.learn_spectral_gain)
        channels = sizes.channels(config.crit_width)
        self.base_shape = (sizes.base_height * sizes.base_width, channels[-1])
        self.convolutions = [
            SpectralConv(outputs, gain=gain, dtype=dtype, name=f"down_{level}")
            for level, outputs in enumerate(channels)
        ]
        self.head = SpectralDense(1, use_bias=False, gain=gain, dtype="float32", name="head")
        self.embedding = SpectralDense(self.num_features, use_bias=False, gain=gain, dtype="float32", name="embedding")
        self(tf.zeros((1, *spec.shape)), tf.zeros((1, spec.num_classes)))
        self.power_iteration(INITIAL_POWER_ITERATIONS)

    @property
    def num_features(self) -> int:
        """D."""
        places, maps = self.base_shape
        return places * maps

    @property
    def spectral_layers(self) -> list[SpectralLayer]:
        return [*self.convolutions, self.head, self.embedding]

    def after_update(self) -> None:
        """Bring every layer's singular vectors up to date with its kernel."""
        self.power_iteration(self.power_iterations)

    def power_iteration(self, count: int) -> None:
        """Improve every layer's singular vectors by `count` rounds."""
        for layer in self.spectral_layers:
            layer.power_iteration(count)

    def held(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """The critic as a function whose kernels are computed once, for calls between two updates."""
        return partial(self.call, kernels=[layer.kernel() for layer in self.spectral_layers])

    def features(self, h: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """What the head is shown, (B, D) float32, of the last maps (B, places · maps) and the labels (B, K)."""
        return h

    def call(self, images: tf.Tensor, labels: tf.Tensor, kernels: Sequence[tf.Tensor] = ()) -> tf.Tensor:
        *of_convolutions, of_head, of_embedding = kernels or [None] * len(self.spectral_layers)
        x = tf.pad(images, self.padding, constant_values=tf.cast(BLACK, images.dtype))
        for convolution, kernel in zip(self.convolutions, of_convolutions, strict=True):
            x = leaky_relu(convolution(x, kernel))
        h = tf.cast(tf.reshape(x, (tf.shape(x)[0], -1)), tf.float32)
        h = self.features(h, labels if len(labels.shape) == 2 else labels[:, 0])  # (B, D)
        if len(labels.shape) == 2:
            projection = tf.reduce_sum(h * self.embedding(labels, of_embedding), axis=1)  # (B,)
            return tf.squeeze(self.head(h, of_head), axis=1) + projection
        flat = tf.reshape(labels, (-1, labels.shape[2]))  # One product for all labels is faster than one per image.
        embedded = tf.reshape(self.embedding(flat, of_embedding), (-1, labels.shape[1], h.shape[1]))  # (B, L, D)
        return self.head(h, of_head) + tf.linalg.matvec(embedded, h)
