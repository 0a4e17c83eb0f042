"""Every setting of a run: one frozen value, read from YAML, checked, written beside what it made.

What a field means, its unit and its range are said once, in its annotation; errors and the README's table are
rendered from there. `python -m gan.config` prints that table.

    config = load_config(Path("configs/mnist.yaml"), gan_epochs=2)
    dump_config(config, Path("checkpoints/config-gan.yaml"))
"""

import json
import re
import reprlib
from collections.abc import Hashable
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from gan.errors import UserError
from gan.files import write_atomically

PRESETS = Path(__file__).parents[1] / "configs"
MIN_SIDE, MAX_SIDE = 4, 1024


class ConfigError(UserError):
    """A configuration that cannot be used: one line with its source, the key, and what is allowed."""


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


ImageSize = Annotated[int | str | None, AfterValidator(lambda size: size if _sides(size) else None)]
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
Schedule = Literal["cosine", "exponential", "constant"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Config:
    """The settings of a run, in the order of the README's table."""

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
    cls_batch_size: Annotated[BatchSize, Field(description="classifier: images a step, over all replicas")] = 128
    cls_epochs: Annotated[Epochs, Field(description="classifier: passes over the training images")] = 4
    cls_lr: Annotated[Rate, Field(description="classifier: learning rate")] = 1e-3
    cls_weight_decay: Decay = 1e-4

    noise_dims: Annotated[Width, Field(description="length of the style vector")] = 100
    label_dims: Annotated[Width, Field(description="length of the label embedding in the generator")] = 64
    gen_width: Annotated[Width, Field(description="channels of the generator's last hidden layer")] = 32
    crit_width: Annotated[Width, Field(description="channels of the critic's first convolution")] = 32
    spectral_gain: Annotated[
        float, Field(gt=0, le=1000, description="initial gain of the critic's normalised layers")
    ] = 4.0
    learn_spectral_gain: Annotated[bool, Field(description="train the spectral gains; false fixes them")] = True
    power_iter: Annotated[Repeats, Field(description="power iterations a critic update")] = 1

    gan_batch_size: Annotated[BatchSize, Field(description="GAN: images a critic update, over all replicas")] = 64
    gan_epochs: Annotated[Epochs, Field(description="GAN: passes over the training images")] = 20
    crit_steps: Annotated[Repeats, Field(description="critic updates a generator update")] = 1
    gp_weight: Annotated[
        float, Field(ge=0, le=1_000_000, description="weight of the gradient penalty in the critic's loss")
    ] = 10.0
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
    ema_decay: Annotated[Moment, Field(description="decay a step of the generator's moving average")] = 0.999
    pan_classness: Annotated[Share, Field(description="classes in a label: one at 0, all at 1, random between")] = 0.0

    fid_samples: Annotated[int, Field(ge=2, description="images an evaluation compares, at most the test set")] = 10_000

    @property
    def image_height_width(self) -> tuple[int, int] | None:
        """(H, W) in pixels that images are resized to, or None for their native size."""
        return _sides(self.image_size)


NAMES = [field.name for field in fields(Config)]


def load_config(path: Path | None, **overrides: object) -> Config:
    """Read a YAML file, or the defaults if `path` is None; then apply the overrides that are not None (flags)."""
    config = Config() if path is None else config_from_dict(_read(path), str(path))
    given = {key: value for key, value in overrides.items() if value is not None}
    # The file passed, so whatever is wrong now came from an override.
    return config_from_dict({**asdict(config), **given}, "command line")


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
    kind, infos = _annotation(name)
    if name == "image_size":
        return f"null, an integer, or text HxW; {MIN_SIDE} <= side <= {MAX_SIDE}"
    if kind is bool:
        return "true or false"
    if name == "mixed_precision":
        return "true, false, bfloat16 or float16"
    if name == "steps_per_call":
        return f"null, or an integer, {_range(name, infos)}"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    return f"{'an integer' if kind is int else 'a number'}, {_range(name, infos)}"


def differences(old: Config, new: Config) -> list[str]:
    """The fields that two configs differ in, such as `gen_lr: 0.001, now 0.01`."""
    was, is_now = asdict(old), asdict(new)
    return [f"{name}: {_yaml(was[name])}, now {_yaml(is_now[name])}" for name in NAMES if was[name] != is_now[name]]


def config_table() -> str:
    """Every field as a GitHub Markdown table."""
    rows = ["| field | default | allowed | meaning |", "|---|---|---|---|"]
    for field in fields(Config):
        meaning = next(info.description for info in _annotation(field.name)[1] if info.description)
        rows.append(f"| `{field.name}` | `{_yaml(field.default)}` | {allowed(field.name)} | {meaning} |")
    return "\n".join(rows)


def _annotation(name: str) -> tuple[Any, list[FieldInfo]]:
    """The type of a field and what its annotation says about it."""
    kind, *metadata = get_args(get_type_hints(Config, include_extras=True)[name])
    return kind, [item for item in metadata if isinstance(item, FieldInfo)]


def _range(name: str, infos: list[FieldInfo]) -> str:
    """`0 < gen_lr <= 1`, or `gp_weight >= 0` where there is no upper bound."""
    limits = [item for info in infos for item in info.metadata]
    bound = {sign: getattr(item, sign) for item in limits for sign in ("ge", "gt", "le", "lt") if hasattr(item, sign)}
    if "le" not in bound and "lt" not in bound:
        return f"{name} >= {bound['ge']}" if "ge" in bound else f"{name} > {bound['gt']}"
    low = f"{bound['ge']} <=" if "ge" in bound else f"{bound['gt']} <"
    high = f"<= {bound['le']}" if "le" in bound else f"< {bound['lt']}"
    return f"{low} {name} {high}"


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


def _read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {_other_files(path)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8 text; expected a YAML file") from None
    except OSError as error:
        problem = "is a directory" if isinstance(error, IsADirectoryError) else f"cannot be read ({error.strerror})"
        raise ConfigError(f"{path}: {problem}; expected a YAML file") from None
    try:
        values = yaml.load(text, _Loader)
    except (yaml.YAMLError, AttributeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {_syntax(error)}; expected lines of `key: value`, each key once") from None
    if not isinstance(values, dict | None):
        raise ConfigError(f"{path}: found {reprlib.repr(values)}, expected lines of `key: value`")
    return values or {}


def _syntax(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {' '.join(filter(None, (error.context, error.problem)))}"
    return str(error).splitlines()[0]


def _other_files(path: Path) -> str:
    """The configuration that may have been meant, or the presets."""
    presets = {preset.stem: preset for preset in sorted(PRESETS.glob("*.yaml"))}
    known = {**presets, **{other.stem: other for other in path.parent.glob("*.yaml")}}
    if near := get_close_matches(path.stem, known, n=1):
        return f"did you mean {known[near[0]]}?"
    return f"the presets in {PRESETS} are {', '.join(presets)}" if presets else "expected a YAML file"


class _Loader(yaml.SafeLoader):
    """YAML with the decimal numbers of its version 1.2 (`1e-4` is one, `010` is not octal), and no key set twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":int")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name = str(key.value)
            if name in lines:
                problem = f"key {reprlib.repr(name)} is already set in line {lines[name]}"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
            lines[name] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


INTEGER, DECIMAL = r"[-+]?(0|[1-9]\d*(_\d+)*)$", r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$"
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(INTEGER), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(DECIMAL), list("-+.0123456789"))


if __name__ == "__main__":
    print(config_table())
