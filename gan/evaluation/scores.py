"""Score a generator by a classifier: Fréchet distance of its features, class accuracy, and the noise floor.

The generator draws one image for each scored test image, of the same class, from the same styles at every evaluation.
The noise floor is the distance of as many *training* images from those test images: what a perfect generator gets.

    scorer = Scorer(classifier, data, samples=10_000, noise_dims=100, seed=0)
    scores = scorer.score(sampler.sample)

Shapes: `N` images, `H W C` image, `D` features, `K` classes, `Z` style.
"""

import hashlib
import sys
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.data.dataset import DataSet
from gan.evaluation.frechet import FeatureStatistics, feature_statistics, frechet_distance
from gan.images import Pixels, network_from_pixels
from gan.models.classifier import FEATURES

BATCH = 250
"""Images in one pass of the classifier; the last batch is padded, so features never depend on its size."""

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

    def values(self) -> dict[str, float]:
        """The numbers by name, for the records."""
        return {f"score/{name}": value for name, value in self._asdict().items() if not isinstance(value, str)}

    def __str__(self) -> str:
        ratio = self.fid / max(self.noise_floor, 1e-12)
        return (
            f"FID {self.fid:.3f} ({ratio:.1f}x the noise floor {self.noise_floor:.3f}), "
            f"class accuracy {self.accuracy:.2%}; N = {self.samples:,} of the test split, classifier {self.classifier}"
        )


class Reading(NamedTuple):
    """What a classifier sees in images: features (N, D) and the class it names, (N,)."""

    features: Floats
    classes: NDArray[np.int64]


class Reader:
    """Runs a classifier, in batches of one size, over any number of images."""

    def __init__(self, classifier: keras.Model) -> None:
        self.classifier = classifier

        @tf.function(autograph=False)
        def read(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = classifier.features(network_from_pixels(tf.cast(pixels, tf.float32)))
            return features, tf.argmax(classifier.head(features), axis=1)

        self._read = read

    def read(self, images: Pixels) -> Reading:
        """Images (N, H, W, C) uint8 -> features (N, D) and classes (N,)."""
        features, classes = [], []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            padding = np.zeros((BATCH - len(part), *part.shape[1:]), np.uint8)
            seen, named = self._read(tf.constant(np.concatenate([part, padding])))
            features.append(seen.numpy()[: len(part)])
            classes.append(named.numpy()[: len(part)])
        return Reading(np.concatenate(features), np.concatenate(classes))

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
    """Compares samples with the test images; statistics of real images are computed once.

    Args:
        classifier: trained on the same data.
        data: the labelled images.
        samples: N, at most the number of test images.
        noise_dims: Z.
        seed: of the fixed styles and of the choice of real images.
    """

    def __init__(self, classifier: keras.Model, data: DataSet, *, samples: int, noise_dims: int, seed: int) -> None:
        self.reader = Reader(classifier)
        self.classifier = self.reader.digest()
        self.samples = min(samples, len(data.test_images))
        if self.samples <= FEATURES:
            print(
                f"warning: {self.samples} samples for {FEATURES} features: the Fréchet distance is mostly noise; "
                "raise fid_samples or use more test images",
                file=sys.stderr,
            )
        rng = np.random.default_rng([seed, self.samples])
        scored = np.sort(rng.permutation(len(data.test_images))[: self.samples])
        others = np.sort(rng.permutation(len(data.train_images))[: self.samples])
        self._test_images = data.test_images[scored]
        self._train_images = data.train_images[others]
        self._classes = data.test_labels[scored]
        self._labels = np.eye(data.spec.num_classes, dtype=np.float32)[self._classes]
        self._styles = rng.standard_normal((self.samples, noise_dims), dtype=np.float32)
        self._real: FeatureStatistics | None = None
        self._noise_floor = float("nan")

    def _statistics(self, images: Pixels) -> FeatureStatistics:
        return feature_statistics(self.reader.read(images).features)

    def real(self) -> tuple[FeatureStatistics, float]:
        """Statistics of the test images, and the noise floor."""
        if self._real is None:
            self._real = self._statistics(self._test_images)
            self._noise_floor = frechet_distance(self._real, self._statistics(self._train_images))
        return self._real, self._noise_floor

    def score(self, sample: Callable[[Floats, Floats], Pixels]) -> Scores:
        """Score what `sample(labels (N, K), styles (N, Z))` draws, as uint8 (N, H, W, C)."""
        real, noise_floor = self.real()
        seen = self.reader.read(sample(self._labels, self._styles))
        return Scores(
            fid=frechet_distance(real, feature_statistics(seen.features)),
            noise_floor=noise_floor,
            accuracy=float(np.mean(seen.classes == self._classes)),
            samples=self.samples,
            classifier=self.classifier,
        )
