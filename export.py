#!/usr/bin/env python3
"""Hand a trained generator on: one file or directory that other programs draw from.

    ./export.py --load-dir pretrained/mnist --format onnx --output digits.onnx
    ./export.py --format litert --output digits.tflite       # for phones
    ./export.py --format savedmodel --output digits          # for TensorFlow
    ./export.py --format page --output page                  # a page that draws in the browser, for any static host

A page is served by `python -m http.server --directory page`. The others have the inputs `style` (N, Z) and `label`
(N, K), and the output `image`, uint8 (N, H, W, C), for any N; they say their classes, sizes, checkpoint and scores.
docs/export.md has a use of each.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_checkpoint_flags, exit_status, local_path, parser
from gan.registry import EXPORTS
from gan.starting import import_tensorflow


def main() -> None:
    flags = parser(__doc__)
    add_checkpoint_flags(flags)
    flags.add_argument("--format", choices=list(EXPORTS), required=True, help="what to write")
    flags.add_argument(
        "--output", type=local_path, required=True, metavar="PATH", help="the file or directory to write"
    )
    flags.add_argument(
        "--runtime",
        type=local_path,
        metavar="TGZ",
        help="of a page: npm's package onnxruntime-web, if it is here already (default: npm fetches it)",
    )
    args = flags.parse_args()

    import_tensorflow()
    from gan.export.exporting import export

    export(
        load_dir=args.load_dir,
        file_format=args.format,
        output=args.output,
        checkpoint=args.checkpoint,
        runtime=args.runtime,
    )


if __name__ == "__main__":
    sys.exit(exit_status(main))
