"""Lets no update through that is not finite: it is skipped on every replica alike, and counted.

What an update is judged by is known to every replica when it gets here: losses, and the norm of the gradient, summed
over strategy. Variables that the forward pass changes are put back when an update is skipped.

In float16 small gradients would vanish: losses are multiplied by a scale before they are differentiated, the gradients
divided by it (arXiv 1710.03740). Where that overflows, the step is one that is skipped, and the scale is halved; after
`GROWTH_STEPS` steps in a row that did not, it is doubled.

    guard = Guard(strategy, max_bad_steps=20)
    metrics, finite = guard.update(gradients_of, (step, images), apply=apply, moving=network.non_trainable_variables)
    guard.count(finite)
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from gan.devices import strategy as replicas

SKIPPED, IN_A_ROW, RAN = "steps/skipped", "steps/skipped_in_a_row", "steps/ran"
"""Names of the metrics that tell of it: since the run began, up to now, and the steps that were run in a call."""


INITIAL_SCALE, LARGEST_SCALE = 2.0**15, 2.0**24
GROWTH_STEPS = 2000


class Guard:
    """Judges updates, and counts the steps in which one was skipped. Create and call outside of replica functions.

    Args:
        strategy: of the run.
        max_bad_steps: after so many steps in a row in which an update was skipped, the guard is `exhausted`.
        scaling: losses are scaled.
    """

    def __init__(self, strategy: tf.distribute.Strategy, *, max_bad_steps: int, scaling: bool = False) -> None:
        self.strategy = strategy
        self.max_bad_steps = max_bad_steps
        self.scaling = scaling

        def variable(name: str, value: float = 0, dtype: str = "int64") -> keras.Variable:
            return keras.Variable(value, dtype=dtype, trainable=False, aggregation="only_first_replica", name=name)

        with strategy.scope():
            self.skipped, self.in_a_row = variable("skipped"), variable("skipped_in_a_row")
            self.scale = variable("loss_scale", INITIAL_SCALE if scaling else 1.0, "float32")
            self.unskipped_in_a_row = variable("unskipped_in_a_row")

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.skipped, self.in_a_row, self.scale, self.unskipped_in_a_row]

    @property
    def exhausted(self) -> tf.Tensor:
        """Whether the run is at its end, a boolean scalar."""
        return tf.convert_to_tensor(self.in_a_row) >= self.max_bad_steps

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss to differentiate. Call in a replica function, under the tape."""
        return loss * tf.convert_to_tensor(self.scale) if self.scaling else loss

    def unscaled(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of a loss from those of the scaled one."""
        return [gradient / tf.convert_to_tensor(self.scale) for gradient in gradients] if self.scaling else gradients

    @tf.autograph.experimental.do_not_convert  # There is nothing to convert, and looking for it takes a second.
    def update(
        self,
        gradients_of: Callable[..., tuple[Any, dict[str, tf.Tensor]]],
        args: tuple[Any, ...],
        *,
        apply: Callable[[Any], None],
        moving: list[keras.Variable],
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """One update, if it is finite.

        Args:
            gradients_of: replica function that returns gradients and metrics, both the same on all strategy.
            args: of it.
            apply: changes variables by the gradients.
            moving: variables that the replica function itself changes.

        Returns:
            The metrics, and whether all of them and all of `moving` were finite, a boolean scalar.
        """
        before = [tf.identity(variable) for variable in moving]
        gradients, found = self.strategy.run(gradients_of, args)
        metrics = replicas.first_replica(found)
        now = [tf.reshape(value, [-1]) for value in (*metrics.values(), *moving)]
        finite = tf.reduce_all(tf.math.is_finite(tf.concat(now, axis=0)))

        def go_on() -> tf.Tensor:
            apply(gradients)
            return tf.constant(True)

        def put_back() -> tf.Tensor:
            for variable, value in zip(moving, before, strict=True):
                variable.assign(value)
            return tf.constant(False)

        return metrics, tf.cond(finite, go_on, put_back)

    def count(self, finite: tf.Tensor) -> None:
        """Count a step, all of whose updates were finite or not."""
        self.skipped.assign_add(tf.cast(~finite, tf.int64))
        none = tf.constant(0, tf.int64)
        self.in_a_row.assign(tf.where(finite, none, tf.convert_to_tensor(self.in_a_row) + 1))
        if self.scaling:
            unskipped = tf.convert_to_tensor(self.unskipped_in_a_row) + 1
            grows = finite & (unskipped >= GROWTH_STEPS)
            factor = tf.where(finite, tf.where(grows, 2.0, 1.0), 0.5)
            scale = tf.clip_by_value(tf.convert_to_tensor(self.scale) * factor, 1.0, LARGEST_SCALE)
            self.scale.assign(scale)
            self.unskipped_in_a_row.assign(tf.where(finite & ~grows, unskipped, none))

    def metrics(self, ran: tf.Tensor) -> dict[str, tf.Tensor]:
        """The counts, and the number of steps that were run in a call; the scale, where losses are scaled."""
        scale = {"loss_scale": tf.convert_to_tensor(self.scale)} if self.scaling else {}
        return scale | {
            SKIPPED: tf.convert_to_tensor(self.skipped),
            IN_A_ROW: tf.convert_to_tensor(self.in_a_row),
            RAN: ran,
        }
