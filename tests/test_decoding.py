"""PNG and JPEG files to pixels: every kind is converted right or refused by name, and damage is seen."""

import gzip
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan.data.decoding import BadImage, decode, quiet, resized

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)


def encoded(picture: Image.Image | np.ndarray, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, file_format, **options)
    return buffer.getvalue()


def png(depth: int, colour: int, rows: bytes, *, width: int, height: int, transparent: int | None = None) -> bytes:
    """A PNG of kinds that Pillow does not write; `rows` begin with their filter bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    key = b"" if transparent is None else chunk(b"tRNS", struct.pack(">H", transparent))
    body = chunk(b"IHDR", header) + key + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(pixels: np.ndarray) -> bytes:
    """A TIFF of 16 bits per channel, which Pillow does not write in colour."""
    height, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()
    values = {256: width, 257: height, 258: 16, 259: 1, 262: 2, 273: 8, 277: channels, 278: height, 279: len(data)}
    entries = [struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in values.items()]
    bits = struct.pack("<3H", 16, 16, 16)
    start = 8 + len(data) + len(bits)
    entries[2] = struct.pack("<HHII", 258, 3, 3, 8 + len(data))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + data + bits + directory


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_other_kinds_of_pictures_are_read(file_format, options):
    for pixels in (RGB, GREY):
        content = encoded(pixels, file_format, **options)
        np.testing.assert_array_equal(decode(content).pixels.squeeze(), pixels)
        for length in range(len(content)):
            try:
                found = decode(content[:length]).pixels
            except BadImage:
                continue
            np.testing.assert_array_equal(found.squeeze(), pixels)


def test_the_first_frame_of_a_gif_is_read():
    frames = [Image.fromarray(each).quantize(256) for each in (RGB, RGB[::-1])]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(content).pixels, np.asarray(frames[0].convert("RGB")))


def test_grey_of_16_bits_in_a_tiff_is_rounded():
    values = np.array([[0, 128, 129], [385, 65_407, 65_535]], np.uint16)
    for order in ("<u2", ">u2"):
        found = decode(encoded(Image.fromarray(values.astype(order)), "TIFF"))
        np.testing.assert_array_equal(found.pixels[..., 0], np.rint(values / 257))
        assert found.rounded


def test_grey_and_rgb_are_taken_as_they_are():
    np.testing.assert_array_equal(decode(encoded(GREY)).pixels, GREY[..., None])
    np.testing.assert_array_equal(decode(encoded(RGB)).pixels, RGB)
    assert not decode(encoded(RGB)).transparent


def test_equal_channels_are_grey():
    np.testing.assert_array_equal(decode(encoded(GREY[..., None].repeat(3, axis=-1))).pixels, GREY[..., None])
    nearly = GREY[..., None].repeat(3, axis=-1)
    for channel in range(3):
        changed = nearly.copy()
        changed[4, 6, channel] ^= 1
        np.testing.assert_array_equal(decode(encoded(changed)).pixels, changed)


def test_a_jpeg_is_what_pillow_makes_of_it():
    for pixels in (GREY, RGB):
        content = encoded(pixels, "JPEG")
        expected = np.asarray(Image.open(io.BytesIO(content)))
        np.testing.assert_array_equal(decode(content).pixels.squeeze(), expected)


def test_one_bit_images_are_black_and_white():
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(GREY > 99))).pixels[..., 0], (GREY > 99) * 255)


def test_a_palette_is_looked_up():
    picture = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(decode(encoded(picture)).pixels, np.asarray(picture.convert("RGB")))
    grey = Image.fromarray(GREY).convert("P")
    np.testing.assert_array_equal(decode(encoded(grey)).pixels, GREY[..., None])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_on_black(mode):
    colours = GREY[..., None] if mode == "LA" else RGB
    found = decode(encoded(np.concatenate([colours, ALPHA], axis=-1)))
    expected = np.rint(colours.astype(float) * ALPHA / 255)
    assert np.abs(found.pixels - expected).max() <= 1
    assert found.transparent
    opaque = decode(encoded(np.concatenate([colours, np.full_like(ALPHA, 255)], axis=-1)))
    np.testing.assert_array_equal(opaque.pixels, colours)
    assert not opaque.transparent


def test_a_transparent_colour_becomes_black():
    picture = Image.fromarray(GREY // 64 * 64)
    found = decode(encoded(picture, transparency=128))
    np.testing.assert_array_equal(found.pixels[..., 0], np.where(GREY // 64 == 2, 0, GREY // 64 * 64))
    assert found.transparent
    colour = RGB.copy()
    colour[1, 2] = (1, 2, 3)
    found = decode(encoded(Image.fromarray(colour), transparency=(1, 2, 3)))
    assert found.transparent and (found.pixels[1, 2] == 0).all()
    assert (found.pixels == colour).sum() == colour.size - 3


def test_a_palette_with_transparency_is_laid_on_black():
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    palette.putpalette([200, 100, 50, 10, 20, 30, 255, 255, 255])
    found = decode(encoded(palette, transparency=bytes([255, 0, 128])))
    assert np.abs(found.pixels.astype(int) - [[[200, 100, 50], [0] * 3], [[128] * 3, [0] * 3]]).max() <= 1
    assert found.transparent


@pytest.mark.parametrize(("depth", "values"), [(2, b"\x1b"), (4, b"\x3c"), (8, b"\x05\x80")])
def test_a_transparent_grey_of_few_bits_becomes_black(depth, values):
    width = len(values) * 8 // depth
    stretched = [(values[i * depth // 8] >> (8 - depth - i * depth % 8)) % 2**depth for i in range(width)]
    key = stretched[-1]
    content = png(depth, 0, b"\0" + values, width=width, height=1, transparent=key)
    expected = [0 if value == key else value * 255 // (2**depth - 1) for value in stretched]
    found = decode(content)
    assert found.pixels[0, :, 0].tolist() == expected
    assert found.transparent


def test_16_bit_grey_is_rounded_not_cut():
    values = np.array([[0, 128, 129, 255, 256], [385, 32_768, 65_278, 65_407, 65_535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(values))).pixels[..., 0], expected)
    assert (expected != values >> 8).any()


def test_every_16_bit_value_is_rounded_to_the_nearest():
    values = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    found = decode(encoded(Image.fromarray(values)))
    np.testing.assert_array_equal(found.pixels[..., 0], np.rint(values / 257))
    assert found.rounded


def test_16_bit_grey_with_transparency_is_refused():
    with pytest.raises(BadImage, match="has 16 bits per channel and transparency"):
        decode(png(16, 0, b"\0\1\2", width=1, height=1, transparent=3))


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_other_16_bit_images_are_refused(colour, channels):
    rows = (b"\0" + bytes(2 * 3 * channels)) * 2
    with pytest.raises(BadImage, match="has 16 bits per channel; expected 8"):
        decode(png(16, colour, rows, width=3, height=2))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_few_bits_of_grey_use_the_whole_range(depth):
    rows = b"\0" + bytes([0xFF, 0x00])[: 1 + depth // 8] + b"\0" + bytes(1 + depth // 8)
    pixels = decode(png(depth, 0, rows, width=1, height=2)).pixels
    assert pixels.tolist() == [[[255]], [[0]]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (bytes(range(20)), "is no picture of a kind that can be read, such as PNG or JPEG"),
        (b"hello", "is text: download the file itself"),
        ("Größe: 3".encode(), "is text: download the file itself"),
        (encoded(RGB, "JPEG2000"), "is a JPEG 2000 picture: save it as PNG or JPEG"),
        (encoded(RGB, "AVIF"), "is an AVIF picture: save it as PNG or JPEG"),
        (b"%PDF-1.4\n", "is a PDF document: save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC picture: save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypisom", "is a film: save it as PNG or JPEG"),
        (b"\xff\x0a\xfa\x7f", "is a JPEG XL picture: save it as PNG or JPEG"),
        (
            b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org"/>',
            "is an SVG drawing: save it as PNG or JPEG",
        ),
        (b"<svg width='3'/>", "is an SVG drawing: save it as PNG or JPEG"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "is a Git LFS pointer: run `git lfs pull` where",
        ),
        (b"\n<!DOCTYPE html><title>404</title>", "is a web page, perhaps an error of a download: download the file"),
        (
            b'<?xml version="1.0"?><Error>',
            "is an XML document, perhaps an error of a download: download",
        ),
        (b'{"message": "Not Found"}', "is a JSON document, perhaps an error of a download: download the file itself"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "is what macOS keeps beside a file, as ._NAME: name the file itself"),
        (b"<!---->" * 70 + b"<html>", "is a web page, perhaps an error of a download: download"),
        (b"<!---->" * 70 + b"<svg>", "is an SVG drawing: save it as PNG or JPEG"),
        (gzip.compress(b"picture", mtime=0), "is a gzip archive: unpack it"),
        (b"PK\x03\x04\x14\0", "is a zip archive: unpack it"),
        (encoded(Image.new("CMYK", (3, 2)), "JPEG"), "is a CMYK image; expected grey or RGB"),
        (encoded(RGB, append_images=[Image.fromarray(RGB[::-1])], save_all=True), "is an animation"),
        (
            encoded(RGB, "WEBP", append_images=[Image.fromarray(RGB[::-1])], save_all=True, lossless=True),
            "is an animation",
        ),
        (encoded(RGB, "TIFF", append_images=[Image.fromarray(RGB[::-1])], save_all=True), "is several pages"),
        (encoded(Image.new("CMYK", (3, 2)), "TIFF"), "is a CMYK image; expected grey or RGB"),
        (encoded(Image.new("F", (3, 2)), "TIFF"), "is a F image; expected grey or RGB"),
        (tiff(RGB.astype(np.uint16) * 257), "has 16 bits per channel; expected 8"),
        (b"GIF89a", "cannot be decoded"),
        (encoded(RGB)[:8], "is truncated"),
        (b"\xff\xd8\xff", "cannot be decoded (its first bytes are damaged)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IEND\xaeB`\x82", "is damaged: it does not begin with a PNG header"),
        (png(8, 0, b"", width=0, height=2), "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(content, problem):
    with pytest.raises(BadImage) as error:
        decode(content)
    assert str(error.value).startswith(problem)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_every_truncated_file_is_seen(file_format):
    content = encoded(RGB, file_format)
    for length in range(len(content)):
        with pytest.raises(BadImage):
            decode(content[:length])


@given(place=st.integers(8, len(encoded(RGB)) - 1), change=st.integers(1, 255))
def test_every_changed_byte_of_a_png_is_seen(place, change):
    content = bytearray(encoded(RGB))
    content[place] ^= change
    with pytest.raises(BadImage):
        decode(bytes(content))


@given(st.binary(max_size=200), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b""]))
def test_no_bytes_raise_anything_else(content, start):
    with pytest.raises(BadImage):
        decode(start + content)


def test_several_pictures_in_a_jpeg_are_the_first():
    """As telephones write them."""
    content = encoded(RGB, "MPO", save_all=True, append_images=[Image.fromarray(RGB[::-1])])
    np.testing.assert_array_equal(decode(content).pixels, np.asarray(Image.open(io.BytesIO(content))))


def test_orientation_that_cannot_be_read_is_ignored():
    content = encoded(RGB, "PNG", exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(decode(content).pixels, RGB)


def test_orientation_after_the_pixels_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 3
    before = encoded(RGB, "PNG", exif=exif)
    place = before.index(b"eXIf") - 4
    length = 12 + struct.unpack_from(">I", before, place)[0]
    chunk, rest = before[place : place + length], before[:place] + before[place + length :]
    after = rest[:-12] + chunk + rest[-12:]
    np.testing.assert_array_equal(decode(after).pixels, RGB[::-1, ::-1])
    np.testing.assert_array_equal(decode(before).pixels, RGB[::-1, ::-1])


def test_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    content = encoded(np.rot90(RGB), "PNG", exif=exif)
    np.testing.assert_array_equal(decode(content).pixels, RGB)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("how", ["fit", "crop", "pad"])
def test_resizing_keeps_flat_colours_and_an_image_of_the_size(how, channels):
    flat = np.full((6, 9, channels), 77, np.uint8) + np.arange(channels, dtype=np.uint8)
    found = resized(flat, height=4, width=12, how=how)
    assert found.shape == (4, 12, channels)
    np.testing.assert_array_equal(found[2, 6], flat[0, 0])
    assert resized(flat, height=6, width=9, how=how) is flat


def test_fit_stretches_crop_cuts_and_pad_adds_black():
    wide = np.zeros((8, 24, 1), np.uint8)
    wide[:, :8], wide[:, 8:16], wide[:, 16:] = 50, 150, 250
    fit = resized(wide, height=8, width=8, how="fit")[4, :, 0]
    assert fit[0] < 60 and abs(int(fit[3]) - 150) < 20 and fit[7] > 240
    np.testing.assert_array_equal(resized(wide, height=8, width=8, how="crop"), np.full((8, 8, 1), 150))
    tall = wide.transpose(1, 0, 2)
    np.testing.assert_array_equal(resized(tall, height=8, width=8, how="crop"), np.full((8, 8, 1), 150))
    pad = resized(wide, height=24, width=24, how="pad")
    np.testing.assert_array_equal(pad[8:16], wide)
    assert not pad[:8].any() and not pad[16:].any()


@pytest.mark.parametrize("how", ["fit", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 200, 3), (200, 1, 3)])
def test_no_shape_is_too_thin_to_be_seen(how, shape):
    found = resized(np.full(shape, 200, np.uint8), height=8, width=8, how=how)
    assert found.shape == (8, 8, 3)
    assert (found == 200).sum() >= 8 * 3


@pytest.mark.parametrize("how", ["fit", "crop", "pad"])
def test_shrinking_averages_stripes(how):
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = 200
    halved = resized(stripes, height=8, width=8, how=how)
    assert np.abs(halved[2:6, 2:6].astype(int) - 100).max() < 25


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"tEXt", b"Comment\0" + b"a" * 3_000_000),
        chunk(b"gAMA", b"\0"),
        40 * chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 1_000_000)),
    ],
    ids=["text", "international text", "a colour profile", "text as it is", "a damaged gamma", "many texts"],
)
def test_what_is_no_pixels_is_not_looked_at(extra):
    """Pillow would unpack it, and call the picture damaged where that is long."""
    content = encoded(RGB, "PNG")
    start = content.index(b"IDAT") - 4
    found = decode(content[:start] + extra + content[start:])
    np.testing.assert_array_equal(found.pixels, decode(content).pixels)


def test_a_large_picture_is_read_up_to_our_limit():
    """Of 190 million pixels, where Pillow speaks of an attack from 179 million on."""
    content = encoded(np.zeros((19_000, 10_000), np.uint8), "PNG")
    with quiet():
        assert decode(content).pixels.shape == (19_000, 10_000, 1)
        with pytest.raises(BadImage) as error:
            decode(content, max_megapixels=180)
    assert str(error.value) == "has 190 megapixels; expected at most 180: pass --max-megapixels 190 to read it"
    assert Image.MAX_IMAGE_PIXELS is not None  # Others in this process keep theirs.


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xed\x00\x16Photoshop 3.0\x00" + b"8BIM\x04\x04",
        b"\xff\xe2\x00\x10ICC_PROFILE\x00\x01\x02",
        b"\xff\xe1\x00\x08http:/",
        b"\xff\xfe\x00\x06note",
    ],
    ids=["a damaged one of Photoshop", "a part of a profile", "another than EXIF", "a comment"],
)
def test_what_is_no_pixels_of_a_jpeg_is_not_looked_at(segment):
    content = encoded(RGB, "JPEG")
    found = decode(content[:2] + segment + content[2:])
    np.testing.assert_array_equal(found.pixels, decode(content).pixels)
