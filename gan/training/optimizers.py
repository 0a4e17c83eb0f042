"""The GAN's optimizers: Adam, whose learning rate follows a course of the run's steps.

optimizer = adam(generator, config.gen_lr, config, weight_decay=config.gen_weight_decay, total_steps=1000)
"""

from typing import Any

import keras

from gan.config import Config


def learning_rate(initial: float, config: Config, *, total_updates: int, updates_per_step: int) -> Any:
    """The schedule `config.lr_schedule` for an optimizer that makes `updates_per_step` updates a step."""
    if config.lr_schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(initial, total_updates)
    if config.lr_schedule == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(
            initial, config.decay_steps * updates_per_step, config.decay_rate
        )
    return initial


def adam(
    network: keras.Model,
    initial: float,
    config: Config,
    *,
    weight_decay: float,
    total_steps: int,
    updates_per_step: int = 1,
) -> Any:
    """An optimizer of a network's trained variables, with its slots; `initial` is the learning rate at the start.

    Call under the scope of the run's strategy.
    """
    optimizer = keras.optimizers.Adam(
        learning_rate(initial, config, total_updates=total_steps * updates_per_step, updates_per_step=updates_per_step),
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        weight_decay=weight_decay or None,
    )
    optimizer.build(network.trainable_variables)
    return optimizer
