"""Start TensorFlow with its devices, and without its notes.

import_tensorflow(devices="cpu:2")
"""

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from gan.ending import STOPPING

X86 = ("x86_64", "AMD64")
"""What systems call such processors."""


def import_tensorflow(*, devices: str | None = None, deterministic: bool = False) -> None:
    """Import TensorFlow and make its devices, of which `cpu:N` wants N, and others the usual ones.

    GPUs that `devices` leaves out are not visible: TensorFlow would compute on the first one what is not placed.

    On x86 CPUs it computes by oneDNN. By itself it would not on one with AVX2 alone, though oneDNN's convolutions are
    much faster there, too.

    Deterministic, it adds up in the same order at every run. On a CPU, oneDNN's kernels for large images do not, and
    are left out. If TF_ENABLE_ONEDNN_OPTS is set, that decides.

    Without its start-up notes; with TF_CPP_MIN_LOG_LEVEL set, with what that lets through.

    Some of the notes are written before that variable is looked at, so standard error is set aside meanwhile. What
    TensorFlow writes to it before it ends the process is shown.
    """
    if deterministic:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    elif platform.machine() in X86:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        _start_tensorflow(devices, deterministic=deterministic)
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with nullcontext() if "tensorflow" in sys.modules else _stderr_aside():
        _start_tensorflow(devices, deterministic=deterministic)


@contextmanager
def _stderr_aside() -> Iterator[None]:
    """Leave out what is written to standard error, unless that is the last of this process.

    TensorFlow ends it without a word to Python where it does not know a flag in XLA_FLAGS, or lacks an instruction of
    the CPU. A second process, made before there are threads, sees that and tells what was written.
    """
    sys.stderr.flush()
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # There is no directory for it, or no room: the notes are shown.
        yield
        return
    stderr = os.dup(2)
    fine, alive = os.pipe()
    with file as aside:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        child = os.fork()
        if child == 0:  # Where they stay blocked: it ends with this process.
            os.close(alive)
            if not os.read(fine, 1):
                _copy(aside.fileno(), stderr)
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(fine)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:  # Of an interruption, one line tells.
            _copy(aside.fileno(), stderr)
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            with suppress(OSError):  # It was killed, or whoever started this process has its children cleared up.
                os.write(alive, b"1")
            os.close(alive)
            with suppress(OSError):
                os.waitpid(child, 0)


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let a package be as if it was not installed, unless it has been imported."""
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


def _copy(file: int, output: int) -> None:
    """Write what is in a file to an output."""
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 1 << 16):
        os.write(output, part)


def _start_tensorflow(devices: str | None, *, deterministic: bool) -> None:
    with _absent("matplotlib"):  # Keras would import it, which takes time and writes into the home directory.
        import tensorflow

    if devices is not None:
        gpus = tensorflow.config.list_physical_devices("GPU")
        wanted = [] if devices.startswith("cpu") else [int(index) for index in devices.split(",")]
        tensorflow.config.set_visible_devices([gpu for index, gpu in enumerate(gpus) if index in wanted], "GPU")
    if devices is not None and devices.startswith("cpu:"):
        logical = [tensorflow.config.LogicalDeviceConfiguration()] * int(devices.removeprefix("cpu:"))
        tensorflow.config.set_logical_device_configuration(tensorflow.config.list_physical_devices("CPU")[0], logical)
    if deterministic:
        tensorflow.config.experimental.enable_op_determinism()
    if "TF_CONFIG" not in os.environ:  # Of several workers, the strategy comes before the devices.
        tensorflow.config.list_logical_devices()
