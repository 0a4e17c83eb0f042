"""Train a conditional GAN by the Wasserstein loss with gradient penalty, on any number of strategy.

One step is `crit_steps` critic updates, each on fresh reals, then one generator update; `steps_per_call` steps run in
one call of one traced function. Batches, noise and labels are functions of (seed, update), drawn for the global batch
and sliced by replica. Gradients are summed over replicas before anything looks at them; variables change outside of
replica functions, everywhere alike. An update that is not finite is skipped, and its step counted as bad.

    trainer = GanTrainer(networks, spec, config=config, total_steps=total_steps, strategy=strategy)
    metrics = trainer.run(0, batches.take(0, config.crit_steps))

Shapes: `S` steps in a call, `U` critic updates in a step, `B` global batch, `H W C` image, `K` classes, `Z` style.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from gan.config import Config
from gan.data.batches import Batch
from gan.devices import cluster
from gan.devices import strategy as replicas
from gan.errors import UserError
from gan.images import ImageSpec, network_from_pixels
from gan.objectives import losses
from gan.objectives.creative import creative_labels
from gan.seeding import Purpose, stream
from gan.training.guard import Guard
from gan.training.loop import Metrics
from gan.training.optimizers import adam


class Networks(NamedTuple):
    """What is trained: `average` is the exponential moving average of `generator`."""

    generator: keras.Model
    average: keras.Model
    critic: keras.Model


class Draws(NamedTuple):
    """What is random in an update, for the global batch. The generator's has no `epsilon`."""

    styles: tf.Tensor  # (B, Z)
    labels: tf.Tensor  # (B, K), of the fakes; of a critic update, of the reals too
    epsilon: tf.Tensor | None = None  # (B,), where between real and fake the penalty is taken


