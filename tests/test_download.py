"""download_mnist.sh without a network: a stand-in `curl` serves a directory, and small files stand in for MNIST's."""

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gan.data.formats.idx import NAMES, load_idx

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "download_mnist.sh"
MNIST = (ROOT / ".." / "shared" / "mnist").resolve()
BASH = shutil.which("bash") or ""
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://raw.githubusercontent.com/fgnt/mnist/master",
)
CONTENTS = {name: f"the content of {name}\n".encode() * 50 for name in NAMES}

CURL = """#!/bin/sh
for url; do :; done # the last argument
echo "$url" >>"$WEB/requests"
if [ -e "$WEB/hang" ]; then printf half; exec sleep 60; fi
if [ -e "$WEB/${url#*://}" ]; then exec cat "$WEB/${url#*://}"; fi
echo "curl: (22) The requested URL returned error: 404" >&2
exit 22
"""

pytestmark = pytest.mark.skipif(not BASH, reason="bash is not installed")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """The directory that the stand-in `curl` serves; beside it `curl` and a script that knows the small files."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "curl").write_text(CURL)
    (tmp_path / "bin" / "curl").chmod(0o755)
    text = SCRIPT.read_text()
    for name, content in CONTENTS.items():
        text, count = re.subn(rf"[0-9a-f]{{64}} {name}", f"{hashlib.sha256(content).hexdigest()} {name}", text)
        assert count == 1
    (tmp_path / "download_mnist.sh").write_text(text)
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


def serve(web: Path, mirror: str, contents: dict[str, bytes] = CONTENTS) -> None:
    directory = web / mirror.split("://")[1]
    directory.mkdir(parents=True)
    for name, content in contents.items():
        (directory / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


def environment(web: Path, *, mirror: str = "", path: str | None = None) -> dict[str, str]:
    path = path or f"{web.parent / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "WEB": str(web), "MNIST_MIRROR": mirror}


def download(web: Path, *arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    command = [BASH, web.parent / "download_mnist.sh", *arguments]
    return subprocess.run(
        command, env=environment(web, **options), cwd=web.parent, capture_output=True, text=True, timeout=60
    )


def requests(web: Path) -> list[str]:
    return (web / "requests").read_text().split() if (web / "requests").exists() else []


def assert_complete(directory: Path) -> None:
    assert sorted(path.name for path in directory.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    for name, content in CONTENTS.items():
        assert gzip.decompress((directory / f"{name}.gz").read_bytes()) == content


def test_it_fetches_into_datasets_mnist_and_then_has_nothing_to_do(web: Path) -> None:
    serve(web, MIRRORS[0])
    first = download(web)
    assert (first.returncode, first.stderr) == (0, "")
    assert_complete(web.parent / "datasets" / "MNIST")
    assert requests(web) == [f"{MIRRORS[0]}/{name}.gz" for name in NAMES]
    again = download(web)
    assert (again.returncode, again.stdout) == (0, "datasets/MNIST: all four files are there and right\n")
    assert len(requests(web)) == 4


def test_mirrors_are_tried_in_turn_the_users_first(web: Path) -> None:
    result = download(web, "there", mirror="http://mine/a b/")
    assert result.returncode == 1
    assert requests(web) == [f"{mirror}/{NAMES[0]}.gz" for mirror in ("http://mine/a%20b", *MIRRORS)]
    lines = result.stderr.splitlines()
    assert len(lines) == 5
    assert lines[1] == (
        f"download_mnist.sh: no {NAMES[0]}.gz from {MIRRORS[0]}: curl: (22) The requested URL returned error: 404"
    )
    assert lines[-1] == (
        f"download_mnist.sh: no mirror had {NAMES[0]}.gz; set MNIST_MIRROR to a base URL that has it, "
        f"or put these into there by hand, as .gz: {' '.join(NAMES)}"
    )
    assert list((web.parent / "there").iterdir()) == []


def test_a_mirror_with_a_wrong_file_is_reported_and_passed_over(web: Path) -> None:
    serve(web, MIRRORS[0], CONTENTS | {NAMES[1]: b"something else"})
    serve(web, MIRRORS[1])
    result = download(web, "there")
    assert result.returncode == 0
    assert result.stderr == f"download_mnist.sh: {NAMES[1]}.gz from {MIRRORS[0]} fails its SHA-256 check\n"
    assert_complete(web.parent / "there")


def test_an_html_page_from_every_mirror_leaves_nothing_behind(web: Path) -> None:
    for mirror in MIRRORS:
        serve(web, mirror)
        (web / mirror.split("://")[1] / f"{NAMES[0]}.gz").write_text("<html>sign in to this wireless network</html>")
    result = download(web, "there")
    assert result.returncode == 1
    assert result.stderr.count("fails its SHA-256 check") == 3
    assert list((web.parent / "there").iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"half a file",
        gzip.compress(CONTENTS[NAMES[2]], mtime=0)[:-1],
        gzip.compress(CONTENTS[NAMES[2]], mtime=0) + b"rubbish",
    ],
    ids=["empty", "not gzip", "cut short", "trailing rubbish"],
)
def test_a_file_that_is_not_its_own_is_left_as_it_is(web: Path, wrong: bytes) -> None:
    """It may be of another data set: Fashion-MNIST has the same names. Once it is away, it alone is fetched."""
    serve(web, MIRRORS[0])
    download(web, "there")
    (web / "requests").unlink()
    file = web.parent / "there" / f"{NAMES[2]}.gz"
    file.write_bytes(wrong)
    result = download(web, "there")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"download_mnist.sh: there/{NAMES[2]}.gz is not MNIST's, and is left as it is; move it away, or name another "
        "directory\n"
    )
    assert requests(web) == []
    assert file.read_bytes() == wrong
    assert len(list(file.parent.iterdir())) == 4
    file.unlink()
    assert download(web, "there").returncode == 0
    assert requests(web) == [f"{MIRRORS[0]}/{NAMES[2]}.gz"]
    assert_complete(web.parent / "there")


@pytest.mark.parametrize("name", [NAMES[0], f"{NAMES[0]}.gz"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_but_has_the_name_of_one_is_refused(web: Path, make: Callable[[Path], None], name: str) -> None:
    """A pipe would be waited for."""
    (web.parent / "there").mkdir()
    make(web.parent / "there" / name)
    result = download(web, "there")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"download_mnist.sh: there/{name} is not a file; move it away\n"


def test_an_unpacked_file_counts_if_it_is_right_and_stops_the_script_if_not(web: Path) -> None:
    serve(web, MIRRORS[0])
    (web.parent / "there").mkdir()
    unpacked = web.parent / "there" / NAMES[0]
    unpacked.write_bytes(CONTENTS[NAMES[0]])
    assert download(web, "there").returncode == 0
    assert requests(web) == [f"{MIRRORS[0]}/{name}.gz" for name in NAMES[1:]]
    unpacked.write_bytes(b"not this")
    result = download(web, "there")
    assert result.returncode == 1
    assert result.stderr == (
        f"download_mnist.sh: there/{NAMES[0]} is not MNIST's, and is left as it is; move it away, or name another "
        "directory\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_half_written(web: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the tests were started with this signal ignored")
    (web / "hang").touch()
    there = web.parent / "with space"
    command = [BASH, web.parent / "download_mnist.sh", there]
    with subprocess.Popen(command, env=environment(web), stdout=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in there.glob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert any(path.stat().st_size for path in there.glob("*.part"))
        os.killpg(process.pid, number)
        assert process.wait(timeout=30) != 0
    assert requests(web) == [f"{MIRRORS[0]}/{NAMES[0]}.gz"]
    assert list(there.iterdir()) == []


def path_with(directory: Path, *tools: str) -> str:
    """A PATH that has these tools and no others."""
    directory.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (directory / tool).symlink_to(found)
    return str(directory)


@pytest.mark.parametrize("tool", ["sha256sum", "shasum", "openssl"])
def test_any_of_three_tools_checks_the_sums(web: Path, tool: str) -> None:
    serve(web, MIRRORS[0], CONTENTS | {NAMES[3]: b"something else"})
    serve(web, MIRRORS[1])
    path = path_with(web.parent / "tools", "cat", "gzip", "mkdir", "mv", "rm", tool)
    (web.parent / "tools" / "curl").symlink_to(web.parent / "bin" / "curl")
    result = download(web, "there", path=path)
    assert result.returncode == 0
    assert result.stderr == f"download_mnist.sh: {NAMES[3]}.gz from {MIRRORS[0]} fails its SHA-256 check\n"
    assert_complete(web.parent / "there")


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (
            ["gzip", "sha256sum", "mkdir"],
            "curl is missing; install it, or put MNIST's four .gz files into there by hand",
        ),
        (["gzip", "mkdir"], "found none of sha256sum, shasum, openssl; install one of them"),
        (["sha256sum"], "gzip is missing; install it"),
    ],
    ids=["curl", "sum", "gzip"],
)
def test_a_missing_tool_is_named(web: Path, tools: list[str], message: str) -> None:
    result = download(web, "there", path=path_with(web.parent / "tools", *tools))
    assert (result.returncode, result.stderr) == (2, f"download_mnist.sh: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bin/curl/there"], "cannot write to bin/curl/there; choose another directory"),
        (["--fast"], "unknown option --fast; expected [DIR], see --help; a directory of this name is ./--fast"),
        (["one", "two"], "2 arguments given; expected at most one directory, see --help"),
        (["gs://bucket/mnist"], "found gs://bucket/mnist, expected a local directory; write it out, see --help"),
        (["~/mnist"], "found ~/mnist, expected a local directory; write it out, see --help"),
        ([""], "found no text, expected a directory, such as . for the current one"),
    ],
    ids=["not writable", "unknown option", "two directories", "URL", "home", "no text"],
)
def test_wrong_arguments_are_refused_in_one_line(web: Path, arguments: list[str], message: str) -> None:
    result = download(web, *arguments)
    assert (result.returncode, result.stderr) == (2, f"download_mnist.sh: {message}\n")
    assert requests(web) == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_printed(web: Path, option: str) -> None:
    result = download(web, option)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: download_mnist.sh [DIR]\n")
    assert "MNIST_MIRROR" in result.stdout


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in ../shared/mnist")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_real_files_come_through_the_real_curl(tmp_path: Path) -> None:
    mirror, there = tmp_path / "a mirror", tmp_path / "data sets" / "MNIST"
    mirror.symlink_to(MNIST)
    result = subprocess.run(
        [SCRIPT, there],
        env=os.environ | {"MNIST_MIRROR": f"file://{mirror}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert load_idx(there).digest == load_idx(MNIST).digest
