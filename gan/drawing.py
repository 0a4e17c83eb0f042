"""Images of chosen classes from a checkpoint, as files: what `generate.py` calls.

generate(load_dir=Path("checkpoints"), output_dir=Path("outputs"), images_per_class=10)
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from gan.checkpoints import Which
from gan.errors import UserError
from gan.evaluation.scores import describe
from gan.files import check_names, check_writable, file_errors, write_atomically
from gan.images import GRID_GAP, ImageFormat, ImageSpec, Pixels, encode, enlarge, grid
from gan.labels import Floats, class_indices, one_hot, parse_labels
from gan.sampling import Numbers, Sampler, images_per_pass, own_styles_of, styles
from gan.threads import in_order

PASSES = 4
"""Of the network, whose images are then packed and written by one thread."""

GRID_ENLARGEMENT = 2

LONGEST_NAME = 200
"""Bytes of a class name in a file name, of which systems allow 255."""

LARGEST_GRID, LARGEST_AREA = 60_000, 200_000_000
"""Pixels per side, of which JPEG can have 65,500, and in all, which have to be in memory."""


class Column(NamedTuple):
    """What is drawn with every style: a label vector (K,), and the beginning of its files' names."""

    stem: str
    labels: Floats


@file_errors()
def generate(
    *,
    load_dir: Path,
    output_dir: Path,
    checkpoint: Which = "newest",
    images_per_class: int = 10,
    classes: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    image_format: ImageFormat = "jpg",
    with_grid: bool = False,
    with_names: bool = False,
    own_styles: bool = False,
) -> None:
    """Write `{class index}-{number}.{format}` for every class and number, and a grid of all if wanted.

    In place of classes there may be label vectors, such as `3:0.5,8:0.5`, whose files are `3x0.5+8x0.5-{number}`. With
    names, the files have the names of classes in place of their indices. Images of one number share a style, unless
    each is to have its own.

    Raises:
        UserError: no usable checkpoint, no such class, or a name that no file can have; or label vectors are to have
            styles of their own.
    """
    if labels is not None and own_styles:
        raise UserError("--own-styles is for classes, and --labels gives label vectors; leave one of them out")
    check_writable(output_dir)
    sampler = Sampler.from_checkpoint(load_dir, checkpoint)
    columns = chosen_columns(sampler.spec, classes, labels, with_names=with_names)
    if with_grid:
        remedy = "lower --images-per-class, name fewer --classes, or leave --grid out"
        check_grid(sampler.spec, rows=images_per_class, columns=len(columns), remedy=remedy)
    output_dir.mkdir(parents=True, exist_ok=True)
    numbers = range(1, images_per_class + 1)
    names = [f"{column.stem}-{number}.{image_format}" for number in numbers for column in columns]
    vectors = np.stack([column.labels for column in columns])
    chosen = np.repeat(numbers, len(columns))
    if own_styles:
        chosen = own_styles_of(chosen, np.tile(vectors.argmax(axis=1), len(numbers)), sampler.spec.num_classes)
    drawn = []
    with tqdm(total=len(names), desc="images", unit=" images", disable=None) as progress:

        def write(part: list[tuple[str, Pixels]]) -> list[Pixels]:
            for name, image in part:
                write_atomically(output_dir / name, encode(image, image_format), durable=False)
            return [image for _, image in part]

        # The network draws the next ones meanwhile.
        for images in in_order(write, _in_passes(sampler, names, vectors, chosen, seed=seed)):
            progress.update(len(images))
            drawn += images if with_grid else []
    several = f"{len(names):,} images in {output_dir}: {names[0]} to {names[-1]}"
    print(several if len(names) > 1 else f"1 image in {output_dir}: {names[0]}")
    if not with_names:
        print_legend(sampler.spec, columns)
    if with_grid:
        path = output_dir / f"grid.{image_format}"
        picture = enlarge(grid(np.stack(drawn), columns=len(columns)), GRID_ENLARGEMENT)
        write_atomically(path, encode(picture, image_format), durable=False)
        print(f"the grid of all: {path}")
        names.append(path.name)
    _warn_of_others(output_dir, set(names))
    print(drawn_by(sampler))


