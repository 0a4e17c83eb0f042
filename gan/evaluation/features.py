"""What a classifier sees in images: read once, kept, and handed to every metric.

    reader = Reader(classifier)
    real = reader.read(test_images, test_labels)

Shapes: `N` images, `H W C` image, `D` features.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
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

BATCH = 144
"""Images in one pass of the classifier; the last batch is padded, so features never depend on its size."""

PART = 8 * BATCH
"""Images that are copied into memory at once while they are read."""

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
    if features.ndim != 2 or len(features) < 2:
        raise UserError(f"features have shape {features.shape}; expected (N, D) with at least 2 samples")
    if not np.isfinite(features).all():
        raise Diverged("features hold NaN or infinity; expected finite numbers: the network has diverged")
    mean = features.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), PART):  # All of them in float64, twice, would be most of what is in memory.
        centred = features[start : start + PART] - mean
        scatter += centred.T @ centred
    return FeatureStatistics(mean, scatter / (len(features) - 1), len(features))


@dataclass(frozen=True, eq=False)
class Features:
    """Of a set of images: what a metric is handed, once for real images and once for samples.

    The fields after `labels` are there where a metric `needs` them.

    Attributes:
        features: penultimate ones of the classifier, (N, D).
        classes: the class that it names, (N,).
        labels: the class that the image is of, or was asked for, (N,).
        blocks: means over the image of what each block of the classifier sees, (N, channels) each.
        judged: the class that the judge names, (N,).
        images: (N, H, W, C) uint8.
        known: of the real images, what else there is to compare with.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: NDArray[np.int32]
    blocks: tuple[NDArray[np.float32], ...] = ()
    judged: NDArray[np.int64] | None = None
    images: Pixels | None = None
    known: Any = None

    @cached_property
    def statistics(self) -> FeatureStatistics:
        return feature_statistics(self.features)

    def take(self, chosen: NDArray[np.int64]) -> "Features":
        """Of some of the images, by their place."""

        def of(values: Any) -> Any:
            return tuple(map(of, values)) if isinstance(values, tuple) else None if values is None else values[chosen]

        return replace(self, **{name: of(getattr(self, name)) for name in ARRAYS})

    @staticmethod
    def joined(parts: "Sequence[Features]") -> "Features":
        """Of all images of the parts, in their order."""

        def of(values: list[Any]) -> Any:
            if isinstance(values[0], tuple):
                return tuple(of(list(each)) for each in zip(*values, strict=True))
            return None if values[0] is None else np.concatenate(values)

        return replace(parts[0], **{name: of([getattr(part, name) for part in parts]) for name in ARRAYS})


ARRAYS = tuple(each.name for each in fields(Features) if each.name != "known")


class Reader:
    """Runs a classifier over any number of images, on all replicas of the strategy whose variables it has.

    Args:
        classifier: whose features are read.
        strategy: whose replicas share the work; by default there is one.
        blocks: read those of its blocks, too.
    """

    def __init__(
        self, classifier: keras.Model, strategy: tf.distribute.Strategy | None = None, *, blocks: bool = False
    ) -> None:
        self.classifier = classifier

        def read(pixels: tf.Tensor) -> list[tf.Tensor]:
            images = network_from_pixels(tf.cast(pixels, tf.float32))
            features = classifier.features(images)
            seen = [features, tf.argmax(classifier.head(features), axis=1)]
            return seen + (classifier.block_means(images) if blocks else [])

        self._read = Inference(read, size=BATCH, strategy=strategy)

    def read(self, images: Pixels, labels: NDArray[np.int32]) -> Features:
        """What is seen in images (N, H, W, C) uint8 whose classes are to be `labels` (N,)."""
        parts = [slice(start, start + PART) for start in range(0, len(images), PART)]
        seen = [self._read(gather(images, part)) for part in parts]
        features, classes, *blocks = (np.concatenate(part) for part in zip(*seen, strict=True))
        return Features(features, classes, labels, tuple(blocks))

    def accuracy(self, images: Pixels, labels: NDArray[np.int32]) -> float:
        """The share of images (N, H, W, C) whose class it names as in `labels` (N,)."""
        seen = self.read(images, labels)
        return float(np.mean(seen.classes == labels))

    def digest(self) -> str:
        """Twelve hexadecimal digits that tell this classifier's weights from any other's."""
        return digest_of_weights(self.classifier)


def digest_of_weights(network: keras.Model) -> str:
    """Twelve hexadecimal digits that tell a network's weights from any other's."""
    weights = hashlib.sha256()
    for values in network.get_weights():
        weights.update(np.ascontiguousarray(values).tobytes())
    return weights.hexdigest()[:12]
