"""YAML as people write it: decimal numbers of version 1.2, each key once, and errors of one line.

values = read_yaml(Path("configs/mnist.yaml"))
rate = parse_yaml("1e-4", "--set gen_lr=1e-4")
"""

import re
import reprlib
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from gan.errors import UserError
from gan.files import check_links

PRESETS = Path(__file__).parents[1] / "configs"


class ConfigError(UserError):
    """A configuration that cannot be used: one line with its source, the key, and what is allowed."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        check_links(path)
        raise ConfigError(f"{path}: no such file; {_other_files(path)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8 text; expected a YAML file") from None
    except OSError as error:
        problem = "is a directory" if isinstance(error, IsADirectoryError) else f"cannot be read ({error.strerror})"
        raise ConfigError(f"{path}: {problem}; expected a YAML file") from None
    values = parse_yaml(text, str(path))
    if not isinstance(values, dict | None):
        raise ConfigError(f"{path}: found {reprlib.repr(values)}, expected lines of `key: value`")
    return values or {}


def parse_yaml(text: str, source: str, expected: str = "lines of `key: value`, each key once") -> Any:
    """What YAML makes of a text. Errors begin with `source`."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, AttributeError, LookupError, ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: {_syntax(error)}; expected {expected}") from None


def _syntax(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {' '.join(filter(None, (error.context, error.problem)))}"
    if isinstance(error, LookupError):  # Of PyYAML's own code.
        return "a tag such as !!int is on a value that does not fit it"
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
