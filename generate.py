#!/usr/bin/env python3
"""Draw images from a trained GAN: files CLASS-N.jpg, N from 1, the same number for each class.

    ./generate.py --output-dir writing
    ./generate.py --classes 3 8 --images-per-class 100 --format png
    ./generate.py --grid --seed 7
    ./generate.py --labels 3:0.5,8:0.5
    ./generate.py --interpolate-labels 3 8 --steps 12
    ./generate.py --interpolate-styles --format gif

A CLASS is given by its name or, where no class has that name, by its index. Files have its index, or with --names its
name; where the two differ, a line that is printed says which class each index is.

The same checkpoint, class and seed give the same bytes, whatever else is drawn.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_checkpoint_flags, exit_status, local_path, number, parser
from gan.starting import import_tensorflow


def main() -> None:
    flags = parser(__doc__)
    add_checkpoint_flags(flags)
    flags.add_argument("--output-dir", type=local_path, default=Path("outputs"), help="where the images go")
    flags.add_argument(
        "--images-per-class",
        type=number(int, 1, 1_000_000),
        help="images of each class, or rows of a way (default: 10)",
    )
    labels = flags.add_mutually_exclusive_group()
    labels.add_argument(
        "--classes",
        nargs="+",
        action="extend",
        metavar="CLASS",
        help="classes, by name or else by index (default: all)",
    )
    labels.add_argument(
        "--labels",
        nargs="+",
        action="extend",
        help="label vectors, such as CLASS:0.5,CLASS:0.5, in place of classes",
    )
    labels.add_argument(
        "--interpolate-labels",
        nargs=2,
        metavar=("FROM", "TO"),
        help="draw the way from a class or label vector to another, a row per style",
    )
    flags.add_argument(
        "--interpolate-styles", action="store_true", help="draw the way from style 1 to 2, a row per class"
    )
    flags.add_argument("--steps", type=number(int, 2, 1000), help="images on the way (default: 12)")
    flags.add_argument("--seed", type=number(int, 0), default=0, help="decides the styles")
    flags.add_argument(
        "--own-styles", action="store_true", help="a style for each image, not one for the same number in all classes"
    )
    flags.add_argument(
        "--format",
        choices=("jpg", "png", "gif", "webp"),
        default="jpg",
        help="gif and webp: a film of a way, a frame per step",
    )
    flags.add_argument(
        "--grid", action="store_true", help="also write grid.FORMAT: a column per class, a row per number"
    )
    flags.add_argument("--names", action="store_true", help="name files by class, such as cat-1.jpg, not by its index")
    args = flags.parse_args()
    if args.interpolate_labels and args.interpolate_styles:
        flags.error("--interpolate-labels and --interpolate-styles: expected one of them")
    between = args.interpolate_labels or args.interpolate_styles
    if between and (args.grid or args.names or args.own_styles):
        flags.error("--grid, --names and --own-styles are for single images; leave them out")
    if args.steps and not between:
        flags.error("--steps is for --interpolate-labels and --interpolate-styles; leave it out")
    if args.images_per_class and args.interpolate_styles:
        flags.error("--interpolate-styles draws one row per class; leave --images-per-class out")
    steps, images_per_class = args.steps or 12, args.images_per_class or 10
    if args.format in ("gif", "webp") and not between:
        flags.error(f"--format {args.format} is for --interpolate-labels and --interpolate-styles; expected jpg or png")

    import_tensorflow()
    from gan.drawing import generate
    from gan.interpolation import Way, interpolate_labels, interpolate_styles

    where = {"load_dir": args.load_dir, "output_dir": args.output_dir, "checkpoint": args.checkpoint, "seed": args.seed}
    if between:
        way = Way(**where, steps=steps, file_format=args.format)
    if args.interpolate_labels:
        interpolate_labels(way, ends=tuple(args.interpolate_labels), rows=images_per_class)
    elif args.interpolate_styles:
        interpolate_styles(way, classes=args.classes, labels=args.labels)
    else:
        generate(
            **where,
            images_per_class=images_per_class,
            classes=args.classes,
            labels=args.labels,
            image_format=args.format,
            with_grid=args.grid,
            with_names=args.names,
            own_styles=args.own_styles,
        )


if __name__ == "__main__":
    sys.exit(exit_status(main))
