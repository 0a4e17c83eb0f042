"""Put a run together: data, networks, trainer, scorer, records and checkpoints. What the scripts call.

train_classifier(config, options)
scores = train_gan(config, options)
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan import checkpoints
from gan.checkpoints import About, Kind
from gan.config import Config, dump_config
from gan.data.batches import Batches
from gan.data.dataset import DataSet, gather
from gan.devices import cluster
from gan.devices.memory import resident
from gan.devices.precision import choose
from gan.devices.strategy import make_strategy
from gan.errors import UserError
from gan.evaluation.scores import Reader, Scorer, Scores
from gan.film import COLUMNS, make_film
from gan.images import ImageSpec, Pixels, grid, grid_classes
from gan.labels import grid_labels, label_text
from gan.models.classifier import Classifier
from gan.models.critic import Critic
from gan.models.generator import Generator
from gan.run_options import CONFIG_FILES, RunOptions
from gan.sampling import Sampler
from gan.training.classifier_trainer import ClassifierTrainer
from gan.training.gan_trainer import GanTrainer, Networks
from gan.training.loop import Evaluation, Schedule, train
from gan.training.records import NoRecords, Records
from gan.training.resuming import Resumed

GRID_ROWS = 8
STEPS_PER_CALL = 16


def train_classifier(config: Config, options: RunOptions) -> float | None:
    """Train and save a classifier; returns its test accuracy, or None on a dry run.

    Raises:
        ValueError, OSError: data, config or directories that cannot be used.
        FloatingPointError: a loss is not finite.
    """
    found = options.steps_found("classifier")
    resumed = options.resumed("classifier", config)
    strategy = make_strategy(options.devices)
    precision = choose(config.mixed_precision, strategy)
    data = options.read_data(config, batch_size=config.cls_batch_size)
    batches = Batches(data.train_images, data.train_labels, batch_size=config.cls_batch_size, seed=config.seed)
    total_steps = config.cls_epochs * batches.per_epoch
    if resumed is not None and resumed.is_complete(data.digest, total_steps):
        return float(resumed.about.scores["accuracy"])
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        classifier = Classifier(data.spec, config, dtype=precision.policy)
    if options.load_dir is not None and resumed is None:
        start = _compatible_classifier(options.load_dir, data, options)
        checkpoints.restore(start, {"classifier": classifier}, partial=True)
    trainer = ClassifierTrainer(classifier, data.spec, config=config, total_steps=total_steps, strategy=strategy)
    first_step = 0 if resumed is None else resumed.restore(trainer.state)
    cluster.check_agreement(strategy, config, data.digest, first_step)
    print(precision)
    _print_plan(data, trainer.models, strategy, _length(first_step, total_steps, config.cls_epochs))
    if options.dry_run:
        return None

    reader, source = Reader(classifier, strategy), resident(batches, strategy)

    def evaluate(step: int) -> Evaluation:
        accuracy = reader.accuracy(data.test_images, data.test_labels)
        return Evaluation({"accuracy/test": accuracy}, {"accuracy": accuracy})

    schedule = Schedule(
        total_steps,
        _steps_per_call(config),
        options.record_epochs * batches.per_epoch,
        options.save_steps,
        first_step,
        options.save_minutes,
    )
    with (
        options.saving("classifier", found) as replaced,
        _records(config, options, "classifier", resumed) as records,
    ):

        def save(step: int, scores: Mapping[str, Any]) -> None:
            about = About("classifier", step, data.spec, config, data.digest, scores, records.directory.name)
            _save(about, trainer.state, options, replaced)

        if resumed is None:
            records.picture("real", 0, _real_grid(data))
        scores = train(trainer, source, schedule, name="classifier", records=records, evaluate=evaluate, save=save)
        if options.log_graph:
            records.graph(trainer.traced)
    print(f"test accuracy {scores['accuracy']:.2%}, N = {len(data.test_images):,}")
    print(f"checkpoints in {options.save_dir}, records in {records.directory}")
    return float(scores["accuracy"])


def train_gan(config: Config, options: RunOptions) -> Scores | None:
    """Train and save a conditional GAN; returns its last scores, or None on a dry run.

    Raises:
        ValueError, OSError: data, config, classifier or directories that cannot be used.
        FloatingPointError: a loss or a sample is not finite.
    """
    found = options.steps_found("gan")
    resumed = options.resumed("gan", config)
    strategy = make_strategy(options.devices)
    precision = choose(config.mixed_precision, strategy)
    data = options.read_data(config, batch_size=config.gan_batch_size)
    batches = Batches(data.train_images, data.train_labels, batch_size=config.gan_batch_size, seed=config.seed)
    total_steps = config.gan_epochs * batches.per_epoch // config.crit_steps
    if total_steps < 1:
        raise UserError(
            f"crit_steps is {config.crit_steps}, more than the {config.gan_epochs * batches.per_epoch} batches of the "
            "run; lower crit_steps or gan_batch_size, or raise gan_epochs"
        )
    if resumed is not None and resumed.is_complete(data.digest, total_steps):
        return Scores.from_dict(resumed.about.scores)
    with strategy.scope():
        classifier = load_classifier(options.load_dir or options.save_dir, data, options)
    networks = build_networks(data.spec, config, strategy, dtype=precision.policy)
    trainer = GanTrainer(
        networks, data.spec, config=config, total_steps=total_steps, strategy=strategy, classifier=classifier
    )
    first_step = 0 if resumed is None else resumed.restore(trainer.state)
    cluster.check_agreement(strategy, config, data.digest, first_step)
    print(precision)
    _print_plan(data, trainer.models, strategy, _length(first_step, total_steps, config.gan_epochs))
    scorer = Scorer(
        classifier,
        data,
        samples=config.fid_samples,
        noise_dims=config.noise_dims,
        seed=config.seed,
        strategy=strategy,
    )
    cluster.check_agreement(strategy, scorer.classifier)
    print(f"scored by classifier {scorer.classifier}: noise floor {scorer.noise_floor:.3f}, N = {scorer.samples:,}")
    if resumed is not None:
        resumed.check_classifier(scorer.classifier)
    if options.dry_run:
        return None

    sampler = Sampler(networks.average, data.spec, noise_dims=config.noise_dims, strategy=strategy)
    source = resident(batches, strategy)
    columns = grid_labels(data.spec, config.seed)
    schedule = Schedule(
        total_steps, _steps_per_call(config), options.record_steps, options.save_steps, first_step, options.save_minutes
    )
    with options.saving("gan", found) as replaced, _records(config, options, "gan", resumed) as records:

        def save(step: int, scores: Mapping[str, Any]) -> None:
            about = About(
                "gan", step, data.spec, config, data.digest, scores, records.directory.name, scorer.classifier
            )
            _save(about, trainer.state, options, replaced)

        def picture(step: int) -> None:
            images = sampler.style_grid(rows=GRID_ROWS, seed=config.seed, labels=columns)
            records.picture("samples", step, grid(images, columns=len(columns)))

        def evaluate(step: int) -> Evaluation:
            picture(step)
            scores = scorer.score(sampler.sample)
            return Evaluation(scores.values(), scores._asdict())

        if resumed is None:
            records.picture("real", 0, _real_grid(data))
            picture(0)
        records.text(COLUMNS, "".join(f"{label_text(column, data.spec)}\n" for column in columns))
        outcome = train(trainer, source, schedule, name="GAN", records=records, evaluate=evaluate, save=save)
        scores = Scores.from_dict(outcome)
        if options.log_graph:
            records.graph(trainer.traced)
        if cluster.place().is_chief:
            _make_film(records.directory)
    print(scores)
    print(f"checkpoints in {options.save_dir}, records in {records.directory}")
    return scores


def _make_film(directory: Path) -> None:
    """A run whose film fails is a good run all the same."""
    try:
        make_film(directory)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:  # Encoders raise all of these.
        print(f"warning: no film: {error}; make it with python -m gan.film {directory}", file=sys.stderr)


def build_networks(
    spec: ImageSpec, config: Config, strategy: tf.distribute.Strategy, *, dtype: str = "float32"
) -> Networks:
    """Fresh networks from `config.seed`. The average is never trained, and computes in float32."""
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        generator = Generator(spec, config, dtype=dtype)
        average = Generator(spec, config)
        critic = Critic(spec, config, dtype=dtype)
        average.set_weights(generator.get_weights())
    return Networks(generator, average, critic)


def load_classifier(directory: Path, data: DataSet, options: RunOptions) -> Classifier:
    """The newest classifier of a directory, in float32.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it was trained on other images.
    """
    path = _compatible_classifier(directory, data, options)
    classifier = Classifier(data.spec, checkpoints.read_about(path).config)
    checkpoints.restore(path, {"classifier": classifier}, partial=True)
    return classifier


def _compatible_classifier(directory: Path, data: DataSet, options: RunOptions) -> Path:
    command = options.classifier_command(str(directory))
    path = checkpoints.newest(directory, "classifier", remedy=f"run {command}, or name another directory")
    about = checkpoints.read_about(path)
    if about.spec != data.spec:
        found, expected = str(about.spec), str(data.spec)
    elif about.data != data.digest:
        found, expected = f"other images of {about.spec}", f"those of {options.data_path}"
    else:
        return path
    raise UserError(
        f"{path}: the classifier was trained on {found}; expected {expected}: run "
        f"{options.classifier_command('OTHER_DIRECTORY')}, then pass --load-dir OTHER_DIRECTORY"
    )


def _save(about: About, state: Mapping[str, Any], options: RunOptions, replaced: list[int]) -> None:
    """Save a checkpoint, which replaces those of the steps `replaced`, and then none. Done by the chief alone."""
    if not cluster.place().is_chief:
        checkpoints.check_finite(state, about.step)
        return
    checkpoints.save(options.save_dir, about, state, keep=options.keep, replaces=replaced)
    replaced.clear()
    # Not earlier: until now, what is there belongs to the checkpoints of an earlier run.
    dump_config(about.config, options.save_dir / CONFIG_FILES[about.kind])


def _steps_per_call(config: Config) -> int | None:
    """As configured, or found by the loop; but several workers, which are not equally fast, must do the same."""
    return config.steps_per_call or (STEPS_PER_CALL if cluster.place().workers > 1 else None)


def _length(first_step: int, total_steps: int, epochs: int) -> str:
    begun = f"from step {first_step:,}, " if first_step else ""
    return f"{begun}{total_steps:,} steps in {epochs} epochs"


def _records(config: Config, options: RunOptions, kind: Kind, resumed: Resumed | None) -> Records:
    """Open the records, with the config beside them: the first thing a run writes."""
    if not cluster.place().is_chief:
        return NoRecords()
    earlier = resumed and (resumed.about.records, resumed.about.step)
    return Records(options.log_dir, config, name=CONFIG_FILES[kind], resumed=earlier)


def _print_plan(data: DataSet, models: dict[str, Any], strategy: tf.distribute.Strategy, length: str) -> None:
    print(data.describe())
    empty = [name for name, count in zip(data.spec.class_names, data.class_counts()[0], strict=True) if count == 0]
    if empty:
        print(f"warning: no training image of class {', '.join(empty)}", file=sys.stderr)
    print(", ".join(f"{name} {model.count_params():,} parameters" for name, model in models.items()))
    devices = ", ".join(device.split("device:")[-1] for device in strategy.extended.worker_devices)
    together = cluster.place().workers
    print(f"{length}, on {devices}" + (f" of each of {together} workers" if together > 1 else ""))


def _real_grid(data: DataSet) -> Pixels:
    """Training images in the layout of the samples: a column a class; a class with too few leaves black squares."""
    classes = grid_classes(data.spec)
    images = np.zeros((GRID_ROWS, len(classes), *data.spec.shape), np.uint8)
    for column, index in enumerate(classes):
        found = gather(data.train_images, np.flatnonzero(data.train_labels == index)[:GRID_ROWS])
        images[: len(found), column] = found
    return grid(images.reshape(-1, *data.spec.shape), columns=len(classes))
