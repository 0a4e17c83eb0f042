#!/usr/bin/env python3
"""The same networks in plain Keras, trained as its tutorials do it, by a `train_step`, `compile` and `fit`.

    .venv/bin/python benchmarks/step_keras.py --precision bfloat16       # a child of speed.py: see turns.py

After the conditional GAN and the WGAN-GP of keras.io: reals and fakes in passes of their own, one optimizer call each.
The networks, their normalisation by a learned gain and the penalty per example are this project's. There is no moving
average, no look at whether numbers are finite, and noise is not repeatable.
"""

import argparse
import sys
from pathlib import Path

# ruff: noqa: E402 - TensorFlow is started before Keras is imported, whose classes are the bases here.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gan.starting import import_tensorflow

import_tensorflow()

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from steps import IMAGES, POLICIES, WARM_UP_STEPS, Setting, add_setting_flags
from turns import requests


class Normalised(layers.Layer):
    """A convolution of stride 2, or a dense layer where `side` is None, that computes with gain * W / sigma."""

    def __init__(self, outputs, *, side=None, use_bias=False, **layer):
        super().__init__(**layer)
        self.outputs, self.side, self.use_bias = outputs, side, use_bias

    def build(self, input_shape):
        square = () if self.side is None else (self.side, self.side)
        own = {"autocast": False}
        self.kernel = self.add_weight(name="kernel", shape=(*square, input_shape[-1], self.outputs), **own)
        self.gain = self.add_weight(name="gain", initializer=keras.initializers.Constant(4.0), **own)
        self.bias = self.add_weight(name="bias", shape=(self.outputs,), initializer="zeros") if self.use_bias else None
        self.u = self.add_weight(name="u", shape=(1, self.outputs), initializer="random_normal", trainable=False, **own)

    def vectors(self):
        """The kernel as a matrix and its singular vectors, one power iteration on."""
        matrix = tf.reshape(self.kernel.value, (-1, self.outputs))
        v = tf.math.l2_normalize(tf.matmul(self.u.value, matrix, transpose_b=True))
        return matrix, tf.stop_gradient(v), tf.stop_gradient(self.u.value)

    def iterate(self):
        matrix, v, _ = self.vectors()
        self.u.assign(tf.math.l2_normalize(tf.matmul(v, matrix)))

    def call(self, x):
        matrix, v, u = self.vectors()
        sigma = tf.squeeze(tf.matmul(tf.matmul(v, matrix), u, transpose_b=True))
        kernel = tf.cast(self.kernel.value * (self.gain.value / sigma), self.compute_dtype)
        x = tf.matmul(x, kernel) if self.side is None else tf.nn.conv2d(x, kernel, strides=2, padding="SAME")
        return x if self.bias is None else x + self.bias.value


