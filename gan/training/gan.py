"""Train a conditional GAN by an objective, on any number of replicas.

One step is `crit_steps` critic updates, each on fresh reals, then one generator update; `steps_per_call` steps run in
one call of one traced function. Batches, noise and labels are functions of (seed, update), drawn for the global batch
and sliced by replica. Gradients are summed over replicas before anything looks at them; variables change outside of
replica functions, everywhere alike.

    trainer = GanTrainer(networks, spec, objective=Wasserstein(), config=config, total_steps=5_000, strategy=strategy)
    metrics = trainer.run(0, batches.take(0, config.crit_steps))

Shapes: `U` critic updates in a step, `B` global batch, `H W C` image, `K` classes, `Z` style.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from gan.config import Config
from gan.devices.strategy import check_compilable
from gan.errors import UserError
from gan.images import ImageSpec, network_from_pixels
from gan.objectives.augmentation import Augmentation
from gan.objectives.creative import CRITIC_SHARE, class_loss, creative_labels
from gan.objectives.objective import CriticFunction, Given, Objective, term_names
from gan.seeding import Purpose, stream
from gan.training.optimizers import adam
from gan.training.step import COMPUTED, Losses, Metrics, update
from gan.training.trainer import Trainer


class Networks(NamedTuple):
    """What is trained: `average` is the exponential moving average of `generator`."""

    generator: keras.Model
    average: keras.Model
    critic: keras.Model


class Draws(NamedTuple):
    """What is random in an update, for the global batch."""

    styles: tf.Tensor  # (B, Z)
    labels: tf.Tensor  # (B, K), which the generator is asked for
    real_labels: tf.Tensor  # (B, K), which the critic is told, in its own updates of the fakes, too
    wrong_labels: tuple[tf.Tensor, ...]  # (B, K) if `label_weight` or, for the generator, `gen_label_weight` wants them
    augmentation: tf.Tensor  # (2,), a seed
    objective: Mapping[str, tf.Tensor]  # (B, ...) each; nothing in a generator update


class GanTrainer(Trainer):
    """The step, and everything it changes: networks, optimizers and the count of skipped steps.

    Args:
        networks: built under `strategy.scope()`. A critic may have a method `after_update`, which follows its updates,
            and a number `group` of images that it looks at together.
        spec: of the images.
        objective: what critic and generator minimise.
        config: `gan_*`, `gen_*`, `crit_*` and the rest of the GAN's fields.
        total_steps: length of the run, for the learning rate's schedule.
        strategy: where it runs.
        classifier: trained on the same classes, its images in [-1, 1]; wanted if `config.cls_weight` is above 0.
        augment: changes reals and fakes alike, before the critic sees them.

    Raises:
        UserError: there is no classifier, no other class or no wrong label where one is wanted, no update would have a
            penalty, the replicas do not divide `gan_batch_size`, or there are several and `jit_compile` is set.
        ValueError: a term of the objective is not one float32 number per example, or two have one name.
    """

    def __init__(
        self,
        networks: Networks,
        spec: ImageSpec,
        *,
        objective: Objective,
        config: Config,
        total_steps: int,
        strategy: tf.distribute.Strategy,
        classifier: keras.Model | None = None,
        augment: Augmentation = lambda images, seed: images,
    ) -> None:
        if config.cls_weight and classifier is None:
            raise UserError(f"cls_weight is {config.cls_weight}, but there is no classifier; expected a trained one")
        weights = f"label_weight is {config.label_weight}, and gen_label_weight {config.gen_label_weight}"
        if config.label_weight and spec.num_classes < 2:
            raise UserError(f"{weights}, but there is one class; expected several, or both 0")
        if config.gen_label_weight and not config.label_weight:
            raise UserError(f"{weights}; expected both above 0, or the second 0")
        check_compilable(config.jit_compile, strategy.num_replicas_in_sync)
        super().__init__(
            spec,
            config=config,
            strategy=strategy,
            batch_size_field="gan_batch_size",
            batches_per_step=config.crit_steps,
            group=getattr(networks.critic, "group", 1),
            scaling=networks.critic.compute_dtype == "float16",
        )
        self.networks = networks
        self.objective = objective
        self.classifier = classifier
        self.augment = augment
        self._terms = term_names(
            objective,
            networks.critic,
            image=spec.shape,
            classes=spec.num_classes,
            wrong_label=bool(config.label_weight),
            own_label=bool(config.gen_label_weight),
        )
        if not config.gp_weight:
            self._terms["penalty"] = []
        self.penalty_is_lazy = config.penalty_every > 1 and bool(self._terms["penalty"])
        self.period = config.penalty_every if self.penalty_is_lazy else 1
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
                penalty_every=config.penalty_every if self.penalty_is_lazy else 1,
            )
        if config.jit_compile:  # Random numbers are drawn outside of what XLA compiles: it would draw others.
            self.step = tf.function(self.step, jit_compile=True)  # type: ignore[method-assign]

    @property
    def models(self) -> dict[str, keras.Model]:
        return {"generator": self.networks.generator, "critic": self.networks.critic}

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"generator": self.generator_optimizer, "critic": self.critic_optimizer}

    @property
    def state(self) -> dict[str, Any]:
        return {
            **self.networks._asdict(),
            "generator_optimizer": self.generator_optimizer,
            "critic_optimizer": self.critic_optimizer,
            "guard": self.guard,
        }

    @property
    def metric_names(self) -> list[str]:
        names = [name for terms in self._terms.values() for name in terms]
        names += ["class"] if self.config.cls_weight else []
        updates = ["critic", "penalty", "generator"] if self.penalty_is_lazy else ["critic", "generator"]
        names = [*(f"loss/{name}" for name in names), *(f"gradient/{name}" for name in updates)]
        rare = ["gradient/penalty", *(f"loss/{name}" for name in self._terms["penalty"])]
        return names + [COMPUTED + name for name in rare if self.penalty_is_lazy]

    def draw(self, step: tf.Tensor, labels: tf.Tensor) -> tuple[list[Draws], Draws]:
        """Of each critic update of a step with the reals' labels (U, B), and of its generator update."""
        config = self.config
        critic = []
        for number in range(config.crit_steps):
            index = step * config.crit_steps + number
            own = tf.one_hot(labels[number], self.spec.num_classes)
            drawn = self.objective.draws(stream(config.seed, Purpose.INTERPOLATION, index), config.gan_batch_size)
            seed = self._augmentation_seed(Purpose.CRITIC_AUGMENTATION, index)
            wrong = (self._others(Purpose.WRONG_LABELS, index, own),) if config.label_weight else ()
            styles, asked = self._styles(Purpose.CRITIC_STYLES, index), self._asked(Purpose.CRITIC_LABELS, index, own)
            critic.append(Draws(styles, asked, own, wrong, seed, drawn))
        own = tf.one_hot(labels[-1], self.spec.num_classes)
        seed = self._augmentation_seed(Purpose.GENERATOR_AUGMENTATION, step)
        styles, asked = self._styles(Purpose.GENERATOR_STYLES, step), self._asked(Purpose.GENERATOR_LABELS, step, own)
        wrong = (self._others(Purpose.GENERATOR_WRONG_LABELS, step, asked),) if config.gen_label_weight else ()
        return critic, Draws(styles, asked, own, wrong, seed, {})

    def _augmentation_seed(self, purpose: Purpose, index: tf.Tensor) -> tf.Tensor:
        """A seed (2,) of positive 32-bit numbers: of those XLA draws what TensorFlow's kernels draw."""
        return tf.random.stateless_uniform((2,), stream(self.config.seed, purpose, index), maxval=2**30, dtype=tf.int32)

    def _styles(self, purpose: Purpose, index: tf.Tensor) -> tf.Tensor:
        shape = (self.config.gan_batch_size, self.config.noise_dims)
        return tf.random.stateless_normal(shape, stream(self.config.seed, purpose, index))

    def _others(self, purpose: Purpose, index: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Label vectors (B, K) of other classes than these are of: each class becomes the one so many places on.

        Of a mixture some may be its own; what has all classes alike stays what it is, so it has no margin to reach.
        """
        count, classes = labels.shape
        seed = stream(self.config.seed, purpose, index)
        further = tf.random.stateless_uniform((count,), seed, minval=1, maxval=classes, dtype=tf.int32)
        return tf.gather(labels, (tf.range(classes) - further[:, None]) % classes, batch_dims=1)

    def _asked(self, purpose: Purpose, index: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
        """Label vectors (B, K) that the generator is asked for: the reals' own classes, or creative ones with them.

        The critic is told the reals' class of each fake: by a creative label it would know a fake without a look.
        """
        if self.config.pan_classness == 0.0:
            return own
        share = self.config.pan_classness * (CRITIC_SHARE if purpose is Purpose.CRITIC_LABELS else 1.0)
        return creative_labels(stream(self.config.seed, purpose, index), own, pan_classness=share)

    def step(self, step: tf.Tensor, images: tf.Tensor, draws: Any) -> tuple[Metrics, tf.Tensor, tf.Tensor | None]:
        """Critic updates on images (U, B, H, W, C), each followed by a penalty where that is due; the generator's."""
        config, (generator, _, critic) = self.config, self.networks
        critic_draws, last = draws
        metrics: Metrics = {}
        all_finite, complete = tf.constant(True), tf.constant(False)
        of_critic = {
            "network": critic,
            "optimizer": self.critic_optimizer,
            "then": getattr(critic, "after_update", lambda: None),
        }
        for number, drawn in enumerate(critic_draws):
            batch = (images[number], drawn.styles, drawn.labels, drawn.real_labels, drawn.wrong_labels, drawn.objective)
            moving = generator.non_trainable_variables
            losses = partial(self._critic_losses, drawn.augmentation)
            updated = update(self.guard, losses, batch, name="critic", moving=moving, **of_critic)
            found, finite = updated.metrics, updated.finite
            if self.penalty_is_lazy:
                due = (step * config.crit_steps + number + 1) % config.penalty_every == 0
                complete |= due
                lazy = update(
                    self.guard,
                    self._penalty_losses,
                    (drawn.real_labels, drawn.objective),
                    name="penalty",
                    kept=updated.kept,
                    due=due,
                    terms=self._terms["penalty"],
                    **of_critic,
                )
                shown = {name: tf.where(due, value, metrics.get(name, value)) for name, value in lazy.metrics.items()}
                found, finite = found | shown, finite & lazy.finite
            # What is shown is of the last update, or of one that was skipped.
            metrics = {name: tf.where(all_finite, value, metrics.get(name, value)) for name, value in found.items()}
            all_finite &= finite
        updated = update(
            self.guard,
            partial(self._generator_losses, last.augmentation),
            (images[-1], last.styles, last.labels, last.real_labels, last.wrong_labels),
            network=generator,
            optimizer=self.generator_optimizer,
            name="generator",
            moving=generator.non_trainable_variables,
            then=partial(self._move_average, step),
        )
        return metrics | updated.metrics, all_finite & updated.finite, complete if self.penalty_is_lazy else None

    def _critic(self) -> CriticFunction:
        """The critic for one update, its kernels computed once if it knows how."""
        critic = self.networks.critic
        return critic.held() if hasattr(critic, "held") else critic

    def _critic_losses(
        self,
        seed: tf.Tensor,
        images: tf.Tensor,
        styles: tf.Tensor,
        asked: tf.Tensor,
        labels: tf.Tensor,
        wrong_labels: tuple[tf.Tensor, ...],
        drawn: Mapping[str, tf.Tensor],
    ) -> Losses:
        reals = self.augment(network_from_pixels(tf.cast(images, tf.float32)), seed)
        fakes = self.augment(self.networks.generator(styles, asked, training=True), seed)
        given = Given(self._critic(), reals, fakes, labels, labels, drawn, *wrong_labels)
        wrong = self.objective.wrong_label(given) if wrong_labels else {}
        terms = self.objective.critic(given) | wrong
        weights = dict.fromkeys(wrong, self.config.label_weight)
        if self.penalty_is_lazy:
            return Losses(terms, weights, kept=(reals, fakes))
        penalties = self.objective.penalty(given) if self.config.gp_weight else {}
        return Losses(terms | penalties, weights | dict.fromkeys(penalties, self.config.gp_weight))

    def _penalty_losses(
        self, labels: tf.Tensor, drawn: Mapping[str, tf.Tensor], reals: tf.Tensor, fakes: tf.Tensor
    ) -> Losses:
        """The penalty alone, which stands for those of `penalty_every` updates."""
        terms = self.objective.penalty(Given(self._critic(), reals, fakes, labels, labels, drawn))
        return Losses(terms, dict.fromkeys(terms, self.config.gp_weight * self.config.penalty_every))

    def _generator_losses(
        self,
        seed: tf.Tensor,
        images: tf.Tensor,
        styles: tf.Tensor,
        labels: tf.Tensor,
        real_labels: tf.Tensor,
        wrong_labels: tuple[tf.Tensor, ...] = (),
    ) -> Losses:
        fakes = self.networks.generator(styles, labels, training=True)
        reals = self.augment(network_from_pixels(tf.cast(images, tf.float32)), seed)
        given = Given(self._critic(), reals, self.augment(fakes, seed), real_labels, labels, {}, *wrong_labels)
        terms = self.objective.generator(given)
        own = self.objective.own_label(given) if wrong_labels else {}
        terms, weights = terms | own, dict.fromkeys(own, self.config.gen_label_weight)
        if not self.config.cls_weight or self.classifier is None:
            return Losses(terms, weights)
        seen = self.classifier(fakes, training=False)
        return Losses(terms | {"class": class_loss(seen, labels)}, weights | {"class": self.config.cls_weight})

    def _move_average(self, step: tf.Tensor) -> None:
        """Pull the average towards the generator, moving statistics included; faster while the run is young."""
        young = tf.cast(step, tf.float32)
        decay = tf.minimum(self.config.ema_decay, (1.0 + young) / (10.0 + young))

        def pull(average: tf.Variable, current: tf.Tensor, decay: tf.Tensor) -> None:
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=1.0 - decay, delta=average - current)

        generator, average, _ = self.networks
        for target, source in zip(average.variables, generator.variables, strict=True):
            self.strategy.extended.update(target.value, pull, args=(source.value, decay), group=False)
