"""Networks that an evaluation trains for itself: the detector, the judge, and those of CAS.

    predict = fit(small_network((28, 28, 1), classes=2, seed=0), images, labels, epochs=6, seed=0)
    logits = predict(others)

Shapes: `N` images, `H W C` image, `K` classes.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from gan.devices.inference import Inference
from gan.images import Pixels

BATCH = 128
LEARNING_RATE = 2e-3

Logits = NDArray[np.float32]


def small_network(shape: tuple[int, ...], *, classes: int, seed: int) -> keras.Model:
    """Three convolutions of stride 2 and a dense layer: images (N, H, W, C) uint8 -> logits (N, K)."""
    keras.utils.set_random_seed(seed)
    layers: list[keras.layers.Layer] = [keras.Input(shape, dtype="uint8"), keras.layers.Rescaling(1 / 127.5, -1.0)]
    for width in (32, 64, 128):
        layers.append(keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False))
        layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.LeakyReLU(0.2)]
    # A mean over the image: with a weight for every place, it would learn a small set by heart.
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.3), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


def fit(
    network: keras.Model,
    images: Pixels,
    labels: NDArray[np.int32],
    *,
    epochs: int,
    seed: int,
    fewest_steps: int = 0,
    progress: Callable[[float], object] = lambda share: None,
) -> Callable[[Pixels], Logits]:
    """Train a network on images (N, H, W, C) uint8 and labels (N,); what it returns takes such images to logits (N, K).

    Args:
        network: takes pixels to logits.
        images: what it learns.
        labels: their classes.
        epochs: passes over them; more, until there are so many steps:
        fewest_steps: at least.
        seed: of the order.
        progress: is told the share that is done, after each batch.
    """
    batch = min(BATCH, len(images))
    per_epoch = math.ceil(len(images) / batch)
    epochs = max(epochs, math.ceil(fewest_steps / per_epoch))
    keras.utils.set_random_seed(seed)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * per_epoch)
    network.compile(
        keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False
    )
    done = iter(range(1, epochs * per_epoch + 1))
    told = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: progress(next(done) / (epochs * per_epoch))
    )
    network.fit(images, labels, batch_size=batch, epochs=epochs, verbose=0, callbacks=[told])
    run = Inference(lambda others: [network(others, training=False)], size=500)
    return lambda others: np.asarray(run(others)[0], np.float32)
