"""A labelled data set in memory, whatever it was read from: `DataSet`, which every reader returns.

Shapes: `N` images of `H W C` height, width, channels; `K` classes.

    print(load_idx(Path("datasets/MNIST")).describe())
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan.images import ImageSpec, Pixels

Labels = NDArray[np.int32]
Counts = NDArray[np.int64]


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

    def class_counts(self) -> tuple[Counts, Counts]:
        """Images per class (K,) in the training and in the test split."""
        classes = self.spec.num_classes
        return np.bincount(self.train_labels, minlength=classes), np.bincount(self.test_labels, minlength=classes)

    def describe(self) -> str:
        """A few lines for people: what was read, how much of it, images per class."""
        height, width, channels = self.spec.shape
        lines = [self.source, f"images of {height}x{width}x{channels} in {self.spec.num_classes} classes"]
        for (split, images, _), counts in zip(self._splits(), self.class_counts(), strict=True):
            per_class = ", ".join(f"{name}: {count}" for name, count in zip(self.spec.class_names, counts, strict=True))
            lines.append(f"{split} {len(images):,} images ({per_class})")
        return "\n".join(lines)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all pixels and labels, with their shapes, as hex digits."""
        total = hashlib.sha256()
        for _, images, labels in self._splits():
            for array in (images, labels):
                total.update(f"{array.dtype}{array.shape}".encode())
                total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()


def resize_images(images: Pixels, *, height: int, width: int) -> Pixels:
    """Resample images (N, H, W, C) to (N, height, width, C) with Pillow's Lanczos filter, stretching if need be."""
    resized = np.empty((len(images), height, width, images.shape[-1]), np.uint8)
    for source, target in zip(images, resized, strict=True):
        picture = Image.fromarray(source[:, :, 0] if source.shape[-1] == 1 else source)
        target[:] = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)).reshape(target.shape)
    return resized
