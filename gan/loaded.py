"""A trained GAN for other code: what `gan.load` returns.

    from gan import load
    images = load("checkpoints").sample({"3": 0.5, "8": 0.5}, seed=7)

Shapes: `N` images of `H W C` height, width, channels; `K` classes.
"""

import operator
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsIndex, cast

import numpy as np

from gan.checkpoints import Which
from gan.errors import UserError
from gan.images import ImageSpec, Pixels
from gan.labels import Floats, class_index, parse_labels, shares
from gan.sampling import Sampler, styles

Label = str | int | Mapping[str | int, float] | Sequence[float]
"""A class by its name or else its index, such as "3"; `CLASS:WEIGHT,CLASS:WEIGHT`; weights by class; or K weights."""


class Loaded:
    """The average that a checkpoint holds.

    Attributes:
        spec: of the images: sizes, and `class_names`.
        sampler: draws from any label vectors and styles.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self.spec: ImageSpec = sampler.spec

    @classmethod
    def from_checkpoint(cls, directory: Path, which: str | SupportsIndex = "newest") -> "Loaded":
        """Of a directory of checkpoints, or of one of them: newest, best, or of a step.

        Raises:
            UserError: there is no such checkpoint, or it is damaged.
        """
        wanted = which if which in ("newest", "best") else _integer(which)
        if wanted is None:
            raise UserError(f"the checkpoint is {which!r}; expected newest, best, or a step such as 5000")
        return cls(Sampler.from_checkpoint(directory, cast(Which, wanted)))

    def sample(self, label: Label, *, seed: SupportsIndex = 0, count: SupportsIndex = 1) -> Pixels:
        """Images (N, H, W, C) uint8 of a label, in the first `count` styles of a seed: those that `generate.py` draws.

        Raises:
            UserError: there is no such class, or weights that are none; a seed or count that is none.
        """
        start, rows = _integer(seed), _integer(count)
        if start is None or start < 0 or rows is None or rows < 1:
            raise UserError(f"seed is {seed!r} and count {count!r}; expected a seed from 0 and a count from 1")
        labels = np.tile(self.label_vector(label), (rows, 1))
        return self.sampler.sample(labels, styles(self.sampler.noise_dims, seed=start, numbers=range(1, rows + 1)))

    def label_vector(self, label: Label) -> Floats:
        """Weights (K,) that sum to 1.

        Raises:
            UserError: there is no such class, or weights that are none.
        """
        if isinstance(label, str | int | np.integer):
            return parse_labels(str(label), self.spec)
        indices, numbers = list(range(self.spec.num_classes)), label
        if isinstance(label, Mapping):
            indices, numbers = [class_index(str(name), self.spec) for name in label], list(label.values())
        try:
            given = np.array(numbers, float)
        except (OverflowError, TypeError, ValueError):
            given = np.array(np.nan)
        if given.shape != (len(indices),) or not all(map(_is_number, numbers)):
            raise UserError(
                f"the label is {reprlib.repr(label)}; expected a class, weights by class, or one for each of "
                f"{self.spec.num_classes} classes"
            )
        largest = given.max(initial=0)
        if not ((given >= 0).all() and 0 < largest < np.inf):
            raise UserError(f"the label {label!r} has weights that cannot be; expected some from 0, not all of them 0")
        weights = np.zeros(self.spec.num_classes)
        np.add.at(weights, indices, given / largest)  # Of a class that is named twice, the sum could overflow.
        return shares(weights)


def _is_number(value: Any) -> bool:
    """Whether it is none of what NumPy only reads as a number: texts such as "1", and True and False."""
    return np.asarray(value).dtype.kind not in "bSU"


def _integer(value: Any) -> int | None:
    """An integer of Python or NumPy; None of anything else, True and False included."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
