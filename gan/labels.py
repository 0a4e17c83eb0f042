"""Label vectors as people write them: `3` is one class, `3:0.5,8:0.5` two at a half each; and those of the fixed grid.

    vector = parse_labels("cat:3,dog:1", spec)  # (K,): 0.75, 0.25
    text = label_text(vector, spec)  # cat:0.75,dog:0.25

Shapes: `L` label vectors, `K` classes.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gan.errors import UserError
from gan.images import GRID_GAP, GRID_WIDTH, ImageSpec, grid_classes
from gan.names import WHITE, same_form
from gan.seeding import Purpose, numpy_stream

Floats = NDArray[np.float32]

TWO_HOT_COLUMNS = 10


def one_hot(classes: Sequence[int], num_classes: int) -> Floats:
    """Label vectors (L, K) of class indices."""
    vectors = np.zeros((len(classes), num_classes), np.float32)
    vectors[np.arange(len(classes)), np.asarray(classes, np.int64)] = 1
    return vectors


def shares(weights: NDArray[np.float64]) -> Floats:
    """Weights (K,) from 0, not all 0, made to sum to 1. Divided by the largest first, their sum cannot overflow."""
    weights = weights / weights.max()
    return (weights / weights.sum()).astype(np.float32)


def class_index(text: str, spec: ImageSpec) -> int:
    """The index of a class that is given by name or, where no name matches, by index.

    Raises:
        UserError: there is no such class.
    """
    text = same_form(text)
    if text in spec.class_names:
        return spec.class_names.index(text)
    if re.fullmatch("[0-9]{1,9}", text) and int(text) < spec.num_classes:
        return int(text)
    names = ", ".join(spec.class_names[:20]) + (", ..." if spec.num_classes > 20 else "")
    raise UserError(f"there is no class {text!r}; expected a name ({names}) or 0 to {spec.num_classes - 1}")


def class_indices(classes: Sequence[str] | None, spec: ImageSpec) -> list[int]:
    """Indices of classes given by name or index; all classes for None.

    Raises:
        UserError: there is no such class, or one is named twice.
    """
    if classes is None:
        return list(range(spec.num_classes))
    indices = [class_index(text, spec) for text in classes]
    if len(set(indices)) < len(indices):
        raise UserError(f"a class is given twice in {' '.join(classes)}; expected each once")
    return indices


def parse_labels(text: str, spec: ImageSpec) -> Floats:
    """The label vector (K,) of `CLASS:WEIGHT,CLASS:WEIGHT`, made to sum to 1. A class alone has weight 1.

    A text that is a class's name is that class. In a list, one whose name has a comma is to be given by its index.

    Raises:
        UserError: no such class, one twice, or a weight that is none.
    """
    weights = np.zeros(spec.num_classes)
    whole = same_form(text)
    for part in [whole] if whole in spec.class_names else whole.split(","):
        part = part.strip(WHITE)
        name, colon, number = part.rpartition(":")
        if not colon or part in spec.class_names:
            name, number = part, "1"
        if name not in spec.class_names:  # Of which some have spaces around them.
            name = name.strip()
        if not name:
            raise UserError(f"{text!r}: there is no class ''; expected CLASS:WEIGHT,CLASS:WEIGHT without spaces")
        index = class_index(name, spec)
        if weights[index]:
            raise UserError(f"{text}: the class {name} is given twice; expected each once")
        weights[index] = _weight(number, text)
    return shares(weights)


def _weight(number: str, text: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 1e-6 <= weight <= 1e6:
        raise UserError(f"{text}: the weight {number!r} cannot be used; expected CLASS:WEIGHT, from 1e-6 to 1e6")
    return weight


def label_text(vector: Floats, spec: ImageSpec) -> str:
    """What `parse_labels` reads as this vector: `3`, or `3:0.5,8:0.5`; there, by index where a name has a comma."""
    (hot,) = np.nonzero(vector)
    if len(hot) == 1:
        return spec.class_names[hot[0]]
    names = {}
    for index in hot:
        name = spec.class_names[index]
        names[index] = str(index) if "," in name and str(index) not in spec.class_names else name
    return ",".join(f"{name}:{vector[index]:.4g}" for index, name in names.items())


def grid_labels(spec: ImageSpec, seed: int) -> Floats:
    """The columns (L, K) of the fixed grid: every class, as far as they fit, then ten pairs of classes at a half each.

    The pairs are drawn from the seed; they differ, and where there are fewer than ten, they are all.
    """
    classes = grid_classes(spec)
    room = GRID_WIDTH // (spec.width + GRID_GAP) - len(classes)
    count = max(0, min(TWO_HOT_COLUMNS, math.comb(spec.num_classes, 2), room))
    draw = numpy_stream(Purpose.GRID_PAIRS, seed)
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < count:
        first, second = sorted(draw.choice(spec.num_classes, 2, replace=False).tolist())
        pairs[first, second] = None
    return np.concatenate(
        [
            one_hot(classes, spec.num_classes),
            *(0.5 * one_hot(pair, spec.num_classes).sum(axis=0, keepdims=True) for pair in pairs),
        ]
    )
