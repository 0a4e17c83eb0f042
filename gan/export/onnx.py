"""ONNX: for ONNX Runtime, which draws in C++, Java, JavaScript and C# too.

session = onnxruntime.InferenceSession("digits.onnx")
session.run(["image"], {"style": styles, "label": labels})
"""

import logging
from pathlib import Path

from gan.export.drawn import Drawn
from gan.files import write_atomically

OPSET = 17
"""Of 2022: what most runtimes know."""


def onnx_bytes(drawn: Drawn) -> bytes:
    """The file's content; its metadata are `drawn.about`."""
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    model, _ = tf2onnx.convert.from_function(drawn.function, input_signature=drawn.signature, opset=OPSET)
    onnx.helper.set_model_props(model, drawn.about)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write(drawn: Drawn, output: Path) -> None:
    """One file."""
    write_atomically(output, onnx_bytes(drawn))
