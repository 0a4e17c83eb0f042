#!/usr/bin/env python3
"""Train a conditional GAN on every visible GPU, or on the CPU. Needs a classifier: run ./classifier.py first.

./train.py                                  # MNIST, from ./download_mnist.sh
./train.py --data-path digits -c configs/quickstart.yaml
CUDA_VISIBLE_DEVICES=0,1 ./train.py -c configs/mnist.yaml
"""

import os
import sys
from pathlib import Path

from gan.command_line import add_training_flags, import_tensorflow, number, parser, run


def main() -> None:
    flags = parser(__doc__)
    add_training_flags(flags, log_dir="logs/gan")
    flags.add_argument("--load-dir", type=Path, help="directory of the classifier (default: the --save-dir)")
    flags.add_argument(
        "--record-steps", type=number(int, 1), default=1000, help="steps between records, FID among them"
    )
    options = vars(flags.parse_args())

    from gan.config import load_config
    from gan.devices.slurm import name_the_workers

    config = load_config(options["config_path"], seed=options.pop("seed"))
    name_the_workers(os.environ)
    import_tensorflow(devices=options["devices"], deterministic=options.pop("deterministic"))
    from gan.devices.cluster import a_lost_worker_is_told, only_the_chief_prints
    from gan.run_options import RunOptions
    from gan.runs import train_gan

    with only_the_chief_prints(), a_lost_worker_is_told():
        train_gan(config, RunOptions(**options))


if __name__ == "__main__":
    sys.exit(run(main))
