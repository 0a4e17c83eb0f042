"""Images of chosen classes from a checkpoint, as files: what `generate.py` calls.

generate(load_dir=Path("checkpoints"), output_dir=Path("outputs"), images_per_class=10)
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gan.evaluation.scores import Scores
from gan.files import check_writable, write_atomically
from gan.images import GRID_GAP, ImageFormat, ImageSpec, encode, enlarge, grid
from gan.sampling import BATCH, Sampler, one_hot, styles

GRID_ENLARGEMENT = 2

LONGEST_NAME = 200
"""Bytes of a class name in a file name, of which systems allow 255."""

LARGEST_GRID = 60_000
"""Pixels: JPEG's limit is 65,500."""


def class_indices(classes: Sequence[str] | None, spec: ImageSpec) -> list[int]:
    """Indices of classes given by name or, where no name matches, by index; all classes for None.

    Raises:
        ValueError: there is no such class, or one is named twice.
    """
    if classes is None:
        return list(range(spec.num_classes))
    indices = []
    for text in classes:
        if text in spec.class_names:
            indices.append(spec.class_names.index(text))
        elif text.isdecimal() and int(text) < spec.num_classes:
            indices.append(int(text))
        else:
            names = ", ".join(spec.class_names[:20]) + (", ..." if spec.num_classes > 20 else "")
            raise ValueError(f"there is no class {text!r}; expected a name ({names}) or 0 to {spec.num_classes - 1}")
    if len(set(indices)) < len(indices):
        raise ValueError(f"a class is given twice in {' '.join(classes)}; expected each once")
    return indices


def generate(
    *,
    load_dir: Path,
    output_dir: Path,
    images_per_class: int = 10,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    image_format: ImageFormat = "jpg",
    with_grid: bool = False,
    with_names: bool = False,
) -> None:
    """Write `{class index}-{number}.{format}` for every class and number, and a grid of all if wanted.

    With names, the files have the name of the class in place of its index.

    Raises:
        ValueError, FileNotFoundError: no usable checkpoint, no such class, or a name that no file can have.
    """
    check_writable(output_dir)
    sampler = Sampler.from_checkpoint(load_dir)
    scores = Scores.from_dict(sampler.scores) if sampler.scores else "not scored"
    indices = class_indices(classes, sampler.spec)
    stems = _file_names(sampler.spec, indices) if with_names else {index: str(index) for index in indices}
    if with_grid:
        _check_grid(sampler.spec, rows=images_per_class, columns=len(indices))
    output_dir.mkdir(parents=True, exist_ok=True)
    numbers = range(1, images_per_class + 1)
    wanted = [(index, number) for number in numbers for index in indices]
    names = {f"{stems[index]}-{number}.{image_format}" for index, number in wanted}
    drawn = []
    with tqdm(total=len(wanted), desc="images", unit=" images", disable=None) as progress:
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            labels = one_hot([index for index, _ in part], sampler.spec.num_classes)
            images = sampler.sample(
                labels, styles(sampler.noise_dims, seed=seed, numbers=[number for _, number in part])
            )
            for (index, number), image in zip(part, images, strict=True):
                write_atomically(output_dir / f"{stems[index]}-{number}.{image_format}", encode(image, image_format))
            progress.update(len(part))
            if with_grid:
                drawn.append(images)
    first, last = f"{stems[indices[0]]}-1.{image_format}", f"{stems[indices[-1]]}-{images_per_class}.{image_format}"
    print(f"{len(wanted):,} images in {output_dir}: {first} to {last}")
    if any(sampler.spec.class_names[index] != str(index) for index in indices):
        print("classes: " + ", ".join(f"{index} {sampler.spec.class_names[index]}" for index in indices))
    if with_grid:
        path = output_dir / f"grid.{image_format}"
        picture = enlarge(grid(np.concatenate(drawn), columns=len(indices)), GRID_ENLARGEMENT)
        write_atomically(path, encode(picture, image_format))
        print(f"the grid of all: {path}")
    _warn_of_others(output_dir, names)
    print(f"drawn by {sampler.path}: {scores}")


def _file_names(spec: ImageSpec, indices: list[int]) -> dict[int, str]:
    """The names of the classes, for files."""
    names = {index: spec.class_names[index] for index in indices}
    for name in names.values():
        if "/" in name or name.startswith(".") or len(name.encode()) > LONGEST_NAME:
            raise ValueError(
                f"the class {name!r} cannot name files; expected no / and no . before it, at most {LONGEST_NAME} "
                "bytes: leave --names out"
            )
    return names


def _check_grid(spec: ImageSpec, *, rows: int, columns: int) -> None:
    height, width = (
        GRID_ENLARGEMENT * count * (side + GRID_GAP) for count, side in ((rows, spec.height), (columns, spec.width))
    )
    if max(height, width) > LARGEST_GRID:
        raise ValueError(
            f"a grid of {rows} rows and {columns} columns would be {height:,}x{width:,} pixels; expected sides of at "
            f"most {LARGEST_GRID:,}: lower --images-per-class, name fewer --classes, or leave --grid out"
        )


def _warn_of_others(directory: Path, names: set[str]) -> None:
    """Images of an earlier call stay where they are, and would be taken for this one's."""
    pattern = re.compile(r".+-\d+\.(jpg|png)")
    others = [path.name for path in directory.iterdir() if pattern.fullmatch(path.name) and path.name not in names]
    if others:
        print(f"warning: {directory} also holds {len(others):,} other images, such as {min(others)}", file=sys.stderr)
