import io

import numpy as np
import pytest
from PIL import Image

from gan.images import (
    GRID_WIDTH,
    ImageSpec,
    encode,
    enlarge,
    grid,
    grid_classes,
    network_from_pixels,
    pixels_from_network,
)


def test_every_pixel_survives_the_round_trip():
    pixels = np.arange(256, dtype=np.uint8)
    values = network_from_pixels(pixels.astype(np.float32))
    assert (values.min(), values.max()) == (-1.0, 1.0)
    np.testing.assert_array_equal(pixels_from_network(values), pixels)


def test_values_outside_are_clipped_and_others_rounded():
    values = np.array([-3.0, -1.0 + 0.6 / 127.5, 0.0, 7.0], np.float32)
    np.testing.assert_array_equal(pixels_from_network(values), [0, 1, 128, 255])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused(bad):
    with pytest.raises(FloatingPointError, match="the network has diverged"):
        pixels_from_network(np.array([0.0, bad], np.float32))


@pytest.mark.parametrize(
    ("classes", "width", "shown"),
    [
        (1, 28, 1),
        (10, 28, 10),
        (136, 28, 136),
        (137, 28, 136),
        (1000, 28, 136),
        (20, 256, 15),
        (3, 4094, 1),
        (3, 9000, 1),
    ],
)
def test_a_grid_of_all_classes_shows_as_many_as_fit(classes, width, shown):
    found = grid_classes(ImageSpec(8, width, 3, tuple(map(str, range(classes)))))
    assert len(found) == len(set(found)) == shown
    assert found[0] == 0
    assert found == sorted(found)
    assert max(np.diff([*found, classes])) <= -(-classes // shown)
    assert shown == 1 or shown * (width + 2) <= GRID_WIDTH


def test_a_grid_puts_images_row_by_row():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 1), np.uint8)
    tiled = grid(images, columns=2, gap=1)
    assert tiled.shape == (3 * 4 + 1, 2 * 3 + 1, 1)
    np.testing.assert_array_equal(tiled[1::4, 1::3, 0], [[0, 1], [2, 3], [4, 5]])
    assert (tiled[0] == 128).all()


def test_a_row_that_is_not_full_stays_grey():
    assert (grid(np.zeros((3, 2, 2, 1), np.uint8), columns=2, gap=0)[2:, 2:] == 128).all()


def test_enlarging_repeats_pixels():
    np.testing.assert_array_equal(enlarge(np.array([[[1], [2]]], np.uint8), 2)[:, :, 0], [[1, 1, 2, 2], [1, 1, 2, 2]])


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_lossless_and_jpeg_is_close(channels):
    ramp = np.linspace(0, 255, 16, dtype=np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (16, 16, channels)).copy()
    png, jpg = (np.asarray(Image.open(io.BytesIO(encode(image, kind)))) for kind in ("png", "jpg"))
    np.testing.assert_array_equal(png.reshape(image.shape), image)
    assert np.abs(jpg.reshape(image.shape).astype(int) - image).max() < 12
    assert encode(image, "jpg") == encode(image, "jpg")


def test_a_spec_round_trips():
    spec = ImageSpec(5, 7, 3, ("a", "b"))
    assert ImageSpec.from_dict(spec.to_dict()) == spec
    assert str(spec) == "5x7 RGB, 2 classes"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 4, 1, ("a",)), "expected at least 1x1"),
        ((4, 4, 4, ("a",)), r"4 channels; expected 1 \(grey\) or 3 \(RGB\)"),
        ((4, 4, 1, ()), "expected at least one class"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ImageSpec(*values)
