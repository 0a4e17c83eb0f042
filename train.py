#!/usr/bin/env python3
"""Train a conditional GAN on every visible GPU, or on the CPU. Needs a classifier: run ./classifier.py first.

./train.py                                  # MNIST, from ./download_mnist.sh
./train.py --data-path digits -c configs/quickstart.yaml
CUDA_VISIBLE_DEVICES=0,1 ./train.py -c configs/mnist.yaml
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I or PYTHONSAFEPATH.

from gan.command_line import add_training_flags, exit_status, local_path, number, parser
from gan.starting import import_tensorflow


def main() -> None:
    flags = parser(__doc__)
    add_training_flags(flags, log_dir="logs/gan")
    flags.add_argument(
        "--load-dir",
        type=local_path,
        help="directory of the classifier, or one of its checkpoints (default: the --save-dir)",
    )
    flags.add_argument(
        "--record-steps", type=number(int, 1), default=1000, help="steps between records, FID among them"
    )
    flags.add_argument(
        "--target-fid", type=number(float, 0, open_ends=True), help="end the run with the first record of such an FID"
    )
    flags.add_argument("--patience", type=number(int, 1), help="end the run after so many records without a lower FID")
    options = vars(flags.parse_args())

    from gan.config import load_config
    from gan.devices.cluster import find_place, member

    config = load_config(options["config_path"], settings=options["settings"], seed=options.pop("seed"))
    place = find_place(os.environ)
    import_tensorflow(devices=options["devices"], deterministic=options.pop("deterministic"))
    from gan.runs import train_gan
    from gan.training.run import RunOptions

    with member(place):
        train_gan(config, RunOptions(**options), place)


if __name__ == "__main__":
    sys.exit(exit_status(main))
