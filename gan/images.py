"""Images as values: what they look like (`ImageSpec`), pixels against network range, grids, encoded bytes.

Shapes: `B` images, `H W C` height, width, channels. Pixels are uint8 in 0..255; networks work in [-1, 1].

    spec = ImageSpec(28, 28, 1, ("0", "1"))
    png = encode(grid(pixels_from_network(generator_output), columns=10), "png")
"""

import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan.errors import Diverged
from gan.names import same_form

Pixels = NDArray[np.uint8]
ImageFormat = Literal["jpg", "png"]
FilmFormat = Literal["gif", "webp"]

BLACK = -1.0
"""Network value of pixel 0: what images are padded with up to a size that the networks can make."""

PNG_LEVEL = 3
"""Of zlib: a fifth faster than its default, 6, and no larger."""

JPEG_QUALITY = 95
GRID_GAP = 2
FILM_GREYS, FILM_COLOURS = 8, 128
"""Of a film: few, as its size grows with them."""

PALETTE_PIXELS = 1 << 22
"""That a film's colours are taken from, about."""

GRID_WIDTH = 4096
"""Pixels that a grid of all classes is wide at most, unless it has but one column."""


@dataclass(frozen=True)
class ImageSpec:
    """What every image of a data set has in common. Stored in each checkpoint."""

    height: int
    width: int
    channels: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not all(isinstance(side, int) for side in self.shape):
            raise ValueError(f"image size is {self.shape}; expected integers")
        if self.height < 1 or self.width < 1:
            raise ValueError(f"image size is {self.height}x{self.width}; expected at least 1x1")
        if self.channels not in (1, 3):
            raise ValueError(f"images have {self.channels} channels; expected 1 (grey) or 3 (RGB)")
        if not self.class_names:
            raise ValueError("the class list is empty; expected at least one class")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.height, self.width, self.channels

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ImageSpec":
        return cls(**{**values, "class_names": tuple(map(same_form, values["class_names"]))})

    def __str__(self) -> str:
        kind = "grey" if self.channels == 1 else "RGB"
        return f"{self.height}x{self.width} {kind}, {self.num_classes} classes"


def network_from_pixels(pixels: Any) -> Any:
    """Scale pixel values 0..255, already floating point, to [-1, 1]. Takes arrays and tensors alike."""
    return pixels / 127.5 - 1.0


def pixels_from_network(values: NDArray[np.floating[Any]]) -> Pixels:
    """Round values in [-1, 1] to uint8 pixels; values outside are clipped.

    Raises:
        Diverged: a value is NaN or infinite.
    """
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise Diverged("the images hold NaN or infinity; expected values in [-1, 1]: the network has diverged")
    return np.clip(np.rint((values + 1.0) * 127.5), 0, 255).astype(np.uint8)


def grid(images: Pixels, *, columns: int, gap: int = GRID_GAP) -> Pixels:
    """Tile images (B, H, W, C), row by row, on a mid-grey ground: one image (rows·(H+gap)+gap, ..., C)."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 128, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def grid_classes(spec: ImageSpec) -> list[int]:
    """The classes that a grid with a column a class shows: all, or as many as fit, spread evenly."""
    count = min(spec.num_classes, max(1, GRID_WIDTH // (spec.width + GRID_GAP)))
    return [number * spec.num_classes // count for number in range(count)]


def enlarge(image: Pixels, factor: int) -> Pixels:
    """Repeat each pixel `factor` times in both directions: (H, W, C) -> (factor·H, factor·W, C)."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def encode(image: Pixels, image_format: ImageFormat) -> bytes:
    """One image (H, W, C) as JPEG or PNG bytes. Equal images give equal bytes."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[-1] == 1 else image)
    buffer = io.BytesIO()
    if image_format == "png":
        picture.save(buffer, "PNG", compress_level=PNG_LEVEL)
    else:
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def animation(
    frames: Sequence[Pixels], film_format: FilmFormat, *, seconds: float, hold: float, coloured_by: Sequence[Pixels]
) -> bytes:
    """Images (H, W, C) of one size as a film that begins again: each for some seconds, the last for `hold` more.

    Grey ones lose their lower bits, others get the main colours of `coloured_by`, so that the film stays small.
    """
    colours = _palette(coloured_by) if frames[-1].shape[-1] == 3 else None

    def reduced(frame: Pixels) -> Image.Image:
        if colours is not None:
            return Image.fromarray(frame).quantize(palette=colours, dither=Image.Dither.NONE)
        step = 255 / (FILM_GREYS - 1)
        return Image.fromarray((np.rint(frame[..., 0] / step) * step).astype(np.uint8))

    first, *others = map(reduced, frames)
    durations = [round(1000 * seconds)] * len(others) + [round(1000 * (seconds + hold))]
    buffer = io.BytesIO()
    how: dict[str, Any] = {"optimize": True} if film_format == "gif" else {"quality": 60, "lossless": colours is None}
    if film_format == "webp":
        first, *others = [image.convert("RGB") for image in (first, *others)]
    first.save(buffer, film_format.upper(), save_all=True, append_images=others, duration=durations, loop=0, **how)
    return buffer.getvalue()


def _palette(frames: Sequence[Pixels]) -> Image.Image:
    """A picture that has the colours of frames (H, W, 3): of large ones, those of some of their pixels."""
    apart = math.ceil(math.sqrt(sum(frame[..., 0].size for frame in frames) / PALETTE_PIXELS))
    return Image.fromarray(np.concatenate([frame[::apart, ::apart] for frame in frames])).quantize(FILM_COLOURS)
