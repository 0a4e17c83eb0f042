"""The way from a style or a label vector to another, as a strip or a film: what `generate.py --interpolate-...` calls.

way = Way(load_dir=Path("checkpoints"), output_dir=Path("outputs"), steps=12, seed=0, file_format="jpg")
interpolate_labels(way, ends=("3", "8"), rows=10)

Shapes: `S` steps, `Z` style, `K` classes.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.checkpoints import Which
from gan.drawing import GRID_ENLARGEMENT, check_grid, chosen_columns, drawn_by, print_legend
from gan.errors import UserError
from gan.files import check_writable, file_errors, write_atomically
from gan.images import FilmFormat, ImageFormat, ImageSpec, animation, encode, enlarge, grid
from gan.labels import Floats
from gan.sampling import Sampler, styles

Format = ImageFormat | FilmFormat

FRAME_SECONDS = 0.12
LARGEST_FRAME = 16_000
"""Pixels per side of a film, of which WebP can have 16,383."""

LONGEST_FILE_NAME = 230
"""Bytes; while a file is written, its name is a little longer."""


def between_styles(first: Floats, second: Floats, steps: int) -> Floats:
    """Styles (S, Z) from one (Z,) to another: the direction turns along the arc, the length changes, both evenly.

    Normal vectors of many dimensions all lie near one sphere; a straight line would leave it, towards styles that the
    generator was never trained on (arXiv 1609.04468).
    """
    share = np.linspace(0, 1, steps)[:, None]
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / (lengths[0] * lengths[1]), -1, 1))
    if np.sin(angle) < 1e-6:  # Equal or opposite: there is no one arc.
        return ((1 - share) * a + share * b).astype(np.float32)
    direction = (np.sin((1 - share) * angle) * a / lengths[0] + np.sin(share * angle) * b / lengths[1]) / np.sin(angle)
    return (((1 - share) * lengths[0] + share * lengths[1]) * direction).astype(np.float32)


def between_labels(first: Floats, second: Floats, steps: int) -> Floats:
    """Label vectors (S, K) from one (K,) to another, in even steps."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - share) * first + share * second


class Way(NamedTuple):
    """From which checkpoint a way is drawn, to where, and how: its images, its styles, its kind of file."""

    load_dir: Path
    output_dir: Path
    steps: int
    seed: int
    file_format: Format
    checkpoint: Which = "newest"

    def sampler(self) -> Sampler:
        """What draws it, once it is known that it can be written."""
        check_writable(self.output_dir)
        return Sampler.from_checkpoint(self.load_dir, self.checkpoint)


@file_errors()
def interpolate_labels(way: Way, *, ends: tuple[str, str], rows: int) -> None:
    """Go from one label vector to another in styles 1 to `rows`: `{first}-to-{last}.{format}`.

    Raises:
        UserError: no usable checkpoint, no such class, or too large a picture.
    """
    sampler = way.sampler()
    first, last = chosen_columns(sampler.spec, None, ends)
    path = way.output_dir / f"{first.stem}-to-{last.stem}.{way.file_format}"
    if len(path.name.encode()) > LONGEST_FILE_NAME:
        longest = f"expected at most {LONGEST_FILE_NAME} bytes"
        raise UserError(f"{path.name!r} cannot name a file; {longest}: name fewer classes")
    _check_size(way, sampler.spec, rows=rows)
    z = styles(sampler.noise_dims, seed=way.seed, numbers=range(1, rows + 1))
    _draw(sampler, z[:, None], between_labels(first.labels, last.labels, way.steps)[None], path)
    print(f"{path}: {way.steps} steps from {ends[0]} to {ends[1]} in {rows} styles")
    print_legend(sampler.spec, [first, last])
    print(drawn_by(sampler))


@file_errors()
def interpolate_styles(way: Way, *, classes: Sequence[str] | None, labels: Sequence[str] | None) -> None:
    """Go from style 1 of a seed to its style 2 in each class or label vector: `styles-1-to-2.{format}`.

    Raises:
        UserError: no usable checkpoint, no such class, or too large a picture.
    """
    sampler = way.sampler()
    columns = chosen_columns(sampler.spec, classes, labels)
    _check_size(way, sampler.spec, rows=len(columns))
    first, last = styles(sampler.noise_dims, seed=way.seed, numbers=[1, 2])
    vectors = np.stack([column.labels for column in columns])
    path = way.output_dir / f"styles-1-to-2.{way.file_format}"
    _draw(sampler, between_styles(first, last, way.steps)[None], vectors[:, None], path)
    print(f"{path}: {way.steps} steps from style 1 to 2 in {', '.join(column.stem for column in columns)}")
    print_legend(sampler.spec, columns)
    print(drawn_by(sampler))


def _check_size(way: Way, spec: ImageSpec, *, rows: int) -> None:
    """Check that a strip, or a film's frames, can be drawn.

    Raises:
        UserError: they would be too large.
    """
    remedy = "lower --steps or --images-per-class, or name fewer --classes"
    if way.file_format in ("gif", "webp"):
        columns = _film_columns(rows)
        rows, frames = math.ceil(rows / columns), 2 * way.steps
        check_grid(spec, rows=rows, columns=columns, remedy=remedy, frames=frames, side=LARGEST_FRAME)
    else:
        check_grid(spec, rows=rows, columns=way.steps, remedy=remedy)


def _film_columns(rows: int) -> int:
    """All rows of a step make a frame, which is about a square."""
    return math.ceil(math.sqrt(rows))


def _draw(sampler: Sampler, z: Floats, labels: Floats, path: Path) -> None:
    """Draw rows of steps into a file whose name's ending says how; z is (R, 1, Z) or (1, S, Z), labels the other way.

    A strip is a grid. A frame of a film has one step of all rows, side by side; it goes to their end, and back.
    """
    rows, steps = np.broadcast_shapes(z.shape[:2], labels.shape[:2])
    vectors, points = (np.broadcast_to(x, (rows, steps, x.shape[2])).reshape(rows * steps, -1) for x in (labels, z))
    images = sampler.sample(vectors, points)
    kind = path.suffix.removeprefix(".")
    if kind in ("gif", "webp"):
        film: FilmFormat = "gif" if kind == "gif" else "webp"
        columns = _film_columns(rows)
        there = [enlarge(grid(images[step::steps], columns=columns), GRID_ENLARGEMENT) for step in range(steps)]
        there_and_back = [*there, *there[-2:0:-1]]
        content = animation(there_and_back, film, seconds=FRAME_SECONDS, hold=0, coloured_by=there)
    else:
        picture: ImageFormat = "png" if kind == "png" else "jpg"
        content = encode(enlarge(grid(images, columns=steps), GRID_ENLARGEMENT), picture)
    write_atomically(path, content, durable=False)
