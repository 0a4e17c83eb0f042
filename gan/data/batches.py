"""Batches of training images as a function of (seed, batch number), so that a run can resume at any of them.

Batch number `u` lies in epoch `u // per_epoch`, and each epoch has a permutation of its own, drawn from (seed, epoch).
Shapes: `N` images of `H W C` height, width, channels; `B` images per batch.

    images, labels = Batches(data.train, batch_size=64, seed=0).take(first=step * 5, count=5)
"""

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import Labels, Subset
from gan.errors import UserError
from gan.images import Pixels
from gan.seeding import Purpose, numpy_stream


class Batch(NamedTuple):
    """Consecutive batches, stacked: what one call of a training step consumes."""

    images: Pixels  # (count, B, H, W, C); a tensor where they are on a GPU
    labels: Labels  # (count, B)


class Source(Protocol):
    """Where batches come from: batch `u` is always the same one."""

    def take(self, first: int, count: int) -> Batch: ...


class Batches:
    """Endless shuffled batches. The images may be mapped from a file: they are only ever gathered from."""

    def __init__(self, subset: Subset, *, batch_size: int, seed: int) -> None:
        """Batch the images of `subset`, N in all; an epoch drops the last N mod B of its permutation."""
        if subset.size != len(subset.labels):
            raise ValueError(f"there are {subset.size} images but {len(subset.labels)} labels; expected as many")
        if batch_size < 1:
            raise ValueError(f"the batch size is {batch_size}; expected at least 1")
        if subset.size < batch_size:
            raise UserError(
                f"there are {subset.size} {subset.name}, fewer than one batch of {batch_size}; "
                f"lower gan_batch_size (or cls_batch_size) to at most {subset.size}"
            )
        self.per_epoch = subset.size // batch_size
        self.subset = subset
        self._batch_size = batch_size
        self._seed = seed
        self._permutation = lru_cache(maxsize=2)(self._draw_permutation)

    def take(self, first: int, count: int) -> Batch:
        """The batches numbered `first` to `first + count - 1`, whatever was taken before."""
        chosen = self.choose(first, count)
        return Batch(self.subset.gather(chosen), self.subset.labels[chosen])

    def choose(self, first: int, count: int) -> NDArray[np.int64]:
        """Which images make those batches: (count, B)."""
        if first < 0 or count < 1:
            raise ValueError(f"batches {first} to {first + count - 1} were asked for; expected one or more, from 0")
        return np.stack([self._indices(number) for number in range(first, first + count)])

    def _indices(self, number: int) -> NDArray[np.int64]:
        """Which images make batch `number`: (B,)."""
        epoch, position = divmod(number, self.per_epoch)
        return self._permutation(epoch)[position * self._batch_size : (position + 1) * self._batch_size]

    def _draw_permutation(self, epoch: int) -> NDArray[np.int64]:
        return numpy_stream(Purpose.EPOCH_ORDER, self._seed, epoch).permutation(self.subset.size)
