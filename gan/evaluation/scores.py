"""Score a generator while it trains: some metrics of `gan/registry.py`, and the noise floor.

The generator draws one image for each real image that scores it, of the same class, from the same styles at every
evaluation. Those real images are held out: neither the classifier nor the GAN was trained on them.

    scorer = Scorer(classifier, run.scored, num_classes=10, samples=10_000, noise_dims=100, seed=0)
    scores = scorer.score(sampler.sample)
    print(describe(scores))

Shapes: `N` images, `H W C` image, `D` features, `K` classes, `Z` style.
"""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan.data.dataset import Subset
from gan.errors import UserError
from gan.evaluation.features import PART, Features, Reader
from gan.evaluation.floor import noise_floor
from gan.evaluation.metric import Metric, as_metric, numbers_in
from gan.images import Pixels
from gan.labels import Floats, one_hot
from gan.registry import METRICS
from gan.seeding import Purpose, numpy_stream

Scores = dict[str, Any]
"""What an evaluation found, by name: numbers, and the digest of the classifier."""

ABOUT_SCORES = ("noise_floor", "floor_spread", "samples", "split", "classifier")
"""Not results, but what one must know of them."""


def finite(value: Any) -> Any:
    """Without numbers that JSON does not have: NaN and infinity are None. Of a mapping or a list, all that is in it."""
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def how_drawn(facts: Mapping[str, Any]) -> str:
    """`seed 0`, or `seed 0, a style for each sample`: of what `evaluation.json` holds."""
    return f"seed {facts['seed']}{', a style for each sample' if facts.get('own_styles') else ''}"


def describe(scores: Mapping[str, Any]) -> str:
    """Scores in one line; what is missing or not finite is "–", and what this version does not know has its name."""
    if not scores:
        return "not scored"
    scores = finite(scores)
    floor, fid = scores.get("noise_floor"), scores.get("fid")
    ratio = f"{fid / max(floor, 1e-12):.1f}" if isinstance(fid, float) and isinstance(floor, float) else "–"
    spread = f" ± {scores['floor_spread']:.3f}" if isinstance(scores.get("floor_spread"), float) else ""
    known = {"fid", "accuracy", *ABOUT_SCORES}
    others = [f"{name} {_shown(value)}" for name, value in scores.items() if name not in known]
    return ", ".join(
        [
            f"FID {_shown(fid)} ({ratio}x the noise floor {_shown(floor)}{spread})",
            f"class accuracy {_shown(scores.get('accuracy'), '.2%')}",
            *others,
        ]
    ) + (
        f"; N = {_shown(scores.get('samples'), ',')} of the {scores.get('split', 'test images')}, "
        f"penultimate features of classifier {_shown(scores.get('classifier'))}"
    )


def _shown(value: object, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form) if isinstance(value, int | float) else str(value)


class Scorer:
    """Compares samples with real images; what is known of those is computed here, once.

    Args:
        classifier: trained on the same data.
        real: labelled images that no network was trained on.
        num_classes: K.
        samples: N, at most the number of the real images.
        noise_dims: Z.
        seed: of the fixed styles, of the choice of real images and of the floor's halves.
        strategy: whose replicas share the work, and whose variables are the classifier's; by default there is one.

    Attributes:
        about: what one must know of the scores.

    Raises:
        UserError: there are fewer than two real images.
    """

    def __init__(
        self,
        classifier: keras.Model,
        real: Subset,
        *,
        num_classes: int,
        samples: int,
        noise_dims: int,
        seed: int,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        chosen = np.sort(numpy_stream(Purpose.SCORED_IMAGES, seed).permutation(real.size)[:samples])
        real = real.take(chosen)
        if real.size < 2:
            found = f"{real.size} of the {real.name} would score the run"
            raise UserError(f"{found}; expected at least 2: raise held_out, or add test images")
        self.reader = Reader(classifier, strategy)
        self._labels = real.labels
        self._num_classes = num_classes
        styles = numpy_stream(Purpose.SCORED_STYLES, seed)
        self._styles = styles.standard_normal((real.size, noise_dims), dtype=np.float32)
        self.real = self._read(real.gather)
        # All of them once: what is wrong with a metric is said before anything is trained.
        every = {name: as_metric(METRICS[name]) for name in METRICS}
        self._metrics: dict[str, Metric] = {name: metric for name, metric in every.items() if metric.training}
        self._found(self.real)
        floor = noise_floor(
            self._labels, lambda one, other: self._fid(self.real.take(one), self.real.take(other)), seed=seed
        )
        self.about: Scores = {
            "noise_floor": floor and floor.mean,
            "floor_spread": floor and floor.spread,
            "samples": real.size,
            "split": real.name,
            "classifier": self.reader.digest(),
        }
        count = self.real.features.shape[1]
        if real.size <= count:
            print(
                f"warning: {real.size} samples for {count} features: the Fréchet distance is mostly noise; "
                "raise fid_samples or hold more images out",
                file=sys.stderr,
            )

    def _fid(self, one: Features, other: Features) -> float:
        return float(self._metrics["fid"].measure(one, other)["fid"])

    def _read(self, images: Callable[[slice], Pixels]) -> Features:
        """What is seen in all N images, which come part by part."""
        starts = range(0, len(self._labels), PART)
        seen = [
            self.reader.read(images(slice(start, start + PART)), self._labels[start : start + PART]) for start in starts
        ]
        return Features.joined(seen)

    def _found(self, fake: Features) -> Scores:
        """What all metrics say, as plain numbers, which can be written to a checkpoint."""
        found = [numbers_in(metric.measure(self.real, fake)) for metric in self._metrics.values()]
        return {name: float(value) for numbers in found for name, value in numbers.items()}

    def score(self, sample: Callable[[Floats, Floats], Pixels]) -> Scores:
        """Score what `sample(labels (N, K), styles (N, Z))` draws, as uint8 (N, H, W, C).

        Raises:
            Diverged: the samples' features are not finite.
        """

        def drawn(part: slice) -> Pixels:
            return sample(one_hot(self._labels[part].tolist(), self._num_classes), self._styles[part])

        return self._found(self._read(drawn)) | self.about
