"""TensorFlow's SavedModel: for TensorFlow itself, TensorFlow Serving, and what converts from there.

draw = tf.saved_model.load("digits-saved").signatures["serving_default"]
draw(style=styles, label=labels)["image"]
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from gan.export.drawn import Drawn
from gan.files import reason, writing_directory

EXTRA = Path("assets.extra", "about.json")
"""Where TensorFlow leaves files alone that are not its own."""


def save(drawn: Drawn, directory: Path) -> None:
    """Write a SavedModel with one signature."""
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in drawn.network.variables]
    module.draw = drawn.function
    with system_errors():
        tf.saved_model.save(module, str(directory), signatures=module.draw)


@contextmanager
def system_errors() -> Iterator[None]:
    """What TensorFlow says of a full disk, as Python says it."""
    try:
        yield
    except tf.errors.OpError as error:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if reason(error) == os.strerror(number):
                raise OSError(number, os.strerror(number)) from error
        raise


def write(drawn: Drawn, output: Path) -> None:
    """A directory; beside the model, `assets.extra/about.json` has `drawn.about`."""
    with writing_directory(output) as partial:
        save(drawn, partial)
        (partial / EXTRA).parent.mkdir()
        (partial / EXTRA).write_text(json.dumps(drawn.about, indent=1, ensure_ascii=False), encoding="utf-8")
