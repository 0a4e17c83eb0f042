"""Train a classifier, train a GAN: networks, objective, trainer and scorer put together. What the scripts call.

train_classifier(config, options)
scores = train_gan(config, options)
"""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from gan import checkpoints
from gan.about import About
from gan.checkpoints import Saved
from gan.config import Config
from gan.data.dataset import MAX_MEGAPIXELS
from gan.devices.cluster import ALONE, Place
from gan.devices.memory import resident
from gan.devices.strategy import check_agreement
from gan.errors import UserError
from gan.evaluation.features import Reader
from gan.evaluation.overfit import Overfit
from gan.evaluation.scores import Scorer, Scores, describe
from gan.film import COLUMNS, make_film
from gan.images import grid
from gan.labels import grid_labels, label_text
from gan.models import build
from gan.objectives.augmentation import chain
from gan.places import checkpoint_named
from gan.registry import AUGMENTATIONS, OBJECTIVES
from gan.sampling import GRID_ROWS, Sampler
from gan.training.classifier import ClassifierTrainer
from gan.training.foretelling import foretell
from gan.training.gan import GanTrainer, Networks
from gan.training.run import Run, RunOptions
from gan.training.trainer import Trainer


def train_classifier(config: Config, options: RunOptions, place: Place = ALONE) -> Scores | None:
    """Train and save a classifier; returns its scores on the test images, or None on a dry run.

    Raises:
        UserError: data, config or directories cannot be used.
        Diverged: a loss is not finite.
    """
    if options.resume and options.load_dir is not None:
        raise UserError("--resume goes on with a run, and --load-dir begins one; expected one of the two")
    run = Run("classifier", config, options, place)
    if (scores := run.final_scores()) is not None:
        return scores
    keras.utils.set_random_seed(config.seed)
    with run.strategy.scope():
        classifier = build(run.about, "classifier", dtype=run.precision.policy)
    if options.load_dir is not None:
        remedy = "name another with --load-dir, or leave --load-dir out to begin with a fresh one"
        start = find_classifier(options.load_dir, run, remedy=remedy)
        checkpoints.restore(start.path, {"classifier": classifier}, partial=True)
    trainer = ClassifierTrainer(
        classifier, run.data.spec, config=config, total_steps=run.total_steps, strategy=run.strategy
    )
    run.begin(trainer)
    if options.dry_run:
        _foretell(run, trainer)
        return None
    reader = Reader(classifier, run.strategy)

    def evaluate(step: int) -> Scores:
        return {"accuracy": reader.accuracy(run.data.test_images, run.data.test_labels)}

    scores = run.train(trainer, name="classifier", evaluate=evaluate)
    run.end(f"test accuracy {scores['accuracy']:.2%}, N = {len(run.data.test_images):,}")
    return scores


def train_gan(config: Config, options: RunOptions, place: Place = ALONE) -> Scores | None:
    """Train and save a conditional GAN; returns its last scores, or None on a dry run.

    Raises:
        UserError: data, config, classifier or directories cannot be used.
        Diverged: a loss or a sample is not finite.
    """
    run = Run("gan", config, options, place)
    if (scores := run.final_scores()) is not None:
        return scores
    data, strategy = run.data, run.strategy
    with strategy.scope():
        classifier = load_classifier(options.load_dir or options.save_dir, run)
    trainer = make_trainer(
        run.about, strategy, total_steps=run.total_steps, classifier=classifier, dtype=run.precision.policy
    )
    run.begin(trainer)
    noise_dims = config.noise_dims
    scorer = Scorer(
        classifier,
        run.scored,
        num_classes=data.spec.num_classes,
        samples=config.fid_samples,
        noise_dims=noise_dims,
        seed=config.seed,
        strategy=strategy,
    )
    digest = scorer.about["classifier"]
    check_agreement(strategy, place, digest)
    print(f"scored by classifier {digest} and {scorer.about['samples']:,} {run.scored.name}")
    if run.resumed is not None:
        _check_classifier(run.resumed, digest)
    if options.dry_run:
        _foretell(run, trainer)
        return None
    run.about = replace(run.about, classifier=digest)
    sampler = Sampler(trainer.networks.average, data.spec, noise_dims=noise_dims, strategy=strategy)
    columns = grid_labels(data.spec, config.seed)
    overfit = Overfit(
        trainer.networks.critic,
        run.batches.subset,
        run.scored,
        num_classes=data.spec.num_classes,
        noise_dims=noise_dims,
        seed=config.seed,
        strategy=strategy,
    )

    def picture(step: int) -> None:
        images = sampler.style_grid(rows=GRID_ROWS, seed=config.seed, labels=columns)
        run.records.picture("samples", step, grid(images, columns=len(columns)))

    def start() -> None:
        if run.resumed is None:
            picture(0)
        run.records.text(COLUMNS, "".join(f"{label_text(column, data.spec)}\n" for column in columns))

    def evaluate(step: int) -> Scores:
        picture(step)
        return scorer.score(sampler.sample) | overfit.measure(sampler.sample)

    scores = run.train(trainer, name="GAN", evaluate=evaluate, start=start)
    if place.is_chief:
        _make_film(run.records.directory)
    run.end(describe(scores))
    return scores


