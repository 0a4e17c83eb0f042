"""No engine builds the image here: its files and its commands are tried without one."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from helpers import TINY, clean_environment

from gan import checkpoints
from gan.checkpoints import About
from gan.images import ImageSpec
from gan.models.generator import Generator

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")


def words(instruction: str) -> list[str]:
    """The JSON list of the last instruction of a kind."""
    return json.loads(re.findall(rf"\b{instruction} (\[.*\])$", DOCKERFILE, re.M)[-1])


@pytest.fixture
def image(tmp_path) -> Path:
    """The directory /app of the image: what the second stage copies from here."""
    for line in re.findall(r"^COPY (?!--from|deploy/requirements)(.*)$", DOCKERFILE, re.M):
        *sources, target = line.split()
        for source in sources:
            place = tmp_path / "app" / (f"{target}/{source.rpartition('/')[2]}" if target.endswith("/") else target)
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, place)
    return tmp_path / "app"


@pytest.mark.slow
def test_the_entry_point_serves_and_the_health_check_sees_it(image, tmp_path):
    """With the files of the image alone; but for the port and the directory, the very commands."""
    spec = ImageSpec(8, 8, 1, ("dark", "bright"))
    saved = tmp_path / "checkpoints"
    checkpoints.save(saved, About("gan", 1, spec, TINY, data=""), {"average": Generator(spec, TINY)}, keep=1)
    known = {"8080": "0", "/checkpoints": str(saved), "0.0.0.0": "127.0.0.1"}
    script, *arguments = (known.get(word, word) for word in words("ENTRYPOINT"))
    assert "0" in arguments
    server = subprocess.Popen(
        [sys.executable, script, *arguments], cwd=image, env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        said = server.stderr.readline()
        port = re.match(r"http://127\.0\.0\.1:(\d+) serves ", said)
        assert port, said
        _, *check = (word.replace("8080", port[1]) for word in words("CMD"))
        for _ in range(120):
            healthy = subprocess.run([sys.executable, *check], capture_output=True, check=False)
            if healthy.returncode == 0 or server.poll() is not None:
                break
            time.sleep(0.5)
        assert healthy.returncode == 0, healthy.stderr
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=60)
    assert server.returncode == 0, errors
    assert subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode != 0


def test_the_image_has_no_rights_and_no_tests(image):
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["1000"]
    assert (image / "gan").is_dir() and (image / "serve.py").is_file()
    assert not (image / "tests").exists() and not (image / ".git").exists()


def test_all_that_is_copied_gets_past_the_ignored_files():
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    lines = re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)
    sources = [source for line in lines for source in line.split()[:-1]]
    assert {"gan", "serve.py", "deploy/requirements.txt"} <= set(sources)
    for source in sources:
        assert any(Path(source).match(pattern) or source.startswith(f"{pattern}/") for pattern in allowed), source


def test_compose_builds_that_image_and_serves_this_machine_alone():
    (service,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["command"][-2:] == ["--allow-host", "localhost"]  # Else a page elsewhere could get a name for it.
    assert service["volumes"] == ["../checkpoints:/checkpoints:ro"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
