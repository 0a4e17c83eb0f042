"""One update of a network, from top to bottom: slice, objective, reduce, finite?, apply.

    guard = Guard(strategy, max_bad_steps=20)
    updated = update(guard, losses, (images, labels), network=critic, optimizer=optimizer, name="critic")
    guard.count(updated.finite)

An update whose losses, gradient or moving statistics are not finite is skipped on every replica alike, and its step
counted. In float16 small gradients would vanish: losses are multiplied by a scale before they are differentiated, the
gradients divided by it (arXiv 1710.03740). Where that overflows, the step is skipped and the scale halved; after
`GROWTH_STEPS` good steps in a row it is doubled.

Shapes: `B` global batch.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan.devices.strategy import first_replica, replica_slice, sum_over_replicas
from gan.objectives.objective import require_vector
from gan.training.optimizers import apply_gradients

Metrics = dict[str, tf.Tensor]

SKIPPED, IN_A_ROW, RAN = "steps/skipped", "steps/skipped_in_a_row", "steps/ran"
"""Metrics that tell of skipped steps: since the run began, up to now, and the steps that were run in a call."""

COMPUTED = "computed/"
"""Before the name of another metric: 1 if that was computed in the step, else 0. Of metrics that not every step has."""

RARE = 2**32
"""In the variable that holds both of the guard's rows, the unit of the second one."""

INITIAL_SCALE, LARGEST_SCALE = 2.0**15, 2.0**24
GROWTH_STEPS = 2000


class Losses(NamedTuple):
    """What a loss function returns, for one replica's part of the batch.

    Attributes:
        terms: by name, one number per example; their weighted sum is minimised.
        weights: of terms whose weight is not 1.
        shown: other numbers per example, whose means are metrics.
        kept: tensors that a later update of the same step needs.
    """

    terms: Mapping[str, tf.Tensor]
    weights: Mapping[str, float] = {}
    shown: Mapping[str, tf.Tensor] = {}
    kept: Any = ()


class Updated(NamedTuple):
    """The metrics of an update, whether all was finite (a boolean scalar), and what each replica kept."""

    metrics: Metrics
    finite: tf.Tensor
    kept: Any


