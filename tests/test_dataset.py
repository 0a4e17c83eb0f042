"""Training images that are held out, and parts of a split that are read when they are asked for."""

from dataclasses import replace

import numpy as np
from helpers import tiny_data

from gan.data.dataset import Subset

DATA = tiny_data(train=95)


def test_a_share_of_every_class_is_held_out_and_nothing_is_in_both():
    kept, held = DATA.divide(0.1)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept.indices, held.indices])), np.arange(95))
    assert np.bincount(held.labels).tolist() == [3, 3, 3]
    assert (kept.name, held.name) == ("training images", "held-out training images")
    for part in (kept, held):
        np.testing.assert_array_equal(part.gather(), DATA.train_images[part.indices])
        np.testing.assert_array_equal(part.labels, DATA.train_labels[part.indices])


def test_the_same_images_are_held_out_each_time():
    assert DATA.divide(0.2)[1].indices.tolist() == replace(DATA, source="again").divide(0.2)[1].indices.tolist()


def test_nothing_is_held_out_of_a_class_of_nine_and_one_of_one_of_ten():
    labels = np.repeat([0, 1, 2], [9, 10, 76]).astype(np.int32)
    _, held = replace(DATA, train_labels=labels).divide(0.05)
    assert np.bincount(held.labels, minlength=3).tolist() == [0, 1, 4]


def test_a_share_of_nothing_leaves_all_in_their_order():
    kept, held = DATA.divide(0.0)
    assert held is DATA.test
    np.testing.assert_array_equal(kept.indices, np.arange(95))


def test_where_too_few_would_be_held_out_none_is():
    small = tiny_data(train=36)
    kept, held = small.divide(0.1)
    assert kept is small.train and held is small.test
    assert small.divide(0.2)[1].size == 6


def test_a_part_of_a_part():
    subset = Subset.of(DATA.train_images, DATA.train_labels).take(np.array([5, 7, 9])).take(np.array([2, 0]))
    assert subset.indices.tolist() == [9, 5]
    np.testing.assert_array_equal(subset.gather(slice(1, 2)), DATA.train_images[5:6])
    assert subset.nbytes == 2 * 64
