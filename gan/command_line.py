"""What the scripts share: their common flags, and one line and a status instead of a traceback.

if __name__ == "__main__":
    sys.exit(exit_status(main))
"""

import argparse
import errno
import io
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from gan.ending import ended_by_signal
from gan.errors import Diverged, UserError

BAD_INPUT = 2
DIVERGED = 3
INTERRUPTED = 130

PACKAGES = (
    "jinja2",
    "keras",
    "matplotlib",
    "numpy",
    "onnx",
    "PIL",
    "pydantic",
    "scipy",
    "tensorboard",
    "tensorflow",
    "tf2onnx",
    "tqdm",
    "yaml",
)
"""By the names they are imported by. That another module is missing is a bug, and keeps its traceback."""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is written; each flag with its default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage that argparse puts before it."""
        lacking = re.fullmatch(r"argument (?:-\w/)?(--[\w-]+): expected (?:at least )?one argument", message)
        dashed = f"; write {lacking[1]}=VALUE if the value has the form of a flag" if lacking else ""
        self.exit(BAD_INPUT, f"{self.prog}: {message}{dashed} (--help lists the flags)\n")

    def _parse_optional(self, arg_string: str) -> Any:
        """Take for a value what is no flag, nor a misspelt one: a class may be named -1, a directory -x."""
        known = arg_string.partition("=")[0] in self._option_string_actions
        joined = self._option_string_actions.get(arg_string[:2])  # As in -p8080.
        if known or re.match("--[A-Za-z]", arg_string) or (joined and joined.nargs is None):
            return super()._parse_optional(arg_string)
        return None


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins with the script's docstring."""
    return _Parser(_program(), description=description, formatter_class=HelpFormatter, allow_abbrev=False)


