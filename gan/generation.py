"""Images of chosen classes from a checkpoint, as files: what `generate.py` calls.

generate(load_dir=Path("checkpoints"), output_dir=Path("outputs"), images_per_class=10)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gan.evaluation.scores import Scores
from gan.files import write_atomically
from gan.images import ImageFormat, ImageSpec, encode, enlarge, grid
from gan.sampling import BATCH, Sampler, one_hot, style
from gan.training import checkpoints

GRID_ENLARGEMENT = 2


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
) -> None:
    """Write `{class index}-{number}.{format}` for every class and number, and a grid of all if wanted.

    Raises:
        ValueError, FileNotFoundError: no usable checkpoint, or no such class.
    """
    path = checkpoints.newest(load_dir, "gan")
    sampler = Sampler.from_checkpoint(load_dir)
    indices = class_indices(classes, sampler.spec)
    output_dir.mkdir(parents=True, exist_ok=True)
    wanted = [(index, number) for number in range(1, images_per_class + 1) for index in indices]
    drawn = []
    with tqdm(total=len(wanted), desc="images", unit=" images", disable=None) as progress:
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            styles = np.stack([style(sampler.noise_dims, seed=seed, class_index=k, number=n) for k, n in part])
            images = sampler.sample(one_hot([index for index, _ in part], sampler.spec.num_classes), styles)
            for (index, number), image in zip(part, images, strict=True):
                write_atomically(output_dir / f"{index}-{number}.{image_format}", encode(image, image_format))
            progress.update(len(part))
            if with_grid:
                drawn.append(images)
    last = f"{indices[-1]}-{images_per_class}.{image_format}"
    print(f"{len(wanted):,} images in {output_dir}: {indices[0]}-1.{image_format} to {last}")
    if with_grid:
        picture_path = output_dir / f"grid.{image_format}"
        picture = enlarge(grid(np.concatenate(drawn), columns=len(indices)), GRID_ENLARGEMENT)
        write_atomically(picture_path, encode(picture, image_format))
        print(f"the grid of all: {picture_path}")
    scores = checkpoints.read_about(path).scores
    print(f"drawn by {path}: {Scores(**scores) if scores else 'not scored'}")
