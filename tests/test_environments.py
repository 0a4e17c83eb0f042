"""Environments that are not ours: what they set changes no result, and what they lack is one line."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import clean_environment

ROOT = Path(__file__).parents[1]
SCRIPTS = ("train.py", "classifier.py", "generate.py", "serve.py")


def run(*words: object, cwd: Path = ROOT, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a user gives it, perhaps with what a shell adds."""
    command = [sys.executable, *map(str, words)]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    return subprocess.run(
        command, cwd=cwd, env=clean_environment() | environment, capture_output=True, text=True, timeout=120
    )


DEFAULTS = """
import runpy
import gan
import keras
print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
runpy.run_module("keras.src.backend.config")  # Reads its file again, which has another home now.
print(*sorted(path.name for path in gan.Path.home().iterdir()))
"""


@pytest.mark.parametrize(
    "settings",
    ['{"floatx": "bfloat16"}', '{"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first"}'],
    ids=["one that Keras refuses", "some that it takes"],
)
def test_no_result_depends_on_the_home_directory(settings, tmp_path):
    """The first was a traceback, and the second other results."""
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(settings)
    done = run(
        "-c",
        DEFAULTS,
        HOME=str(tmp_path),
        KERAS_HOME=str(tmp_path / ".keras"),
        KERAS_MAX_EPOCHS="few",
        MPLCONFIGDIR=str(tmp_path / ".keras"),
    )
    assert done.stdout.splitlines() == ["tensorflow float32 1e-07 channels_last", ".keras"], done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("import os; os.write(2, b'F0000 Unknown flag'); os.abort()", "F0000 Unknown flag"),
        ("import os; os.write(2, b'no AVX'); os._exit(1)", "no AVX"),
        ("import os; os.write(2, b'a note'); raise RuntimeError('no devices')", "a note"),
        ("import os; os.write(2, b'a note')", ""),
    ],
)
def test_what_tensorflow_says_before_it_ends_the_process_is_shown(words, said, tmp_path):
    """In its place a module that does what TensorFlow does on a flag that it does not know."""
    (tmp_path / "tensorflow.py").write_text(f"{words}\nclass config:\n    list_logical_devices = list")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    program += "from gan.starting import import_tensorflow; import_tensorflow(); print('started')"
    done = run("-c", program)
    assert (done.stdout == "started\n") is (not said)
    assert done.stderr.startswith(said) if said else done.stderr == ""
    assert (done.returncode == 0) is (not said)


def test_where_no_file_can_be_written_what_tensorflow_says_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os; os.write(2, b'a note')\nclass config:\n    list_logical_devices = list"
    )
    program = f"import os, sys, tempfile; sys.path.insert(0, {str(tmp_path)!r})\n"
    program += "tempfile.TemporaryFile = lambda: os.stat('nowhere')\n"
    program += "from gan.starting import import_tensorflow; import_tensorflow(); print('started')"
    done = run("-c", program)
    assert (done.stdout, done.stderr) == ("started\n", "a note")


@pytest.mark.parametrize(
    ("machine", "given", "deterministic", "used"),
    [
        ("x86_64", None, False, "1"),
        ("AMD64", None, False, "1"),
        ("arm64", None, False, "None"),
        ("x86_64", "0", False, "0"),
        ("x86_64", None, True, "0"),
        ("arm64", None, True, "0"),
        ("x86_64", "1", True, "1"),
    ],
)
def test_an_x86_cpu_computes_by_onednn_unless_it_is_to_be_deterministic(machine, given, deterministic, used, tmp_path):
    """In place of TensorFlow a module that says what it finds when it is imported."""
    (tmp_path / "tensorflow.py").write_text(
        "import os, sys\nprint(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))\nclass config:\n"
        "    list_logical_devices = list\n    class experimental:\n        enable_op_determinism = list"
    )
    program = f"import platform, sys; platform.machine = lambda: {machine!r}; sys.path.insert(0, {str(tmp_path)!r})\n"
    program += f"from gan.starting import import_tensorflow; import_tensorflow(deterministic={deterministic})"
    done = run("-c", program, **({} if given is None else {"TF_ENABLE_ONEDNN_OPTS": given}))
    assert (done.stdout, done.stderr) == (f"{used}\n", "")


@pytest.mark.parametrize(
    ("devices", "visible"),
    [("cpu", "[] GPU"), ("cpu:1", "[] GPU"), ("1", "['b'] GPU"), ("02,0", "['a', 'c'] GPU"), (None, "")],
)
def test_gpus_that_are_not_chosen_are_not_visible(devices, visible, tmp_path):
    """In place of TensorFlow a module of three GPUs, which can be hidden until devices are made."""
    (tmp_path / "tensorflow.py").write_text(
        "class config:\n"
        "    list_physical_devices = lambda kind: ['a', 'b', 'c']\n"
        "    set_visible_devices = print\n"
        "    LogicalDeviceConfiguration = set_logical_device_configuration = lambda *_: None\n"
        "    list_logical_devices = lambda: print('made')\n"
    )
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    program += f"from gan.starting import import_tensorflow; import_tensorflow(devices={devices!r})"
    done = run("-c", program)
    assert (done.stdout.split("\n"), done.stderr) == ([*filter(None, [visible]), "made", ""], "")


