"""What git makes of these files on other machines: told to write CRLF, and in a directory with a space in its name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("classifier.py", "train.py", "generate.py", "serve.py", "download_mnist.sh")


def git(*words: str) -> str:
    """What git prints; the test is skipped where these files are no checkout, or there is no git."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    command = ["git", "-c", "safe.directory=*", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=60).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of git's index as it writes them where it is told to write CRLF, as on Windows."""
    found = tmp_path / "a checkout"
    git("-c", "core.autocrlf=true", "-c", "core.eol=crlf", "checkout-index", "--all", f"--prefix={found}/")
    return found


def tracked() -> dict[str, list[str]]:
    """Mode, content's hash and stage of each file in git's index."""
    entries = [entry.partition("\t") for entry in git("ls-files", "--stage", "-z").split("\0") if entry]
    return {name: about.split() for about, _, name in entries}


def test_every_file_has_gits_own_bytes_whatever_line_ends_git_is_told_to_write(checkout: Path) -> None:
    """A script whose first line ends in CR does not start."""
    hashes = git("hash-object", "--no-filters", *(str(checkout / name) for name in tracked())).split()
    for (name, (_, expected, _)), found in zip(tracked().items(), hashes, strict=True):
        assert found == expected, f"{name}: its line ends are changed; see .gitattributes"
        content = (checkout / name).read_bytes()
        if b"\0" not in content:
            assert b"\r" not in content, name
            assert not content.startswith(b"\xef\xbb\xbf"), f"{name} begins with a byte order mark"


def test_what_names_its_interpreter_can_be_started_and_nothing_else(checkout: Path) -> None:
    named = {name for name in tracked() if (checkout / name).read_bytes().startswith(b"#!")}
    assert {name for name, (mode, *_) in tracked().items() if mode == "100755"} == named


def test_scripts_start_in_a_directory_with_a_space_in_its_name(checkout: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for name in SCRIPTS:
        done = subprocess.run([checkout / name, "--help"], env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, name in done.stdout) == (0, True), done.stderr


@pytest.mark.slow
def test_the_makefile_installs_in_a_directory_with_a_space_in_its_name(checkout: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    (checkout / "requirements.txt").write_text("")
    command = ["make", ".venv", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv" / ".installed").exists()
