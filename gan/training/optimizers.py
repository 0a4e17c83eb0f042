"""Adam, whose learning rate follows a course of the run's steps, and updates that every replica makes alike.

optimizer = adam(generator, config.gen_lr, config, weight_decay=config.gen_weight_decay, total_steps=1000)
apply_gradients(strategy, optimizer, gradients, generator.trainable_variables)
"""

from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.errors import UserError

COOLDOWN = 0.4
"""Of a run: the share of its updates in which the schedule of that name goes down."""


class Cooldown(keras.optimizers.schedules.LearningRateSchedule):
    """A constant rate, then a straight way down to 0 (arXiv 2405.18392).

    Args:
        initial: the rate before the cooldown.
        total_updates: of the run, with the cooldown.
    """

    def __init__(self, initial: float, total_updates: int) -> None:
        super().__init__()
        self.initial = initial
        self.total_updates = total_updates

    def __call__(self, step: Any) -> tf.Tensor:
        left = 1.0 - tf.cast(step, tf.float32) / self.total_updates
        return self.initial * tf.clip_by_value(left / COOLDOWN, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"initial": self.initial, "total_updates": self.total_updates}


def course(initial: float, config: Config, *, total_updates: int, updates_per_step: float) -> Any:
    """The schedule `config.lr_schedule` for an optimizer that makes `updates_per_step` updates per step."""
    if config.lr_schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(initial, total_updates)
    if config.lr_schedule == "cooldown":
        return Cooldown(initial, total_updates)
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
    penalty_every: int = 1,
) -> Any:
    """An optimizer of a network's trained variables, with its slots; `initial` is the learning rate at the start.

    A penalty at every k-th update, as an update of its own, makes k + 1 updates of k. Adam then forgets and moves as
    much per k updates as before with its rate times k / (k + 1) and its decays to that power (arXiv 1912.04958,
    appendix B). Call under the scope of the run's strategy.

    Raises:
        UserError: no update would have a penalty.
    """
    if penalty_every > (made := total_steps * updates_per_step):
        raise UserError(
            f"penalty_every is {penalty_every:,}, but the run has {made:,} critic updates, so none would have a "
            "penalty; lower penalty_every, raise gan_epochs, or set gp_weight to 0"
        )
    ratio = 1.0 if penalty_every == 1 else penalty_every / (penalty_every + 1)
    updates = updates_per_step if penalty_every == 1 else updates_per_step / ratio
    optimizer = keras.optimizers.Adam(
        course(initial * ratio, config, total_updates=round(total_steps * updates), updates_per_step=updates),
        beta_1=config.beta_1**ratio,
        beta_2=config.beta_2**ratio,
        weight_decay=weight_decay or None,
    )
    optimizer.build(network.trainable_variables)
    return optimizer


def apply_gradients(
    strategy: tf.distribute.Strategy, optimizer: keras.optimizers.Adam, gradients: Any, variables: Any
) -> None:
    """One update by gradients that are already summed over replicas. Call outside of replica functions.

    The optimizer's weight decay shrinks kernels only: not biases, gains and the scales of norms.
    `optimizer.apply` would sum them once more, and is not made for cross-replica context. What is done here per
    variable is its arithmetic in one operation, where Keras has a dozen.
    """
    moments = [moment.value for moment in optimizer.variables[-2 * len(variables) :]]  # of each variable two
    updates = tf.cast(tf.convert_to_tensor(optimizer.iterations) + 1, tf.float32)
    numbers = {
        "lr": learning_rate(optimizer),
        "beta1_power": tf.pow(optimizer.beta_1, updates),
        "beta2_power": tf.pow(optimizer.beta_2, updates),
    }
    decay = optimizer.weight_decay

    def update(variable: tf.Variable, gradient: tf.Tensor, m: tf.Variable, v: tf.Variable, numbers: Any) -> None:
        if decay is not None and len(variable.shape) > 1:
            variable.assign_sub(numbers["lr"] * decay * variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            **numbers,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    for variable, gradient, m, v in zip(variables, gradients, moments[::2], moments[1::2], strict=True):
        strategy.extended.update(variable.value, update, args=(gradient, m, v, numbers), group=False)
    optimizer.iterations.assign_add(1)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """The learning rate of the next update, a scalar, whether it follows a schedule or is a (mirrored) variable."""
    return tf.convert_to_tensor(optimizer.learning_rate)
