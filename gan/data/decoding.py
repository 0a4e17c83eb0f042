"""From the bytes of a picture file to uint8 pixels: converted by rule, or refused by name, never cut silently.

Grey, RGB and palette images are taken as they are; transparency is laid on black; 16-bit grey is rounded to 8 bits; the
orientation that EXIF tells is applied. Text and colour profiles are left out unread. A picture whose three channels are
equal everywhere is grey. CMYK, animations and 16-bit colour, which Pillow would cut, are refused; of a GIF the first
frame is taken. Every chunk of a PNG must have its checksum, which Pillow does not look at. PNG, JPEG (also MPO, as
telephones write it), WebP, BMP, GIF and TIFF are read.

    picture = decode(Path("cat.png").read_bytes())
    small = resized(picture.pixels, height=64, width=64, how="crop")

Shapes: `H W C` height, width, channels (1 or 3).
"""

import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from gan.data.dataset import MAX_MEGAPIXELS, Resize
from gan.data.kinds import kind_of
from gan.images import Pixels

BACKGROUND = 0
"""Black: what transparent images are laid on, and what `pad` adds."""

PNG_SIGNATURE, JPEG_SIGNATURE = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_GREY = 0
ENDS = (0xDA, 0xFF)
"""After which markers of a JPEG its pixels follow, or what is not looked into."""

PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT")
"""Chunks of a PNG that are looked at: others hold text, colour profiles or what else says nothing of the pixels."""

NOTES = (*range(0xE1, 0xEE), 0xEF, 0xFE)
"""Segments of a JPEG that say nothing of the pixels, but for EXIF, which shares the first of these with others."""

OTHERS = {
    rb"RIFF....WEBP": "WEBP",
    rb"BM....\0\0\0\0": "BMP",
    rb"GIF8[79]a": "GIF",
    rb"(II\*\0|MM\0\*)": "TIFF",
}
"""How other kinds of pictures begin, and what Pillow calls them."""

BITS_PER_SAMPLE, PHOTOMETRIC = 258, 262
"""Tags of a TIFF."""

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "I;16B")


class BadImage(ValueError):
    """What is wrong with an image file, in words that follow its name."""


