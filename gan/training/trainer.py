"""What both trainers are: steps that run in one traced function, each a function of its number and its batches.

    metrics = trainer.run(0, batches.take(0, trainer.batches_per_step))

Shapes: `S` steps in a call, `U` batches per step, `B` global batch, `H W C` image.
"""

from abc import ABC, abstractmethod
from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.data.batches import Batch
from gan.devices.strategy import check_divisible
from gan.images import ImageSpec
from gan.training.optimizers import learning_rate
from gan.training.step import Guard, Metrics


class Trainer(ABC):
    """The steps, and everything they change.

    Args:
        spec: of the images.
        config: `max_bad_steps`, and what the subclass takes from it.
        strategy: where it runs.
        batch_size_field: the config's field with B.
        batches_per_step: U.
        group: images that the networks look at together; a replica's part of the batch is of whole groups.
        scaling: losses are scaled, as float16 needs.

    Raises:
        UserError: the replicas do not divide B.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        config: Config,
        strategy: tf.distribute.Strategy,
        batch_size_field: str,
        batches_per_step: int = 1,
        group: int = 1,
        scaling: bool = False,
    ) -> None:
        self.batch_size: int = getattr(config, batch_size_field)
        check_divisible(self.batch_size, strategy.num_replicas_in_sync, batch_size_field, group=group)
        self.spec = spec
        self.config = config
        self.strategy = strategy
        self.batches_per_step = batches_per_step
        self.max_bad_steps = config.max_bad_steps
        self.guard = Guard(strategy, max_bad_steps=config.max_bad_steps, scaling=scaling)
        shape = (None, batches_per_step, self.batch_size)
        signature = [
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((*shape, *spec.shape), tf.uint8),
            tf.TensorSpec(shape, tf.int32),
        ]
        self.period = 1
        """Steps that have each kind of update."""
        self.traced = tf.function(self._steps, input_signature=signature)
        """The traced function, of which there is one."""

    @property
    @abstractmethod
    def models(self) -> dict[str, keras.Model]:
        """The trained networks by name."""

    @property
    @abstractmethod
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Their optimizers, by the same names."""

    @property
    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that training changes, by the name it is saved under."""

    @property
    @abstractmethod
    def metric_names(self) -> list[str]:
        """What a step tells of itself."""

    @abstractmethod
    def draw(self, step: tf.Tensor, labels: tf.Tensor) -> Any:
        """All random numbers of a step with labels (U, B), for the global batch."""

    @abstractmethod
    def step(self, step: tf.Tensor, images: tf.Tensor, draws: Any) -> tuple[Metrics, tf.Tensor, tf.Tensor | None]:
        """One step on images (U, B, H, W, C) uint8.

        Returns:
            Its metrics, whether every update was finite, and whether every kind of update was due: None where it always
            is.
        """

    def learning_rates(self) -> dict[str, float]:
        return {f"learning_rate/{name}": float(learning_rate(each)) for name, each in self.optimizers.items()}

    def run(self, first_step: int, batch: Batch) -> Metrics:
        """Run S steps on S·U batches: images (S·U, B, H, W, C) uint8, labels (S·U, B). Metrics are of the last step.

        When `max_bad_steps` steps in a row had an update that was not finite, no more are run.
        """
        per_step = (-1, self.batches_per_step)
        images = tf.reshape(batch.images, (*per_step, *batch.images.shape[1:]))
        labels = tf.reshape(batch.labels, (*per_step, *batch.labels.shape[1:]))
        metrics: Metrics = self.traced(tf.constant(first_step, tf.int64), images, labels)
        return metrics

    def _steps(self, first_step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Metrics:
        metrics = {name: tf.zeros(()) for name in self.metric_names}
        ran = tf.constant(0)
        with self.strategy.scope():  # variables change in cross-replica context
            while ran < tf.shape(images)[0] and not self.guard.exhausted:
                metrics = self._counted_step(first_step + tf.cast(ran, tf.int64), images[ran], labels[ran])
                ran += 1
            return metrics | self.guard.metrics(ran)

    @tf.autograph.experimental.do_not_convert  # No tensor decides what Python does: a look takes time.
    def _counted_step(self, step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Metrics:
        metrics, finite, complete = self.step(step, images, self.draw(step, labels))
        self.guard.count(finite, complete)
        return metrics
