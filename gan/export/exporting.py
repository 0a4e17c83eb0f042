"""Hand a generator on: what `export.py` calls.

export(load_dir=Path("checkpoints"), file_format="onnx", output=Path("digits.onnx"))
"""

from pathlib import Path

from gan.checkpoints import Which
from gan.errors import UserError
from gan.export.drawn import Drawn
from gan.files import check_links, check_regular, check_utf8, check_writable, file_errors
from gan.registry import EXPORTS

FILES = {"onnx": ".onnx", "litert": ".tflite"}
"""Formats that are one file, and how its name should end; the others are directories."""

BY_TENSORFLOW = ("savedmodel", "hub")
"""Formats that TensorFlow writes, which takes names in UTF-8 alone."""

OPTIONS = {"runtime": "page", "license": "hub", "about": "hub", "evaluation": "hub", "classifier_dir": "hub"}
"""The format that an option is of: a parameter of its `write`."""


@file_errors()
def export(*, load_dir: Path, file_format: str, output: Path, checkpoint: Which = "newest", **options: object) -> None:
    """Write the average that a checkpoint holds in another format, and print what was written.

    Args:
        load_dir: directory of checkpoints, or one of them.
        file_format: a name in `EXPORTS`.
        output: a file, which is replaced; or a directory, which must be new or empty, and not the current one.
        checkpoint: which of them.
        options: what only some formats have, see `OPTIONS`; None is none.

    Raises:
        UserError: no usable checkpoint, or an output that cannot be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if OPTIONS[name] != file_format:
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} is for --format {OPTIONS[name]}, not {file_format}; leave it out")
    check_output(output, file_format)
    drawn = Drawn.from_checkpoint(load_dir, checkpoint)
    EXPORTS[file_format](drawn, output, **given)
    size = sum(path.stat().st_size for path in (output.rglob("*") if output.is_dir() else [output]) if path.is_file())
    print(f"{output}: {drawn.spec}, from {drawn.path}, {size / 1e6:.1f} MB")


def check_output(output: Path, file_format: str) -> None:
    """Check that the output can be written, before anything is computed.

    Raises:
        UserError: it cannot.
    """
    check_writable(output.parent)
    check_links(output)
    if file_format in BY_TENSORFLOW:
        check_utf8(output.resolve())
    if file_format in FILES:
        if output.is_dir():
            example = output / f"model{FILES[file_format]}"
            raise UserError(f"{output} is a directory; expected a file to write, such as {example}")
        check_regular(output)
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} exists; expected a new directory or an empty one: name another one")
    elif output.exists() and output.samefile("."):  # Another takes its place, and a shell in it would be nowhere.
        raise UserError(f"{output} is the current directory; expected a new one, such as {output / file_format}")