def _foretell(run: Run, trainer: Trainer) -> None:
    """Print how long the run will take. Several workers would have to agree on how many steps to time."""
    if run.place.workers == 1:
        source = resident(run.batches, run.strategy)
        print(foretell(trainer, source, first_step=run.first_step, total_steps=run.total_steps))


def _make_film(directory: Path) -> None:
    """A run whose film fails is a good run all the same."""
    try:
        make_film(directory)
    except (OSError, RuntimeError, ValueError, OverflowError, MemoryError) as error:  # Encoders raise all of these.
        print(
            f"warning: no film: {error}; make it with python -m gan.film {shlex.quote(str(directory))}", file=sys.stderr
        )


def make_trainer(
    about: About,
    strategy: tf.distribute.Strategy,
    *,
    total_steps: int,
    classifier: keras.Model | None = None,
    dtype: str = "float32",
) -> GanTrainer:
    """Fresh networks, and what the config names to train them by."""
    config = about.config
    return GanTrainer(
        build_networks(about, strategy, dtype=dtype),
        about.spec,
        objective=OBJECTIVES[config.objective](),
        config=config,
        total_steps=total_steps,
        strategy=strategy,
        classifier=classifier,
        augment=chain([AUGMENTATIONS[name] for name in config.augmentations]),
    )


def build_networks(about: About, strategy: tf.distribute.Strategy, *, dtype: str = "float32") -> Networks:
    """Fresh networks from the config's seed. The average is never trained, and computes in float32."""
    keras.utils.set_random_seed(about.config.seed)
    with strategy.scope():
        generator = build(about, "generator", dtype=dtype)
        average = build(about, "generator")
        critic = build(about, "critic", dtype=dtype)
        average.set_weights(generator.get_weights())
    return Networks(generator, average, critic)


def _check_classifier(resumed: Saved, digest: str) -> None:
    """Check that a run goes on to be scored by the classifier of this digest.

    Raises:
        UserError: it was another.
    """
    before = resumed.about.classifier
    if before != digest:
        raise UserError(
            f"{resumed.path} is of a run that is scored by classifier {before}, and {digest} is another; name the "
            "directory of the former with --load-dir"
        )


def load_classifier(directory: Path, run: Run) -> keras.Model:
    """The newest classifier of a directory, in float32; errors as of `find_classifier`.

    A warning tells where its training has not ended, at the beginning of a run.
    """
    found = find_classifier(directory, run)
    config = found.about.config
    total_steps = config.cls_epochs * (run.batches.subset.size // config.cls_batch_size)
    if found.about.step < total_steps and run.resumed is None and checkpoint_named(directory) is None:
        print(
            f"warning: {found.path} is at step {found.about.step:,} of {total_steps:,}; finish it first, with "
            "./classifier.py --resume, since a run is scored by the classifier that it begins with",
            file=sys.stderr,
        )
    return checkpoints.open_saved(found).network


def find_classifier(directory: Path, run: Run, *, remedy: str | None = None) -> Saved:
    """The newest classifier of a directory, which must have been trained on what the run is trained on.

    Args:
        directory: of its checkpoints, or one of them.
        run: that wants it.
        remedy: what to do if there is none; by default, to train it.

    Raises:
        UserError: there is none, or it was trained on other images.
    """
    options, data, share = run.options, run.data, run.config.held_out
    command = _classifier_command(options, str(directory))
    none = remedy or f"run {command}, or name another directory"
    found = checkpoints.find(directory, "classifier", remedy=none)
    about = found.about
    if about.spec != data.spec:
        images, expected = str(about.spec), str(data.spec)
    elif about.data != data.digest:
        images, expected = f"other images of {about.spec}", f"those of {options.data_path}"
    elif about.config.held_out != share:
        images, expected = f"images with held_out {about.config.held_out:g}", f"held_out {share:g}, as here"
    else:
        return found
    command = _classifier_command(options, "OTHER_DIRECTORY")
    remedy = remedy or f"run {command}, then pass --load-dir OTHER_DIRECTORY"
    raise UserError(f"{found.path}: the classifier was trained on {images}; expected {expected}: {remedy}")


def _classifier_command(options: RunOptions, save_dir: str) -> str:
    """How to train the classifier that a run needs."""
    given: dict[str, object] = {"-c": options.config_path, "--resize": options.resize, "--cache-dir": options.cache_dir}
    given |= {"--on-bad-image": None if options.on_bad_image == "error" else options.on_bad_image}
    given |= {"--max-megapixels": None if options.max_megapixels == MAX_MEGAPIXELS else f"{options.max_megapixels:g}"}
    flags = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    flags += [word for setting in options.settings for word in ("--set", setting)]
    return shlex.join(["./classifier.py", "--data-path", options.data_path, *flags, "--save-dir", save_dir])
