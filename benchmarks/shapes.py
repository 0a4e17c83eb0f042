#!/usr/bin/env python3
"""Draw a data set of coloured shapes: circles, squares and triangles of one random colour on another, somewhere.

    .venv/bin/python benchmarks/shapes.py shapes              # 3,000 pictures to train on, 600 to test, 64 pixels
    ./classifier.py --data-path shapes -c configs/folder-rgb.yaml

The class is the form alone; place, size and both colours say nothing of it. A GAN whose critic looks at colours first
draws shapes of any class here, and its samples look right until someone counts corners. Seed 0 decides all.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle")


def draw_shape(rng: np.random.Generator, shape: str, side: int) -> Image.Image:
    """A shape of one colour on another, somewhere."""
    ground, colour = (tuple(rng.integers(0, 256, 3).tolist()) for _ in range(2))
    picture = Image.new("RGB", (side, side), ground)
    radius = rng.uniform(0.15, 0.3) * side
    x, y = rng.uniform(radius, side - radius, 2)
    draw = ImageDraw.Draw(picture)
    if shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    else:
        draw.regular_polygon((x, y, radius), 4 if shape == "square" else 3, fill=colour)
    return picture


def write_shapes(directory: Path, *, train: int, test: int, side: int) -> None:
    """Labelled pictures in the format of a user's own."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        (directory / split).mkdir(parents=True)
        lines = ["Filename, Label"]
        for number in range(count):
            shape = SHAPES[number % len(SHAPES)]
            draw_shape(rng, shape, side).save(directory / split / f"{number:05d}.png")
            lines.append(f"{number:05d}.png, {shape}")
        (directory / f"{split}_labels.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("directory", type=Path, help="to make")
    flags.add_argument("--train", type=int, default=3_000)
    flags.add_argument("--test", type=int, default=600)
    flags.add_argument("--side", type=int, default=64, help="pixels")
    args = flags.parse_args()
    write_shapes(args.directory, train=args.train, test=args.test, side=args.side)


if __name__ == "__main__":
    main()
