#!/usr/bin/env python3
"""What exported generators weigh, and how long they take per image, beside the sampler that `serve.py` draws with.

    .venv/bin/python benchmarks/export.py                     # a minute or two on two cores
    .venv/bin/python benchmarks/export.py --load-dir pretrained/hands

Each draws one image at a time, and 64. The runtimes take turns, so that a slow minute of the machine meets all; printed
are the median of the turns and the least and the most. Images must be the sampler's, but for 1 of 255. The page in a
browser is not timed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import device_name, today

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

COUNTS = (1, 64)

Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]


def runtimes(load_dir: Path, place: Path) -> dict[str, tuple[float, Draw]]:
    """MB, and what draws, by name."""
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    from gan.export.exporting import export
    from gan.sampling import Sampler

    paths = {"onnx": place / "model.onnx", "litert": place / "model.tflite", "savedmodel": place / "model"}
    for file_format, path in paths.items():
        export(load_dir=load_dir, file_format=file_format, output=path)
    sampler = Sampler.from_checkpoint(load_dir)
    session = onnxruntime.InferenceSession(paths["onnx"], providers=["CPUExecutionProvider"])
    lite = Interpreter(str(paths["litert"])).get_signature_runner()
    saved = tf.saved_model.load(str(paths["savedmodel"])).signatures["serving_default"]
    draws: dict[str, Draw] = {
        "sampler": lambda z, y: sampler.sample(y, z),
        "ONNX Runtime": lambda z, y: session.run(["image"], {"style": z, "label": y})[0],
        "LiteRT": lambda z, y: lite(style=z, label=y)["image"],
        "TensorFlow, SavedModel": lambda z, y: saved(style=tf.constant(z), label=tf.constant(y))["image"].numpy(),
    }
    files = dict(zip(list(draws)[1:], (paths["onnx"], paths["litert"], paths["savedmodel"]), strict=True))

    def size(path: Path) -> float:
        found = path.rglob("*") if path.is_dir() else [path]
        return sum(each.stat().st_size for each in found if each.is_file()) / 1e6

    return {name: (size(files[name]) if name in files else 0.0, draw) for name, draw in draws.items()}


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--load-dir", type=Path, default=ROOT / "pretrained" / "mnist")
    flags.add_argument("--turns", type=int, default=7)
    flags.add_argument("--seconds", type=float, default=0.5, help="of each turn")
    args = flags.parse_args()

    from gan.starting import import_tensorflow

    import_tensorflow()
    from gan import checkpoints
    from gan.labels import one_hot
    from gan.sampling import styles

    about = checkpoints.find(args.load_dir, "gan").about
    classes, noise_dims = about.spec.num_classes, about.config.noise_dims
    with tempfile.TemporaryDirectory() as place:
        found = runtimes(args.load_dir, Path(place))
    taken: dict[tuple[str, int], list[float]] = {(name, count): [] for name in found for count in COUNTS}
    for turn in range(args.turns + 1):
        for count in COUNTS:
            z = styles(noise_dims, seed=turn, numbers=range(1, count + 1))
            y = one_hot([number % classes for number in range(count)], classes)
            images = {}
            for name, (_, draw) in found.items():
                calls, started = 0, time.perf_counter()
                while time.perf_counter() - started < args.seconds:
                    images[name] = draw(z, y)
                    calls += 1
                if turn:  # The first one warms up.
                    taken[name, count].append((time.perf_counter() - started) / calls / count * 1e6)
            for name, drawn in images.items():
                difference = np.abs(drawn.astype(int) - images["sampler"]).max()
                if difference > 1:
                    sys.exit(f"{name} differs by {difference} of 255")
    print(f"{args.load_dir.name}: {about.spec}; {device_name()}, {today()}, {args.turns} turns; µs per image")
    print("\n| runtime | MB | one at a time | 64 at a time | sampler / it, 64 |\n|---|---|---|---|---|")
    for name, (size, _) in found.items():
        one, many = (taken[name, count] for count in COUNTS)
        ratio = statistics.median(a / b for a, b in zip(taken["sampler", 64], many, strict=True))
        shown = f"{size:.1f}" if size else "–"
        print(f"| {name} | {shown} | {spread(one)} | {spread(many)} | {ratio:.2f} |")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


if __name__ == "__main__":
    main()
