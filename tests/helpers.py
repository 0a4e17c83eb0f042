"""Small data, networks and files that several tests need."""

import os
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan.about import About, Kind
from gan.config import Config
from gan.data.dataset import DataSet, ReadOptions
from gan.data.loading import load_dataset
from gan.images import ImageSpec

TINY = Config(
    gen_width=4,
    crit_width=4,
    cls_width=4,
    noise_dims=6,
    label_dims=3,
    gan_batch_size=8,
    cls_batch_size=8,
    gan_epochs=2,
    cls_epochs=2,
    fid_samples=24,
    held_out=0.0,
)
"""Networks and batches for runs of a second or two."""


def tiny_settings(**changes: Any) -> dict[str, Any]:
    """What `TINY` and these changes set, for a YAML file."""
    settings = asdict(replace(TINY, **changes))
    return {name: value for name, value in settings.items() if value != getattr(Config(), name)}


def clean_environment() -> dict[str, str]:
    """For a script as a user runs it: settings of TensorFlow, and of when Python writes, stay out of it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TF_") and key != "PYTHONUNBUFFERED"}


def tiny_data(*, height: int = 8, width: int = 8, channels: int = 1, train: int = 40, test: int = 24) -> DataSet:
    """Three classes, told apart by brightness."""
    spec = ImageSpec(height, width, channels, ("dark", "middle", "bright"))
    rng = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (np.arange(count) % 3).astype(np.int32)
        noise = rng.integers(0, 40, (count, height, width, channels))
        return (labels[:, None, None, None] * 100 + noise).astype(np.uint8), labels

    return DataSet(spec, *split(train), *split(test), source="tiny")


def write_pictures(
    directory: Path,
    labels: dict[str, list[str]],
    *,
    height: int = 8,
    width: int = 8,
    channels: int = 1,
    suffix: str = ".png",
) -> dict[str, np.ndarray]:
    """Pictures of noise with these labels, as files and tables; the pixels (N, H, W, C) of each split."""
    pixels = {}
    for number, (split, names) in enumerate(labels.items()):
        rng = np.random.default_rng(number)
        pixels[split] = rng.integers(0, 256, (len(names), height, width, channels)).astype(np.uint8)
        (directory / split).mkdir(parents=True, exist_ok=True)
        lines = ["Filename, Label"]
        for index, (image, label) in enumerate(zip(pixels[split], names, strict=True)):
            picture = Image.fromarray(image[:, :, 0] if channels == 1 else image)
            picture.save(directory / split / f"{index}{suffix}")
            lines.append(f"{index}{suffix}, {label}")
        (directory / f"{split}_labels.csv").write_text("\n".join(lines) + "\n")
    return pixels


def write_idx(directory: Path, *, train: int = 80, test: int = 40, side: int = 8) -> Path:
    """The four files of MNIST's format, with ten classes told apart by brightness."""
    directory.mkdir(parents=True, exist_ok=True)
    for prefix, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.random.default_rng(count).integers(0, 20, (count, side, side)) + 20 * labels[:, None, None]
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            (directory / f"{prefix}-{kind}-ubyte").write_bytes(header + values.astype(np.uint8).tobytes())
    return directory


def load_folder(path: Path, options: ReadOptions | None = None) -> DataSet:
    """What a path holds, as `--data-path` reads it."""
    return load_dataset(str(path), options or ReadOptions())


class BehindPrefix:
    """An app as a proxy shows it that takes the prefix off each path, and passes on nothing else."""

    prefix = "/gan"

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith(f"{self.prefix}/"), f"{scope['path']} is not of this server"
            raw_path = scope["raw_path"].removeprefix(self.prefix.encode())
            scope = {**scope, "path": scope["path"].removeprefix(self.prefix), "raw_path": raw_path}
        await self.app(scope, receive, send)


def tiny_about(config: Config = TINY, *, data: DataSet | None = None, kind: Kind = "gan", step: int = 0) -> About:
    """What a checkpoint of `tiny_data()` would say of itself."""
    data = data or tiny_data()
    return About(kind, step, data.spec, config, data.digest)


def tiny_trainer(strategy: Any, config: Config = TINY, *, total_steps: int = 10, **keywords: Any) -> Any:
    """A GAN's trainer on `tiny_data()`."""
    from gan.runs import make_trainer  # Here: most tests that need helpers need no TensorFlow.

    return make_trainer(tiny_about(config), strategy, total_steps=total_steps, **keywords)


def nearest_of(points: np.ndarray, index: int, k: int) -> float:
    """How far the k-th nearest other point is, by sorting."""
    return float(sorted(np.linalg.norm(point - points[index]) for i, point in enumerate(points) if i != index)[k - 1])
