"""Every setting of a run: one frozen value, read from YAML, checked, written beside what it made.

What a field means, its unit and its range are said once, in its annotation; errors and the table in docs/settings.md
are rendered from there. `python -m gan.config` prints that table.

    config = load_config(Path("configs/mnist.yaml"), settings=["gan_epochs=2"])
    dump_config(config, Path("checkpoints/config-gan.yaml"))
"""

import json
import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from gan.files import write_atomically
from gan.registry import AUGMENTATIONS, CRITICS, GENERATORS, OBJECTIVES, listed
from gan.yaml_text import ConfigError, parse_yaml, read_yaml

MIN_SIDE, MAX_SIDE = 4, 1024


def _canonical(size: int | str | None) -> int | str | None:
    """One spelling for each size: `64` of `"64"` and `64x64`."""
    sides = _sides(size)
    return sides and (sides[0] if sides[0] == sides[1] else f"{sides[0]}x{sides[1]}")


def _sides(size: int | str | None) -> tuple[int, int] | None:
    """(H, W) of `64`, `"64"` or `"48x64"`; None for None."""
    if size is None:
        return None
    # No leading zero, so that YAML 1.1 and 1.2 agree on what is a number and a dumped size reads back as it was.
    match = re.fullmatch(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", str(size))
    sides = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(sides) < MIN_SIDE or max(sides) > MAX_SIDE:
        raise ValueError(f"{size!r} is no image size")
    return sides


class Allowed(NamedTuple):
    """What a field may be, in words, where its type does not tell; and what the table says, where that is less."""

    words: Callable[[], str]
    table: str | None = None


def _augmentations(text: str) -> tuple[str, ...]:
    """The names in `translate+flip`; none in `none`."""
    names = () if text == "none" else tuple(text.split("+"))
    if not set(names) <= set(AUGMENTATIONS) or len(set(names)) < len(names):
        raise ValueError(f"{text!r} names no augmentations")
    return names


NAMED = "a name in `gan/registry.py`"
"""For the table: a new name is one line there, and none here."""

ImageSize = Annotated[
    int | str | None,
    AfterValidator(_canonical),
    Allowed(lambda: f"null, an integer, or text HxW; {MIN_SIDE} <= side <= {MAX_SIDE}"),
]
Augmentations = Annotated[
    str,
    AfterValidator(lambda text: text if text == "none" else "+".join(_augmentations(text))),
    Allowed(lambda: f"none, or one or more of {', '.join(AUGMENTATIONS)}, joined by +", "none, or names joined by +"),
]
Objective = Annotated[str, AfterValidator(OBJECTIVES.checked), Allowed(OBJECTIVES.words, NAMED)]
Generator = Annotated[str, AfterValidator(GENERATORS.checked), Allowed(GENERATORS.words, NAMED)]
Critic = Annotated[str, AfterValidator(CRITICS.checked), Allowed(CRITICS.words, NAMED)]
Repeats = Annotated[int, Field(ge=1, le=50)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
Width = Annotated[int, Field(ge=1, le=1024)]
Rate = Annotated[float, Field(gt=0, le=1)]
Moment = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[
    float, Field(ge=0, le=1000, description="decoupled weight decay of kernels, per step times the learning rate")
]
Schedule = Literal["cosine", "cooldown", "exponential", "constant"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Config:
    """The settings of a run, in the order of the table."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="decides, with the step, every random draw")] = 0
    image_size: Annotated[ImageSize, Field(description="pixels of images, see --resize; null: native size")] = None
    mixed_precision: Annotated[
        bool | Literal["bfloat16", "float16"],
        Field(description="16-bit arithmetic, float32 variables; true: the kind that fits the device"),
    ] = False
    steps_per_call: Annotated[
        int | None,
        Field(ge=1, le=1000, description="training steps in one call of the traced function; null: by their speed"),
    ] = None
    jit_compile: Annotated[bool, Field(description="compile the GAN's step by XLA; for one GPU: slower on a CPU")] = (
        False
    )
    max_bad_steps: Annotated[
        int, Field(ge=1, le=1_000_000, description="steps in a row that may be skipped for not being finite")
    ] = 20

    cls_width: Annotated[Width, Field(description="channels of the classifier's first convolution")] = 32
    cls_batch_size: Annotated[BatchSize, Field(description="classifier: images per step, over all replicas")] = 128
    cls_epochs: Annotated[Epochs, Field(description="classifier: passes over the training images")] = 4
    cls_lr: Annotated[Rate, Field(description="classifier: learning rate")] = 1e-3
    cls_weight_decay: Decay = 1e-4

    noise_dims: Annotated[Width, Field(description="length of the style vector")] = 100
    label_dims: Annotated[Width, Field(description="length of the label embedding in the generator")] = 64
    gen_width: Annotated[Width, Field(description="channels of the generator's last hidden layer")] = 32
    crit_width: Annotated[Width, Field(description="channels of the critic's first convolution")] = 32
    generator: Annotated[Generator, Field(description="the generator's network")] = "dcgan"
    critic: Annotated[Critic, Field(description="the critic's network")] = "dcgan"
    spectral_gain: Annotated[
        float, Field(gt=0, le=1000, description="initial gain of the critic's normalised layers")
    ] = 4.0
    learn_spectral_gain: Annotated[bool, Field(description="train the spectral gains; false fixes them")] = True
    power_iter: Annotated[Repeats, Field(description="power iterations per critic update")] = 1

    gan_batch_size: Annotated[BatchSize, Field(description="GAN: images per critic update, over all replicas")] = 64
    gan_epochs: Annotated[Epochs, Field(description="GAN: passes over the training images")] = 20
    objective: Annotated[Objective, Field(description="what critic and generator minimise")] = "wasserstein"
    augment: Annotated[
        Augmentations, Field(description="random changes of reals and fakes alike, before the critic sees them")
    ] = "none"
    crit_steps: Annotated[Repeats, Field(description="critic updates per generator update")] = 1
    gp_weight: Annotated[
        float, Field(ge=0, le=1_000_000, description="weight of the gradient penalty in the critic's loss")
    ] = 10.0
    penalty_every: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="critic updates per penalty; above 1 it is an update of its own, its weight times this",
        ),
    ] = 1
    label_weight: Annotated[
        float,
        Field(ge=0, le=1_000_000, description="weight of the critic's loss on reals that are shown with a wrong label"),
    ] = 0.0
    gen_label_weight: Annotated[
        float,
        Field(ge=0, le=1_000_000, description="weight of the generator's loss on fakes that pass with a wrong label"),
    ] = 0.0
    cls_weight: Annotated[
        float,
        Field(ge=0, le=1_000_000, description="weight of the classifier's cross-entropy in the generator's loss"),
    ] = 0.0
    gen_lr: Annotated[Rate, Field(description="learning rate of the generator, at the start")] = 1e-3
    crit_lr: Annotated[Rate, Field(description="learning rate of the critic, at the start")] = 1e-3
    beta_1: Annotated[Moment, Field(description="Adam's decay of the first moment, both networks")] = 0.0
    beta_2: Annotated[Moment, Field(description="Adam's decay of the second moment, both networks")] = 0.9
    gen_weight_decay: Decay = 0.0
    crit_weight_decay: Decay = 0.0
    lr_schedule: Annotated[Schedule, Field(description="course of both learning rates of the GAN")] = "cosine"
    decay_rate: Annotated[Rate, Field(description="exponential schedule: learning rates fall by this factor")] = 0.96
    decay_steps: Annotated[int, Field(ge=1, le=10**9, description="exponential schedule: steps for one factor")] = 1000
    ema_decay: Annotated[Moment, Field(description="decay per step of the generator's moving average")] = 0.999
    pan_classness: Annotated[Share, Field(description="classes in a label: one at 0, all at 1, random between")] = 0.0

    fid_samples: Annotated[int, Field(ge=2, description="images that score a run at a record, at most")] = 10_000
    held_out: Annotated[
        float,
        Field(ge=0, le=0.5, description="share of the training images that score a run; 0: the test images do"),
    ] = 0.1

    @property
    def image_height_width(self) -> tuple[int, int] | None:
        """(H, W) in pixels that images are resized to, or None for their native size."""
        return _sides(self.image_size)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return _augmentations(self.augment)


NAMES = [field.name for field in fields(Config)]


def load_config(path: Path | None, *, settings: Sequence[str] = (), seed: int | None = None) -> Config:
    """Read a YAML file, or the defaults if `path` is None; then apply `field=value` of each setting, and the seed.

    Raises:
        ConfigError: the file or a setting cannot be used.
    """
    values: dict[str, Any] = {} if path is None else read_yaml(path)
    config_from_dict(values, str(path))
    given: dict[str, Any] = {}
    for text in settings:
        field, equals, value = text.partition("=")
        if not equals or field in given:
            problem = "is given twice; expected each field once" if equals else "has no =; expected FIELD=VALUE"
            raise ConfigError(f"--set {text} {problem}")
        given[field] = parse_yaml(value, f"--set {text}", "FIELD=VALUE, the value as in YAML")
    config_from_dict(given, "--set")
    if seed is not None and "seed" in given:
        raise ConfigError("--seed and --set seed are both given; expected one of them")
    return config_from_dict({**values, **given, **({} if seed is None else {"seed": seed})}, "command line")


def config_from_dict(values: dict[str, Any], source: str) -> Config:
    """Check values by key; those not given take their defaults. Errors begin with `source`."""
    wrong: set[object] = {key for key in values if key not in NAMES}
    try:
        config = Config(**{key: value for key, value in values.items() if key in NAMES})
    except ValidationError as error:
        wrong |= {details["loc"][0] for details in error.errors()}
    if not wrong:
        return config
    problems = [key for key in values if key in wrong]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise ConfigError(f"{source}: {_problem(problems[0], values[problems[0]])}{more}")


def dump_config(config: Config, path: Path) -> None:
    """Write all fields as YAML, in order. A reader sees the old file or the new one, never a part."""
    write_atomically(path, yaml.safe_dump(asdict(config), sort_keys=False).encode())


def allowed(name: str) -> str:
    """Type and range of a field in words: `a number, 0 < gen_lr <= 1`."""
    kind, metadata = _annotation(name)
    if words := next((item.words for item in metadata if isinstance(item, Allowed)), None):
        return words()
    span = _range(name, metadata)
    words_of = {
        int: (f"an integer{span}",),
        float: (f"a number{span}",),
        bool: ("true", "false"),
        type(None): ("null",),
    }
    options = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is Union else (kind,)
    found = [get_args(option) if get_origin(option) is Literal else words_of[option] for option in options]
    return listed([word for words in sorted(found, key=lambda each: each != ("null",)) for word in words])


def differences(old: Config, new: Config) -> list[str]:
    """The fields that two configs differ in, such as `gen_lr: 0.001, now 0.01`."""
    was, is_now = asdict(old), asdict(new)
    return [f"{name}: {_yaml(was[name])}, now {_yaml(is_now[name])}" for name in NAMES if was[name] != is_now[name]]


def config_table() -> str:
    """Every field as a GitHub Markdown table."""
    rows = ["| field | default | allowed | meaning |", "|---|---|---|---|"]
    for field in fields(Config):
        meaning = next(
            info.description for info in _annotation(field.name)[1] if isinstance(info, FieldInfo) and info.description
        )
        brief = next((each.table for each in _annotation(field.name)[1] if isinstance(each, Allowed)), None)
        rows.append(f"| `{field.name}` | `{_yaml(field.default)}` | {brief or allowed(field.name)} | {meaning} |")
    return "\n".join(rows)


def _annotation(name: str) -> tuple[Any, list[Any]]:
    """The type of a field and what its annotation says about it."""
    kind, *metadata = get_args(get_type_hints(Config, include_extras=True)[name])
    return kind, metadata


def _range(name: str, metadata: list[Any]) -> str:
    """`, 0 < gen_lr <= 1`, or `, gp_weight >= 0` where there is no upper bound."""
    limits = [item for info in metadata if isinstance(info, FieldInfo) for item in info.metadata]
    bound = {sign: getattr(item, sign) for item in limits for sign in ("ge", "gt", "le", "lt") if hasattr(item, sign)}
    if not bound:
        return ""
    if "le" not in bound and "lt" not in bound:
        return f", {name} >= {bound['ge']}" if "ge" in bound else f", {name} > {bound['gt']}"
    low = f"{bound['ge']} <=" if "ge" in bound else f"{bound['gt']} <"
    high = f"<= {bound['le']}" if "le" in bound else f"< {bound['lt']}"
    return f", {low} {name} {high}"


def _problem(key: object, value: object) -> str:
    """What is wrong with a key that did not pass, and what would be right."""
    if isinstance(key, str) and key in NAMES:
        kind = {bool: " (a boolean)", str: " (text)", list: " (a list)", dict: " (a mapping)"}.get(type(value), "")
        found = _yaml(value) if value is None or isinstance(value, bool) else reprlib.repr(value)
        return f"{key}: found {found}{kind}, expected {allowed(key)}"
    near = get_close_matches(str(key).lower(), NAMES, n=1)
    hint = f"did you mean {near[0]}?" if near else "`python -m gan.config` lists the keys there are"
    return f"unknown key {reprlib.repr(key)}; {hint}"


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    print(config_table())
