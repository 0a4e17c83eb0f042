"""How much the critic has learnt by heart: by critics whose scores are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.data.dataset import Subset
from gan.evaluation.overfit import MOST, Overfit


def flat(grey: int, count: int = 6) -> Subset:
    """Images of one grey, in three classes."""
    return Subset.of(np.full((count, 4, 4, 1), grey, np.uint8), np.arange(count, dtype=np.int32) % 3)


class Brightness(keras.Model):
    """Scores an image by its mean, in [-1, 1], and by the number of its class."""

    def call(self, images, labels):
        return tf.reduce_mean(images, axis=(1, 2, 3)) + tf.linalg.matvec(labels, [0.0, 10.0, 20.0])


def measured(learnt: Subset, held_out: Subset, grey_of_samples: int) -> dict[str, float]:
    overfit = Overfit(Brightness(), learnt, held_out, num_classes=3, noise_dims=2, seed=0)
    return overfit.measure(lambda labels, styles: np.full((len(labels), 4, 4, 1), grey_of_samples, np.uint8))


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [(200, 0.0), (150, 0.5), (100, 1.0), (225, -0.25), (75, 1.25)],
)
def test_it_is_the_share_of_the_lead_that_images_held_out_lack(held_out, expected):
    found = measured(flat(200), flat(held_out), 100)
    assert found == {"critic_overfit": pytest.approx(expected, abs=1e-6)}


def test_it_is_not_told_while_the_critic_has_no_lead():
    assert measured(flat(100), flat(90), 100) == {}
    assert measured(flat(100), flat(90), 120) == {}


class Company(keras.Model):
    """Scores an image by how many of its class are beside it, as a critic that looks at groups can."""

    group = 4

    def call(self, images, labels):
        return tf.linalg.matvec(labels, tf.reduce_sum(labels, axis=0)) + tf.reduce_mean(images, axis=(1, 2, 3))


def test_a_critic_of_groups_is_shown_as_many_of_both_kinds():
    """Few held-out images, and those it learnt from in the order of their classes."""
    labels = np.repeat(np.arange(3, dtype=np.int32), 48)
    learnt = Subset.of(np.full((144, 4, 4, 1), 200, np.uint8), labels)
    held_out = Subset.of(np.full((12, 4, 4, 1), 200, np.uint8), labels[::12])
    overfit = Overfit(Company(), learnt, held_out, num_classes=3, noise_dims=2, seed=0)
    found = overfit.measure(lambda labels, styles: np.full((len(labels), 4, 4, 1), 0, np.uint8))
    assert abs(found["critic_overfit"]) < 0.3  # Of a class there are one or two more or less; 44 more would be 0.97.


def test_a_critic_of_groups_does_not_see_in_which_order_images_are_stored(monkeypatch):
    """Those it learnt from class by class, and those held out in turns."""
    monkeypatch.setattr("gan.evaluation.overfit.BATCH", 12)
    learnt, held_out = (
        Subset.of(np.full((144, 4, 4, 1), 200, np.uint8), labels.astype(np.int32))
        for labels in (np.repeat(np.arange(3), 48), np.tile(np.arange(3), 48))
    )
    overfit = Overfit(Company(), learnt, held_out, num_classes=3, noise_dims=2, seed=0)
    found = overfit.measure(lambda labels, styles: np.full((len(labels), 4, 4, 1), 0, np.uint8))
    assert abs(found["critic_overfit"]) < 0.5


def test_of_many_images_some_are_looked_at(monkeypatch):
    asked = []
    monkeypatch.setattr(Subset, "gather", lambda part: asked.append(part.indices) or part.images[part.indices])
    overfit = Overfit(Brightness(), flat(200, MOST + 50), flat(150, 2 * MOST), num_classes=3, noise_dims=2, seed=0)
    overfit.measure(lambda labels, styles: np.full((len(labels), 4, 4, 1), 100, np.uint8))
    overfit.measure(lambda labels, styles: np.full((len(labels), 4, 4, 1), 100, np.uint8))
    assert [len(set(indices.tolist())) for indices in asked] == [MOST] * 4
    assert asked[0].max() >= MOST and asked[1].max() >= MOST  # Not the first ones.
    np.testing.assert_array_equal(asked[:2], asked[2:])
