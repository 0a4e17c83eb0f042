"""The one way images leave a checkpoint: `Sampler`.

    sampler = Sampler.from_checkpoint(Path("checkpoints"))
    z = styles(sampler.noise_dims, seed=0, numbers=[1, 2])
    images = sampler.sample(one_hot([3, 8], sampler.spec.num_classes), z)

Shapes: `N` images, `H W C` image, `K` classes, `Z` style.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan.checkpoints import Loaded, Which, load
from gan.data.dataset import DataSet, Labels, gather
from gan.devices.inference import Inference, rows_alike
from gan.images import ImageSpec, Pixels, grid, grid_classes, pixels_from_network
from gan.labels import Floats, one_hot
from gan.seeding import Purpose, numpy_stream

BATCH = 64
"""Images in one pass of the network, at most."""

PASS_PIXELS = 2**17
"""Pixels in one pass of the network, at most, unless a single image has more: about 30 ms on two cores."""


def images_per_pass(spec: ImageSpec) -> int:
    """How many images the network draws at a time: always this many, whatever is asked for.

    It follows from the size of an image alone, since the bytes of an image must not depend on its neighbours.
    """
    return rows_alike(max(1, min(BATCH, PASS_PIXELS // (spec.height * spec.width))))


GRID_ROWS = 8


Numbers = NDArray[np.integer[Any]]


def styles(noise_dims: int, *, seed: int, numbers: Sequence[int]) -> Floats:
    """The styles (N, Z) of these numbers at a seed. Style 1 is the same one whatever is drawn with it."""
    return np.stack(
        [numpy_stream(Purpose.STYLE, seed, n).standard_normal(noise_dims, dtype=np.float32) for n in numbers]
    )


def own_styles_of(numbers: Numbers, classes: Numbers, num_classes: int) -> Numbers:
    """Numbers (N,) of styles, a different one for each image: by its number, from 1, and its class, from 0."""
    return (numbers - 1) * num_classes + classes + 1


def places_in_class(labels: Labels) -> Labels:
    """Of each image (N,), the how manieth of its class it is, from 1: the number of its style."""
    seen: Counter[int] = Counter()
    return np.array([seen.update([label]) or seen[label] for label in labels.tolist()], np.int32)


class Sampler:
    """Draws images from a generator.

    Args:
        generator: of `gan.models.generator`'s calling convention; for use, the moving average.
        spec: of the images.
        noise_dims: Z.
        path: of the checkpoint it is from, if it is from one.
        step: of training, of that checkpoint.
        scores: of that checkpoint, by name.
        strategy: whose replicas share the work, and whose variables are the generator's; by default there is one.

    Attributes:
        loaded: what `from_checkpoint` has loaded.
    """

    loaded: Loaded | None = None

    def __init__(
        self,
        generator: keras.Model,
        spec: ImageSpec,
        *,
        noise_dims: int,
        path: Path | None = None,
        step: int = 0,
        scores: Mapping[str, Any] | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.spec = spec
        self.path = path
        self.step = step
        self.scores = scores or {}
        self.noise_dims = noise_dims
        self._generate = Inference(
            lambda z, y: [generator(z, y, training=False)], size=images_per_pass(spec), strategy=strategy
        )

    @classmethod
    def from_checkpoint(cls, directory: Path, which: Which = "newest", *, spare: "Sampler | None" = None) -> "Sampler":
        """The moving average of a GAN in a save directory, which says all else that is needed.

        Args:
            directory, which: as of `gan.checkpoints.find`.
            spare: one that must not draw any more, even after an error here. Its network and graph are used again if
                they are built alike: TensorFlow gives back no memory of a graph.

        Raises:
            UserError: there is no such checkpoint, or it is damaged.
        """
        before = spare.loaded if spare else None
        path, about, generator = loaded = load(directory, "gan", which, spare=before)
        noise_dims = about.config.noise_dims
        sampler = cls(generator, about.spec, noise_dims=noise_dims, path=path, step=about.step, scores=about.scores)
        sampler.loaded = loaded
        if spare and before and generator is before.network:
            sampler._generate = spare._generate
        return sampler

    def sample(self, labels: Floats, styles: Floats) -> Pixels:
        """Label vectors (N, K) and styles (N, Z) -> images (N, H, W, C) uint8. Equal rows give equal images.

        Raises:
            ValueError: the shapes are not these, or a number is not finite.
        """
        labels, styles = np.asarray(labels, np.float32), np.asarray(styles, np.float32)
        count = len(labels)
        if labels.shape != (count, self.spec.num_classes) or styles.shape != (count, self.noise_dims):
            raise ValueError(
                f"labels have shape {labels.shape} and styles {styles.shape}; "
                f"expected (N, {self.spec.num_classes}) and (N, {self.noise_dims})"
            )
        if not (np.isfinite(labels).all() and np.isfinite(styles).all()):
            raise ValueError("labels or styles hold NaN or infinity; expected finite numbers")
        if count == 0:
            return np.empty((0, *self.spec.shape), np.uint8)
        drawn = self._generate.parts(styles, labels)
        return np.concatenate([pixels_from_network(images) for (images,) in drawn])

    def style_grid(self, *, rows: int, seed: int, labels: Floats | None = None) -> Pixels:
        """Images (rows·columns, H, W, C) for a grid: each row a style, from number 1, each column a label vector.

        By default the columns are the classes of `gan.images.grid_classes`.
        """
        if labels is None:
            labels = one_hot(grid_classes(self.spec), self.spec.num_classes)
        numbers = range(1, rows + 1)
        z = styles(self.noise_dims, seed=seed, numbers=numbers).repeat(len(labels), axis=0)
        return self.sample(np.tile(labels, (rows, 1)), z)


def real_grid(data: DataSet) -> Pixels:
    """Training images in the layout of samples: a column per class; a class with too few leaves black squares."""
    classes = grid_classes(data.spec)
    images = np.zeros((GRID_ROWS, len(classes), *data.spec.shape), np.uint8)
    for column, index in enumerate(classes):
        found = gather(data.train_images, np.flatnonzero(data.train_labels == index)[:GRID_ROWS])
        images[: len(found), column] = found
    return grid(images.reshape(-1, *data.spec.shape), columns=len(classes))
