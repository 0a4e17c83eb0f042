#!/usr/bin/env python3
"""Make of labelled images a data set of few of them, and one of the others to score it by.

    .venv/bin/python benchmarks/few.py hands --resize fit --output few-hands       # 30 a class
    ./classifier.py --data-path few-hands/few -c configs/few-pictures.yaml --save-dir few
    ./train.py --data-path few-hands/few -c configs/few-pictures.yaml --save-dir few
    ./classifier.py --data-path few-hands/others -c configs/folder-rgb.yaml --set cls_epochs=30 --save-dir others
    ./generate.py --load-dir few --images-per-class 79 --format png --output-dir drawn
    ./evaluate.py --images drawn --data-path few-hands/others --load-dir others

OUTPUT/few/train holds --per-class training images of each class, and OUTPUT/few/test the test images. OUTPUT/others
holds the training images that are left, half of them for training a classifier and a judge, half for testing: what
is scored there has seen none of them. Both are directories of PNG files, one per class.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("data_path", help="labelled images, as for ./train.py")
    flags.add_argument("--resize", choices=("fit", "crop", "pad"), default="fit")
    flags.add_argument("--side", type=int, default=64, help="pixels")
    flags.add_argument("--per-class", type=int, default=30)
    flags.add_argument("--cache-dir", type=Path)
    flags.add_argument("--output", type=Path, required=True, help="made; it must not be there")
    args = flags.parse_args()
    if args.output.exists():
        flags.error(f"{args.output} is there; remove it, or name another")

    from gan.data.dataset import ReadOptions
    from gan.data.loading import load_dataset
    from gan.images import encode

    data = load_dataset(
        args.data_path, ReadOptions(image_size=(args.side, args.side), resize=args.resize, cache_dir=args.cache_dir)
    )
    fewest = np.bincount(data.train_labels, minlength=data.spec.num_classes).min()
    if fewest < args.per_class + 2:
        flags.error(f"a class has {fewest} training images; expected {args.per_class} and 2 others: lower --per-class")
    rng = np.random.default_rng(0)
    for number, name in enumerate(data.spec.class_names):
        mine = rng.permutation(np.flatnonzero(data.train_labels == number))
        half = (args.per_class + len(mine)) // 2
        parts = {
            "few/train": data.train_images[mine[: args.per_class]],
            "few/test": data.test_images[data.test_labels == number],
            "others/train": data.train_images[mine[args.per_class : half]],
            "others/test": data.train_images[mine[half:]],
        }
        for part, images in parts.items():
            directory = args.output / part / name
            directory.mkdir(parents=True)
            for index, image in enumerate(images):
                (directory / f"{index:04d}.png").write_bytes(encode(image, "png"))


if __name__ == "__main__":
    main()
