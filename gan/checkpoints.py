"""A checkpoint is a model: variables, and all that is needed to build the networks they belong to.

It is a directory `{kind}-{step}` in the save directory, with TensorFlow's `variables.*` and an `about.json`: image
spec, config, names of the networks, scores, the layout (name, shape, dtype) of every variable, and the digests of all
that, by which damage is seen. It is written under a temporary name and moved into place once it is on the disk.

Variables are saved by their place in `model.variables`. The attributes of a Keras model are not used: TensorFlow does
not follow those that are lists of layers, and would leave their variables out without a word.

    save(Path("checkpoints"), About("gan", step, spec, config, data=data.digest), {"generator": generator}, keep=3)
    loaded = load(Path("checkpoints"), "gan", "best")
    loaded.network(styles, labels)
"""

import errno
import hashlib
import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from gan.about import (
    About,
    Damaged,
    Gone,
    Kind,
    OtherVersion,
    check_layout,
    damaged,
    digest_of,
    layout_of,
    listing_again,
    read_about,
)
from gan.errors import Diverged, FileError, MissingError, UserError
from gan.files import check_links, content_of, file_errors, flush, flush_directory, literal, reason, way_out
from gan.models import build
from gan.places import candidates, checkpoint_named, checkpoint_path, holds_checkpoint, remove

Which = Literal["newest", "best"] | int

BEST_BY = "fid"
"""The score whose lowest value makes a checkpoint the best."""

DRAWS: dict[Kind, tuple[str, str]] = {
    "gan": ("average", "generator"),
    "classifier": ("classifier", "classifier"),
    "judge": ("judge", "judge"),
}
"""What is loaded for use: the name it is saved under, and what it is built as."""


class Saved(NamedTuple):
    """A checkpoint that is whole."""

    path: Path
    about: About


class Loaded(NamedTuple):
    """A network for use, in float32, and the checkpoint it is from: of a GAN, the average of the generator."""

    path: Path
    about: About
    network: Any


@file_errors()
def steps_saved(directory: Path, kind: Kind) -> list[int]:
    """Steps of the checkpoints of a kind in a directory, ascending."""
    return sorted({step for step, _ in candidates(directory, kind)})


@file_errors()
@listing_again
def load(directory: Path, kind: Kind, which: Which = "newest", *, spare: Loaded | None = None) -> Loaded:
    """The network of a checkpoint, built from what the checkpoint says of itself. Arguments and errors as of `find`.

    A `spare` network is taken if it is built alike; after an error, its variables may be of neither checkpoint.
    """
    return open_saved(find(directory, kind, which), spare)


def open_saved(saved: Saved, spare: Loaded | None = None) -> Loaded:
    """The network of a checkpoint that was just found."""
    path, about = saved
    name, role = DRAWS[about.kind]
    network = spare.network if spare and spare.about.is_built_as(about) else build(about, role)
    _read(path, about, {name: network}, partial=True)
    return Loaded(path, about, network)


@file_errors()
@listing_again
def find(directory: Path, kind: Kind, which: Which = "newest", *, remedy: str | None = None) -> Saved:
    """A checkpoint that is whole; a warning tells of each that is passed over.

    Args:
        directory: of a run; or a checkpoint itself, or one of its files.
        kind: of the checkpoint.
        which: the one of the highest step, the one of the lowest FID, or the one of a step.
        remedy: what to do if there is none, such as the command that makes one.

    Raises:
        MissingError: there is none.
        Damaged: none is whole.
        OtherVersion: it is of another version.
        UserError: the best is wanted, and none was scored.
    """
    named = checkpoint_named(directory)
    if named and (kind == named.kind or holds_checkpoint(checkpoint_path(*named))):
        if kind != named.kind:
            raise UserError(f"{directory} is a {named.kind} checkpoint; expected a {kind} checkpoint: name another one")
        if which not in ("newest", named.step):
            raise UserError(
                f"{directory} is of step {named.step}, and --checkpoint says {which}; leave one of them out"
            )
        directory, _, which = named
    script = "./train.py" if kind == "gan" else "./classifier.py"
    remedy = remedy or f"run {script} --save-dir {shlex.quote(str(directory))}, or name another directory"
    wanted = found = candidates(directory, kind)
    if not found:
        check_links(directory)
        if directory.is_file():
            raise UserError(f"{directory} is a file; expected a directory of checkpoints, such as {directory.parent}")
        what = "no such directory" if not directory.is_dir() else f"no {kind}-STEP in it"
        raise MissingError(f"{directory}: {what}; expected a {kind} checkpoint: {remedy}")
    if isinstance(which, int):
        if not (wanted := [each for each in found if each[0] == which]):
            steps = ", ".join(str(step) for step, _ in found)
            raise MissingError(f"{directory} has no {kind} checkpoint of step {which}; expected one of {steps}")
    elif which == "best" and not (wanted := _by_score(found)):
        raise UserError(
            f"{directory}: no whole {kind} checkpoint was scored, so none is the best; leave --checkpoint best out"
        )
    for _, path in reversed(wanted):
        try:
            return Saved(path, check(path))
        except Gone:
            raise
        except Damaged as error:
            if isinstance(which, int):
                raise
            print(f"warning: {error}", file=sys.stderr)
    if which == "best":
        raise Damaged(f"{directory}: no {kind} checkpoint that was scored is whole; leave --checkpoint best out")
    raise Damaged(f"{directory}: none of its {len(wanted)} {kind} checkpoints is whole; {remedy} (with --overwrite)")


