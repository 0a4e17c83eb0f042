#!/usr/bin/env python3
"""Train the classifier that scores the GAN.

./classifier.py                             # MNIST, from ./download_mnist.sh
./classifier.py --data-path digits          # the built-in data set
./classifier.py -c configs/mnist.yaml --dry-run
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_training_flags, exit_status, local_path, number, parser
from gan.starting import import_tensorflow


def main() -> None:
    flags = parser(__doc__)
    add_training_flags(flags, log_dir="logs/classifier")
    flags.add_argument(
        "--load-dir",
        type=local_path,
        help="start from the classifier in this directory, or from this checkpoint, of the same images and held_out",
    )
    flags.add_argument(
        "--record-eps",
        dest="record_epochs",
        metavar="EPOCHS",
        type=number(int, 1),
        default=1,
        help="epochs between records",
    )
    options = vars(flags.parse_args())

    from gan.config import load_config
    from gan.devices.cluster import find_place, member

    config = load_config(options["config_path"], settings=options["settings"], seed=options.pop("seed"))
    place = find_place(os.environ)
    import_tensorflow(devices=options["devices"], deterministic=options.pop("deterministic"))
    from gan.runs import train_classifier
    from gan.training.run import RunOptions

    with member(place):
        train_classifier(config, RunOptions(**options), place)


if __name__ == "__main__":
    sys.exit(exit_status(main))
