"""Convolutions, activations and norms in their fast forms, against TensorFlow's and Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.models.convolution import SMALL_MAP, SMALL_MAP_IN_16_BITS, convolution, kernel_gradient, transposed_convolution
from gan.models.critic import LEAK, leaky_relu
from gan.models.norm import Norm

TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}


def drawn(number: int, *shape: int, dtype: str = "float32") -> tf.Tensor:
    return tf.cast(tf.random.stateless_normal(shape, seed=(0, number)), dtype)


def assert_near(found: tf.Tensor, expected: tf.Tensor, dtype: str, what: str) -> None:
    difference = tf.norm(tf.cast(found, "float32") - tf.cast(expected, "float32"))
    assert difference <= TOLERANCE[dtype] * tf.norm(tf.cast(expected, "float32")), what


def plain(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(images, kernel, strides=2, padding="SAME")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("side", [2, 2 * SMALL_MAP, 2 * SMALL_MAP_IN_16_BITS, 2 * SMALL_MAP_IN_16_BITS + 2])
def test_derivatives_up_to_the_third_are_those_of_tensorflow(side, channels, dtype):
    images = drawn(1, 6, side, side + 4, channels, dtype=dtype)
    kernel = drawn(2, 4, 4, channels, 7, dtype=dtype)

    @tf.function
    def derivatives(function):
        with tf.GradientTape() as third:
            third.watch([images, kernel])
            with tf.GradientTape() as second:
                second.watch([images, kernel])
                with tf.GradientTape() as first:
                    first.watch([images, kernel])
                    maps = function(images, kernel)
                    total = tf.reduce_sum(tf.square(tf.cast(maps, "float32"))) / 1000.0
                of_first = first.gradient(total, [images, kernel])
                total = sum(tf.reduce_sum(tf.square(tf.cast(each, "float32"))) for each in of_first) / 1000.0
            of_second = second.gradient(total, [images, kernel])
            total = sum(tf.reduce_sum(tf.square(tf.cast(each, "float32"))) for each in of_second) / 1000.0
        return [maps, *of_first, *of_second, *third.gradient(total, [images, kernel])]

    for number, (found, expected) in enumerate(zip(derivatives(convolution), derivatives(plain), strict=True)):
        assert_near(found, expected, dtype, f"number {number}")


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_other_two_are_the_gradients_of_the_convolution(channels):
    images, kernel, maps = drawn(1, 3, 8, 12, channels), drawn(2, 4, 4, channels, 7), drawn(3, 3, 4, 6, 7)
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        total = tf.reduce_sum(plain(images, kernel) * maps)
    of_images, of_kernel = tape.gradient(total, [images, kernel])
    assert_near(transposed_convolution(maps, kernel), of_images, "float32", "images")
    assert_near(kernel_gradient(images, maps), of_kernel, "float32", "kernel")


def test_the_second_derivative_of_an_activation_is_nothing_rather_than_zeros():
    """A tensor of zeros would be sent back through every layer before it."""
    x = tf.constant([-2.0, -0.5, 0.5, 2.0])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = leaky_relu(x)
        upstream = tf.constant([1.0, 2.0, 3.0, 4.0])
        outer.watch(upstream)
        slopes = inner.gradient(y, x, output_gradients=upstream)
    np.testing.assert_allclose(y, [-2.0 * LEAK, -0.5 * LEAK, 0.5, 2.0])
    np.testing.assert_allclose(slopes, [LEAK, 2.0 * LEAK, 3.0, 4.0])
    np.testing.assert_allclose(outer.gradient(slopes, upstream), [LEAK, LEAK, 1.0, 1.0])
    assert outer.gradient(slopes, x) is None


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_norm_on_one_replica_trains_as_keras_does(one_replica, dtype):
    """Outputs, gradients and moving statistics, and then the outputs by those."""
    maps, upstream = 3.0 * drawn(1, 6, 4, 4, 5) + 2.0, drawn(2, 6, 4, 4, 5)
    results = []
    for kind in (Norm, keras.layers.BatchNormalization):
        with one_replica.scope():
            layer = Norm(dtype=dtype) if kind is Norm else kind(momentum=0.9, synchronized=True, dtype=dtype)
            layer.build(maps.shape)

        def train(layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(maps)
                out = layer(maps, training=True)
                total = tf.reduce_sum(tf.cast(out, "float32") * upstream)
            return [out, *tape.gradient(total, [maps, layer.gamma.value, layer.beta.value])]

        found = one_replica.run(tf.function(train))
        results.append([*found, *(tf.convert_to_tensor(each) for each in layer.variables), layer(maps)])
    assert results[0][0].dtype == ("float32" if dtype == "float32" else "bfloat16")
    for number, (found, expected) in enumerate(zip(*results, strict=True)):
        assert_near(found, expected, dtype.removeprefix("mixed_"), f"number {number}")