@tf.autograph.experimental.do_not_convert  # There is nothing to convert, and looking for it takes a second.
def update(
    guard: "Guard",
    losses: Callable[..., Losses],
    batch: tuple[Any, ...],
    *,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    name: str,
    moving: Sequence[keras.Variable] = (),
    kept: tuple[Any, ...] = (),
    due: tf.Tensor | None = None,
    terms: Sequence[str] = (),
    then: Callable[[], None] = lambda: None,
) -> Updated:
    """One update of a network, if it is finite. Call outside of replica functions.

    Args:
        guard: counts, and knows the strategy and the loss scale.
        losses: what is minimised, a function of a replica's part of the batch, then of what it kept.
        batch: tensors of the global batch, each (B, ...), in any structure.
        network: whose trained variables are updated.
        optimizer: of those.
        name: of the network, for the metric `gradient/{name}`.
        moving: variables that `losses` itself changes; put back if the update is skipped.
        kept: what an earlier update of the step kept.
        due: whether the update is made at all, a boolean scalar; else nothing is computed, metrics are NaN, and those
            of `COMPUTED` say so.
        terms: names of the losses, where `due` is given.
        then: what follows the update of the variables.
    """

    def on_replica(batch: Any, kept: Any) -> tuple[Any, Metrics, Any]:
        count = tf.nest.flatten(batch)[0].shape[0]
        own = tf.nest.map_structure(replica_slice, batch)
        trained = [variable.value for variable in network.trainable_variables]

        def differentiated() -> tuple[Any, Metrics, Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(trained)
                found = losses(*own, *kept)
                means = {f"loss/{term}": _mean(values, term, count) for term, values in found.terms.items()}
                weighted = (_weighted(means[f"loss/{term}"], found.weights.get(term)) for term in found.terms)
                total = guard.scaled(reduce(tf.add, weighted))
            gradients = tape.gradient(total, trained, unconnected_gradients="zero")
            means |= {shown: _mean(values, shown, count) for shown, values in found.shown.items()}
            return guard.unscaled(gradients), means, found.kept

        def nothing() -> tuple[Any, Metrics, Any]:
            return [tf.zeros_like(value) for value in trained], {f"loss/{term}": tf.zeros(()) for term in terms}, ()

        gradients, means, kept = differentiated() if due is None else tf.cond(due, differentiated, nothing)
        gradients, metrics = sum_over_replicas([gradients, means])
        return gradients, metrics | {f"gradient/{name}": tf.linalg.global_norm(gradients)}, kept

    before = [tf.identity(variable) for variable in moving]
    gradients, found, kept = guard.strategy.run(on_replica, (batch, kept))
    metrics = first_replica(found)
    judged = [tf.reshape(value, [-1]) for value in (*metrics.values(), *moving)]
    finite = tf.reduce_all(tf.math.is_finite(tf.concat(judged, axis=0)))

    def go_on() -> None:
        apply_gradients(guard.strategy, optimizer, gradients, network.trainable_variables)
        then()

    def put_back() -> None:
        for variable, value in zip(moving, before, strict=True):
            variable.assign(value)

    tf.cond(finite if due is None else finite & due, go_on, put_back)
    if due is not None:
        flags = {f"{COMPUTED}{each}": tf.cast(due, tf.float32) for each in metrics}
        metrics = flags | {each: tf.where(due, value, np.nan) for each, value in metrics.items()}
    return Updated(metrics, finite, kept)


def _mean(values: tf.Tensor, name: str, count: int) -> tf.Tensor:
    """This replica's share of the mean over the global batch of so many examples."""
    require_vector(values, name, length=count // tf.distribute.get_replica_context().num_replicas_in_sync)
    return tf.nn.compute_average_loss(values, global_batch_size=count)


def _weighted(value: tf.Tensor, weight: float | None) -> tf.Tensor:
    return value if weight is None else weight * value


class Guard:
    """Counts the steps in which an update was skipped. Create and call outside of replica functions.

    Args:
        strategy: of the run.
        max_bad_steps: after so many steps in a row in which an update was skipped, the guard is `exhausted`. Steps that
            have a rare update, too, are also a row by themselves.
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
    def rows(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Skipped steps in a row up to now, int64: of all steps, and of those alone that had a rare update, too.

        Checkpoints hold both as one number, so that those from before there was the second go on.
        """
        row = tf.convert_to_tensor(self.in_a_row)
        return row % RARE, row // RARE

    def begin_scaling(self) -> None:
        """Begin with a loss scale if what was restored had none: it is of a run whose losses were not scaled.

        One whose scale has fallen to 1 has counted a step since: as skipped or as not skipped.
        """
        counted = int(self.unskipped_in_a_row.numpy()) or int(self.in_a_row.numpy())
        if self.scaling and float(self.scale.numpy()) == 1.0 and not counted:
            self.scale.assign(INITIAL_SCALE)

    @property
    def exhausted(self) -> tf.Tensor:
        """Whether the run is at its end, a boolean scalar."""
        return tf.maximum(*self.rows) >= self.max_bad_steps

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss to differentiate. Call in a replica function, under the tape."""
        return loss * tf.convert_to_tensor(self.scale) if self.scaling else loss

    def unscaled(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of a loss from those of the scaled one."""
        return [gradient / tf.convert_to_tensor(self.scale) for gradient in gradients] if self.scaling else gradients

    def count(self, finite: tf.Tensor, complete: tf.Tensor | None = None) -> None:
        """Count a step, all of whose updates were finite or not; `complete` says whether a rare one was due.

        None where there is no rare one.
        """
        self.skipped.assign_add(tf.cast(~finite, tf.int64))
        none = tf.constant(0, tf.int64)
        row, rare = self.rows
        after = tf.where(finite, none, row + 1)
        if complete is not None:
            after += RARE * tf.where(complete, tf.where(finite, none, rare + 1), rare)
        self.in_a_row.assign(after)
        if self.scaling:
            unskipped = tf.convert_to_tensor(self.unskipped_in_a_row) + 1
            grows = finite & (unskipped >= GROWTH_STEPS)
            factor = tf.where(finite, tf.where(grows, 2.0, 1.0), 0.5)
            scale = tf.clip_by_value(tf.convert_to_tensor(self.scale) * factor, 1.0, LARGEST_SCALE)
            self.scale.assign(scale)
            self.unskipped_in_a_row.assign(tf.where(finite & ~grows, unskipped, none))

    def metrics(self, ran: tf.Tensor) -> Metrics:
        """The counts, and the number of steps that were run in a call; the scale, where losses are scaled."""
        scale = {"loss_scale": tf.convert_to_tensor(self.scale)} if self.scaling else {}
        return scale | {
            SKIPPED: tf.convert_to_tensor(self.skipped),
            IN_A_ROW: tf.maximum(*self.rows),
            RAN: ran,
        }
