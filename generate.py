#!/usr/bin/env python3
"""Draw images from a trained GAN: files CLASS-N.jpg, N from 1, the same number for each class.

    ./generate.py --output-dir writing
    ./generate.py --classes 3 8 --images-per-class 100 --format png
    ./generate.py --grid --seed 7

The same checkpoint, class and seed give the same bytes, whatever else is drawn.
"""

import sys
from pathlib import Path

from gan.command_line import image_count, import_tensorflow, natural, parser, run


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--load-dir", type=Path, default=Path("checkpoints"), help="directory of the GAN's checkpoint")
    flags.add_argument("--output-dir", type=Path, default=Path("outputs"), help="where the images go")
    flags.add_argument("--images-per-class", type=image_count, default=10, help="images of each class")
    flags.add_argument("--classes", nargs="+", metavar="CLASS", help="names or indices of classes (default: all)")
    flags.add_argument("--seed", type=natural, default=0, help="decides the styles")
    flags.add_argument("--format", choices=("jpg", "png"), default="jpg", help="file format")
    flags.add_argument("--grid", action="store_true", help="also write grid.FORMAT: a column a class, a row a number")
    flags.add_argument("--names", action="store_true", help="name files by class, such as cat-1.jpg, not by its index")
    args = flags.parse_args()

    import_tensorflow()
    from gan.generation import generate

    generate(
        load_dir=args.load_dir,
        output_dir=args.output_dir,
        images_per_class=args.images_per_class,
        classes=args.classes,
        seed=args.seed,
        image_format=args.format,
        with_grid=args.grid,
        with_names=args.names,
    )


if __name__ == "__main__":
    sys.exit(run(main))
