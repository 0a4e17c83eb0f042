"""Drawn images as the bytes of an answer: one picture, a grid, an archive. Equal images give equal bytes."""

import io
import math
import zipfile

from gan.images import ImageFormat, Pixels, encode, grid
from gan.serving.schemas import Format

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "zip": "application/zip"}
_FORMATS: dict[Format, ImageFormat] = {"png": "png", "jpeg": "jpg"}


def picture(image: Pixels, form: Format) -> bytes:
    """One image (H, W, C) as a file."""
    return encode(image, _FORMATS[form])


def grid_picture(images: Pixels, form: Format, *, columns: int | None) -> bytes:
    """Images (N, H, W, C), row by row, as one file; None columns make a square."""
    return picture(grid(images, columns=columns or math.ceil(math.sqrt(len(images)))), form)


def archive(images: Pixels, form: Format) -> bytes:
    """Images (N, H, W, C) as files in an archive: `1.png`, `2.png`, ..., or `.jpg`; of the earliest date there is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for number, image in enumerate(images, start=1):
            file.writestr(zipfile.ZipInfo(f"{number}.{_FORMATS[form]}"), picture(image, form))
    return buffer.getvalue()
