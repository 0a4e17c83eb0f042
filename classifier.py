#!/usr/bin/env python3
"""Train the classifier that scores the GAN.

./classifier.py                             # MNIST, from ./download_mnist.sh
./classifier.py --data-path digits          # the built-in data set
./classifier.py -c configs/mnist.yaml --dry-run
"""

import os
import sys
from pathlib import Path

from gan.command_line import add_training_flags, import_tensorflow, number, parser, run


def main() -> None:
    flags = parser(__doc__)
    add_training_flags(flags, log_dir="logs/classifier")
    flags.add_argument("--load-dir", type=Path, help="start from the classifier in this directory")
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
    from gan.devices.slurm import name_the_workers

    config = load_config(options["config_path"], seed=options.pop("seed"))
    name_the_workers(os.environ)
    import_tensorflow(devices=options["devices"], deterministic=options.pop("deterministic"))
    from gan.devices.cluster import a_lost_worker_is_told, only_the_chief_prints
    from gan.run_options import RunOptions
    from gan.runs import train_classifier

    with only_the_chief_prints(), a_lost_worker_is_told():
        train_classifier(config, RunOptions(**options))


if __name__ == "__main__":
    sys.exit(run(main))
