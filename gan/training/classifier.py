"""Train the classifier whose features and accuracy score the GAN, on any number of replicas.

Softmax cross-entropy with label smoothing, Adam with decoupled weight decay and a cosine schedule to zero; each batch
is shifted by up to `LARGEST_SHIFT` pixels. Batches and shifts are functions of (seed, step).

    trainer = ClassifierTrainer(classifier, spec, config=config, total_steps=total_steps, strategy=strategy)
    metrics = trainer.run(0, batches.take(0, 1))

Shapes: `B` global batch, `H W C` image, `K` classes.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from gan.config import Config
from gan.images import BLACK, ImageSpec, network_from_pixels
from gan.seeding import Purpose, stream
from gan.training.step import Losses, Metrics, update
from gan.training.trainer import Trainer

LARGEST_SHIFT = 2
LABEL_SMOOTHING = 0.05


def shifted(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The images (B, H, W, C), all moved alike by -`LARGEST_SHIFT`..`LARGEST_SHIFT` pixels each way; black comes in."""
    around = ((0, 0), (LARGEST_SHIFT, LARGEST_SHIFT), (LARGEST_SHIFT, LARGEST_SHIFT), (0, 0))
    padded = tf.pad(images, around, constant_values=BLACK)
    top_left = tf.random.stateless_uniform((2,), seed, maxval=2 * LARGEST_SHIFT + 1, dtype=tf.int32)
    return tf.slice(padded, [0, top_left[0], top_left[1], 0], tf.shape(images))


class ClassifierTrainer(Trainer):
    """The step, and what it changes: the classifier, its optimizer and the count of skipped steps.

    Args:
        classifier: built under `strategy.scope()`.
        spec: of the images.
        config: `cls_batch_size`, `cls_lr`, `cls_weight_decay`, `max_bad_steps`, `seed`.
        total_steps: length of the run, for the learning rate's schedule.
        strategy: where it runs.

    Raises:
        UserError: the replicas do not divide `cls_batch_size`.
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
        self.classifier = classifier
        scaling = classifier.compute_dtype == "float16"
        super().__init__(spec, config=config, strategy=strategy, batch_size_field="cls_batch_size", scaling=scaling)
        with strategy.scope():
            self.optimizer = keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(config.cls_lr, total_steps),
                weight_decay=config.cls_weight_decay or None,
            )
            self.optimizer.build(classifier.trainable_variables)

    @property
    def models(self) -> dict[str, keras.Model]:
        return {"classifier": self.classifier}

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"classifier": self.optimizer}

    @property
    def state(self) -> dict[str, Any]:
        return {"classifier": self.classifier, "optimizer": self.optimizer, "guard": self.guard}

    @property
    def metric_names(self) -> list[str]:
        return ["loss/classifier", "accuracy/batch", "gradient/classifier"]

    def draw(self, step: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The labels (B,) and the seed of the batch's shift."""
        return labels[0], stream(self.config.seed, Purpose.SHIFTS, step)

    def step(self, step: tf.Tensor, images: tf.Tensor, draws: Any) -> tuple[Metrics, tf.Tensor, None]:
        labels, seed = draws
        updated = update(
            self.guard,
            partial(self._losses, seed),
            (images[0], labels),
            network=self.classifier,
            optimizer=self.optimizer,
            name="classifier",
            moving=self.classifier.non_trainable_variables,
        )
        return updated.metrics, updated.finite, None

    def _losses(self, seed: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Losses:
        x = shifted(network_from_pixels(tf.cast(images, tf.float32)), seed)
        targets = tf.one_hot(labels, self.spec.num_classes)
        smooth = targets * (1.0 - LABEL_SMOOTHING) + LABEL_SMOOTHING / self.spec.num_classes
        logits = self.classifier(x, training=True)
        correct = tf.cast(tf.argmax(logits, axis=1) == tf.argmax(targets, axis=1), tf.float32)
        losses = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
        return Losses({"classifier": losses}, shown={"accuracy/batch": correct})
