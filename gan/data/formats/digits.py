"""The built-in data set: digits in Pillow's own typeface, each turned, slanted, stretched and moved at random.

It needs no download and looks like MNIST: 28x28, white on black, a digit of about 20 pixels in the middle. A digit is
drawn once per stroke width, as a master of twice the size; each image is an affine map of a master, then halved.
Shapes: `N` images, `H W` height, width. The same seed gives the same images with the same NumPy and Pillow.

    dataset = make_digits(seed=0)
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gan.data.dataset import DataSet, Labels
from gan.images import ImageSpec, Pixels
from gan.seeding import Purpose, numpy_stream

NUM_CLASSES = 10
SIZE = 28

OVERSAMPLING = 2
MASTER_SIZE = OVERSAMPLING * SIZE
DRAWN_SIZE = 2 * MASTER_SIZE

FONT_SIZE = 108
"""In drawn pixels: makes a digit 19 pixels high in the end, before its stroke is widened."""

STROKE_WIDTHS = (0, 1, 2, 3)
"""In drawn pixels, added all around the typeface's own stroke: it ends up 2 to 3.5 pixels wide."""

MAX_ROTATION = math.radians(12)
MAX_SHEAR = 0.15
MAX_LOG_SCALE = 0.1
MAX_SHIFT = 1.5 * OVERSAMPLING
"""In master pixels: 1.5 of the image's."""

NOISE_SIGMA = 5.0
"""Of 255; what falls below 0 is clipped, so half of the background stays black."""


def make_digits(seed: int = 0, train: int = 10_000, test: int = 2_000) -> DataSet:
    """Draw `train` and `test` images, shuffled, with even classes. Neither count changes the other split."""
    masters = _draw_masters()
    train_images, train_labels = _draw_split(masters, train, numpy_stream(Purpose.DIGITS_TRAIN, seed))
    test_images, test_labels = _draw_split(masters, test, numpy_stream(Purpose.DIGITS_TEST, seed))
    return DataSet(
        spec=ImageSpec(SIZE, SIZE, 1, tuple(map(str, range(NUM_CLASSES)))),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        source=f"built-in digits, seed {seed}",
    )


def _draw_masters() -> list[list[Image.Image]]:
    """Each digit in each stroke width, centred: masters[digit][stroke]."""
    font = ImageFont.load_default(FONT_SIZE)
    return [[_draw_master(str(digit), font, stroke) for stroke in STROKE_WIDTHS] for digit in range(NUM_CLASSES)]


def _draw_master(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, stroke: int) -> Image.Image:
    picture = Image.new("L", (DRAWN_SIZE, DRAWN_SIZE))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font, stroke_width=stroke)
    corner = (DRAWN_SIZE - left - right) / 2, (DRAWN_SIZE - top - bottom) / 2
    draw.text(corner, text, fill=255, font=font, stroke_width=stroke)
    return picture.reduce(DRAWN_SIZE // MASTER_SIZE)


def _draw_split(masters: list[list[Image.Image]], count: int, rng: np.random.Generator) -> tuple[Pixels, Labels]:
    """Images (N, H, W, 1) and labels (N,)."""
    labels = rng.permutation(np.arange(count, dtype=np.int32) % NUM_CLASSES)
    strokes = rng.integers(len(STROKE_WIDTHS), size=count)
    maps = _random_maps(count, rng)
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for index, (label, stroke, coefficients) in enumerate(zip(labels, strokes, maps.tolist(), strict=True)):
        moved = masters[label][stroke].transform(
            (MASTER_SIZE, MASTER_SIZE), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
        )
        images[index] = moved.reduce(OVERSAMPLING)
    noise = NOISE_SIGMA * rng.standard_normal(images.shape, np.float32)
    noisy = np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)
    return noisy[..., np.newaxis], labels


def _random_maps(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Pillow's six affine coefficients for each image (N, 6): from a pixel of the result to one of the master."""

    def uniform(limit: float, *shape: int) -> NDArray[np.float64]:
        return rng.uniform(-limit, limit, (count, *shape))

    angle, shear, scale = uniform(MAX_ROTATION), uniform(MAX_SHEAR), np.exp(uniform(MAX_LOG_SCALE, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    forward = np.empty((count, 2, 2))  # rotation · shear · scale, about the centre
    forward[:, 0, 0], forward[:, 0, 1] = cosine, cosine * shear - sine
    forward[:, 1, 0], forward[:, 1, 1] = sine, sine * shear + cosine
    backward = np.linalg.inv(forward * scale[:, np.newaxis, :])
    centre = np.full(2, MASTER_SIZE / 2)
    offset = centre - np.einsum("nij,nj->ni", backward, centre + uniform(MAX_SHIFT, 2))
    return np.concatenate([backward, offset[..., np.newaxis]], axis=-1).reshape(count, 6)
