import numpy as np
import pytest
import tensorflow as tf

from gan.objectives.creative import creative_labels, hot_count_probabilities
from gan.seeding import Purpose, numpy_stream, stream


def normal(seed: int, purpose: Purpose, index: int) -> np.ndarray:
    return tf.random.stateless_normal((8,), seed=stream(seed, purpose, index)).numpy()


def test_a_stream_is_a_function_of_seed_purpose_and_index():
    one = normal(1, Purpose.CRITIC_STYLES, 5)
    np.testing.assert_array_equal(one, normal(1, Purpose.CRITIC_STYLES, 5))
    for other in (
        normal(2, Purpose.CRITIC_STYLES, 5),
        normal(1, Purpose.GENERATOR_STYLES, 5),
        normal(1, Purpose.CRITIC_STYLES, 6),
    ):
        assert not np.isin(one, other).any()


def test_numpy_streams_of_different_purposes_share_no_numbers():
    """The order of an epoch, say, must not be the order in which digits were drawn."""
    keys = [(purpose, seed, index) for purpose in Purpose for seed in (0, 1, 12) for index in (0, 1, 2)]
    draws = {key: tuple(numpy_stream(*key).permutation(50)) for key in keys}
    assert len(set(draws.values())) == len(keys)
    assert draws[keys[5]] == tuple(numpy_stream(*keys[5]).permutation(50))


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
