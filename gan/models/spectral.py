"""Spectrally normalised layers with a learned gain: the kernel in use is `γ · W / σ(W)`.

σ(W) is the largest singular value of the kernel reshaped to (everything else, outputs); γ is a trained scalar. This
is the reparametrisation of arXiv 1802.05957, appendix E, which is made for use with a gradient penalty. For a strided
convolution that bounds the reshaped matrix, not the operator, whose norm may be larger by up to kernel size / stride.

σ is estimated as `uᵀ W v` with `u` and `v` held constant, so its gradient is exact for those vectors. The vectors move
only in `power_iteration()`: calls of a layer between two of those all use the same kernel, and may be handed it.
Variables are float32 under every dtype policy.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from gan.models.convolution import SIDE, convolution

INITIAL_POWER_ITERATIONS = 20
"""Enough for σ of a random kernel to within about a per cent."""


class SpectralGain(NamedTuple):
    """γ: its initial value, > 0, and whether it is trained."""

    initial: float
    learned: bool


def normalised(x: tf.Tensor) -> tf.Tensor:
    """A vector at length 1."""
    return x * tf.math.rsqrt(tf.reduce_sum(tf.square(x)) + 1e-12)


class SpectralLayer(keras.layers.Layer):
    """The kernel, its gain and its singular vectors; subclasses say what is done with `kernel()`.

    Args:
        outputs: size of the kernel's last axis.
        gain: what γ is at first, and whether it is trained.
        use_bias: add a bias of `outputs` numbers.
        layer: `name` and `dtype`, as of any Keras layer.
    """

    def __init__(self, outputs: int, *, gain: SpectralGain, use_bias: bool = True, **layer: Any) -> None:
        super().__init__(**layer)
        self.outputs = outputs
        self.initial_gain = gain
        self.use_bias = use_bias

    def build_kernel(self, shape: tuple[int, ...]) -> None:
        """Create the variables for a kernel of this shape, whose last axis is `outputs`."""

        def variable(name: str, shape: tuple[int, ...], initializer: Any, *, trainable: bool) -> Any:
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                trainable=trainable,
                dtype="float32",
                autocast=False,
                aggregation="mean" if trainable else "only_first_replica",
            )

        rows = 1
        for side in shape[:-1]:
            rows *= side
        initial, learned = self.initial_gain
        self.weight = variable("weight", shape, "glorot_uniform", trainable=True)
        self.gain = variable("gain", (), keras.initializers.Constant(initial), trainable=learned)
        self.bias = variable("bias", (self.outputs,), "zeros", trainable=True) if self.use_bias else None
        self.u = variable("u", (1, rows), keras.initializers.RandomNormal(), trainable=False)
        self.v = variable("v", (self.outputs, 1), keras.initializers.RandomNormal(), trainable=False)

    def power_iteration(self, count: int) -> None:
        """Improve the singular vectors by `count` rounds. Call outside of replica functions, where it reaches all."""
        matrix = tf.reshape(self.weight, (-1, self.outputs))
        v = tf.convert_to_tensor(self.v)
        u = tf.convert_to_tensor(self.u)
        for _ in range(count):
            v = normalised(tf.linalg.matmul(matrix, u, transpose_a=True, transpose_b=True))
            u = normalised(tf.linalg.matmul(v, matrix, transpose_a=True, transpose_b=True))
        self.v.assign(v)
        self.u.assign(u)

    def sigma(self) -> tf.Tensor:
        """The estimate of the largest singular value, a float32 scalar differentiable in the kernel."""
        matrix = tf.reshape(self.weight, (-1, self.outputs))
        u, v = tf.stop_gradient(tf.convert_to_tensor(self.u)), tf.stop_gradient(tf.convert_to_tensor(self.v))
        return tf.squeeze(u @ matrix @ v)

    def kernel(self) -> tf.Tensor:
        """γ · W / σ(W), in the layer's compute dtype."""
        return tf.cast(self.weight * (self.gain / self.sigma()), self.compute_dtype)

    def with_bias(self, x: tf.Tensor) -> tf.Tensor:
        return x if self.bias is None else x + tf.cast(self.bias, x.dtype)


class SpectralConv(SpectralLayer):
    """4×4 convolution of stride 2: (B, H, W, C) -> (B, H/2, W/2, outputs)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        assert channels is not None
        self.build_kernel((SIDE, SIDE, channels, self.outputs))

    def call(self, x: tf.Tensor, kernel: tf.Tensor | None = None) -> tf.Tensor:
        return self.with_bias(convolution(x, self.kernel() if kernel is None else kernel))


class SpectralDense(SpectralLayer):
    """Linear map of the last axis: (B, inputs) -> (B, outputs)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        inputs = input_shape[-1]
        assert inputs is not None
        self.build_kernel((inputs, self.outputs))

    def call(self, x: tf.Tensor, kernel: tf.Tensor | None = None) -> tf.Tensor:
        return self.with_bias(x @ (self.kernel() if kernel is None else kernel))
