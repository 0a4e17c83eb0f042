"""Score a generator by a classifier: Fréchet distance of its features, class accuracy, and the noise floor.

The generator draws one image for each scored test image, of the same class, from the same styles at every evaluation.
The noise floor is the distance of as many *training* images from those test images: about what a generator that has
learnt the distribution itself would get.

    scorer = Scorer(classifier, data, samples=10_000, noise_dims=100, seed=0)
    scores = scorer.score(sampler.sample)

Shapes: `N` images, `H W C` image, `D` features, `K` classes, `Z` style.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.data.dataset import DataSet, gather
from gan.devices.inference import Batched
from gan.evaluation.frechet import feature_statistics, frechet_distance
from gan.images import Pixels, network_from_pixels
from gan.models.classifier import FEATURES
from gan.seeding import Purpose, numpy_stream

BATCH = 250
"""Images in one pass of the classifier; the last batch is padded, so features never depend on its size."""

PART = 4 * BATCH
"""Images that are in memory at once while they are scored."""

Floats = NDArray[np.float32]


class Scores(NamedTuple):
    """One evaluation.

    `fid` and `noise_floor` are squared distances of the features of the classifier with digest `classifier`,
    `accuracy` is that of its class names, in 0..1, `samples` is N.
    """

    fid: float
    noise_floor: float
    accuracy: float
    samples: int
    classifier: str

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Scores":
        """The scores that a checkpoint keeps.

        Raises:
            ValueError: they are not all there, or are others.
        """
        if set(saved) != set(cls._fields):
            raise ValueError(f"the scores are {', '.join(saved) or 'none'}; expected {', '.join(cls._fields)}")
        return cls(**saved)

    def values(self) -> dict[str, float]:
        """The numbers by name, for the records."""
        return {f"score/{name}": value for name, value in self._asdict().items() if not isinstance(value, str)}

    def __str__(self) -> str:
        ratio = self.fid / max(self.noise_floor, 1e-12)
        return (
            f"FID {self.fid:.3f} ({ratio:.1f}x the noise floor {self.noise_floor:.3f}), "
            f"class accuracy {self.accuracy:.2%}; "
            f"N = {self.samples:,} of the test split, penultimate features of classifier {self.classifier}"
        )


class Reading(NamedTuple):
    """What a classifier sees in images: features (N, D) and the class it names, (N,)."""

    features: Floats
    classes: NDArray[np.int64]


class Reader:
    """Runs a classifier over any number of images, on all replicas of the strategy whose variables it has."""

    def __init__(self, classifier: keras.Model, strategy: tf.distribute.Strategy | None = None) -> None:
        self.classifier = classifier

        def read(pixels: tf.Tensor) -> list[tf.Tensor]:
            features = classifier.features(network_from_pixels(tf.cast(pixels, tf.float32)))
            return [features, tf.argmax(classifier.head(features), axis=1)]

        self._read = Batched(read, size=BATCH, strategy=strategy)

    def read(self, images: Pixels) -> Reading:
        """Images (N, H, W, C) uint8 -> features (N, D) and classes (N,)."""
        parts = [slice(start, start + self._read.rows) for start in range(0, len(images), self._read.rows)]
        seen = [self._read(gather(images, part)) for part in parts]
        return Reading(*map(np.concatenate, zip(*seen, strict=True)))

    def accuracy(self, images: Pixels, labels: NDArray[np.int32]) -> float:
        """The share of images (N, H, W, C) whose class it names as in `labels` (N,)."""
        return float(np.mean(self.read(images).classes == labels))

    def digest(self) -> str:
        """Twelve hexadecimal digits that tell this classifier's weights from any other's."""
        weights = hashlib.sha256()
        for values in self.classifier.get_weights():
            weights.update(np.ascontiguousarray(values).tobytes())
        return weights.hexdigest()[:12]


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
        ValueError: a split has fewer than two images.
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
        if self.samples <= FEATURES:
            print(
                f"warning: {self.samples} samples for {FEATURES} features: the Fréchet distance is mostly noise; "
                "raise fid_samples or use more test images",
                file=sys.stderr,
            )

        def chosen(split: int, count: int) -> NDArray[np.int64]:
            return np.sort(numpy_stream(Purpose.SCORED_IMAGES, seed, split).permutation(count)[: self.samples])

        scored, others = chosen(0, len(data.test_images)), chosen(1, len(data.train_images))
        self._classes = data.test_labels[scored]
        self._labels = np.eye(data.spec.num_classes, dtype=np.float32)[self._classes]
        styles = numpy_stream(Purpose.SCORED_STYLES, seed)
        self._styles = styles.standard_normal((self.samples, noise_dims), dtype=np.float32)
        self._real = feature_statistics(self._reading(lambda part: gather(data.test_images, scored[part])).features)
        train = feature_statistics(self._reading(lambda part: gather(data.train_images, others[part])).features)
        self.noise_floor = frechet_distance(self._real, train)

    def _reading(self, images: Callable[[slice], Pixels]) -> Reading:
        """What is seen in all N images, which come part by part."""
        parts = [slice(start, min(start + PART, self.samples)) for start in range(0, self.samples, PART)]
        seen = [self.reader.read(images(part)) for part in parts]
        return Reading(*map(np.concatenate, zip(*seen, strict=True)))

    def score(self, sample: Callable[[Floats, Floats], Pixels]) -> Scores:
        """Score what `sample(labels (N, K), styles (N, Z))` draws, as uint8 (N, H, W, C).

        Raises:
            FloatingPointError: the samples' features are not finite.
        """
        seen = self._reading(lambda part: sample(self._labels[part], self._styles[part]))
        return Scores(
            fid=frechet_distance(self._real, feature_statistics(seen.features)),
            noise_floor=self.noise_floor,
            accuracy=float(np.mean(seen.classes == self._classes)),
            samples=self.samples,
            classifier=self.classifier,
        )
