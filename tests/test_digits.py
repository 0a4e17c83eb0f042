"""The built-in digits: deterministic, balanced, MNIST-like, and easy to tell apart."""

import numpy as np
import pytest

from gan.data.dataset import DataSet
from gan.data.formats.digits import SIZE, make_digits
from gan.data.loading import load_dataset
from gan.images import ImageSpec


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return make_digits(seed=3, train=2_000, test=500)


def test_the_seed_alone_decides_the_images(digits: DataSet) -> None:
    assert make_digits(seed=3, train=2_000, test=500).digest == digits.digest
    assert make_digits(seed=4, train=2_000, test=500).digest != digits.digest


def test_one_split_does_not_depend_on_the_size_of_the_other(digits: DataSet) -> None:
    np.testing.assert_array_equal(make_digits(seed=3, train=10, test=500).test_images, digits.test_images)


def test_the_splits_share_no_image(digits: DataSet) -> None:
    train = {image.tobytes() for image in digits.train_images}
    assert len(train) == 2_000
    assert train.isdisjoint(image.tobytes() for image in digits.test_images)
    even = make_digits(train=20, test=20)
    assert not np.array_equal(even.train_images, even.test_images)


def test_classes_are_balanced_and_shuffled(digits: DataSet) -> None:
    assert digits.spec == ImageSpec(28, 28, 1, tuple("0123456789"))
    assert [set(counts.tolist()) for counts in digits.class_counts()] == [{200}, {50}]
    assert len(set(digits.train_labels[:100].tolist())) == 10
    assert np.bincount(make_digits(train=13, test=1).train_labels, minlength=10).tolist() == [2] * 3 + [1] * 7


def test_digits_are_white_on_black_centred_and_twenty_pixels_high(digits: DataSet) -> None:
    ink = digits.train_images[..., 0] > 100  # (N, H, W)
    rows = ink.any(axis=2)
    heights = SIZE - rows[:, ::-1].argmax(axis=1) - rows.argmax(axis=1)
    assert 19 < heights.mean() < 21
    assert heights.min() >= 15
    assert heights.max() <= 25
    centres = (ink * np.arange(SIZE)[:, np.newaxis]).sum(axis=(1, 2)) / ink.sum(axis=(1, 2))
    assert abs(centres.mean() - (SIZE - 1) / 2) < 0.5
    assert 0.1 < ink.mean() < 0.2
    assert (digits.train_images.reshape(2_000, -1).max(axis=1) > 240).all()


def test_the_noise_on_the_background_is_mild(digits: DataSet) -> None:
    corners = digits.train_images[:, :3, :3]
    assert 0.4 < (corners == 0).mean() < 0.7
    assert corners.max() < 40


def test_a_nearest_neighbour_tells_the_digits_apart(digits: DataSet) -> None:
    train, test = (
        images.reshape(len(images), -1).astype(np.float32) for images in (digits.train_images, digits.test_images)
    )
    squared_distances = (train**2).sum(axis=1) - 2 * test @ train.T  # (test N, train N), less a constant a row
    found = digits.train_labels[squared_distances.argmin(axis=1)]
    assert (found == digits.test_labels).mean() > 0.98


def test_the_data_path_digits_names_this_set() -> None:
    dataset = load_dataset("digits")
    assert dataset.describe().splitlines()[0] == "built-in digits, seed 0"
    assert dataset.train_images.shape == (10_000, 28, 28, 1)
    assert dataset.test_images.shape == (2_000, 28, 28, 1)