def make_generator(setting, config):
    """(styles, label vectors) -> images."""
    width = setting.width
    styles, labels = layers.Input((config.noise_dims,)), layers.Input((setting.classes,))
    embedded = layers.Dense(config.label_dims, use_bias=False)(labels)
    x = layers.Dense(4 * 4 * 4 * width, use_bias=False)(layers.Concatenate()([styles, embedded]))
    x = layers.Reshape((4, 4, 4 * width))(x)
    for outputs in (2 * width, width):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2DTranspose(outputs, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2DTranspose(setting.channels, 4, strides=2, padding="same")(x)
    return keras.Model([styles, labels], layers.Activation("tanh", dtype="float32")(x))


def make_critic(setting):
    """(images, label vectors) -> scores; and its normalised layers."""
    images, labels = layers.Input((32, 32, setting.channels)), layers.Input((setting.classes,))
    normalised, x = [], images
    for outputs in (setting.width, 2 * setting.width, 4 * setting.width):
        normalised.append(Normalised(outputs, side=4, use_bias=True))
        x = layers.LeakyReLU(negative_slope=0.2)(normalised[-1](x))
    h = layers.Activation("linear", dtype="float32")(layers.Flatten()(x))
    for outputs in (1, h.shape[-1]):
        normalised.append(Normalised(outputs, dtype="float32"))
    head, embedding = normalised[-2:]
    projection = layers.Dot(axes=1, dtype="float32")([h, embedding(labels)])
    return keras.Model([images, labels], layers.Add(dtype="float32")([head(h), projection])), normalised


class ConditionalGAN(keras.Model):
    """The model of the tutorials, with one critic update per generator update."""

    def __init__(self, setting):
        super().__init__()
        self.setting, self.config = setting, setting.config()
        self.generator = make_generator(setting, self.config)
        self.critic, self.normalised = make_critic(setting)

    def compile(self, critic_optimizer, generator_optimizer):
        super().compile()
        self.critic_optimizer, self.generator_optimizer = critic_optimizer, generator_optimizer

    def gradient_penalty(self, reals, fakes, labels):
        epsilon = tf.random.uniform((tf.shape(reals)[0], 1, 1, 1))
        between = fakes + epsilon * (reals - fakes)
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self.critic([between, labels], training=True)
        gradients = tape.gradient(scores, between)
        norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]) + 1e-12)
        return tf.reduce_mean((norms - 1.0) ** 2)

    def train_step(self, data):
        images, classes = data
        reals = tf.cast(images, tf.float32) / 127.5 - 1.0
        labels = tf.one_hot(classes, self.setting.classes)
        size = tf.shape(reals)[0]
        fakes = self.generator([tf.random.normal((size, self.config.noise_dims)), labels], training=True)
        with tf.GradientTape() as tape:
            fake_scores = self.critic([fakes, labels], training=True)
            real_scores = self.critic([reals, labels], training=True)
            critic_loss = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
            critic_loss += self.config.gp_weight * self.gradient_penalty(reals, fakes, labels)
        gradients = tape.gradient(critic_loss, self.critic.trainable_variables)
        self.critic_optimizer.apply_gradients(zip(gradients, self.critic.trainable_variables, strict=True))
        for layer in self.normalised:
            layer.iterate()
        with tf.GradientTape() as tape:
            fakes = self.generator([tf.random.normal((size, self.config.noise_dims)), labels], training=True)
            generator_loss = -tf.reduce_mean(self.critic([fakes, labels], training=True))
        gradients = tape.gradient(generator_loss, self.generator.trainable_variables)
        self.generator_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables, strict=True))
        return {"critic_loss": critic_loss, "generator_loss": generator_loss}


class Pace(keras.callbacks.Callback):
    """Holds `fit` after the warm-up and after each turn, until the next one is asked for."""

    def __init__(self, about):
        super().__init__()
        self.left, self.turns = WARM_UP_STEPS, requests({}, **about)

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            float(logs["critic_loss"])
            self.left = next(self.turns, 0)
            self.model.stop_training = self.left == 0


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_flags(flags)
    setting = Setting(**vars(flags.parse_args()))
    keras.utils.set_random_seed(setting.seed)
    keras.config.set_dtype_policy(POLICIES[setting.precision])
    model = ConditionalGAN(setting)
    adam = {"learning_rate": 1e-3, "beta_1": 0.0, "beta_2": 0.9}
    model.compile(keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam))
    random = np.random.default_rng(setting.seed)
    images = random.integers(0, 256, (IMAGES, 32, 32, setting.channels), np.uint8)
    classes = random.integers(0, setting.classes, IMAGES)
    data = tf.data.Dataset.from_tensor_slices((images, classes)).shuffle(IMAGES).repeat()
    data = data.batch(setting.batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    networks = {"generator": model.generator, "critic": model.critic}
    parameters = {
        name: sum(int(np.prod(each.shape)) for each in network.trainable_variables)
        for name, network in networks.items()
    }
    model.fit(data, steps_per_epoch=10**9, verbose=0, callbacks=[Pace({"parameters": parameters})])


if __name__ == "__main__":
    main()