class Picture(NamedTuple):
    """A decoded file, and whether it had transparent parts, or more bits than are left."""

    pixels: Pixels  # (H, W, C)
    transparent: bool = False
    rounded: bool = False


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of what is odd in a picture but does not matter, and no limit but ours of its pixels."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def decode(content: bytes, *, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Pixels of the bytes of a picture file.

    Raises:
        BadImage: it is none, is damaged, is larger than that, or is of a kind that would lose something.
    """
    depth, formats = 8, ["PNG", "JPEG"]
    if content.startswith(PNG_SIGNATURE):
        depth, colour, content = _checked_png(content)
        if depth == 16 and colour != PNG_GREY:
            raise BadImage("has 16 bits per channel; expected 8: save it as an 8-bit image")
    elif content.startswith(JPEG_SIGNATURE):
        content = _without_notes(content)
    elif other := next((name for start, name in OTHERS.items() if re.match(start, content, re.DOTALL)), None):
        formats = [other]
    else:
        raise BadImage(f"is {kind_of(content) or 'no picture of a kind that can be read, such as PNG or JPEG'}")
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            if (megapixels := image.width * image.height / 1e6) > max_megapixels:
                raise BadImage(
                    f"has {megapixels:.4g} megapixels; expected at most {max_megapixels:g}: pass --max-megapixels "
                    f"{math.ceil(megapixels)} to read it"
                )
            return _converted(image, depth)
    except (BadImage, MemoryError):
        raise
    except UnidentifiedImageError:
        raise BadImage("cannot be decoded (its first bytes are damaged)") from None
    except Exception as error:  # Pillow raises errors of many kinds for damaged files.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadImage(f"cannot be decoded ({reason})") from error


def _checked_png(content: bytes) -> tuple[int, int, bytes]:
    """Bits per channel and colour type of a PNG whose chunks are all there and whole; and the PNG without what is no
    pixels, which Pillow would unpack, up to a limit.
    """
    position = len(PNG_SIGNATURE)
    kept: list[bytes] = []
    if len(content) > 16 and content[8:16] != b"\0\0\0\x0dIHDR":
        raise BadImage("is damaged: it does not begin with a PNG header")
    start = 0
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            break
        if struct.unpack_from(">I", content, end)[0] != zlib.crc32(memoryview(content)[position + 4 : end]):
            raise BadImage(f"is damaged: the checksum of its {kind.decode('ascii', 'replace')} chunk is wrong")
        if kind not in PIXELS:
            kept.append(content[start:position])
            start = end + 4
        if kind == b"IEND":
            return content[24], content[25], b"".join([*kept, content[start:]])
        position = end + 4
    raise BadImage(f"is truncated: it ends after {len(content)} bytes, within the image")


def _without_notes(content: bytes) -> bytes:
    """A JPEG without the segments that say nothing of its pixels, which Pillow would look at, and may stumble on."""
    kept, position = [content[:2]], 2
    while position + 4 <= len(content) and content[position] == 0xFF and content[position + 1] not in ENDS:
        marker, length = content[position + 1], int.from_bytes(content[position + 2 : position + 4])
        segment = content[position : position + 2 + length]
        if marker not in NOTES or segment[4:10] == b"Exif\0\0":
            kept.append(segment)
        position += 2 + length
    return b"".join([*kept, content[position:]])


def _converted(image: Image.Image, depth: int) -> Picture:
    """The picture of an image of this many bits per channel."""
    if image.mode not in MODES:
        raise BadImage(f"is a {image.mode} image; expected grey or RGB: save it as one")
    if image.format in ("PNG", "WEBP", "TIFF") and getattr(image, "is_animated", False):
        raise BadImage(f"is {'several pages' if image.format == 'TIFF' else 'an animation'}; expected one picture")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        depth = _checked_tiff(image)
    image.load()
    if "exif" in image.info:
        with suppress(Exception):  # What cannot be read there says nothing of the picture.
            image = ImageOps.exif_transpose(image)
    if depth in (2, 4) and image.mode == "L" and "transparency" in image.info:
        # Pillow stretches such values to 0..255, but not the one that is transparent.
        image.info["transparency"] *= 255 // (2**depth - 1)
    transparent = False
    if image.mode in ("I;16", "I;16B"):
        if "transparency" in image.info:
            raise BadImage("has 16 bits per channel and transparency; expected 8 bits: save it as an 8-bit image")
        pixels = ((np.asarray(image, np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        transparent = layer.getchannel("A").getextrema() != (255, 255)
        ground = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        pixels = np.asarray(Image.alpha_composite(ground, layer).convert("RGB"))
    elif image.mode == "P":
        pixels = np.asarray(image.convert("RGB"))
    else:
        pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    return Picture(_grey_if_equal(pixels), transparent, rounded=depth == 16)


def _checked_tiff(image: TiffImagePlugin.TiffImageFile) -> int:
    """Bits per channel of a TIFF, of which Pillow would cut more than 8 in colour."""
    bits = image.tag_v2.get(BITS_PER_SAMPLE, (1,))
    depth = max(bits) if isinstance(bits, tuple) else int(bits)
    if depth > 8 and (image.mode not in ("I;16", "I;16B") or image.tag_v2.get(PHOTOMETRIC) == 0):
        raise BadImage(f"has {depth} bits per channel; expected 8: save it as an 8-bit image")
    return depth


def _grey_if_equal(pixels: Pixels) -> Pixels:
    """(H, W) or (H, W, 3) -> (H, W, 1) where nothing is lost, else (H, W, 3)."""
    if pixels.ndim == 2:
        return pixels[..., np.newaxis]
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return pixels[..., :1] if np.array_equal(red, green) and np.array_equal(red, blue) else pixels


def resized(pixels: Pixels, *, height: int, width: int, how: Resize) -> Pixels:
    """An image (H, W, C) as (height, width, C), by Lanczos resampling; as it is where it has that size.

    `fit` stretches it, `crop` keeps its shape and cuts what is too much off both sides, `pad` keeps its shape and adds
    black on both sides.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    size, lanczos = (width, height), Image.Resampling.LANCZOS
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels)
    if how == "fit":
        picture = picture.resize(size, lanczos)
    elif how == "crop":
        picture = ImageOps.fit(picture, size, lanczos)
    else:
        scale = min(height / picture.height, width / picture.width)
        inner = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), lanczos)
        picture = Image.new(picture.mode, size, BACKGROUND if pixels.shape[-1] == 1 else (BACKGROUND,) * 3)
        picture.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return np.asarray(picture).reshape(height, width, pixels.shape[-1])
