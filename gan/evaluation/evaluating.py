"""Evaluate a checkpoint, or a directory of images, as `evaluate.py` does: measure, print, and write what was found.

    found = evaluate_run(EvaluationOptions(load_dir=Path("checkpoints"), data_path="datasets/MNIST"))

Shapes: `N` images, `H W C` image, `K` classes.
"""

import json
import math
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import scipy
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from gan import checkpoints
from gan.checkpoints import Loaded, Saved, Which
from gan.data.dataset import MAX_MEGAPIXELS, DataSet, ReadOptions, Resize, Subset
from gan.data.decoding import decode
from gan.data.loading import load_dataset
from gan.devices.inference import Inference
from gan.errors import UserError
from gan.evaluation.evaluation import Evaluation, Score, evaluate
from gan.evaluation.features import BATCH, Features, Reader
from gan.evaluation.judge import Judge, find_judge, fresh
from gan.evaluation.metric import Known, Metric, as_metric, numbers_in
from gan.evaluation.scores import finite
from gan.evaluation.subject import Labelled, chosen, draw, read_images
from gan.files import check_writable, file_errors, write_atomically
from gan.images import Pixels, encode, network_from_pixels
from gan.labels import Floats
from gan.models import build
from gan.places import checkpoint_named
from gan.registry import METRICS
from gan.sampling import Sampler
from gan.seeding import Purpose, numpy_stream

FEWEST = 4
"""Test images: two halves of two."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is evaluated, and against what.

    `images` are looked at in place of a checkpoint's samples. Sample n of every class has style n; with `own_styles`,
    each sample has its own. The classifier is that of `load_dir`, unless `classifier_dir` is another. Of no `metrics`,
    all are measured that do not take long.
    """

    load_dir: Path
    checkpoint: Which = "newest"
    images: Path | None = None
    classifier_dir: Path | None = None
    log_dir: Path | None = None
    data_path: str
    resize: Resize | None = None
    cache_dir: Path | None = None
    on_bad_image: Literal["error", "skip"] = "error"
    max_megapixels: float = MAX_MEGAPIXELS
    metrics: Sequence[str] | None = None
    samples: int = 10_000
    seed: int = 0
    own_styles: bool = False
    output_dir: Path = Path("evaluation")


class Found(NamedTuple):
    """What an evaluation knows: for the report.

    Attributes:
        evaluation: scores and details.
        facts: what is written to the JSON file.
        metrics: that were measured, by name.
        real, fake: the images, and what was seen in them.
        train: the images that the classifier was trained on.
        data: all of them.
        sampler: draws more; None of a directory of images.
        gan: the checkpoint; None of a directory of images.
    """

    evaluation: Evaluation
    facts: dict[str, Any]
    metrics: dict[str, Metric]
    real: Features
    fake: Features
    train: Subset
    data: DataSet
    sampler: Sampler | None
    gan: Saved | None


@file_errors()
def evaluate_run(options: EvaluationOptions) -> Found:
    """Measure, and write `evaluation.json` into the output directory.

    Raises:
        UserError: there is no such checkpoint, classifier, data or metric, or they do not belong together.
    """
    started = time.perf_counter()
    check_writable(options.output_dir)
    metrics = chosen_metrics(options.metrics, has_critic=options.images is None)
    named = checkpoint_named(options.load_dir)
    beside = named.directory if named and named.kind == "gan" else options.load_dir
    classifier = checkpoints.load(options.classifier_dir or beside, "classifier")
    gan = None if options.images else checkpoints.find(options.load_dir, "gan", options.checkpoint)
    read = ReadOptions(
        image_size=classifier.about.config.image_height_width,
        resize=options.resize,
        cache_dir=options.cache_dir,
        on_bad_image=options.on_bad_image,
        max_megapixels=options.max_megapixels,
    )
    data = load_dataset(options.data_path, read)
    check_fit(classifier, gan, data, options.data_path)
    train, _ = data.divide(classifier.about.config.held_out)
    order = numpy_stream(Purpose.SCORED_IMAGES, options.seed).permutation(data.test.size)
    test = data.test.take(np.sort(order[: options.samples]))
    if test.size < FEWEST:
        raise UserError(
            f"{options.data_path} has {data.test.size} test images, and --samples is {options.samples}; expected at "
            f"least {FEWEST} of both"
        )
    needs = {need for metric in metrics.values() for need in metric.needs}
    judge = None
    if "judged" in needs:
        judge = find_judge(classifier.path.parent, classifier.about, train)
    sampler = Sampler.from_checkpoint(gan.path) if gan else None
    if options.images:
        fakes = read_images(options.images, data.spec, read, partial(_matched, wanted=test.labels, seed=options.seed))
        if len(fakes.labels) < FEWEST:
            raise UserError(f"{options.images} holds {len(fakes.labels)} images; expected at least {FEWEST}")
    else:
        assert sampler is not None
        fakes = Labelled(draw(sampler, test.labels, seed=options.seed, own_styles=options.own_styles), test.labels)
    reader = Reader(classifier.network, blocks="blocks" in needs)
    critic = critic_of(gan) if gan and "critic" in needs else None
    known = Known(
        data.spec.num_classes, options.seed, train, critic, lambda: fresh(classifier.about), len(fakes.labels)
    )
    real = replace(seen_in(reader, judge, Labelled(test.gather(), test.labels)), known=known)
    fake = seen_in(reader, judge, fakes)
    with tqdm(metrics, disable=None, unit=" metrics", leave=False) as bar:

        def progress(name: str) -> None:
            bar.set_description(name)
            bar.update(bar.n < len(metrics) and name != next(iter(metrics)))

        evaluation = evaluate(real, fake, metrics, seed=options.seed, progress=progress)
    if few := evaluation.too_few:
        count = min(len(real.labels), len(fake.labels))
        print(
            f"warning: {count:,} samples are too few for {', '.join(few)}, which are left out; the others still mean "
            "something",
            file=sys.stderr,
        )
    facts = {
        "checkpoint": str(gan.path) if gan else None,
        "step": gan.about.step if gan else None,
        "images": str(options.images) if options.images else None,
        "seed": options.seed,
        "own_styles": options.own_styles if gan else None,
        "config": asdict(gan.about.config) if gan else None,
        "data": data.digest,
        "split": "test images",
        "samples": {"real": len(real.labels), "fake": len(fake.labels)},
        "classifier": reader.digest(),
        "layer": f"penultimate, {real.features.shape[1]} features",
        "judge": judge.digest if judge else None,
        "worst": evaluation.worst,
        "scores": {name: _plain(score) for name, score in evaluation.scores.items()},
        "confusion": evaluation.details["confusion"].tolist() if "confusion" in evaluation.details else None,
        "fid_by_class": {data.spec.class_names[k]: v for k, v in evaluation.details.get("fid_of", {}).items()},
        "jpeg": {
            name: value
            for name, value in _as_jpeg(reader, real, fake, metrics).items()
            if not math.isnan(evaluation.scores[name].value)
        },
        "seconds": round(time.perf_counter() - started, 1),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
    }
    options.output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(finite(facts), indent=1)
    write_atomically(options.output_dir / "evaluation.json", text.encode())
    return Found(evaluation, facts, metrics, real, fake, train, data, sampler, gan)


