"""The film of a training run: the fixed grid at each record, as an animated GIF and WebP.

    python -m gan.film logs/gan/20261121T120000Z      # film.gif, film.webp, beside the pictures of the run

A row is a style, a column a label vector, as `columns.txt` of the run says; the step is written below.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan.command_line import exit_status, local_path, number, parser
from gan.errors import FileError, MissingError
from gan.files import check_links, file_errors, read_file, write_atomically
from gan.images import GRID_GAP, Pixels, animation

COLUMNS = "columns.txt"
"""The label vectors of the grid's columns, one per line."""

EXPECTED = "expected one of ./train.py, such as logs/gan/TIME"

CAPTION = 16
FRAMES, SECONDS, HOLD = 40, 6.0, 2.0
"""Frames at most, seconds of all of them, and seconds that the last one stays."""

FILM_PIXELS = 1 << 26
"""Of all frames, at most, unless there are two: a frame takes some seven bytes of memory for each."""


@file_errors()
def make_film(directory: Path, *, frames: int = FRAMES, seconds: float = SECONDS) -> list[Path]:
    """Make `film.gif` and `film.webp` in a run's directory from its `samples-STEP.png`.

    Args:
        directory: of the run's records.
        frames: at most so many, and fewer of large pictures, spread evenly; the last picture is always among them, and
            if there are two, the first.
        seconds: that all take together; the last one stays for `HOLD` more.

    Raises:
        UserError: there is no picture, one cannot be read, or the film cannot be written.
    """
    check_links(directory)
    if not directory.is_dir():
        raise MissingError(f"{directory} is no directory; {EXPECTED}")
    paths = sorted(path for path in directory.iterdir() if re.fullmatch(r"samples-\d{8}\.png", path.name))
    if not paths:
        raise MissingError(f"{directory} holds no samples-STEP.png; {EXPECTED}")
    columns = _columns(directory)
    last = _captioned(paths[-1], columns)
    count = min(frames, len(paths), max(2, FILM_PIXELS // (last.shape[0] * last.shape[1])))
    *chosen, _ = np.unique(np.linspace(len(paths) - 1, 0, count).round().astype(int))
    captioned = [*(_captioned(paths[index], columns) for index in chosen), last]
    pictures = [picture for picture in captioned if picture.shape == last.shape]
    made = []
    for kind in ("gif", "webp"):
        path = directory / f"film.{kind}"
        content = animation(pictures, kind, seconds=seconds / len(pictures), hold=HOLD, coloured_by=[last])
        write_atomically(path, content, durable=False)
        made.append(path)
    return made


def _columns(directory: Path) -> list[str]:
    path = directory / COLUMNS
    try:
        return read_file(path).decode("utf-8").splitlines() if path.exists() else []
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8; move it away to leave the labels out") from error


def _captioned(path: Path, columns: Sequence[str]) -> Pixels:
    """A picture with the columns' labels above, if they fit and the font has them, and its step below: (H, W, C)."""
    try:
        with Image.open(path) as image:
            picture = image.copy()
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds for damaged files.
        why = getattr(error, "strerror", None) or "it is damaged"
        raise FileError(f"{path} cannot be read ({why}); move it away") from error
    font = ImageFont.load_default(size=10)
    width = (picture.width - GRID_GAP) / max(1, len(columns))
    names = [re.sub(r":0\.5\b", "", text).replace(",", "+") for text in columns]
    fit = names and all(font.getlength(name) <= width and _has_letters(font, name) for name in names)
    head = CAPTION if fit else 0
    canvas = Image.new(picture.mode, (picture.width, head + picture.height + CAPTION), "white")
    canvas.paste(picture, (0, head))
    draw = ImageDraw.Draw(canvas)
    for index, name in enumerate(names if head else []):
        draw.text((GRID_GAP / 2 + (index + 0.5) * width, head / 2), name, fill="black", font=font, anchor="mm")
    step = int(path.stem.rpartition("-")[2])
    draw.text((GRID_GAP, canvas.height - CAPTION / 2), f"step {step:,}", fill="black", font=font, anchor="lm")
    pixels = np.asarray(canvas)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _has_letters(font: Any, text: str) -> bool:
    """Whether the font has a picture of each letter, not a box in its place."""
    box = bytes(font.getmask("\uffff"))
    return all(bytes(font.getmask(letter)) != box for letter in text)


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("run", type=local_path, metavar="RUN", help="directory of a run, such as logs/gan/TIME")
    flags.add_argument("--frames", type=number(int, 1), default=FRAMES, help="pictures in the film, at most")
    options = flags.parse_args()
    for path in make_film(options.run, frames=options.frames):
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    sys.exit(exit_status(main))
