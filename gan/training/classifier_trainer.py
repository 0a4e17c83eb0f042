"""Train the classifier whose features and accuracy score the GAN, on any number of strategy.

Softmax cross-entropy with label smoothing, Adam with decoupled weight decay and a cosine schedule to zero; each batch
is shifted by up to `LARGEST_SHIFT` pixels. Batches and shifts are functions of (seed, step).

    trainer = ClassifierTrainer(classifier, spec, config=config, total_steps=total_steps, strategy=strategy)
    metrics = trainer.run(0, batches.take(0, 1))

Shapes: `S` steps in a call, `B` global batch, `H W C` image.
"""

from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.data.batches import Batch
from gan.devices import cluster
from gan.devices import strategy as replicas
from gan.images import BLACK, ImageSpec, network_from_pixels
from gan.seeding import Purpose, stream
from gan.training.guard import Guard
from gan.training.loop import Metrics

LARGEST_SHIFT = 2
LABEL_SMOOTHING = 0.05


def shifted(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The images (B, H, W, C), all moved alike by -`LARGEST_SHIFT`..`LARGEST_SHIFT` pixels each way; black comes in."""
    around = ((0, 0), (LARGEST_SHIFT, LARGEST_SHIFT), (LARGEST_SHIFT, LARGEST_SHIFT), (0, 0))
    padded = tf.pad(images, around, constant_values=BLACK)
    top_left = tf.random.stateless_uniform((2,), seed, maxval=2 * LARGEST_SHIFT + 1, dtype=tf.int32)
    return tf.slice(padded, [0, top_left[0], top_left[1], 0], tf.shape(images))


class ClassifierTrainer:
    """The step, and what it changes: the classifier, its optimizer and the count of skipped steps.

    Args:
        classifier: built under `strategy.scope()`.
        spec: of the images.
        config: `cls_batch_size`, `cls_lr`, `cls_weight_decay`, `max_bad_steps`, `seed`.
        total_steps: length of the run, for the learning rate's schedule.
        strategy: where it runs.

    Raises:
        ValueError: the replicas do not divide `cls_batch_size`.
    """

    def __init__(
        self,
        classifier: keras.Model,
        spec: ImageSpec,
        *,
        config: Config,
        total_steps: int,
        strategy: tf.distribute.Strategy,
    ) -> None:
        replicas.check_divisible(config.cls_batch_size, strategy.num_replicas_in_sync, "cls_batch_size")
        self.classifier = classifier
        self.spec = spec
        self.config = config
        self.strategy = strategy
        self.guard = Guard(strategy, max_bad_steps=config.max_bad_steps, scaling=classifier.compute_dtype == "float16")
        with strategy.scope():
            self.optimizer = keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(config.cls_lr, total_steps),
                weight_decay=config.cls_weight_decay or None,
            )
            self.optimizer.build(classifier.trainable_variables)
        signature = [
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((None, config.cls_batch_size, *spec.shape), tf.uint8),
            tf.TensorSpec((None, config.cls_batch_size), tf.int32),
        ]
        self._traced_steps = tf.function(self._steps, input_signature=signature)

    @property
    def batch_size(self) -> int:
        return self.config.cls_batch_size

    @property
    def batches_per_step(self) -> int:
        return 1

    @property
    def max_bad_steps(self) -> int:
        return self.config.max_bad_steps

    @property
    def models(self) -> dict[str, keras.Model]:
        """The trained network by name."""
        return {"classifier": self.classifier}

    @property
    def state(self) -> dict[str, Any]:
        """Everything that training changes, by the name it is saved under."""
        return {"classifier": self.classifier, "optimizer": self.optimizer, "guard": self.guard}

    @property
    def traced(self) -> Any:
        """The traced function, of which there is one."""
        return self._traced_steps

    def learning_rates(self) -> dict[str, float]:
        return {"learning_rate/classifier": float(replicas.learning_rate(self.optimizer))}

    def agreed_signal(self, number: int | None) -> int | None:
        """The signal to stop by, if one came to any worker. Call after every `run`."""
        return cluster.agreed_signal(self.strategy, number)

    def run(self, first_step: int, batch: Batch) -> Metrics:
        """Run S steps on S batches: images (S, B, H, W, C) uint8, labels (S, B). Metrics are of the last step.

        When `max_bad_steps` steps in a row were not finite, no more are run.
        """
        metrics: Metrics = self._traced_steps(tf.constant(first_step, tf.int64), batch.images, batch.labels)
        return metrics

    def _steps(self, first_step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Metrics:
        metrics = {name: tf.zeros(()) for name in ("loss/classifier", "accuracy/batch", "gradient/classifier")}
        ran = tf.constant(0)
        with self.strategy.scope():  # variables change in cross-replica context
            while ran < tf.shape(images)[0] and not self.guard.exhausted:
                args = (first_step + tf.cast(ran, tf.int64), images[ran], labels[ran])
                moving = self.classifier.non_trainable_variables
                metrics, finite = self.guard.update(self._gradients, args, apply=self._apply, moving=moving)
                self.guard.count(finite)
                ran += 1
            return metrics | self.guard.metrics(ran)

    def _apply(self, gradients: Any) -> None:
        variables = self.classifier.trainable_variables
        replicas.apply_gradients(self.strategy, self.optimizer, gradients, variables)

    def _gradients(self, step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> tuple[Any, Metrics]:
        batch_size = self.config.cls_batch_size
        x = network_from_pixels(tf.cast(replicas.replica_slice(images), tf.float32))
        x = shifted(x, stream(self.config.seed, Purpose.SHIFTS, step))
        targets = tf.one_hot(replicas.replica_slice(labels), self.spec.num_classes)
        smooth = targets * (1.0 - LABEL_SMOOTHING) + LABEL_SMOOTHING / self.spec.num_classes
        with tf.GradientTape() as tape:
            logits = self.classifier(x, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
            loss = tf.nn.compute_average_loss(losses, global_batch_size=batch_size)
            total = self.guard.scaled(loss)
        gradients = self.guard.unscaled(tape.gradient(total, self.classifier.trainable_variables))
        correct = tf.cast(tf.argmax(logits, axis=1) == tf.argmax(targets, axis=1), tf.float32)
        accuracy = tf.nn.compute_average_loss(correct, global_batch_size=batch_size)
        metrics = {"loss/classifier": loss, "accuracy/batch": accuracy}
        gradients, metrics = replicas.sum_over_replicas([gradients, metrics])
        return gradients, metrics | {"gradient/classifier": tf.linalg.global_norm(gradients)}