def chosen_metrics(names: Sequence[str] | None, *, has_critic: bool) -> dict[str, Metric]:
    """The metrics of these names; by default all but those that take long, and without a critic those that need one.

    Raises:
        UserError: there is no such metric, or it needs the critic of a checkpoint.
    """
    for name in names or ():
        try:
            METRICS.checked(name)
        except ValueError as error:
            raise UserError(f"--metrics: {error}") from error
    found = {name: as_metric(METRICS[name]) for name in names or METRICS}
    if names is None:
        return {
            name: metric
            for name, metric in found.items()
            if not metric.asked and (has_critic or "critic" not in metric.needs)
        }
    if not has_critic and (lacking := [name for name, metric in found.items() if "critic" in metric.needs]):
        raise UserError(f"--metrics {lacking[0]} needs the critic of a checkpoint; leave --images or it out")
    return found


def check_fit(classifier: Loaded, gan: Saved | None, data: DataSet, data_path: str) -> None:
    """Check that classifier, GAN and data belong together.

    Raises:
        UserError: they do not.
    """
    about = classifier.about
    if about.spec != data.spec or about.data != data.digest:
        found = "other images" if about.spec == data.spec else str(about.spec)
        raise UserError(
            f"{classifier.path}: the classifier was trained on {found}; expected those of {data_path}, {data.spec}: "
            "pass the --data-path and --resize that it was trained with, or another --classifier-dir"
        )
    if gan is None:
        return
    if gan.about.spec != about.spec or gan.about.data != about.data:
        raise UserError(f"{gan.path} was trained on other images than {classifier.path}; name its --classifier-dir")
    if gan.about.config.held_out < about.config.held_out:
        print(f"warning: {gan.path} was trained on images that {classifier.path} was not", file=sys.stderr)


def _matched(labels: NDArray[np.int32], *, wanted: NDArray[np.int32], seed: int) -> Sequence[int]:
    """Places of as many images of each class as are wanted; where there are not, of some, whatever their classes."""
    if (places := chosen(labels, wanted)) is not None:
        return places
    print(
        f"warning: of {len(labels):,} images, a class has fewer than the test images have ({len(wanted):,} in all): "
        "classes are in another proportion, which distances count as a fault",
        file=sys.stderr,
    )
    places = np.sort(numpy_stream(Purpose.MATCHED, seed).permutation(len(labels))[: len(wanted)]).tolist()
    return list(places)


def seen_in(reader: Reader, judge: Judge | None, images: Labelled) -> Features:
    """What all networks see in images."""
    seen = reader.read(images.images, images.labels)
    return replace(seen, images=images.images, judged=judge.classes(images.images) if judge else None)


def critic_of(gan: Saved) -> Callable[[Pixels, Floats], NDArray[np.float32]]:
    """The critic of a checkpoint, for images (N, H, W, C) uint8 and L label vectors each (N, L, K): scores (N, L)."""
    network = build(gan.about, "critic")
    checkpoints.restore(gan.path, {"critic": network}, partial=True)
    run = Inference(
        lambda images, labels: [network(network_from_pixels(tf.cast(images, tf.float32)), labels)], size=BATCH
    )
    return lambda images, labels: np.asarray(run(images, labels)[0], np.float32)


def _as_jpeg(reader: Reader, real: Features, fake: Features, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """The distances that are measured of all images at once, if the samples were saved as JPEG, as by `generate.py`."""
    whole = [metric for metric in metrics.values() if metric.whole]
    if not whole or fake.images is None:
        return {}
    saved = np.stack([_again(image) for image in fake.images])
    seen = seen_in(reader, None, Labelled(saved, fake.labels))
    return {name: value for metric in whole for name, value in numbers_in(metric.measure(real, seen)).items()}


def _again(image: Pixels) -> Pixels:
    """What is read of an image (H, W, C) that was saved as JPEG."""
    pixels = decode(encode(image, "jpg")).pixels
    return pixels if pixels.shape == image.shape else pixels.repeat(image.shape[-1], axis=-1)


def _plain(score: Score) -> dict[str, Any]:
    values = asdict(score)
    values["interval"] = [values.pop("low"), values.pop("high")]
    return values
