"""The package as pip installs it: all its modules and files, and the scripts by their names."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from helpers import clean_environment

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMANDS = sorted(PROJECT["project"]["scripts"])


def test_every_package_is_installed() -> None:
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "gan").rglob("__init__.py")}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | {"gan.scripts"}


def test_every_script_has_a_command() -> None:
    assert set(COMMANDS) == {f"gan-{path.stem}" for path in ROOT.glob("*.py")} | {"gan-convert"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a directory of its own from a copy of what git has."""
    place = tmp_path_factory.mktemp("installed")
    (place / "source").mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith("gan/") or ("/" not in name and name.endswith((".py", ".toml", ".md"))):
            target = place / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", place, place / "source"], check=True)
    (wheel,) = place.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place / "target", wheel]
    subprocess.run(install, check=True)
    return place


def call(installed: Path, command: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | {"PYTHONPATH": str(installed / "target")}
    words = [sys.executable, str(installed / "target" / "bin" / command), *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(installed: Path) -> None:
    (wheel,) = installed.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", "gan"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert names == {*listed.splitlines(), *(f"gan/scripts/{path.name}" for path in ROOT.glob("*.py"))}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_the_help_of_its_script(command: str, installed: Path, tmp_path: Path) -> None:
    done = call(installed, command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {command} ")


@pytest.mark.slow
def test_an_installed_command_draws_and_refuses(installed: Path, tmp_path: Path) -> None:
    flags = ["--load-dir", ROOT / "pretrained" / "mnist", "--classes", "7", "--images-per-class", 1]
    done = call(installed, "gan-generate", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = [sys.executable, ROOT / "generate.py", *flags, "--output-dir", "script"]
    subprocess.run(list(map(str, expected)), cwd=tmp_path, env=clean_environment(), check=True, capture_output=True)
    assert (tmp_path / "outputs" / "7-1.jpg").read_bytes() == (tmp_path / "script" / "7-1.jpg").read_bytes()
    refused = call(installed, "gan-train", "-c", "absent.yaml", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("gan-train: absent.yaml: no such file")
