"""TensorFlow's SavedModel: for TensorFlow itself, TensorFlow Serving, and what converts from there.

draw = tf.saved_model.load("digits-saved").signatures["serving_default"]
draw(style=styles, label=labels)["image"]
"""

import json
from pathlib import Path

import tensorflow as tf

from gan.export.drawn import Drawn
from gan.files import writing_directory

EXTRA = Path("assets.extra", "about.json")
"""Where TensorFlow leaves files alone that are not its own."""


def save(drawn: Drawn, directory: Path) -> None:
    """Write a SavedModel with one signature."""
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in drawn.network.variables]
    module.draw = drawn.function
    tf.saved_model.save(module, str(directory), signatures=module.draw)


def write(drawn: Drawn, output: Path) -> None:
    """A directory; beside the model, `assets.extra/about.json` has `drawn.about`."""
    with writing_directory(output) as partial:
        save(drawn, partial)
        (partial / EXTRA).parent.mkdir()
        (partial / EXTRA).write_text(json.dumps(drawn.about, indent=1, ensure_ascii=False), encoding="utf-8")
