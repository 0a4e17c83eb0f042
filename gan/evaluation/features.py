"""What a classifier sees in images: read once, kept, and handed to every metric.

    reader = Reader(classifier)
    real = reader.read(test_images, test_labels)

Shapes: `N` images, `H W C` image, `D` features.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.data.dataset import gather
from gan.devices.inference import Inference
from gan.errors import Diverged, UserError
from gan.images import Pixels, network_from_pixels

BATCH = 250
"""Images in one pass of the classifier; the last batch is padded, so features never depend on its size."""

Matrix = NDArray[np.float64]


class FeatureStatistics(NamedTuple):
    """Mean (D,), unbiased covariance (D, D) and number of samples of one set of features."""

    mean: Matrix
    covariance: Matrix
    samples: int


def feature_statistics(features: NDArray[np.floating[Any]]) -> FeatureStatistics:
    """Statistics of features (N, D).

    Raises:
        UserError: not a matrix, or fewer than two samples.
        Diverged: a value is not finite.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise UserError(f"features have shape {features.shape}; expected (N, D) with at least 2 samples")
    if not np.isfinite(features).all():
        raise Diverged("features hold NaN or infinity; expected finite numbers: the network has diverged")
    mean = features.mean(axis=0)
    centred = features - mean
    return FeatureStatistics(mean, centred.T @ centred / (len(features) - 1), len(features))


@dataclass(frozen=True, eq=False)
class Features:
    """Of a set of images: what a metric is handed, once for real images and once for samples.

    Attributes:
        features: penultimate ones of the classifier, (N, D).
        classes: the class that it names, (N,).
        labels: the class that the image is of, or was asked for, (N,).
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: NDArray[np.int32]

    @cached_property
    def statistics(self) -> FeatureStatistics:
        return feature_statistics(self.features)


class Reader:
    """Runs a classifier over any number of images, on all replicas of the strategy whose variables it has."""

    def __init__(self, classifier: keras.Model, strategy: tf.distribute.Strategy | None = None) -> None:
        self.classifier = classifier

        def read(pixels: tf.Tensor) -> list[tf.Tensor]:
            features = classifier.features(network_from_pixels(tf.cast(pixels, tf.float32)))
            return [features, tf.argmax(classifier.head(features), axis=1)]

        self._read = Inference(read, size=BATCH, strategy=strategy)

    def read(self, images: Pixels, labels: NDArray[np.int32]) -> Features:
        """What is seen in images (N, H, W, C) uint8 whose classes are to be `labels` (N,)."""
        parts = [slice(start, start + self._read.rows) for start in range(0, len(images), self._read.rows)]
        seen = [self._read(gather(images, part)) for part in parts]
        features, classes = (np.concatenate(part) for part in zip(*seen, strict=True))
        return Features(features, classes, labels)

    def accuracy(self, images: Pixels, labels: NDArray[np.int32]) -> float:
        """The share of images (N, H, W, C) whose class it names as in `labels` (N,)."""
        seen = self.read(images, labels)
        return float(np.mean(seen.classes == labels))

    def digest(self) -> str:
        """Twelve hexadecimal digits that tell this classifier's weights from any other's."""
        weights = hashlib.sha256()
        for values in self.classifier.get_weights():
            weights.update(np.ascontiguousarray(values).tobytes())
        return weights.hexdigest()[:12]
