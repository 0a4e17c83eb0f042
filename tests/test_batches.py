"""Batches as a function of (seed, number): random access, whole epochs, no state to lose."""

from pathlib import Path

import numpy as np
import pytest

from gan.data.batches import Batches
from gan.data.dataset import Subset
from gan.seeding import Purpose


def numbered(count: int, batch_size: int, *, seed: int = 5) -> Batches:
    """Batches of `count` images of 2x1x1, each holding its own number, as does its label."""
    numbers = np.arange(count)
    images = np.repeat(numbers.astype(np.uint8), 2).reshape(count, 2, 1, 1)
    return Batches(Subset.of(images, numbers.astype(np.int32)), batch_size=batch_size, seed=seed)


def test_a_batch_has_the_documented_shapes_and_types() -> None:
    images, labels = numbered(23, 5).take(0, 3)
    assert (images.shape, images.dtype) == ((3, 5, 2, 1, 1), np.uint8)
    assert (labels.shape, labels.dtype) == ((3, 5), np.int32)
    np.testing.assert_array_equal(images[..., 0, 0, 0], labels)


def test_an_epoch_has_each_image_at_most_once_and_drops_others_each_time() -> None:
    batches = numbered(23, 5)
    assert batches.per_epoch == 4
    epochs = [batches.take(4 * epoch, 4).labels.ravel() for epoch in range(6)]
    assert all(len(set(epoch.tolist())) == 20 for epoch in epochs)
    dropped = {frozenset(range(23)) - set(epoch.tolist()) for epoch in epochs}
    assert len(dropped) > 1
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_batch_depends_on_nothing_but_seed_and_number() -> None:
    in_order = [numbered(23, 5).take(number, 1).labels[0] for number in range(12)]
    batches = numbered(23, 5)
    for number in (11, 0, 7, 3, 4, 8, 0, 10):
        np.testing.assert_array_equal(batches.take(number, 1).labels[0], in_order[number])
    np.testing.assert_array_equal(batches.take(1, 10).labels, in_order[1:11])  # across three epochs
    assert not np.array_equal(numbered(23, 5, seed=6).take(0, 1).labels[0], in_order[0])


def test_walking_an_epoch_draws_one_permutation(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    default_rng = np.random.default_rng

    def recorded(seed: list[int]) -> np.random.Generator:
        drawn.append(seed)
        return default_rng(seed)

    monkeypatch.setattr(np.random, "default_rng", recorded)
    batches = numbered(23, 5)
    for number in range(8):
        batches.take(number, 1)
    assert drawn == [[Purpose.EPOCH_ORDER, 5, 0], [Purpose.EPOCH_ORDER, 5, 1]]


def test_one_batch_may_be_the_whole_split() -> None:
    assert sorted(numbered(5, 5).take(9, 1).labels[0].tolist()) == [0, 1, 2, 3, 4]


def test_images_may_be_mapped_from_disk(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1)
    images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=images.shape)
    labels = np.arange(6, dtype=np.int32)
    taken = Batches(Subset.of(mapped, labels), batch_size=4, seed=0).take(2, 1)
    np.testing.assert_array_equal(
        taken.images, Batches(Subset.of(images, labels), batch_size=4, seed=0).take(2, 1).images
    )
    assert not isinstance(taken.images, np.memmap)


def test_fewer_images_than_a_batch_says_what_to_lower() -> None:
    with pytest.raises(ValueError) as error:
        numbered(40, 64)
    assert str(error.value) == (
        "there are 40 images, fewer than one batch of 64; lower gan_batch_size (or cls_batch_size) to at most 40"
    )


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="the batch size is 0; expected at least 1"):
        numbered(4, 0)
    with pytest.raises(ValueError, match="there are 4 images but 3 labels; expected as many"):
        Batches(Subset.of(np.zeros((4, 2, 2, 1), np.uint8), np.zeros(3, np.int32)), batch_size=2, seed=0)
    with pytest.raises(ValueError, match="batches -1 to 1 were asked for; expected one or more, from 0"):
        numbered(4, 2).take(-1, 3)
    with pytest.raises(ValueError, match="batches 2 to 1 were asked for"):
        numbered(4, 2).take(2, 0)
