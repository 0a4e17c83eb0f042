"""Pictures in a directory for each class, `DIR/<class>/*.png|jpg`: what `gan.data.convert` reads and writes.

    class_directories(Path("pets"))              # ["cat", "dog"]
    files = split_files(Path("pets"), test_share=0.1, seed=0)

Nothing there says which images are for testing: a share of each class is drawn by seed, unless all files have the names
that the converter gives them, such as `train-00000.png` and `test-00000.png`, which also tell their order.
"""

import re
from pathlib import Path
from typing import NamedTuple

from gan.data.formats.listing import SPLITS, SUFFIXES
from gan.names import same_form
from gan.seeding import Purpose, numpy_stream

CONVERTED = re.compile(r"(train|test)-(\d+)\.[^.]+")


class ClassFile(NamedTuple):
    """A picture, its class and its split."""

    split: str
    label: str
    path: Path


def class_directories(directory: Path) -> list[str]:
    """Names of the directories that hold pictures, hidden ones left out; none if they are but train and test."""
    names = sorted(
        entry.name
        for entry in directory.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and any(map(_is_picture, entry.iterdir()))
    )
    return [] if set(names) <= set(SPLITS) else names


def left_out(directory: Path) -> list[str]:
    """Files there that are no picture of a class, hidden ones left out."""
    taken = {file.path for file in split_files(directory, test_share=0.5, seed=0)}
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if not path.is_dir() and path not in taken and not path.name.startswith(".")
    )


def split_files(directory: Path, *, test_share: float, seed: int) -> list[ClassFile]:
    """All pictures with their splits; of two or more images of a class, at least one is for training, one for testing.

    Those of the training split come first.
    """
    files = {
        label: sorted(filter(_is_picture, (directory / label).iterdir())) for label in class_directories(directory)
    }
    names = [CONVERTED.fullmatch(path.name) for paths in files.values() for path in paths]
    if all(names):
        listed = [
            ClassFile(path.name.partition("-")[0], same_form(label), path) for label in files for path in files[label]
        ]
        return sorted(listed, key=lambda file: (SPLITS.index(file.split), int(re.findall(r"\d+", file.path.name)[0])))
    listed = []
    for number, (label, paths) in enumerate(files.items()):
        tests = min(max(1, round(test_share * len(paths))), len(paths) - 1)
        order = numpy_stream(Purpose.SPLIT, seed, number).permutation(len(paths))
        chosen = set(order[:tests].tolist())
        listed += [ClassFile(SPLITS[index in chosen], same_form(label), path) for index, path in enumerate(paths)]
    return sorted(listed, key=lambda file: SPLITS.index(file.split))


def _is_picture(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file()