def _in_passes(
    sampler: Sampler, names: Sequence[str], labels: Floats, chosen: Numbers, *, seed: int
) -> Iterator[list[tuple[str, Pixels]]]:
    """Each name with its image, a few passes of the network at a time.

    Args:
        sampler: draws them.
        names: of the images (N,), which take the label vectors (M, K) by turns.
        labels: these label vectors.
        chosen: the numbers of their styles (N,).
        seed: of the styles.
    """
    size = PASSES * images_per_pass(sampler.spec)
    for start in range(0, len(names), size):
        part = slice(start, start + size)
        numbers, places = np.unique(chosen[part], return_inverse=True)
        z = styles(sampler.noise_dims, seed=seed, numbers=numbers.tolist())[places]
        turns = np.arange(start, start + len(places)) % len(labels)
        yield list(zip(names[part], sampler.sample(labels[turns], z), strict=True))


def drawn_by(sampler: Sampler) -> str:
    """Which checkpoint, and how good it is."""
    return f"drawn by {sampler.path}: {describe(sampler.scores)}"


def chosen_columns(
    spec: ImageSpec, classes: Sequence[str] | None, labels: Sequence[str] | None, *, with_names: bool = False
) -> list[Column]:
    """Classes, or label vectors, as given; all classes where nothing is.

    Raises:
        UserError: there is no such class, one is given twice, or its name cannot begin a file's.
    """
    if labels is None:
        vectors = list(one_hot(class_indices(classes, spec), spec.num_classes))
    else:
        vectors = [parse_labels(text, spec) for text in labels]
    columns = [Column(file_stem(vector, spec, with_names=with_names), vector) for vector in vectors]
    check_names(column.stem for column in columns)
    if len({column.stem for column in columns}) < len(columns):
        given = " ".join(labels or ())
        if len({vector.tobytes() for vector in vectors}) < len(columns):
            raise UserError(f"a label vector is given twice in {given}; expected each once")
        raise UserError(
            f"label vectors in {given} differ only beyond the four digits that names of files have of a "
            "weight; draw one of them at a time"
        )
    return columns


def file_stem(labels: Floats, spec: ImageSpec, *, with_names: bool = False) -> str:
    """What names the files of a label vector (K,): `3`, or `3x0.5+8x0.5`; with names, `cat`.

    Raises:
        UserError: no file can have such a name.
    """
    (hot,) = np.nonzero(labels)
    names = [spec.class_names[index] if with_names else str(index) for index in hot]
    stem = "+".join(f"{name}x{labels[index]:.4g}" for name, index in zip(names, hot, strict=True))
    stem = names[0] if len(hot) == 1 else stem
    if "/" in stem or stem.startswith(".") or len(stem.encode()) > LONGEST_NAME:
        raise UserError(
            f"the {'class' if len(hot) == 1 else 'label vector'} {stem!r} cannot name files; expected no / and no . "
            f"before it, at most {LONGEST_NAME} bytes: {'leave --names out' if with_names else 'name fewer classes'}"
        )
    return stem


def print_legend(spec: ImageSpec, columns: Sequence[Column]) -> None:
    """Say which classes the numbers in file names are, where their names are others: in one line."""
    indices = sorted({int(index) for column in columns for index in np.flatnonzero(column.labels)})
    if any(spec.class_names[index] != str(index) for index in indices):
        classes = ", ".join(f"{index} is {spec.class_names[index]!r}" for index in indices)
        print(f"classes in file names: {classes}")


def check_grid(
    spec: ImageSpec, *, rows: int, columns: int, remedy: str, frames: int = 1, side: int = LARGEST_GRID
) -> None:
    """Check that a file, and memory, can hold a grid, or so many of them.

    Raises:
        UserError: they would be too large.
    """
    height = GRID_ENLARGEMENT * rows * (spec.height + GRID_GAP)
    width = GRID_ENLARGEMENT * columns * (spec.width + GRID_GAP)
    if max(height, width) > side or frames * height * width > LARGEST_AREA:
        several = f"{frames} frames" if frames > 1 else "a grid"
        raise UserError(
            f"{several} of {rows} rows and {columns} columns would be {height:,}x{width:,} pixels; expected sides of "
            f"at most {side:,}, and {LARGEST_AREA // 10**6} million pixels in all: {remedy}"
        )


def _warn_of_others(directory: Path, names: set[str]) -> None:
    """Images of an earlier call stay where they are, and would be taken for this one's."""
    pattern = re.compile(r"(.+-\d+|grid)\.(jpg|png)")
    others = [path.name for path in directory.iterdir() if pattern.fullmatch(path.name) and path.name not in names]
    if others:
        count = f"{len(others):,} other images, such as" if len(others) > 1 else "another image,"
        print(f"warning: {directory} also holds {count} {min(others)}", file=sys.stderr)
