"""Score a generator: every metric of `gan/registry.py`, in the features of a classifier, and the noise floor.

The generator draws one image for each scored test image, of the same class, from the same styles at every evaluation.
The noise floor is the distance of as many *training* images from those test images: about what a generator that has
learnt the distribution itself would get.

    scorer = Scorer(classifier, data, samples=10_000, noise_dims=100, seed=0)
    scores = scorer.score(sampler.sample)
    print(describe(scores))

Shapes: `N` images, `H W C` image, `D` features, `K` classes, `Z` style.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.data.dataset import DataSet, gather
from gan.evaluation.features import BATCH, Features, Reader
from gan.images import Pixels
from gan.labels import Floats, one_hot
from gan.registry import METRICS
from gan.seeding import Purpose, numpy_stream

PART = 4 * BATCH
"""Images that are in memory at once while they are scored."""

Scores = dict[str, Any]
"""What an evaluation found, by name: numbers, and the digest of the classifier."""

ABOUT_SCORES = ("noise_floor", "samples", "classifier")
"""Not results, but what one must know of them."""


def describe(scores: Mapping[str, Any]) -> str:
    """Scores in one line; what is missing is "–", and what this version does not know is shown by its name."""
    if not scores:
        return "not scored"
    floor, fid = scores.get("noise_floor"), scores.get("fid")
    ratio = f"{fid / max(floor, 1e-12):.1f}" if isinstance(fid, float) and isinstance(floor, float) else "–"
    known = {"fid", "accuracy", *ABOUT_SCORES}
    others = [f"{name} {_shown(value)}" for name, value in scores.items() if name not in known]
    return ", ".join(
        [
            f"FID {_shown(fid)} ({ratio}x the noise floor {_shown(floor)})",
            f"class accuracy {_shown(scores.get('accuracy'), '.2%')}",
            *others,
        ]
    ) + (
        f"; N = {_shown(scores.get('samples'), ',')} of the test split, "
        f"penultimate features of classifier {_shown(scores.get('classifier'))}"
    )


def _shown(value: object, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form) if isinstance(value, int | float) else str(value)


class Scorer:
    """Compares samples with the test images; what is known of the real images is computed here, once.

    Args:
        classifier: trained on the same data.
        data: the labelled images.
        samples: N, at most the number of images in either split.
        noise_dims: Z.
        seed: of the fixed styles and of the choice of real images.
        strategy: whose replicas share the work, and whose variables are the classifier's; by default there is one.

    Raises:
        UserError: a split has fewer than two images.
    """

    def __init__(
        self,
        classifier: keras.Model,
        data: DataSet,
        *,
        samples: int,
        noise_dims: int,
        seed: int,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.reader = Reader(classifier, strategy)
        self.classifier = self.reader.digest()
        self.samples = min(samples, len(data.test_images), len(data.train_images))

        def chosen(split: int, count: int) -> NDArray[np.int64]:
            return np.sort(numpy_stream(Purpose.SCORED_IMAGES, seed, split).permutation(count)[: self.samples])

        scored, others = chosen(0, len(data.test_images)), chosen(1, len(data.train_images))
        self._labels = data.test_labels[scored]
        self._num_classes = data.spec.num_classes
        styles = numpy_stream(Purpose.SCORED_STYLES, seed)
        self._styles = styles.standard_normal((self.samples, noise_dims), dtype=np.float32)
        self.real = self._read(lambda part: gather(data.test_images, scored[part]), self._labels)
        train = self._read(lambda part: gather(data.train_images, others[part]), data.train_labels[others])
        # All of them once: what is wrong with a metric is said before anything is trained.
        self._metrics = [METRICS[name] for name in METRICS]
        self.noise_floor: float = self._found(train)["fid"]
        count = self.real.features.shape[1]
        if self.samples <= count:
            print(
                f"warning: {self.samples} samples for {count} features: the Fréchet distance is mostly noise; "
                "raise fid_samples or use more test images",
                file=sys.stderr,
            )

    def _read(self, images: Callable[[slice], Pixels], labels: NDArray[np.int32]) -> Features:
        """What is seen in all N images, which come part by part."""
        parts = [slice(start, min(start + PART, self.samples)) for start in range(0, self.samples, PART)]
        seen = [self.reader.read(images(part), labels[part]) for part in parts]
        return Features(
            np.concatenate([each.features for each in seen]), np.concatenate([each.classes for each in seen]), labels
        )

    def _found(self, fake: Features) -> Scores:
        """What all metrics say; NumPy's numbers become Python's, which can be written to a checkpoint."""
        found = {name: value for metric in self._metrics for name, value in metric(self.real, fake).items()}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}

    def score(self, sample: Callable[[Floats, Floats], Pixels]) -> Scores:
        """Score what `sample(labels (N, K), styles (N, Z))` draws, as uint8 (N, H, W, C).

        Raises:
            Diverged: the samples' features are not finite.
        """

        def drawn(part: slice) -> Pixels:
            return sample(one_hot(self._labels[part].tolist(), self._num_classes), self._styles[part])

        fake = self._read(drawn, self._labels)
        return self._found(fake) | {
            "noise_floor": self.noise_floor,
            "samples": self.samples,
            "classifier": self.classifier,
        }
