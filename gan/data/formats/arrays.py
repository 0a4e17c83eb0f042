"""Images that a file holds as pixels, not as pictures: what every such format comes down to.

    make_data_set(Part(images, labels, "x"), None, path=path, source="...", options=options)   # a test part is drawn

Shapes: `N` images of `H W C` height, width, channels.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import DataSet, Labels, ReadOptions
from gan.data.listing import class_order, drawn_for_testing, label_problem, told_draw, warn_of_look_alikes
from gan.errors import UserError
from gan.images import ImageSpec, Pixels
from gan.names import same_form


class Part(NamedTuple):
    """Images (N, H, W, C), the label of each, (N,), as a number or a word, and where they are, for people."""

    images: Pixels
    labels: NDArray[Any]
    where: str


def make_data_set(train: Part, test: Part | None, *, path: Path, source: str, options: ReadOptions) -> DataSet:
    """The data set of two parts; without the second, a share of each class is drawn for testing.

    Raises:
        UserError: the parts do not fit together, or a label is none.
    """
    for part in (train, test) if test else (train,):
        if not part.images.size:
            raise UserError(f"{part.where} holds no images; expected at least one")
        if len(part.images) != len(part.labels):
            raise UserError(
                f"{part.where} holds {len(part.images):,} images and {len(part.labels):,} labels; expected as many"
            )
        if part.images.shape[1:] != train.images.shape[1:]:
            found, expected = ("x".join(map(str, each.images.shape[1:])) for each in (part, train))
            raise UserError(f"{part.where} holds images of {found}; expected {expected}, as for training")
    if test is None:
        words = [str(label) for label in train.labels.tolist()]
        tests = drawn_for_testing(words, share=options.test_share, seed=options.split_seed)
        if options.test_share and not tests.any():
            raise UserError(f"{path}: there would be no test image; expected at least two images of a class")
        source += told_draw(options.test_share, options.split_seed)
        test = Part(train.images[tests], train.labels[tests], train.where)
        train = Part(train.images[~tests], train.labels[~tests], train.where)
    names = class_order({same_form(str(label)) for label in np.unique(train.labels).tolist()})
    warn_of_look_alikes(names)
    height, width, channels = train.images.shape[1:]
    return DataSet(
        ImageSpec(height, width, channels, tuple(names)),
        train.images,
        _indices(train, names),
        test.images,
        _indices(test, names),
        source=source,
    )


def _indices(part: Part, names: list[str]) -> Labels:
    """The class of each image, (N,)."""
    found, places = np.unique(part.labels, return_inverse=True)
    index = {name: number for number, name in enumerate(names)}
    indices = []
    for number, label in enumerate(found.tolist()):
        name = same_form(str(label))
        first = int(np.flatnonzero(places == number)[0])
        if problem := label_problem(name):
            raise UserError(f"{part.where}, image {first}: {problem}; correct it")
        if name not in index:
            raise UserError(
                f"{part.where}, image {first}: no training image has the label {name!r}; expected one of each class"
            )
        indices.append(index[name])
    return np.array(indices, np.int32)[places].reshape(-1)
