"""What a checkpoint says of itself, in its `about.json`: enough to build its networks and to tell damage.

about = read_about(Path("checkpoints/gan-00005622"))
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import wraps
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from gan.config import Config, config_from_dict
from gan.errors import UserError
from gan.files import content_of
from gan.images import ImageSpec
from gan.yaml_text import ConfigError

P = ParamSpec("P")
T = TypeVar("T")

Kind = Literal["classifier", "gan", "judge"]

FORMAT = 2
"""Of about.json. Format 1 had no number, and its networks had no names."""

FIRST_NETWORKS: dict[Kind, dict[str, str]] = {
    "gan": {"generator": "dcgan", "critic": "dcgan"},
    "classifier": {"classifier": "cnn"},
    "judge": {"judge": "residual"},
}
"""The networks of checkpoints of format 1, and those that no config names."""


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself.

    `data` is the digest of the data set it was trained on, `classifier` that of the classifier that scores the run.
    `scores` are of the saved weights, by name; empty if not scored. `course` holds the FIDs of the run so far.
    `records` is the name of the run's directory of records. `networks` are names in `gan/registry.py`, by default the
    config's. `layout` and `files`, the digests of the other files by name, are filled in by `save`.
    """

    kind: Kind
    step: int
    spec: ImageSpec
    config: Config
    data: str
    scores: Mapping[str, Any] = field(default_factory=dict)
    course: tuple[float, ...] = ()
    records: str = ""
    classifier: str = ""
    networks: Mapping[str, str] = field(default_factory=dict)
    layout: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.networks:
            chosen = {"generator": self.config.generator, "critic": self.config.critic}
            object.__setattr__(self, "networks", chosen if self.kind == "gan" else FIRST_NETWORKS[self.kind])

    def is_built_as(self, other: "About") -> bool:
        """Whether a network that was built from the other one can take the variables of this one.

        Settings that make no network count, too: rather a new network than a wrong one.
        """

        def built_from(about: About) -> tuple[Any, ...]:
            return about.kind, about.spec, about.config, about.networks

        return built_from(self) == built_from(other)


class Damaged(UserError):
    """A checkpoint is not as it was written."""


class Gone(Damaged):
    """A checkpoint was removed while it was read, as a run does that keeps the last few."""


class OtherVersion(UserError):
    """A checkpoint is of another version of this project."""


def damaged(path: Path, what: object) -> Damaged:
    """The error to raise when the checkpoint at `path` cannot be read."""
    if os.path.lexists(path):
        return Damaged(f"{path}: {what}; another checkpoint is needed")
    return Gone(f"{path} is there no more: it was removed while it was read; start again")


def listing_again(function: Callable[P, T]) -> Callable[P, T]:
    """Call a function again, up to twice, when a checkpoint that it found was removed before it was read."""

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        for _ in range(2):
            with suppress(Gone):
                return function(*arguments, **named)
        return function(*arguments, **named)

    return call


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of values of JSON, as hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_about(path: Path) -> About:
    """What the checkpoint at `path` says of itself.

    Raises:
        Damaged: the file is missing or is not what `save` wrote; `Gone` if there is no such checkpoint any more.
        OtherVersion: a later version wrote it, or one with other fields or networks.
    """
    source = path / "about.json"
    try:
        values = json.loads(content_of(source))
        if values.pop("digest") != digest_of(values):
            raise ValueError("its digest is another")
        if values.setdefault("format", 1) > FORMAT:
            raise OtherVersion(
                f"{path} was saved by another version: it has the format {values['format']}, where this version knows "
                f"{FORMAT}; use that version, or train anew with this one"
            )
        if "networks" not in values:
            values["networks"] = FIRST_NETWORKS[values["kind"]]
        values["config"].setdefault("held_out", 0.0)  # Before there was that field, nothing was.
        config = _checked_config(path, values)
        spec = ImageSpec.from_dict(values.pop("spec"))
        course = tuple(values.pop("course", ()))
        return About(**values | {"spec": spec, "config": config, "course": course})
    except OtherVersion:
        raise
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise damaged(path, f"about.json is not as it was written ({error})") from error


def _checked_config(path: Path, values: Mapping[str, Any]) -> Config:
    """The config in a whole about.json, all of which this version must know.

    Raises:
        OtherVersion: it does not.
    """
    strange = [f"it has a field {name}" for name in values if name not in {each.name for each in fields(About)}]
    try:
        config = config_from_dict(values["config"], "in its config")
    except ConfigError as error:
        strange.append(str(error))
    if strange:
        raise OtherVersion(
            f"{path} was saved by another version: {strange[0]}; use that version, or train anew with this one"
        )
    return config


def layout_of(objects: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name, shape and dtype of every variable, such as `kernel (4, 4, 1, 32) float32`."""
    return {
        name: [f"{variable.name} {tuple(variable.shape)} {variable.dtype}" for variable in part.variables]
        for name, part in objects.items()
    }


def check_layout(path: Path, about: About, objects: Mapping[str, Any]) -> None:
    """Check that the checkpoint at `path` has the variables of these objects.

    Raises:
        UserError: it has others.
    """
    for name, expected in layout_of(objects).items():
        pairs = enumerate(zip_longest(about.layout.get(name, []), expected, fillvalue="nothing"))
        others = [f"variable {i} is {one}; expected {other}" for i, (one, other) in pairs if not _same(one, other)]
        if others:
            more = f", and {len(others) - 3} more" if len(others) > 3 else ""
            raise UserError(f"{path} is of another network: in the {name}, {', '.join(others[:3])}{more}")


def _same(one: str, other: str) -> bool:
    """Whether two lines of a layout are of one variable: Keras numbers layers that have no name as they are made."""
    return re.sub(r"_\d+(?=_)", "", one) == re.sub(r"_\d+(?=_)", "", other)
