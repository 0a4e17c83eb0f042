"""Networks that an evaluation trains for itself: the detector, the judge, and those of CAS.

    predict = fit(small_network((28, 28, 1), classes=2, seed=0), Subset.of(images, labels), epochs=6, seed=0)
    logits = predict(others)

Shapes: `N` images, `H W C` image, `K` classes.
"""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from gan.data.batches import Batches
from gan.data.dataset import Subset
from gan.devices.inference import Inference
from gan.freeing import free_unused
from gan.images import Pixels

BATCH = 128
LEARNING_RATE = 2e-3

Logits = NDArray[np.float32]


def small_network(shape: tuple[int, ...], *, classes: int, seed: int) -> keras.Model:
    """Three convolutions of stride 2 and a dense layer: images (N, H, W, C) uint8 -> logits (N, K)."""
    keras.utils.set_random_seed(seed % 2**32)  # Of larger ones it knows nothing.
    layers: list[keras.layers.Layer] = [keras.Input(shape, dtype="uint8"), keras.layers.Rescaling(1 / 127.5, -1.0)]
    for width in (32, 64, 128):
        layers.append(keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False))
        layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.LeakyReLU(0.2)]
    # A mean over the image: with a weight for every place, it would learn a small set by heart.
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.3), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


def fit(
    network: keras.Model,
    learnt: Subset,
    *,
    epochs: int,
    seed: int,
    fewest_steps: int = 0,
    progress: Callable[[float], object] = lambda share: None,
) -> Callable[[Pixels], Logits]:
    """Train a network on images and their labels; what it returns takes images (N, H, W, C) uint8 to logits (N, K).

    Args:
        network: takes pixels to logits.
        learnt: what it learns; few of the images are in memory at once.
        epochs: passes over them; more, until there are so many steps:
        fewest_steps: at least.
        seed: of the order.
        progress: is told the share that is done, after each batch.
    """
    free_unused()  # Such as what was made for the network before this one.
    batches = Batches(learnt, batch_size=min(BATCH, learnt.size), seed=seed)
    steps = max(epochs * batches.per_epoch, fewest_steps)
    keras.utils.set_random_seed(seed % 2**32)
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    network.compile(
        keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False
    )
    for step in range(steps):
        images, labels = batches.take(step, 1)
        network.train_on_batch(images[0], labels[0])
        progress((step + 1) / steps)
    run = Inference(lambda others: [network(others, training=False)], size=BATCH)
    return lambda others: np.asarray(run(others)[0], np.float32)
