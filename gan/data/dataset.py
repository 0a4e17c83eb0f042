"""A labelled data set, whatever it was read from: `DataSet`, which every reader returns.

Shapes: `N` images of `H W C` height, width, channels; `K` classes.

    print(load_idx(Path("datasets/MNIST")).describe())
"""

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan.images import ImageSpec, Pixels
from gan.seeding import Purpose, numpy_stream

Labels = NDArray[np.int32]
Counts = NDArray[np.int64]
Indices = NDArray[np.int64]


Resize = Literal["fit", "crop", "pad"]

MANY_CLASSES = 20
MAX_MEGAPIXELS = 250.0
"""Of one picture, unless more are allowed: up to 1 GB of memory for each of the threads that decode."""

PART_BYTES = 16 << 20

FEWEST_DIVIDED = 10
"""Images of a class of which some are held out; of fewer, none is."""

FEWEST_SCORED = 4
"""Images that are held out: two halves of two."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How images are to be read.

    Attributes:
        image_size: (H, W) that all images shall have; None: all have the same already.
        resize: how to make that size of images of another; None: they are wrong.
        cache_dir: where decoded images are kept; None: `cache` in the directory of the data, or `FILE.cache`.
        on_bad_image: whether an image that cannot be used is an error, or left out.
        max_megapixels: of a picture; one of more cannot be used.
        batch_size: images that must be listed for training, at least.
        test_share: of the images of each class, for testing, where nothing says which are.
        split_seed: decides which.
    """

    image_size: tuple[int, int] | None = None
    resize: Resize | None = None
    cache_dir: Path | None = None
    on_bad_image: Literal["error", "skip"] = "error"
    max_megapixels: float = MAX_MEGAPIXELS
    batch_size: int = 1
    test_share: float = 0.1
    split_seed: int = 0


class Subset(NamedTuple):
    """Some images of a split, which are read when they are asked for.

    Attributes:
        images: of the whole split, (M, H, W, C).
        indices: of those that are meant, (N,).
        labels: their classes, (N,).
        name: for people, in the plural.
    """

    images: Pixels
    indices: Indices
    labels: Labels
    name: str

    @classmethod
    def of(cls, images: Pixels, labels: Labels, name: str = "images") -> "Subset":
        """All of them."""
        return cls(images, np.arange(len(images)), labels, name)

    @property
    def size(self) -> int:
        """N."""
        return len(self.indices)

    @property
    def nbytes(self) -> int:
        """Of these images alone."""
        return self.size * self.images[:1].nbytes

    def gather(self, chosen: Indices | slice = slice(None)) -> Pixels:
        """Images by their place among these, of any shape: a copy, and nothing more of the map stays in memory."""
        return gather(self.images, self.indices[chosen])

    def take(self, chosen: Indices) -> "Subset":
        """Only some of them, by their place among these."""
        return self._replace(indices=self.indices[chosen], labels=self.labels[chosen])


@dataclass(frozen=True, eq=False)
class DataSet:
    """Training and test images with their class indices. Read-only by agreement: compare two by `digest`."""

    spec: ImageSpec
    train_images: Pixels  # (N, H, W, C)
    train_labels: Labels  # (N,)
    test_images: Pixels
    test_labels: Labels
    source: str

    def __post_init__(self) -> None:
        for split, images, labels in self._splits():
            if images.shape != (len(labels), *self.spec.shape):
                raise ValueError(
                    f"{self.source}: the {split} images have shape {images.shape}; "
                    f"expected {(len(labels), *self.spec.shape)} for {len(labels)} labels of {self.spec}"
                )
            outside = np.flatnonzero((labels < 0) | (labels >= self.spec.num_classes))
            if outside.size:
                raise ValueError(
                    f"{self.source}: {split} label number {outside[0]} is {labels[outside[0]]}; "
                    f"expected 0 to {self.spec.num_classes - 1}"
                )

    def _splits(self) -> tuple[tuple[str, Pixels, Labels], ...]:
        return ("train", self.train_images, self.train_labels), ("test", self.test_images, self.test_labels)

    @cached_property
    def train(self) -> Subset:
        return Subset.of(self.train_images, self.train_labels, "training images")

    @cached_property
    def test(self) -> Subset:
        return Subset.of(self.test_images, self.test_labels, "test images")

    def divide(self, share: float) -> tuple[Subset, Subset]:
        """The training images to learn from, and those held out: of each class a share, the same ones in every run.

        Where that would be fewer than `FEWEST_SCORED`, they are all training images, and the test images.
        """
        held = np.zeros(len(self.train_labels), bool)
        draw = numpy_stream(Purpose.HELD_OUT, 0)
        for index in range(self.spec.num_classes if share else 0):
            members = draw.permutation(np.flatnonzero(self.train_labels == index))
            if len(members) >= FEWEST_DIVIDED:
                held[members[: max(1, round(share * len(members)))]] = True
        if held.sum() < FEWEST_SCORED:
            return self.train, self.test
        kept = self.train.take(np.flatnonzero(~held))
        return kept, self.train.take(np.flatnonzero(held))._replace(name="held-out training images")

    def class_counts(self) -> tuple[Counts, Counts]:
        """Images per class (K,) in the training and in the test split."""
        classes = self.spec.num_classes
        return np.bincount(self.train_labels, minlength=classes), np.bincount(self.test_labels, minlength=classes)

    def describe(self) -> str:
        """A few lines for people: what was read, how much of it, images per class."""
        height, width, channels = self.spec.shape
        lines = [self.source, f"images of {height}x{width}x{channels} in {self.spec.num_classes} classes"]
        for (split, images, _), counts in zip(self._splits(), self.class_counts(), strict=True):
            if self.spec.num_classes > MANY_CLASSES:
                per_class = f"{counts.min():,} to {counts.max():,} per class"
            else:
                named = zip(self.spec.class_names, counts, strict=True)
                per_class = ", ".join(f"{name}: {count}" for name, count in named)
            lines.append(f"{split} {len(images):,} images ({per_class})")
        return "\n".join(lines)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all pixels and labels, with their shapes, as hex digits."""
        total = hashlib.sha256()
        for _, images, labels in self._splits():
            total.update(f"{images.dtype}{images.shape}".encode())
            for part in parts(images):
                total.update(np.ascontiguousarray(part).data)
            total.update(f"{labels.dtype}{labels.shape}".encode() + labels.tobytes())
        return total.hexdigest()


def gather(images: Pixels, chosen: NDArray[np.int64] | slice) -> Pixels:
    """Images (N, ...) by their indices, of any shape: a copy, and nothing more of the map stays in memory."""
    found = np.array(images[chosen])
    release(images)
    return found


def release(images: Pixels) -> None:
    """Let go of the memory that holds what was read of a map; the values stay. Nothing for arrays in memory."""
    owner: Any = images
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def parts(images: Pixels) -> Iterator[Pixels]:
    """Consecutive parts of images (N, ...), of some megabytes each; each is to be used before the next is asked for."""
    step = max(1, PART_BYTES // max(1, images[:1].nbytes))
    for start in range(0, len(images), step):
        yield images[start : start + step]
        release(images)
