import argparse
import getpass
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from helpers import clean_environment

from gan.command_line import devices, exit_status, local_path, local_text
from gan.ending import STOPPING
from gan.errors import Diverged, MissingError, UserError
from gan.files import writing_directory

ROOT = Path(__file__).parents[1]


def raises(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("found this, expected that"), 2, "found this, expected that"),
        (MissingError("no such thing"), 2, "no such thing"),
        (Diverged("the loss is NaN"), 3, "the loss is NaN"),
        (
            tf.errors.ResourceExhaustedError(None, None, "Graph execution error:\n\n  OOM when allocating [9]\n"),
            2,
            "out of memory (OOM when allocating [9]); use smaller",
        ),
        (
            tf.errors.InvalidArgumentError(None, None, "Cannot parse tensor from proto: dtype: DT_FLOAT\n"),
            2,
            "out of memory (a constant of the graph); use smaller",
        ),
        (MemoryError("9 GiB"), 2, "out of memory (9 GiB); use smaller images or batches"),
        (ModuleNotFoundError("no", name="yaml"), 2, "the package yaml is not installed; run `make .venv`"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(32, "Broken pipe"), 2, "the output cannot be written (Broken pipe)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_and_a_status(error, status, line, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["some/train.py"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # Else `python -m pytest` is what was called.
    assert exit_status(raises(error)) == status
    found = capsys.readouterr().err
    assert found.startswith(f"train.py: {line}")
    assert found.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_written_is_cleared_away_at_a_signal_to_end(number, tmp_path, capsys, monkeypatch):
    rmtree = shutil.rmtree

    def twice(*arguments, **named):
        os.kill(os.getpid(), signal.SIGTERM)  # As `timeout` sends it, to the process and to its group.
        rmtree(*arguments, **named)

    def main():
        with writing_directory(tmp_path / "page"):
            monkeypatch.setattr(shutil, "rmtree", twice)
            os.kill(os.getpid(), number)
            time.sleep(60)

    before = [signal.getsignal(each) for each in STOPPING]
    assert exit_status(main) == 128 + number
    assert capsys.readouterr().err.endswith(": told to end\n")
    assert not list(tmp_path.iterdir())
    assert [signal.getsignal(each) for each in STOPPING] == before


@pytest.mark.parametrize(
    "error",
    [
        ValueError("operands could not be broadcast together"),  # As NumPy says of somebody's new loss.
        FloatingPointError("overflow encountered in multiply"),
        FileNotFoundError(2, "No such file or directory", "some/file"),
        ModuleNotFoundError("No module named 'gan.new'", name="gan.new"),
        ModuleNotFoundError("No module named 'numpy.lnalg'", name="numpy.lnalg"),
        ModuleNotFoundError("No module named 'torch'", name="torch"),
        RuntimeError("a bug"),
        KeyError("a bug"),
        tf.errors.InvalidArgumentError(None, None, "a bug"),
        tf.errors.ResourceExhaustedError(None, None, "some/file; No space left on device"),
    ],
)
def test_what_is_not_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        exit_status(raises(error))


CLOSED = """
import sys
from gan.command_line import exit_status
from gan.errors import Diverged

def main():
    print("half a line", end="")
    raise Diverged("the loss is NaN")

sys.exit(exit_status(main))
"""


def test_the_status_stays_when_nobody_reads():
    """As when Ctrl-C has ended a `tee`."""
    words = [sys.executable, "-c", CLOSED]
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(words, env=clean_environment(), cwd=ROOT, stdout=writes, stderr=writes, timeout=60)
    os.close(writes)
    assert done.returncode == 3


def test_success_is_zero():
    assert exit_status(lambda: None) == 0


@pytest.mark.parametrize("text", ["cpu", "cpu:1", "cpu:16", "0", "0,1", "3,2,11"])
def test_devices_are_cpus_or_indices_of_gpus(text):
    assert devices(text) == text


@pytest.mark.parametrize("text", ["", "gpu", "cpu:", "cpu:0", "cpu:-1", "cpu:100", "0,", "0 1", "-1", "GPU:0", "cpu,0"])
def test_other_devices_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected cpu, cpu:N, or indices of GPUs such as 0,1"):
        devices(text)


def test_a_home_is_found_in_a_path(monkeypatch):
    """A shell does not look for one after a `=`, as in `--save-dir=~/runs`."""
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path("~/runs") == Path("/home/me/runs")
    assert local_path("~") == Path("/home/me")
    assert local_path(f"~{getpass.getuser()}").is_absolute()
    for text in ("digits", "./digits", "a/~/b", "./~x", "./gs://x", "a:b", "c:d", "a$b", " a"):
        assert local_text(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gs://bucket/run", "found the URL gs://bucket/run, expected a local path or one that is mounted"),
        ("S3+x://y", "found the URL S3+x://y, expected a local path or one that is mounted"),
        ("file:///tmp", "found the URL file:///tmp, expected a local path or one that is mounted"),
        ("~no.such.user/x", "found ~no.such.user/x, but there is no such user; write it out, or ./~no.such.user/x"),
        ("$HOME/x", "found $HOME/x, of which no shell has replaced the $; write it out"),
        ("C:\\x", "found C:\\x, a path of Windows, expected one such as /mnt/c/name"),
        ("d:/x", "found d:/x, a path of Windows, expected one such as /mnt/c/name"),
        ("", "found no text, expected a path, such as . for the current directory"),
        (" ", "found no text, expected a path, such as . for the current directory"),
    ],
)
def test_text_that_is_no_local_path_is_refused(text, message):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        local_path(text)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["train", "classifier", "generate", "serve", "gan.film", "gan.data.convert"])
def test_every_flag_that_is_a_path_is_looked_at(name, monkeypatch, capsys):
    """Those are the ones whose help or name says so."""
    paths: set[str] = set()

    def parse(self, *_):
        for action in self._actions:
            text = f"{action.dest} {action.help}"
            if re.search(r"_dir\b|_path\b|directory of|directory to", text):
                assert action.type in (local_path, local_text), action.dest
                paths.add(action.dest)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(SystemExit):
        importlib.import_module(name).main()
    assert paths