class GanTrainer:
    """The step, and everything it changes: networks, optimizers and the count of skipped steps.

    Args:
        networks: built under `strategy.scope()`.
        spec: of the images.
        config: `gan_*`, `gen_*`, `crit_*` and the rest of the GAN's fields.
        total_steps: length of the run, for the learning rate's schedule.
        strategy: where it runs.
        classifier: trained on the same classes, its images in [-1, 1]; wanted if `config.cls_weight` is above 0.

    Raises:
        ValueError: there is no classifier where one is wanted, the replicas do not divide `gan_batch_size`, or there
            are several and `jit_compile` is set.
    """

    def __init__(
        self,
        networks: Networks,
        spec: ImageSpec,
        *,
        config: Config,
        total_steps: int,
        strategy: tf.distribute.Strategy,
        classifier: keras.Model | None = None,
    ) -> None:
        if config.cls_weight and classifier is None:
            raise UserError(f"cls_weight is {config.cls_weight}, but there is no classifier; expected a trained one")
        replicas.check_divisible(config.gan_batch_size, strategy.num_replicas_in_sync, "gan_batch_size")
        if config.jit_compile and strategy.num_replicas_in_sync > 1:
            raise UserError(
                f"jit_compile is true, but there are {strategy.num_replicas_in_sync} replicas; expected one: choose "
                "it by --devices or CUDA_VISIBLE_DEVICES, or leave jit_compile out"
            )
        self.networks = networks
        self.spec = spec
        self.config = config
        self.strategy = strategy
        self.classifier = classifier
        self.guard = Guard(
            strategy,
            max_bad_steps=config.max_bad_steps,
            scaling=networks.critic.compute_dtype == "float16",
        )
        with strategy.scope():
            self.generator_optimizer = adam(
                networks.generator,
                config.gen_lr,
                config,
                weight_decay=config.gen_weight_decay,
                total_steps=total_steps,
            )
            self.critic_optimizer = adam(
                networks.critic,
                config.crit_lr,
                config,
                weight_decay=config.crit_weight_decay,
                total_steps=total_steps,
                updates_per_step=config.crit_steps,
            )
        # Random numbers are drawn outside of what XLA compiles: it would draw others.
        self._one_step = tf.function(self._step, jit_compile=True) if config.jit_compile else self._step
        self._traced_steps = tf.function(self._steps, input_signature=self._signature())

    def _signature(self) -> list[tf.TensorSpec]:
        batch = (None, self.config.crit_steps, self.config.gan_batch_size)
        return [
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((*batch, *self.spec.shape), tf.uint8),
            tf.TensorSpec(batch, tf.int32),
        ]

    @property
    def batch_size(self) -> int:
        return self.config.gan_batch_size

    @property
    def batches_per_step(self) -> int:
        return self.config.crit_steps

    @property
    def max_bad_steps(self) -> int:
        return self.config.max_bad_steps

    @property
    def models(self) -> dict[str, keras.Model]:
        """The trained networks by name."""
        return {"generator": self.networks.generator, "critic": self.networks.critic}

    @property
    def state(self) -> dict[str, Any]:
        """Everything that training changes, by the name it is saved under."""
        return {
            **self.networks._asdict(),
            "generator_optimizer": self.generator_optimizer,
            "critic_optimizer": self.critic_optimizer,
            "guard": self.guard,
        }

    @property
    def traced(self) -> Any:
        """The traced function, of which there is one."""
        return self._traced_steps

    def learning_rates(self) -> dict[str, float]:
        return {
            "learning_rate/generator": float(replicas.learning_rate(self.generator_optimizer)),
            "learning_rate/critic": float(replicas.learning_rate(self.critic_optimizer)),
        }

    def agreed_signal(self, number: int | None) -> int | None:
        """The signal to stop by, if one came to any worker. Call after every `run`."""
        return cluster.agreed_signal(self.strategy, number)

    def run(self, first_step: int, batch: Batch) -> Metrics:
        """Run S steps on S·U batches: images (S·U, B, H, W, C) uint8, labels (S·U, B). Metrics are of the last step.

        When `max_bad_steps` steps in a row had an update that was not finite, no more are run.
        """
        step_batches = (-1, self.config.crit_steps)
        images = tf.reshape(batch.images, (*step_batches, *batch.images.shape[1:]))
        labels = tf.reshape(batch.labels, (*step_batches, *batch.labels.shape[1:]))
        metrics: Metrics = self._traced_steps(tf.constant(first_step, tf.int64), images, labels)
        return metrics

    def _steps(self, first_step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Metrics:
        names = ["loss/critic", "loss/generator", "loss/penalty", "gradient/critic", "gradient/generator"]
        names += ["loss/class"] if self.config.cls_weight else []
        metrics = {name: tf.zeros(()) for name in names}
        ran = tf.constant(0)
        with self.strategy.scope():  # variables change in cross-replica context
            while ran < tf.shape(images)[0] and not self.guard.exhausted:
                step = first_step + tf.cast(ran, tf.int64)
                critic_draws, generator_draws = self._draws(step, labels[ran])
                metrics = self._one_step(step, images[ran], critic_draws, generator_draws)
                ran += 1
            return metrics | self.guard.metrics(ran)

    def _draws(self, step: tf.Tensor, labels: tf.Tensor) -> tuple[list[Draws], Draws]:
        """Of each critic update of a step, and of its generator update."""
        config = self.config
        critic = []
        for number in range(config.crit_steps):
            update = step * config.crit_steps + number
            styles = self._styles(Purpose.CRITIC_STYLES, update)
            own = tf.one_hot(labels[number], self.spec.num_classes)
            seed = stream(config.seed, Purpose.INTERPOLATION, update)
            critic.append(Draws(styles, own, tf.random.stateless_uniform((config.gan_batch_size,), seed)))
        styles = self._styles(Purpose.GENERATOR_STYLES, step)
        return critic, Draws(styles, self._labels(step, labels[config.crit_steps - 1]))

    def _step(
        self,
        step: tf.Tensor,
        images: tf.Tensor,
        critic_draws: list[Draws],
        generator_draws: Draws,
    ) -> Metrics:
        generator, _, critic = self.networks
        metrics: Metrics = {}
        all_finite = tf.constant(True)

        def improve_critic(gradients: Any) -> None:
            self._apply(self.critic_optimizer, gradients, critic)
            critic.power_iteration(self.config.power_iter)

        def improve_generator(gradients: Any) -> None:
            self._apply(self.generator_optimizer, gradients, generator)
            self._move_average(step)

        moving = generator.non_trainable_variables
        for number, draws in enumerate(critic_draws):
            found, finite = self.guard.update(
                self._critic_gradients, (images[number], draws), apply=improve_critic, moving=moving
            )
            # What is shown is of the last update, or of one that was skipped.
            metrics = {name: tf.where(all_finite, value, metrics.get(name, value)) for name, value in found.items()}
            all_finite &= finite
        found, finite = self.guard.update(
            self._generator_gradients, (generator_draws,), apply=improve_generator, moving=moving
        )
        self.guard.count(all_finite & finite)
        return metrics | found

    def _critic_gradients(self, images: tf.Tensor, draws: Draws) -> tuple[Any, Metrics]:
        generator, _, critic = self.networks
        styles, labels, epsilon = map(replicas.replica_slice, draws)
        reals = network_from_pixels(tf.cast(replicas.replica_slice(images), tf.float32))
        fakes = generator(styles, labels, training=True)
        between = losses.interpolate(reals, fakes, epsilon)
        with tf.GradientTape() as tape:
            scores = critic(tf.concat([reals, fakes], axis=0), tf.concat([labels, labels], axis=0))
            real_scores, fake_scores = tf.split(scores, 2)
            loss = self._average(losses.critic_loss(real_scores, fake_scores))
            penalty = self._average(losses.gradient_penalty(critic, between, labels))
            total = self.guard.scaled(loss + self.config.gp_weight * penalty)
        gradients = self.guard.unscaled(tape.gradient(total, critic.trainable_variables))
        return self._reduced(gradients, "critic", {"loss/critic": loss, "loss/penalty": penalty})

    def _generator_gradients(self, draws: Draws) -> tuple[Any, Metrics]:
        generator, _, critic = self.networks
        styles, fake_labels = map(replicas.replica_slice, draws[:2])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in generator.trainable_variables])
            fakes = generator(styles, fake_labels, training=True)
            loss = self._average(losses.generator_loss(critic(fakes, fake_labels)))
            metrics = {"loss/generator": loss}
            if self.config.cls_weight and self.classifier is not None:
                seen = self.classifier(fakes, training=False)
                metrics["loss/class"] = self._average(losses.class_loss(seen, fake_labels))
                loss += self.config.cls_weight * metrics["loss/class"]
            total = self.guard.scaled(loss)
        gradients = self.guard.unscaled(tape.gradient(total, generator.trainable_variables))
        return self._reduced(gradients, "generator", metrics)

    def _styles(self, purpose: Purpose, index: tf.Tensor) -> tf.Tensor:
        shape = (self.config.gan_batch_size, self.config.noise_dims)
        return tf.random.stateless_normal(shape, stream(self.config.seed, purpose, index))

    def _labels(self, step: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Label vectors that the generator is trained on: the reals' own classes, or creative ones.

        The critic's fakes always have the reals' classes. It would tell creative labels from those without a look at
        the image, and lose its sense of images; for a mixture its projection is the mean of what it has learnt.
        """
        if self.config.pan_classness == 0.0:
            return tf.one_hot(labels, self.spec.num_classes)
        return creative_labels(
            stream(self.config.seed, Purpose.GENERATOR_LABELS, step),
            self.config.gan_batch_size,
            num_classes=self.spec.num_classes,
            pan_classness=self.config.pan_classness,
        )

    def _average(self, per_example: tf.Tensor) -> tf.Tensor:
        return tf.nn.compute_average_loss(per_example, global_batch_size=self.config.gan_batch_size)

    def _reduced(self, gradients: list[tf.Tensor], network: str, metrics: Metrics) -> tuple[Any, Metrics]:
        """Gradients and losses summed over replicas, with the norm of the summed gradient."""
        gradients, metrics = replicas.sum_over_replicas([gradients, metrics])
        return gradients, metrics | {f"gradient/{network}": tf.linalg.global_norm(gradients)}

    def _apply(self, optimizer: keras.optimizers.Optimizer, gradients: Any, network: keras.Model) -> None:
        replicas.apply_gradients(self.strategy, optimizer, gradients, network.trainable_variables)

    def _move_average(self, step: tf.Tensor) -> None:
        """Pull the average towards the generator, moving statistics included; faster while the run is young."""
        young = tf.cast(step, tf.float32)
        decay = tf.minimum(self.config.ema_decay, (1.0 + young) / (10.0 + young))

        def pull(average: tf.Variable, current: tf.Tensor, decay: tf.Tensor) -> None:
            average.assign_add((1.0 - decay) * (current - average))

        generator, average, _ = self.networks
        for target, source in zip(average.variables, generator.variables, strict=True):
            self.strategy.extended.update(target.value, pull, args=(source.value, decay), group=False)
