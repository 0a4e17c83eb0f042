"""Run a network over any number of rows: in batches of one size, so that no result depends on its neighbours.

Of a network that looks at several rows together, such as the critic `minibatch`, results do.

The sizes are those of `rows_alike`, so that no result depends on its place either.

Every replica takes batches of its own, and all of them know all results, in order.

    draw = Inference(generator, size=64, strategy=strategy)
    (images,) = draw(styles, labels)

Shapes: `P` passes, `R` replicas, `S` rows in a pass of one of them, `N` rows.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

PASSES = 16
"""In one call of TensorFlow, at most: a call takes about a millisecond, whatever is in it."""

ALIKE = (144, 96, 72, 64, 48, 24, 12, 6, 5, 4, 3, 2, 1)
"""Rows in a pass. With AVX2 a product of matrices takes them in groups of six, and adds up in another order in a last
group of one to three: so these have none such. With AVX-512 no place was seen to differ. See docs/log.md."""

AT_ONCE = 2
"""Passes that a replica makes at a time: while one waits for its slowest thread, the other computes."""


def rows_alike(most: int) -> int:
    """The most rows of a pass, up to so many, in which equal rows give equal results to the bit, whatever their place.

    Raises:
        ValueError: there are none, below one.
    """
    if most < 1:
        raise ValueError(f"a pass of {most} rows; expected at least one")
    return next(rows for rows in ALIKE if rows <= most)


class Inference:
    """Args:
    function: of batches of equally many rows; returns a list of batches.
    size: rows in one pass of the function on one replica, at most: there are `rows_alike(size)`.
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
        self._size = rows_alike(size)
        self.rows = self._size * self.strategy.num_replicas_in_sync
        self._function = function
        self._run: Callable[..., list[tf.Tensor]] | None = None

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Arrays of N rows each -> arrays of N rows each."""
        return [np.concatenate(parts) for parts in zip(*self.parts(*inputs), strict=True)]

    def parts(self, *inputs: NDArray[Any]) -> Iterator[list[NDArray[Any]]]:
        """The results of consecutive rows, those of a call at a time. Rows that fill the last pass up are left out."""
        count = len(inputs[0])
        for start in range(0, count, PASSES * self.rows):
            given = [part[start : start + PASSES * self.rows] for part in inputs]
            found = self._call(*(_passes(part, self.rows) for part in given))
            yield [each.numpy().reshape(-1, *each.shape[2:])[: len(given[0])] for each in found]

    def _call(self, *inputs: NDArray[Any]) -> list[tf.Tensor]:
        """Arrays (P, R·S, ...) -> tensors (P, R·S, ...)."""
        if self._run is None:
            # Of any number of passes: else each number would be traced.
            shapes = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in inputs]
            # A partial: else TensorFlow takes the functions of several networks for one that is traced anew each time.
            self._run = tf.function(partial(self._replicated), input_signature=shapes, autograph=False)
        return self._run(*map(tf.constant, inputs))

    def _replicated(self, *inputs: tf.Tensor) -> list[tf.Tensor]:
        found = self.strategy.run(self._share, inputs)
        return [self.strategy.experimental_local_results(result)[0] for result in found]

    def _share(self, *inputs: tf.Tensor) -> list[tf.Tensor]:
        """What a replica makes of its rows of each pass, and the others of theirs."""
        context = tf.distribute.get_replica_context()
        start = self._size * context.replica_id_in_sync_group
        shapes = [tf.TensorSpec((self._size, *part.shape[2:]), part.dtype) for part in inputs]
        one_pass = tf.function(self._function, autograph=False).get_concrete_function(*shapes)
        results = tf.map_fn(
            lambda batches: one_pass(*batches),
            [part[:, start : start + self._size] for part in inputs],
            fn_output_signature=[tf.TensorSpec(each.shape, each.dtype) for each in one_pass.structured_outputs],
            parallel_iterations=AT_ONCE,
        )
        return [context.all_gather(result, axis=1) for result in results]


def _passes(rows: NDArray[Any], size: int) -> NDArray[Any]:
    """Rows (N, ...) -> (P, size, ...); those that fill the last pass up are zero."""
    missing = -len(rows) % size
    filled = np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else rows
    return filled.reshape(-1, size, *rows.shape[1:])
