"""Networks that an evaluation trains for itself."""

import numpy as np
import pytest

from gan.data.dataset import Subset
from gan.evaluation.fitting import BATCH, fit, small_network


def halves(count: int) -> Subset:
    """Images that are light above or below, and which of the two."""
    labels = np.arange(count, dtype=np.int32) % 2
    images = np.random.default_rng(0).integers(0, 100, (count, 8, 8, 1), dtype=np.uint8)
    images[labels == 0, :4] += 100
    images[labels == 1, 4:] += 100
    return Subset.of(images, labels)


@pytest.mark.parametrize(
    ("count", "epochs", "fewest", "steps"),
    [(3 * BATCH, 2, 0, 6), (3 * BATCH + 5, 2, 0, 6), (40, 2, 30, 30), (2 * BATCH, 20, 7, 40)],
)
def test_as_many_steps_as_were_asked_for(count, epochs, fewest, steps):
    """Of so many epochs, or the fewest steps if those are more; the last tells that all is done."""
    told = []
    network = small_network((8, 8, 1), classes=2, seed=0)
    fit(network, halves(count), epochs=epochs, fewest_steps=fewest, seed=0, progress=told.append)
    np.testing.assert_allclose(told, np.arange(1, steps + 1) / steps)


def test_what_was_learnt_is_told_of_others():
    learnt = halves(300)
    predict = fit(small_network((8, 8, 1), classes=2, seed=0), learnt, epochs=30, seed=0)
    others = halves(61)
    logits = predict(others.images[::-1].copy())
    assert logits.shape == (61, 2)
    assert (logits.argmax(axis=1) == others.labels[::-1]).mean() > 0.95


@pytest.mark.parametrize("seed", [2, 5 * 10**9])
def test_one_seed_gives_one_network(seed):
    first, again = (
        fit(small_network((8, 8, 1), classes=2, seed=seed), halves(50), epochs=3, seed=seed)(halves(9).images)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
