"""What every format is made of: one function from styles and labels to pixels, and what one must know of it.

    drawn = Drawn.from_checkpoint(Path("checkpoints"))
    drawn.function(styles, labels)["image"]

Shapes: `N` images, `Z` style, `K` classes, `H W C` image.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gan import checkpoints
from gan.checkpoints import Which
from gan.evaluation.scores import finite
from gan.images import ImageSpec

STYLE, LABEL, IMAGE = "style", "label", "image"
"""Names of the inputs, and of the output."""


@dataclass(frozen=True)
class Drawn:
    """A generator, ready to be handed on.

    Attributes:
        network: the moving average, in float32.
        spec: of the images.
        noise_dims: Z.
        path: of the checkpoint.
        about: texts by name, for the file: classes and scores as JSON, sizes, and the checkpoint.
    """

    network: keras.Model
    spec: ImageSpec
    noise_dims: int
    path: Path
    about: dict[str, str]

    @classmethod
    def from_checkpoint(cls, directory: Path, which: Which = "newest") -> "Drawn":
        """Of the average that a checkpoint holds.

        Raises:
            UserError: there is no such checkpoint, or it is damaged.
        """
        path, about, network = checkpoints.load(directory, "gan", which)
        spec, noise_dims = about.spec, about.config.noise_dims
        texts: dict[str, Any] = {
            "inputs": f"{STYLE} float32 (N, {noise_dims}) from a normal distribution, {LABEL} float32 (N, "
            f"{spec.num_classes}) of weights that sum to 1",
            "output": f"{IMAGE} uint8 (N, {spec.height}, {spec.width}, {spec.channels})",
            "classes": json.dumps(spec.class_names, ensure_ascii=False),
            "height": spec.height,
            "width": spec.width,
            "channels": spec.channels,
            "noise_dims": noise_dims,
            "checkpoint": path.name,
            "step": about.step,
            "data": about.data,
            "scores": json.dumps(finite(about.scores), allow_nan=False),
        }
        return cls(network, spec, noise_dims, path, {name: str(value) for name, value in texts.items()})

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Of `function`: any number of rows."""
        return [
            tf.TensorSpec((None, self.noise_dims), tf.float32, name=STYLE),
            tf.TensorSpec((None, self.spec.num_classes), tf.float32, name=LABEL),
        ]

    @property
    def function(self) -> Any:
        """(styles (N, Z), labels (N, K)) -> {"image": (N, H, W, C) uint8}: what `Sampler.sample` draws."""

        def draw(style: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = tf.round((self.network(style, label, training=False) + 1.0) * 127.5)
            return {IMAGE: tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)}

        return tf.function(draw, input_signature=self.signature, autograph=False)
