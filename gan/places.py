"""Where checkpoints are: `DIRECTORY/KIND-STEP/`, what names one, how one is removed, and who may save there.

candidates(Path("checkpoints"), "gan")
checkpoint_named(Path("checkpoints/gan-00005622/variables.index"))
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast, get_args

from gan.about import Kind
from gan.files import exclusive, file_errors, reason

NAME = re.compile(rf"(\.?)({'|'.join(get_args(Kind))})-(\d{{8}})(\.aside-\d+)?")
"""Of a checkpoint."""

FILE = re.compile(r"variables(\..+)?|about\.json")
"""In one; TensorFlow calls all of them `variables`."""


class Named(NamedTuple):
    """What is known of a checkpoint by its path alone."""

    directory: Path
    kind: Kind
    step: int


def checkpoint_path(directory: Path, kind: Kind, step: int) -> Path:
    """Where the checkpoint of a step is, or would be."""
    return directory / f"{kind}-{step:08d}"


def holds_checkpoint(path: Path) -> bool | None:
    """Whether a directory holds a checkpoint, or a part of one, and not others, as a save directory does.

    None of an empty one, and of what is no directory, or cannot be looked into.
    """
    try:
        names = [file.name for file in path.iterdir()]
    except OSError:
        return None
    if {"about.json", "variables.index"} <= set(names):
        return True
    return any(map(FILE.fullmatch, names)) and not any(map(NAME.fullmatch, names)) if names else None


def candidates(directory: Path, kind: Kind) -> list[tuple[int, Path]]:
    """Steps and paths of what may be whole checkpoints, the best last; not of other things with such names.

    One that was to be replaced when a run was killed is still under the name that it was set aside by.
    """
    matches = [NAME.fullmatch(path.name) for path in directory.iterdir()] if directory.is_dir() else []
    found = [match for match in matches if match and match[2] == kind and bool(match[1]) == bool(match[4])]
    paths = [(int(match[3]), directory / match[0]) for match in found]
    return sorted(each for each in paths if holds_checkpoint(each[1]) is not False)  # The dot comes first.


def checkpoint_named(path: Path) -> Named | None:
    """The checkpoint, where not its directory is named but it itself, or one of its files; it may not be there."""
    real = Path(os.path.realpath(path))  # The path may be `.`, or a link.
    for place in (path.parent, real.parent) if FILE.fullmatch(real.name) else (path, real):
        if (
            (match := NAME.fullmatch(place.name))
            and not (match[1] or match[4])
            and holds_checkpoint(place) is not False
        ):
            return Named(place.parent, cast(Kind, match[2]), int(match[3]))
    return None


def remove(path: Path) -> None:
    """Remove a checkpoint, or a link or a file in its place, if it is there.

    It loses its name first: whoever lists checkpoints meanwhile does not take what is left of it for a damaged one.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    partial = path.with_name(f".{path.name.removeprefix('.')}.part-{os.getpid()}")
    path.rename(partial)
    shutil.rmtree(partial)


def _clear(partial: Path) -> None:
    """Remove what a killed run left of a checkpoint; if it cannot be, a warning tells."""
    try:
        shutil.rmtree(partial) if partial.is_dir() and not partial.is_symlink() else partial.unlink()
    except OSError as error:
        print(f"warning: {partial} cannot be removed ({reason(error)})", file=sys.stderr)


@contextmanager
def writing(directory: Path, kind: Kind) -> Iterator[None]:
    """Be the only process that saves checkpoints of a kind there; what a killed one left is removed, or put back.

    Raises:
        UserError: there is another.
    """
    with exclusive(directory / f".{kind}.lock"):
        with file_errors(directory):
            for partial in directory.glob(f".{kind}-*.part-*"):
                _clear(partial)
            for aside in directory.glob(f".{kind}-*.aside-*"):
                path = directory / aside.name.removeprefix(".").partition(".")[0]
                remove(aside) if path.exists() else aside.rename(path)
        yield