STARTED = """
import os
from gan.starting import import_tensorflow
import_tensorflow(devices="cpu:3", deterministic=True)
import tensorflow as tf
try:
    tf.random.uniform([])
except RuntimeError as error:
    print("deterministic", "Random ops require a seed" in str(error))
print(os.environ["TF_ENABLE_ONEDNN_OPTS"], [device.name for device in tf.config.list_logical_devices("CPU")])
"""


def test_tensorflow_is_started_with_the_devices_and_deterministic():
    environment = clean_environment() | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", STARTED], env=environment, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.splitlines() == [
        "deterministic True",
        "0 ['/device:CPU:0', '/device:CPU:1', '/device:CPU:2']",
    ]
    assert done.stderr == ""


def test_a_line_is_in_the_file_when_it_is_printed(tmp_path, monkeypatch):
    """Python writes to files in blocks of some kilobytes: the log of a run under nohup would be empty for hours."""
    log = tmp_path / "log"
    seen = []

    def main() -> None:
        print("step 1")
        seen.append(log.read_text())

    with log.open("w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert exit_status(main) == 0
    assert seen == ["step 1\n"]


def test_every_entry_point_ends_in_exit_status():
    """So that what holds for one of them holds for all: lines at once, one line for a user's error."""
    found = {}
    for path in [*ROOT.glob("*.py"), *ROOT.glob("gan/**/*.py")]:
        _, guard, last = path.read_text(encoding="utf-8").partition('if __name__ == "__main__":')
        if (guard and path.parent == ROOT) or "def main()" in _:
            found[path.name] = last.strip()
    assert {"train.py", "classifier.py", "generate.py", "serve.py", "convert.py", "film.py"} <= set(found)
    assert set(found.values()) == {"sys.exit(exit_status(main))"}
