"""Checkpoints that stand alone: variables, and all that is needed to build the objects they belong to.

A checkpoint is a directory `{kind}-{step}` in the save directory, with TensorFlow's `variables.*` and an `about.json`:
image spec, config, scores, the layout (name, shape, dtype) of every variable, and the digests of all that, by which
damage is seen. It is written under a temporary name and moved into place once it is on the disk.

Variables are saved by their place in `model.variables`. The attributes of a Keras model are not used: TensorFlow does
not follow those that are lists of layers, and would leave their variables out without a word.

    save(Path("checkpoints"), About("gan", step, spec, config, data=data.digest), {"generator": generator}, keep=3)
    path = newest(Path("checkpoints"), "gan", remedy="run ./train.py")
    about = read_about(path)
    restore(path, {"generator": generator})
"""

import hashlib
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from gan.config import Config, config_from_dict
from gan.errors import Diverged, FileError, MissingError, UserError
from gan.files import exclusive, flush_directory, reason
from gan.images import ImageSpec

Kind = Literal["classifier", "gan"]


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself.

    `data` is the digest of the data set it was trained on, `classifier` that of the classifier that scores the run.
    `scores` are of the saved weights, by name; empty if not scored. `records` is the name of the run's directory of
    records. `layout` and `files`, the digests of the other files by name, are filled in by `save`.
    """

    kind: Kind
    step: int
    spec: ImageSpec
    config: Config
    data: str
    scores: Mapping[str, Any] = field(default_factory=dict)
    records: str = ""
    classifier: str = ""
    layout: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class Damaged(UserError):
    """A checkpoint is not as it was written."""


def checkpoint_path(directory: Path, kind: Kind, step: int) -> Path:
    """Where the checkpoint of a step is, or would be."""
    return directory / f"{kind}-{step:08d}"


def steps_saved(directory: Path, kind: Kind) -> list[int]:
    """Steps of the checkpoints of a kind in a directory, ascending."""
    return sorted({step for step, _ in _candidates(directory, kind)})


def _candidates(directory: Path, kind: Kind) -> list[tuple[int, Path]]:
    """Steps and paths of what may be whole checkpoints, the best last.

    One that was to be replaced when a run was killed is still under the name that it was set aside by.
    """
    pattern = re.compile(rf"(\.?){kind}-(\d{{8}})(\.aside-\d+)?")
    matches = [pattern.fullmatch(path.name) for path in directory.iterdir()] if directory.is_dir() else []
    found = [match for match in matches if match and bool(match[1]) == bool(match[3])]
    return sorted((int(match[2]), directory / match[0]) for match in found)  # The dot comes first.


def newest(directory: Path, kind: Kind, *, remedy: str) -> Path:
    """The checkpoint of the highest step that is whole; a warning tells of each that is not.

    Raises:
        FileNotFoundError: there is none; ends with the remedy, such as the command that makes one.
        Damaged: none is whole.
    """
    candidates = _candidates(directory, kind)
    if not candidates:
        found = "no such directory" if not directory.is_dir() else f"no {kind}-STEP in it"
        raise MissingError(f"{directory}: {found}; expected a {kind} checkpoint: {remedy}")
    for _, path in reversed(candidates):
        try:
            check(path)
        except Damaged as error:
            print(f"warning: {error}", file=sys.stderr)
        else:
            return path
    raise Damaged(f"{directory}: none of its {len(candidates)} {kind} checkpoints is whole; {remedy}")


def check(path: Path) -> None:
    """See that a checkpoint is as it was written.

    Raises:
        Damaged: it is not.
    """
    about = read_about(path)
    if path.name.removeprefix(".").partition(".")[0] != checkpoint_path(path.parent, about.kind, about.step).name:
        raise Damaged(f"{path}: about.json is of {about.kind} step {about.step}; another checkpoint is needed")
    for name, digest in about.files.items():
        try:
            content = (path / name).read_bytes()
        except OSError as error:
            raise Damaged(f"{path}: {name} cannot be read ({error.strerror}); another checkpoint is needed") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise Damaged(f"{path}: {name} is not as it was written; another checkpoint is needed")


def save(directory: Path, about: About, objects: Mapping[str, Any], *, keep: int, replaces: Iterable[int] = ()) -> Path:
    """Write a checkpoint; only then delete those of the steps `replaces`, an earlier run's.

    Of the others, the last `keep` stay and the one with the lowest `fid`.

    Raises:
        FloatingPointError: a variable is not finite; nothing is written.
        OSError: it cannot be written; the checkpoints that were there still load.
    """
    check_finite(objects, about.step)
    path = checkpoint_path(directory, about.kind, about.step)
    partial = directory / f".{path.name}.part-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        tf.train.Checkpoint(**_variables(objects)).write(str(partial / "variables"))
        files = {file.name: _written(file) for file in sorted(partial.iterdir())}
        values = asdict(about) | {"spec": about.spec.to_dict(), "layout": _layout(objects), "files": files}
        values["digest"] = _digest(values)
        (partial / "about.json").write_text(json.dumps(values, indent=1))
        _written(partial / "about.json")
        flush_directory(partial)
        aside = directory / f".{path.name}.aside-{os.getpid()}"
        if path.exists():
            path.rename(aside)
        partial.rename(path)
        flush_directory(directory)
        _remove(aside)
        for step in set(replaces) - {about.step}:
            _remove(checkpoint_path(directory, about.kind, step))
    except (OSError, tf.errors.OpError) as error:
        raise FileError(
            f"{path}: the checkpoint cannot be written ({reason(error)}); earlier ones are intact: make room, then go "
            "on with --resume"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _prune(directory, about.kind, keep, newest_step=about.step)
    return path


def check_finite(objects: Mapping[str, Any], step: int) -> None:
    """See that all variables are finite.

    Raises:
        FloatingPointError: one is not.
    """
    for name, part in objects.items():
        for variable in part.variables:
            if not np.all(np.isfinite(variable.numpy())):
                raise Diverged(
                    f"after step {step}: variable {variable.name} of the {name} is not finite, so nothing is saved; "
                    "checkpoints saved before are intact: begin anew with lower learning rates (--overwrite)"
                )


def _written(path: Path) -> str:
    """The digest of a file, which is on the disk then."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _variables(objects: Mapping[str, Any]) -> dict[str, list[tf.Variable]]:
    return {name: [variable.value for variable in part.variables] for name, part in objects.items()}


