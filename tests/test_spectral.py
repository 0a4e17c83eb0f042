import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.models.spectral import SpectralConv, SpectralDense, SpectralGain, SpectralLayer

GAIN = SpectralGain(4.0, learned=True)


def dense(inputs: int = 12, outputs: int = 7, *, dtype: str = "float32", gain: SpectralGain = GAIN) -> SpectralDense:
    layer = SpectralDense(outputs, gain=gain, dtype=dtype)
    layer.build((None, inputs))
    return layer


def convolution() -> SpectralConv:
    layer = SpectralConv(6, gain=GAIN)
    layer.build((None, 8, 8, 3))
    return layer


def matrix_of(layer: SpectralLayer) -> np.ndarray:
    return layer.weight.numpy().reshape(-1, layer.outputs)


@pytest.mark.parametrize("make", [dense, convolution])
def test_sigma_is_the_largest_singular_value(make):
    layer = make()
    layer.power_iteration(500)
    expected = np.linalg.svd(matrix_of(layer), compute_uv=False)[0]
    np.testing.assert_allclose(layer.sigma().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("make", [dense, convolution])
def test_the_kernel_in_use_has_the_gain_as_its_norm(make):
    layer = make()
    layer.power_iteration(500)
    kernel = layer.kernel().numpy().reshape(-1, layer.outputs)
    np.testing.assert_allclose(np.linalg.svd(kernel, compute_uv=False)[0], 4.0, rtol=1e-5)


def test_gradient_goes_through_sigma():
    """With f = sum(C * γ W/σ): df/dW = γ/σ (C - <C, W/σ> u v'), which is orthogonal to W."""
    layer = dense()
    layer.power_iteration(500)
    weight, u, v = layer.weight.numpy(), layer.u.numpy()[0], layer.v.numpy()[:, 0]
    cotangent = np.random.default_rng(0).standard_normal(weight.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(cotangent * layer.kernel())
    gradient = tape.gradient(value, layer.weight).numpy()
    sigma = u @ weight @ v
    expected = 4.0 / sigma * (cotangent - np.sum(cotangent * weight) / sigma * np.outer(u, v))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)
    assert abs(np.sum(gradient * weight)) < 1e-4 * np.linalg.norm(gradient) * np.linalg.norm(weight)


def test_calls_change_nothing_and_only_power_iteration_moves_the_vectors():
    layer = dense()
    x = tf.random.stateless_normal((5, 12), seed=(1, 2))
    before = [variable.numpy() for variable in layer.variables]
    first, second = layer(x).numpy(), layer(x).numpy()
    np.testing.assert_array_equal(first, second)
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
    layer.power_iteration(1)
    assert not np.array_equal(before[-2], layer.u.numpy())
    np.testing.assert_array_equal(before[0], layer.weight.numpy())


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_leaves_variables_and_sigma_in_float32(dtype):
    full, mixed = dense(), dense(dtype=dtype)
    mixed.set_weights(full.get_weights())
    mixed.power_iteration(3)
    full.power_iteration(3)
    x = tf.random.stateless_normal((2, 12), seed=(1, 2))
    output = mixed(x)
    assert output.dtype == mixed.compute_dtype
    # In the layer's own call, where Keras casts variables: only the finished kernel is rounded.
    expected = tf.cast(x, output.dtype) @ tf.cast(full.kernel(), output.dtype)
    np.testing.assert_array_equal(tf.cast(output, tf.float32), tf.cast(expected, tf.float32))
    assert all(variable.dtype == "float32" for variable in mixed.variables)
    for one, other in zip(full.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert mixed.sigma().dtype == tf.float32
    np.testing.assert_array_equal(full.sigma().numpy(), mixed.sigma().numpy())


def test_a_checkpoint_keeps_the_singular_vectors(tmp_path):
    layer, other = dense(), dense()
    layer.power_iteration(2)
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "variables"))
    tf.train.Checkpoint(layer=other).read(path).assert_consumed()
    np.testing.assert_array_equal(layer.u.numpy(), other.u.numpy())
    np.testing.assert_array_equal(layer.v.numpy(), other.v.numpy())


def test_a_fixed_gain_is_not_trained():
    layer = dense(gain=SpectralGain(1.0, learned=False))
    assert [variable.name for variable in layer.trainable_variables] == ["weight", "bias"]
    assert float(layer.gain) == 1.0


def test_the_convolution_is_that_of_keras_with_the_same_kernel():
    layer = convolution()
    x = tf.random.stateless_normal((2, 8, 8, 3), seed=(3, 4))
    reference = keras.layers.Conv2D(6, 4, strides=2, padding="same")
    reference.build((None, 8, 8, 3))
    reference.set_weights([layer.kernel().numpy(), layer.bias.numpy()])
    np.testing.assert_allclose(layer(x).numpy(), reference(x).numpy(), rtol=1e-5, atol=1e-5)
