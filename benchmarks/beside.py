#!/usr/bin/env python3
"""Real images above generated ones, a column per class, in one picture.

    .venv/bin/python benchmarks/beside.py --load-dir pretrained/hands --data-path hands --resize fit \\
        --output docs/images/hands.jpg

The real ones are the first test images of each class, the generated ones the first styles of seed 0: nobody chose them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--load-dir", type=Path, required=True, help="directory of the GAN")
    flags.add_argument("--data-path", required=True)
    flags.add_argument("--resize", choices=("fit", "crop", "pad"), help="as in training")
    flags.add_argument("--cache-dir", type=Path)
    flags.add_argument("--rows", type=int, default=3, help="of either kind")
    flags.add_argument("--output", type=Path, required=True)
    args = flags.parse_args()

    from gan import load
    from gan.data.dataset import ReadOptions
    from gan.data.loading import load_dataset
    from gan.images import encode, grid

    generator = load(args.load_dir)
    spec = generator.spec
    options = ReadOptions(image_size=(spec.height, spec.width), resize=args.resize, cache_dir=args.cache_dir)
    data = load_dataset(args.data_path, options)
    reals = [data.test_images[data.test_labels == number][: args.rows] for number in range(spec.num_classes)]
    fakes = [generator.sample(name, count=args.rows) for name in spec.class_names]
    pictures = [
        grid(np.stack(columns, axis=1).reshape(-1, *spec.shape), columns=spec.num_classes) for columns in (reals, fakes)
    ]
    gap = np.full_like(pictures[0][: spec.height // 4], 255)
    args.output.write_bytes(encode(np.concatenate([pictures[0], gap, pictures[1]]), "jpg"))


if __name__ == "__main__":
    main()