def _by_score(saved: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """Those that were scored, the best last; a warning tells of each that does not say its scores."""
    found = []
    for step, path in saved:
        try:
            distance = _distance(read_about(path))
        except Gone:
            raise
        except (Damaged, OtherVersion) as error:
            print(f"warning: {error}", file=sys.stderr)
        else:
            found.append((-distance, step, path))
    return [(step, path) for distance, step, path in sorted(found) if distance > -math.inf]


def check(path: Path) -> About:
    """Check that a checkpoint is as it was written; what it says of itself.

    Raises:
        Damaged: it is not.
        OtherVersion: it is of another version.
    """
    about = read_about(path)
    if path.name.removeprefix(".").partition(".")[0] != checkpoint_path(path.parent, about.kind, about.step).name:
        raise damaged(path, f"about.json is of {about.kind} step {about.step}")
    for name, digest in about.files.items():
        try:
            content = content_of(path / name)
        except OSError as error:
            raise damaged(path, f"{name} cannot be read ({error.strerror})") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged(path, f"{name} is not as it was written")
    return about


def save(directory: Path, about: About, objects: Mapping[str, Any], *, keep: int, replaces: Iterable[int] = ()) -> Path:
    """Write a checkpoint; only then delete those of the steps `replaces`, an earlier run's.

    Of the others, the last `keep` stay and the best.

    Raises:
        Diverged: a variable is not finite; nothing is written.
        UserError: it cannot be written; the checkpoints that were there still load.
    """
    check_finite(objects, about.step)
    path = checkpoint_path(directory, about.kind, about.step)
    partial = directory / f".{path.name}.part-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        tf.train.Checkpoint(**_variables(objects)).write(str(partial / "variables"))
        files = {file.name: _written(file) for file in sorted(partial.iterdir())}
        values = asdict(about) | {"spec": about.spec.to_dict(), "layout": layout_of(objects), "files": files}
        values["digest"] = digest_of(values)
        (partial / "about.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
        _written(partial / "about.json")
        flush_directory(partial)
        aside = directory / f".{path.name}.aside-{os.getpid()}"
        if holds_checkpoint(path) is False:
            raise FileExistsError(errno.EEXIST, "there is something else", str(path))
        if os.path.lexists(path):
            path.rename(aside)
        partial.rename(path)
        flush_directory(directory)
        remove(aside)
        for step in set(replaces) - {about.step}:
            remove(checkpoint_path(directory, about.kind, step))
    except (OSError, tf.errors.OpError) as error:
        then = "go on with --resume" if set(steps_saved(directory, about.kind)) - set(replaces) else "start again"
        raise FileError(
            f"{path}: the checkpoint cannot be written ({reason(error)}); earlier ones are intact: {way_out(error)}, "
            f"then {then}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _prune(directory, about.kind, keep, newest_step=about.step)
    return path


def check_finite(objects: Mapping[str, Any], step: int) -> None:
    """Check that all variables are finite.

    Raises:
        Diverged: one is not.
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
        flush(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _variables(objects: Mapping[str, Any]) -> dict[str, list[tf.Variable]]:
    return {name: [variable.value for variable in part.variables] for name, part in objects.items()}


def _prune(directory: Path, kind: Kind, keep: int, *, newest_step: int) -> None:
    """Those of later steps are damaged ones that a resumed run has passed over: they count for nothing."""
    steps = [step for step in steps_saved(directory, kind) if step <= newest_step]
    distances = dict.fromkeys(steps, math.inf)
    for step in steps:
        with suppress(Damaged, OtherVersion):
            distances[step] = _distance(read_about(checkpoint_path(directory, kind, step)))
    best = min(distances.values(), default=math.inf)
    for step in steps[:-keep]:
        if not distances[step] == best < math.inf:
            path = checkpoint_path(directory, kind, step)
            try:
                remove(path)
            except OSError as error:
                print(f"warning: {path} cannot be removed ({reason(error)})", file=sys.stderr)


def _distance(about: About) -> float:
    """The score that the best has the lowest of; infinity if there is none."""
    try:
        distance = float(about.scores.get(BEST_BY, math.inf))
    except (TypeError, ValueError):
        return math.inf
    return math.inf if math.isnan(distance) else distance


def restore(path: Path, objects: Mapping[str, Any], *, partial: bool = False) -> None:
    """Set the variables of `objects` to the saved ones.

    Args:
        path: of the checkpoint.
        objects: models and optimizers by the names they were saved under, already built.
        partial: these are only some of the saved objects.

    Raises:
        Damaged: the checkpoint is not as it was written.
        UserError: it is of other objects.
    """
    _read(path, check(path), objects, partial=partial)


def _read(path: Path, about: About, objects: Mapping[str, Any], *, partial: bool) -> None:
    """Set the variables of objects to those of a checkpoint that is whole."""
    check_layout(path, about, objects)
    try:
        with literal(path) as readable:
            status = tf.train.Checkpoint(**_variables(objects)).read(str(readable / "variables"))
        if partial:
            status.expect_partial().assert_existing_objects_matched()
        else:
            status.assert_consumed()
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        raise damaged(path, f"the variables cannot be restored ({str(error).splitlines()[0]})") from error
