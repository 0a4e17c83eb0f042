"""Where checkpoints are: `DIRECTORY/KIND-STEP/`, and what names one.

candidates(Path("checkpoints"), "gan")
checkpoint_named(Path("checkpoints/gan-00005622/variables.index"))
"""

import os
import re
from pathlib import Path
from typing import NamedTuple, get_args

from gan.about import Kind


class Named(NamedTuple):
    """What is known of a checkpoint by its path alone."""

    directory: Path
    kind: Kind
    step: int


def checkpoint_path(directory: Path, kind: Kind, step: int) -> Path:
    """Where the checkpoint of a step is, or would be."""
    return directory / f"{kind}-{step:08d}"


def candidates(directory: Path, kind: Kind) -> list[tuple[int, Path]]:
    """Steps and paths of what may be whole checkpoints, the best last.

    One that was to be replaced when a run was killed is still under the name that it was set aside by.
    """
    pattern = re.compile(rf"(\.?){kind}-(\d{{8}})(\.aside-\d+)?")
    matches = [pattern.fullmatch(path.name) for path in directory.iterdir()] if directory.is_dir() else []
    found = [match for match in matches if match and bool(match[1]) == bool(match[3])]
    return sorted((int(match[2]), directory / match[0]) for match in found)  # The dot comes first.


def checkpoint_named(path: Path) -> Named | None:
    """The checkpoint, where not its directory is named but it itself, or one of its files."""
    if any(candidates(path, kind) for kind in get_args(Kind)):
        return None
    real = Path(os.path.realpath(path))  # The path may be `.`, or a link.
    inside = re.fullmatch(r"variables(\..+)?|about\.json", real.name)
    for place in (path.parent, real.parent) if inside else (path, real):
        for kind in get_args(Kind):
            if match := re.fullmatch(rf"{kind}-(\d{{8}})", place.name):
                return Named(place.parent, kind, int(match[1]))
    return None
