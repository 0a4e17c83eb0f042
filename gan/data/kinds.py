"""What a file is that is not what it was taken for, by its first bytes, and what to do about it.

name, remedy = kind_of(content)
"""

import re
from typing import NamedTuple

LOOKED_AT = 512
"""Bytes at the beginning of a file that tell."""

CONVERT = "save it as PNG or JPEG"
AGAIN = "download the file itself"
BELONGS = "it belongs with a label table or in a directory of its class"
UNPACK = "unpack it"


class Kind(NamedTuple):
    """The name of a kind of file, such as `a WebP picture`, and what to do, if that is known."""

    name: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.remedy}" if self.remedy else self.name


KINDS = (
    (rb"\x89PNG\r\n\x1a\n", Kind("a PNG picture", BELONGS)),
    (rb"\xff\xd8\xff", Kind("a JPEG picture", BELONGS)),
    (rb"RIFF....WEBP", Kind("a WebP picture", BELONGS)),
    (rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", Kind("a HEIC picture", CONVERT)),
    (rb"....ftypavi[fs]", Kind("an AVIF picture", CONVERT)),
    (rb"....ftyp", Kind("a film", CONVERT)),
    (rb"(\xff\x0a|....JXL )", Kind("a JPEG XL picture", CONVERT)),
    (rb"(\xff\x4f\xff\x51|....jP  )", Kind("a JPEG 2000 picture", CONVERT)),
    (rb"GIF8[79]a", Kind("a GIF picture", BELONGS)),
    (rb"BM....\0\0\0\0", Kind("a BMP picture", BELONGS)),
    (rb"(II\*\0|MM\0\*)", Kind("a TIFF picture", BELONGS)),
    (rb"8BPS", Kind("a Photoshop file", CONVERT)),
    (rb"%PDF-", Kind("a PDF document", CONVERT)),
    (
        rb"\x00\x05\x16[\x00\x07]",
        Kind("what macOS keeps beside a file, as ._NAME", "name the file itself"),
    ),
    (rb"version https://git-lfs", Kind("a Git LFS pointer", "run `git lfs pull` where the files are from")),
    (rb"\x1f\x8b", Kind("a gzip archive", UNPACK)),
    (rb"PK\x03\x04", Kind("a zip archive", UNPACK)),
    (rb"(7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)", Kind("an archive", UNPACK)),
    (rb"(?i)\s*<(.*<)?(!doctype html|html|head|body)\b", Kind("a web page, perhaps an error of a download", AGAIN)),
    (rb"\s*<(.*<)?svg\b", Kind("an SVG drawing", CONVERT)),
    (rb"\s*<(\?xml|Error)", Kind("an XML document, perhaps an error of a download", AGAIN)),
    (rb"\s*[{\[]\s*\"", Kind("a JSON document, perhaps an error of a download", AGAIN)),
)


def kind_of(content: bytes) -> Kind | None:
    """The kind of a file of these bytes, if it is one of those known here; `text` if it is any other."""
    first = content[:LOOKED_AT]
    if not first:
        return Kind("empty", "")
    for pattern, kind in KINDS:
        if re.match(pattern, first.removeprefix(b"\xef\xbb\xbf"), re.DOTALL):
            return kind
    is_text = not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", first) and _decodes(content[: LOOKED_AT + 4])
    return Kind("text", AGAIN) if is_text else None


def _decodes(content: bytes) -> bool:
    """Whether it is UTF-8, perhaps cut within a character at its end."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(content) - 3 and error.start > 0
    return True
