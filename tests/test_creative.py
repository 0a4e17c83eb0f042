import numpy as np
import pytest
import tensorflow as tf

from gan.objectives.creative import creative_labels, hot_count_probabilities
from gan.seeding import Purpose, stream


@pytest.mark.parametrize(
    ("pan_classness", "expected"),
    [
        (0.0, [1.0, 0.0, 0.0]),
        (1.0, [0.0, 0.0, 1.0]),
        (0.5, [2.5 / 7, 2.0 / 7, 2.5 / 7]),
    ],
)
def test_the_number_of_hot_classes_is_geometric_mixed_with_its_mirror_image(pan_classness, expected):
    np.testing.assert_allclose(hot_count_probabilities(3, pan_classness), expected)


def creative(own: tf.Tensor, pan_classness: float) -> np.ndarray:
    return creative_labels(stream(0, Purpose.GENERATOR_LABELS, 0), own, pan_classness=pan_classness).numpy()


def test_creative_labels_are_k_hot_and_sum_to_one():
    labels = creative(tf.one_hot(np.arange(4000) % 4, 4), 0.5)
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-6)
    hot = (labels > 0).sum(axis=1)
    np.testing.assert_allclose(labels.max(axis=1), 1.0 / hot, rtol=1e-6)
    frequencies = np.bincount(hot, minlength=5)[1:] / 4000
    np.testing.assert_allclose(frequencies, hot_count_probabilities(4, 0.5), atol=0.03)
    np.testing.assert_allclose((labels > 0).mean(axis=0), (labels > 0).mean(), atol=0.03)


@pytest.mark.parametrize("number", range(4))
def test_creative_labels_have_the_class_they_come_with_and_any_other(number):
    labels = creative(tf.one_hot([number] * 4000, 4), 0.3)
    assert (labels[:, number] > 0).all()
    others = np.delete(labels > 0, number, axis=1).mean(axis=0)
    np.testing.assert_allclose(others, others.mean(), atol=0.03)
    assert others.min() > 0.1


@pytest.mark.parametrize(("pan_classness", "hot"), [(0.0, 1), (1.0, 4)])
def test_the_ends_are_one_hot_and_all_hot(pan_classness, hot):
    assert (np.count_nonzero(creative(tf.one_hot([2] * 500, 4), pan_classness), axis=1) == hot).all()


def test_one_class_is_enough():
    np.testing.assert_array_equal(creative(tf.ones((5, 1)), 0.3), np.ones((5, 1)))
