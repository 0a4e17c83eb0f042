"""Run a network over any number of rows: in batches of one size, so that no result depends on its neighbours.

Every replica takes a batch of its own at a time, and all of them know all results, in order.

    draw = Inference(generator, size=64, strategy=strategy)
    (images,) = draw(styles, labels)
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Inference:
    """Args:
    function: of batches of `size` rows each; returns a list of batches.
    size: rows in one pass of the function on one replica.
    strategy: whose replicas share the work; by default there is one. The function's variables are to be its.
    """

    def __init__(
        self,
        function: Callable[..., list[tf.Tensor]],
        *,
        size: int,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.strategy = strategy or tf.distribute.get_strategy()
        self.rows = size * self.strategy.num_replicas_in_sync

        def share(*inputs: tf.Tensor) -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            start = size * context.replica_id_in_sync_group
            results = function(*(part[start : start + size] for part in inputs))
            return [context.all_gather(result, axis=0) for result in results]

        def run(*inputs: tf.Tensor) -> list[tf.Tensor]:
            found = self.strategy.run(share, inputs)
            return [self.strategy.experimental_local_results(result)[0] for result in found]

        # A partial: else TensorFlow takes the functions of several networks for one that is traced anew each time.
        self._run = tf.function(partial(run), autograph=False)

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Arrays of N rows each -> arrays of N rows each. Rows that fill the last batch up are zero, and left out."""
        count = len(inputs[0])
        results = []
        for start in range(0, count, self.rows):
            parts = [part[start : start + self.rows] for part in inputs]
            filled = [np.concatenate([p, np.zeros((self.rows - len(p), *p.shape[1:]), p.dtype)]) for p in parts]
            results.append([found.numpy()[: len(parts[0])] for found in self._run(*map(tf.constant, filled))])
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]
