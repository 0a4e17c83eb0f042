import numpy as np
import pytest

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


def test_creative_labels_are_k_hot_and_sum_to_one():
    labels = creative_labels(stream(0, Purpose.GENERATOR_LABELS, 0), 4000, num_classes=4, pan_classness=0.5).numpy()
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-6)
    hot = (labels > 0).sum(axis=1)
    np.testing.assert_allclose(labels.max(axis=1), 1.0 / hot, rtol=1e-6)
    frequencies = np.bincount(hot, minlength=5)[1:] / 4000
    np.testing.assert_allclose(frequencies, hot_count_probabilities(4, 0.5), atol=0.03)
    np.testing.assert_allclose((labels > 0).mean(axis=0), (labels > 0).mean(), atol=0.03)


@pytest.mark.parametrize(("pan_classness", "hot"), [(0.0, 1), (1.0, 4)])
def test_the_ends_are_one_hot_and_all_hot(pan_classness, hot):
    labels = creative_labels(stream(0, Purpose.GENERATOR_LABELS, 0), 500, num_classes=4, pan_classness=pan_classness)
    assert (np.count_nonzero(labels, axis=1) == hot).all()


def test_one_class_is_enough():
    labels = creative_labels(stream(0, Purpose.GENERATOR_LABELS, 0), 5, num_classes=1, pan_classness=0.3)
    np.testing.assert_array_equal(labels, np.ones((5, 1)))
