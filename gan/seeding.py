"""Independent streams of random numbers: one for each (purpose, run seed, index), and no state between draws.

rng = numpy_stream(Purpose.EPOCH_ORDER, seed, epoch)
"""

from enum import IntEnum
from typing import Any

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; streams of different purposes share no numbers, whatever their seeds."""

    # In the training step, by `stream`.
    CRITIC_STYLES = 1
    INTERPOLATION = 3
    GENERATOR_STYLES = 4
    GENERATOR_LABELS = 5
    SHIFTS = 6
    CRITIC_AUGMENTATION = 15
    GENERATOR_AUGMENTATION = 16
    WRONG_LABELS = 23
    GENERATOR_WRONG_LABELS = 24
    CRITIC_LABELS = 25
    # In NumPy.
    EPOCH_ORDER = 7
    DIGITS_TRAIN = 8
    DIGITS_TEST = 9
    SCORED_IMAGES = 10
    SCORED_STYLES = 11
    STYLE = 12
    SPLIT = 13
    GRID_PAIRS = 14
    HELD_OUT = 17
    HALVES = 18
    PATCHES = 20
    FITTING = 21
    MATCHED = 22


def numpy_stream(purpose: Purpose, seed: int, index: int = 0) -> np.random.Generator:
    """A generator that is a function of these three, each ≥ 0."""
    return np.random.default_rng([purpose, seed, index])


def stream(seed: int, purpose: Purpose, index: Any) -> Any:
    """The seed pair, shape (2,), of draw number `index` for a purpose, a tensor."""
    import tensorflow as tf  # Here: reading a table of labels needs none.

    return tf.random.experimental.stateless_fold_in(tf.constant([seed, int(purpose)]), index)