def _layout(objects: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name, shape and dtype of every variable, such as `kernel (4, 4, 1, 32) float32`."""
    return {
        name: [f"{variable.name} {tuple(variable.shape)} {variable.dtype}" for variable in part.variables]
        for name, part in objects.items()
    }


def _prune(directory: Path, kind: Kind, keep: int, *, newest_step: int) -> None:
    """Those of later steps are damaged ones that a resumed run has passed over: they count for nothing."""
    steps = [step for step in steps_saved(directory, kind) if step <= newest_step]
    distances = {step: _distance(checkpoint_path(directory, kind, step)) for step in steps}
    best = min(distances.values(), default=math.inf)
    for step in steps[:-keep]:
        if not distances[step] == best < math.inf:
            path = checkpoint_path(directory, kind, step)
            try:
                _remove(path)
            except OSError as error:
                print(f"warning: {path} cannot be removed ({reason(error)})", file=sys.stderr)


def _remove(path: Path) -> None:
    """Remove a checkpoint, or a link or a file in its place, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


@contextmanager
def writing(directory: Path, kind: Kind) -> Iterator[None]:
    """Be the only process that saves checkpoints of a kind there; what a killed one left is removed, or put back.

    Raises:
        ValueError: there is another.
    """
    with exclusive(directory / f".{kind}.lock"):
        for partial in directory.glob(f".{kind}-*.part-*"):
            _remove(partial)
        for aside in directory.glob(f".{kind}-*.aside-*"):
            path = directory / aside.name.removeprefix(".").partition(".")[0]
            _remove(aside) if path.exists() else aside.rename(path)
        yield


def _distance(path: Path) -> float:
    """The checkpoint's `fid`; infinity if it was not scored, is not a number, or cannot be read."""
    try:
        distance = float(read_about(path).scores.get("fid", math.inf))
    except ValueError:
        return math.inf
    return math.inf if math.isnan(distance) else distance


def read_about(path: Path) -> About:
    """What the checkpoint at `path` says of itself.

    Raises:
        Damaged: the file is missing or is not what `save` wrote.
    """
    try:
        values = json.loads((path / "about.json").read_text())
        if values.pop("digest") != _digest(values):
            raise ValueError("its digest is another")
        spec = ImageSpec.from_dict(values.pop("spec"))
        config = config_from_dict(values.pop("config"), str(path / "about.json"))
        about = About(spec=spec, config=config, **values)
        if not (isinstance(about.step, int) and isinstance(about.scores, dict) and isinstance(about.layout, dict)):
            raise ValueError("step, scores or layout are not what they should be")
        return about
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise Damaged(f"{path}: about.json is not as it was written ({error}); another checkpoint is needed") from error


def restore(path: Path, objects: Mapping[str, Any], *, partial: bool = False) -> None:
    """Set the variables of `objects` to the saved ones.

    Args:
        path: of the checkpoint.
        objects: models and optimizers by the names they were saved under, already built.
        partial: these are only some of the saved objects.

    Raises:
        Damaged: the checkpoint is not as it was written.
        ValueError: it is of other objects.
    """
    check(path)
    saved = read_about(path).layout
    for name, expected in _layout(objects).items():
        found = saved.get(name, [])
        if found != expected:
            pairs = enumerate(zip_longest(found, expected, fillvalue="nothing"))
            others = [f"variable {i} is {one}; expected {other}" for i, (one, other) in pairs if one != other]
            more = f", and {len(others) - 3} more" if len(others) > 3 else ""
            raise UserError(f"{path} is of another network: in the {name}, {', '.join(others[:3])}{more}")
    try:
        status = tf.train.Checkpoint(**_variables(objects)).read(str(path / "variables"))
        if partial:
            status.expect_partial().assert_existing_objects_matched()
        else:
            status.assert_consumed()
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        raise Damaged(
            f"{path}: the variables cannot be restored ({str(error).splitlines()[0]}); another checkpoint is needed"
        ) from error