def _program() -> str:
    """What was called, such as `train.py` or `python -m gan.film`."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {module.name}" if module else Path(sys.argv[0]).name


def number(kind: type[int] | type[float], low: float, high: float = math.inf, *, open_ends: bool = False) -> Any:
    """An argparse type: a number of a kind from `low` to `high`, or between the two with open ends."""

    def parsed(text: str) -> int | float:
        value = kind(text)
        if not (low < value < high if open_ends else low <= value <= high):
            raise argparse.ArgumentTypeError(f"found {text}, expected {article} {parsed.__name__} {span}")
        return value

    if open_ends:
        span = f"above {low:,}" if high == math.inf else f"between {low:,} and {high:,}"
    else:
        span = f"of at least {low:,}" if high == math.inf else f"from {low:,} to {high:,}"
    # argparse names the type in its own messages: "invalid integer value: 'x'".
    article, parsed.__name__ = ("an", "integer") if kind is int else ("a", "number")
    return parsed


def local_text(text: str) -> str:
    """An argparse type: a path of this machine, in which `~` is replaced, as a shell does it if no `=` is before it."""
    if not text.strip():
        raise argparse.ArgumentTypeError("found no text, expected a path, such as . for the current directory")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise argparse.ArgumentTypeError(f"found the URL {text}, expected a local path or one that is mounted")
    if re.match(r"[A-Za-z]:[\\/]", text):
        raise argparse.ArgumentTypeError(f"found {text}, a path of Windows, expected one such as /mnt/c/name")
    if text[0] == "$":
        raise argparse.ArgumentTypeError(f"found {text}, of which no shell has replaced the $; write it out")
    try:
        return str(Path(text).expanduser()) if text[0] == "~" else text
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"found {text}, but there is no such user; write it out, or ./{text}"
        ) from None


def local_path(text: str) -> Path:
    """An argparse type: the same as a `Path`."""
    return Path(local_text(text))


def which_checkpoint(text: str) -> str | int:
    """`newest`, `best`, or a step."""
    if text in ("newest", "best"):
        return text
    if not re.fullmatch(r"[0-9]{1,8}", text):
        raise argparse.ArgumentTypeError(f"found {text}, expected newest, best, or a step such as 5000")
    return int(text)


def devices(text: str) -> str:
    """`cpu`, `cpu:N` for N logical devices, or indices of GPUs, such as `0,1`."""
    if not re.fullmatch(r"cpu(:[1-9][0-9]?)?|[0-9]+(,[0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"found {text}, expected cpu, cpu:N, or indices of GPUs such as 0,1")
    return text


def add_checkpoint_flags(flags: argparse.ArgumentParser) -> None:
    """The flags of scripts that draw: `--load-dir` and `--checkpoint`."""
    flags.add_argument(
        "--load-dir",
        type=local_path,
        default=Path("checkpoints"),
        help="directory of the GAN's checkpoints, or one of them",
    )
    flags.add_argument(
        "--checkpoint",
        type=which_checkpoint,
        default="newest",
        metavar="newest|best|STEP",
        help="which of them; best: the one of the lowest FID",
    )


def add_picture_flags(flags: argparse.ArgumentParser) -> None:
    """The flags of scripts that decode pictures."""
    flags.add_argument(
        "--max-megapixels",
        type=number(float, 0, open_ends=True),
        default=250.0,
        metavar="N",
        help="largest picture that is read, in millions of pixels",
    )


def add_data_flags(flags: argparse.ArgumentParser) -> None:
    """The flags of scripts that read a data set."""
    flags.add_argument(
        "--data-path",
        type=local_text,
        default="datasets/MNIST",
        help="labelled images: a directory, a .zip, .npz, .csv or .parquet file, or digits (built in)",
    )
    flags.add_argument(
        "--resize",
        choices=("fit", "crop", "pad"),
        help="where image_size is another: stretch, cut sides or add black",
    )
    flags.add_argument("--on-bad-image", choices=("error", "skip"), default="error", help="images that cannot be used")
    add_picture_flags(flags)
    flags.add_argument(
        "--cache-dir", type=local_path, help="where decoded images are kept (default: DATA_PATH/cache, or FILE.cache)"
    )


def add_training_flags(flags: argparse.ArgumentParser, *, log_dir: str) -> None:
    """The flags of both training scripts: the fields of `gan.training.run.RunOptions`, and `--seed`."""
    add_data_flags(flags)
    flags.add_argument(
        "-c",
        "--config",
        dest="config_path",
        type=local_path,
        metavar="FILE",
        help="YAML file of settings; see configs/",
    )
    flags.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="override a field of the config; may be given more than once",
    )
    flags.add_argument("--seed", type=number(int, 0), help="overrides the config's seed")
    flags.add_argument("--save-dir", type=local_path, default=Path("checkpoints"), help="where checkpoints go")
    flags.add_argument("--save-steps", type=number(int, 1), default=1000, help="steps between checkpoints")
    flags.add_argument(
        "--save-minutes",
        type=number(float, 0, open_ends=True),
        default=math.inf,
        help="minutes between checkpoints, at most",
    )
    flags.add_argument(
        "--keep", type=number(int, 1), default=3, help="checkpoints to keep, besides a GAN's of the best FID"
    )
    flags.add_argument(
        "--log-dir", type=local_path, default=Path(log_dir), help="where records go, one subdirectory per run"
    )
    flags.add_argument("--log-graph", action="store_true", help="record the graph of the training step")
    earlier = flags.add_mutually_exclusive_group()
    earlier.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the --save-dir")
    earlier.add_argument("--overwrite", action="store_true", help="replace the checkpoints of an earlier run")
    flags.add_argument(
        "--devices",
        type=devices,
        help="cpu, cpu:N (N replicas on one CPU, to try things out), or indices of GPUs such as 0,1 "
        "(default: all visible GPUs, else the CPU)",
    )
    flags.add_argument("--deterministic", action="store_true", help="the same bits at every run, more slowly")
    flags.add_argument("--dry-run", action="store_true", help="check all, print the plan and its time, and exit")


def exit_status(main: Callable[[], None]) -> int:
    """Call `main`; a `UserError` and a diverged run become one line on standard error and an exit status.

    So does what is about the machine: a package or memory that is not there, an output that nobody reads, a signal to
    end. Any other exception keeps its traceback.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Class names may hold what a terminal does not know. A line in a file is there when it is printed.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        with ended_by_signal():
            main()
    except (UserError, Diverged) as error:
        return _ended(str(error), DIVERGED if isinstance(error, Diverged) else BAD_INPUT, error)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        return _ended(f"the output cannot be written ({error.strerror})", BAD_INPUT)
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        remedy = "run `make .venv`, then `source .venv/bin/activate`, or see docs/install.md"
        return _ended(f"the package {error.name} is not installed; {remedy}", BAD_INPUT)
    except KeyboardInterrupt as error:
        return _ended(str(error) or "interrupted", int(getattr(error, "status", INTERRUPTED)))
    except Exception as error:
        lack = _lack_of_memory(error)
        if lack is None:
            raise
        return _ended(f"out of memory ({lack}); use smaller images or batches", BAD_INPUT)
    return 0


def _open_what_is_closed() -> None:
    """Let standard streams that are closed, as by `2>&-`, lead nowhere.

    Else the next file that is opened, such as a checkpoint, would be standard error.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Which gets the lowest number that is free.
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))


def _ended(text: str, status: int, error: BaseException | None = None) -> int:
    """Say why, after the error's notes, if there is still a reader; returns the status."""
    try:
        for note in getattr(error, "__notes__", ()):
            print(note, file=sys.stderr)
        print(f"{_program()}: {text}", file=sys.stderr)
        sys.stdout.flush()
    except OSError:
        # Else the interpreter would try once more as it ends, and change the status.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    return status


def _lack_of_memory(error: Exception) -> str | None:
    """What could not be had, if an error of Python or TensorFlow says that it was memory."""
    if isinstance(error, MemoryError):
        return str(error)
    if "tensorflow" in sys.modules:
        import tensorflow

        if isinstance(error, tensorflow.errors.ResourceExhaustedError):  # Which a full disk is, too.
            return next((line.strip() for line in error.message.splitlines() if re.search("OOM|alloc", line)), None)
        # So it speaks of a constant that it cannot hold.
        if isinstance(error, tensorflow.errors.InvalidArgumentError) and "Cannot parse tensor" in error.message:
            return "a constant of the graph"
    return None
