"""pyproject.toml, poetry.lock and requirements.txt are in step: checked without Poetry and without a network.

`make lock` writes the second from the first and the third from the second.
"""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
INSTALLED_GROUPS = {
    "requirements.txt": {"main", "dev", "serve", "evaluate", "export", "parquet"},
    "deploy/requirements.txt": {"main", "serve"},
}
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)( ;.*?)?(?P<hashes>( +--hash=sha256:[0-9a-f]{64})+)")

Pins = dict[tuple[str, str], set[str]]
"""The hashes of each (name, version)."""


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def content_hash(pyproject: dict[str, Any]) -> str:
    """What Poetry >= 2.3 writes into its lock (`Locker._get_content_hash`), for a file with a [project] table."""

    def choose(table: dict[str, Any], *keys: str) -> dict[str, Any]:
        return {key: table[key] for key in keys if key in table}

    relevant = {
        "project": choose(pyproject["project"], "requires-python", "dependencies", "optional-dependencies"),
        "dependency-groups": pyproject["dependency-groups"],
        "tool": {
            "poetry": choose(
                pyproject["tool"]["poetry"], "dependencies", "source", "extras", "dev-dependencies", "group"
            )
        },
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def locked(lock: dict[str, Any], groups: set[str]) -> Pins:
    return {
        (package["name"], package["version"]): {file["hash"] for file in package["files"]}
        for package in lock["package"]
        if groups & set(package["groups"])
    }


def required(text: str) -> Pins:
    pins: Pins = {}
    for line in text.replace("\\\n", "").splitlines():
        match = REQUIREMENT.fullmatch(line)
        assert match, f"requirements.txt has a line that is no pin with hashes: {line[:80]}"
        pins[match["name"], match["version"]] = set(match["hashes"].replace("--hash=", "").split())
    return pins


def test_the_lock_is_made_from_this_pyproject() -> None:
    found = read_toml("poetry.lock")["metadata"]["content-hash"]
    assert found == content_hash(read_toml("pyproject.toml")), "pyproject.toml has changed: run `make lock`"


@pytest.mark.parametrize("name", INSTALLED_GROUPS)
def test_requirements_are_the_lock_of_their_groups(name: str) -> None:
    pins = required((ROOT / name).read_text(encoding="utf-8"))
    expected = locked(read_toml("poetry.lock"), INSTALLED_GROUPS[name])
    assert pins == expected, f"{name} is not the lock's export: run `make lock`"


PLACE = re.compile(r"^(url *=|-)", re.MULTILINE)
"""Where packages come from: a source of Poetry's, or an option of pip's, of which a line has none but its hashes."""


@pytest.mark.parametrize("name", ["poetry.lock", *INSTALLED_GROUPS])
def test_no_package_index_is_named(name: str) -> None:
    assert not PLACE.search((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        'url = "https://example.org/simple"',
        "--index-url https://example.org/simple",
        "--extra-index-url=https://example.org/simple",
        "-i https://example.org/simple",
        "--find-links https://example.org",
        "--trusted-host example.org",
    ],
)
def test_a_package_index_would_be_found(line: str) -> None:
    assert PLACE.search(f"numpy==2.4.0\n{line}\n")
