"""LiteRT, once TensorFlow Lite: for phones and small boards.

draw = ai_edge_litert.interpreter.Interpreter("digits.tflite").get_signature_runner()
draw(style=styles, label=labels)["image"]
"""

import io
import json
import logging
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from gan.export.drawn import Drawn
from gan.export.savedmodel import save
from gan.files import write_atomically, writing

ABOUT = "about.json"


def litert_bytes(drawn: Drawn) -> bytes:
    """The file's content. The converter refuses operations that not every runtime has."""
    with tempfile.TemporaryDirectory() as place:
        with writing(f"a temporary SavedModel in {Path(place).parent}", flag="TMPDIR"):
            save(drawn, Path(place))
        with quiet():
            converter = tf.lite.TFLiteConverter.from_saved_model(place)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            model = bytes(converter.convert())
    return with_files(model, {ABOUT: json.dumps(drawn.about, indent=1, ensure_ascii=False)})


@contextmanager
def quiet() -> Iterator[None]:
    """Without TensorFlow's warnings, such as that gradients of the generator are not saved with it."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def with_files(model: bytes, files: dict[str, str]) -> bytes:
    """A model, and small files in a ZIP archive behind it, as LiteRT's metadata keep theirs: `unzip` reads it."""
    content = io.BytesIO(model)
    with zipfile.ZipFile(content, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


def write(drawn: Drawn, output: Path) -> None:
    """One file."""
    write_atomically(output, litert_bytes(drawn))