def test_a_script_leaves_matplotlib_alone_until_it_draws(tmp_path):
    """Keras imports it where it is installed, and it writes into the home directory."""
    program = "from gan.starting import import_tensorflow; import_tensorflow(); import os, sys, keras\n"
    program += "print('matplotlib' in sys.modules, os.listdir(os.environ['HOME'])); import matplotlib"
    done = run("-c", program, HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "False []\n"), done.stderr


@pytest.mark.slow
def test_a_flag_that_tensorflow_does_not_know_is_told():
    done = run("generate.py", TF_XLA_FLAGS="--nonsense")
    assert done.returncode != 0
    assert "Unknown flag in TF_XLA_FLAGS: --nonsense" in done.stderr


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10), (3, 14)])
def test_another_python_is_one_line(version, capsys, monkeypatch):
    """What is read until then is understood by old ones."""
    path = ROOT / "gan" / "__init__.py"
    for source in (path, *(ROOT / name for name in SCRIPTS)):
        ast.parse(source.read_text(encoding="utf-8"), feature_version=min(version, (3, 9)))
    monkeypatch.setattr(sys, "version_info", (*version, 1, "final", 0))
    monkeypatch.setattr(sys, "argv", ["/somewhere/train.py"])
    before = dict(os.environ)
    with pytest.raises(SystemExit) as ended:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__file__": str(path)})
    assert ended.value.code == 2
    found = capsys.readouterr().err
    assert found.startswith(
        f"train.py: this is Python {version[0]}.{version[1]}; expected 3.11 to 3.13: run `make .venv`"
    )
    assert found.count("\n") == 1
    assert dict(os.environ) == before


def test_nothing_of_a_newer_python_is_imported_before_the_version_is_looked_at():
    for name in SCRIPTS:
        body = ast.parse((ROOT / name).read_text(encoding="utf-8")).body
        imported = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported]
        first = next(index for index, module in enumerate(modules) if module.startswith("gan"))
        assert set(modules[:first]) <= {"argparse", "logging", "math", "os", "re", "sys", "importlib.util", "pathlib"}


@pytest.mark.parametrize("flags", [["-I"], ["-OO"], []], ids=["isolated", "without docstrings", "safe path"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_find_their_package(name, flags, tmp_path):
    """From another directory, too, and by a link."""
    (tmp_path / name).symlink_to(ROOT / name)
    done = run(*flags, name, "--help", cwd=tmp_path, PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage")


CLOSED = """
import os, sys
from gan.command_line import exit_status
from gan.errors import UserError
def main():
    with open({path!r}, "w") as file:
        print("out")
        print("err", file=sys.stderr)
        os.write(2, b"a note of a library")
        file.write(str(file.fileno() > 2))
    raise UserError("the end")
sys.exit(exit_status(main))
"""


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed, tmp_path):
    """A file that is opened then is not standard error, and what is still open gets what is said."""
    path = tmp_path / "checkpoint"
    done = run("-c", CLOSED.format(path=str(path)), shell=closed)
    assert done.returncode == 2
    assert path.read_text() == "True"
    assert done.stdout == ("" if ">&- " in f" {closed} ".replace("2>&-", "") else "out\n")
    assert ("the end" in done.stderr) is ("2>&-" not in closed)


@pytest.mark.parametrize("closed", ["2>&-", ">&-"])
def test_a_script_runs_with_closed_streams(closed):
    done = run("train.py", "-c", "absent.yaml", shell=closed)
    assert done.returncode == 2
    assert ("absent.yaml: no such file" in done.stderr) is (closed == ">&-")


def test_who_interrupts_the_start_is_not_told_of_it(tmp_path):
    """The script's one line is enough."""
    (tmp_path / "tensorflow.py").write_text("import os\nos.write(2, b'a note')\nraise KeyboardInterrupt")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom gan.starting import import_tensorflow\n"
    program += "try:\n    import_tensorflow()\nexcept KeyboardInterrupt:\n    print('interrupted')"
    done = run("-c", program)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_the_start_needs_no_news_of_a_child(tmp_path):
    """Whoever started the process may have asked the system to clear its children up."""
    (tmp_path / "tensorflow.py").write_text("class config:\n    list_logical_devices = list")
    program = (
        f"import signal, sys; sys.path.insert(0, {str(tmp_path)!r}); signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    )
    program += "from gan.starting import import_tensorflow; import_tensorflow(); print('started')"
    done = run("-c", program)
    assert (done.stdout, done.stderr) == ("started\n", "")
