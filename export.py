#!/usr/bin/env python3
"""Hand a trained generator on: one file or directory that other programs draw from.

    ./export.py --load-dir pretrained/mnist --format onnx --output digits.onnx
    ./export.py --format litert --output digits.tflite       # for phones
    ./export.py --format savedmodel --output digits-saved    # for TensorFlow
    ./export.py --format page --output page                  # a page that draws in the browser, for any static host
    ./export.py --format hub --output to-share --license mit # a folder to share, with a model card

A page is served by `python -m http.server --directory page`. `--load-dir` draws from a folder that was shared. The
others have the inputs `style` (N, Z) and `label` (N, K), and the output `image`, uint8 (N, H, W, C), for any N; they
say their classes, sizes, checkpoint and scores. docs/export.md has a use of each.
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
    flags.add_argument("--license", metavar="ID", help="of a hub's folder, as the Hub calls it, such as mit")
    flags.add_argument("--about", metavar="TEXT", help="first paragraph of a hub's card: data, their licence, limits")
    flags.add_argument(
        "--evaluation",
        type=local_path,
        metavar="JSON",
        help="evaluation.json of ./evaluate.py, whose scores a hub's card tells",
    )
    flags.add_argument(
        "--classifier-dir",
        type=local_path,
        help="directory of the classifier and the judge, for a hub's folder (default: the GAN's)",
    )
    args = flags.parse_args()

    import_tensorflow()
    from gan.export.exporting import export

    values = vars(args)
    export(file_format=values.pop("format"), **values)


if __name__ == "__main__":
    sys.exit(exit_status(main))
