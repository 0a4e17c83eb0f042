#!/usr/bin/env python3
"""What 16 bits cost in quality: the same run in float32, bfloat16 and float16, and the FID that each comes to.

    ./classifier.py -c configs/mnist.yaml
    .venv/bin/python benchmarks/precision.py      # about 10 minutes on two cores, most of it float16

Prints the FID of each after so many steps, its ratio to float32's, and how many steps were skipped. Status 1 if one
of them is not finite.
"""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

from machine import device_name, today

ROOT = Path(__file__).parents[1]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--load-dir", type=Path, default=Path("checkpoints"), help="directory of the classifier")
    flags.add_argument("--steps", type=int, default=300)
    flags.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = flags.parse_args()
    device = device_name()

    from gan.about import About
    from gan.checkpoints import load
    from gan.config import Config
    from gan.data.batches import Batches
    from gan.data.loading import load_dataset
    from gan.devices.strategy import make_strategy
    from gan.evaluation.scores import Scorer
    from gan.runs import make_trainer
    from gan.sampling import Sampler

    data = load_dataset(options.data_path)
    strategy = make_strategy(None)
    with strategy.scope():
        classifier = load(options.load_dir, "classifier").network
    finite = True
    for seed in options.seeds:
        config = replace(Config(), seed=seed)
        scorer = Scorer(
            classifier, data, samples=config.fid_samples, noise_dims=config.noise_dims, seed=seed, strategy=strategy
        )
        batches = Batches(data.train_images, data.train_labels, batch_size=config.gan_batch_size, seed=seed)
        plain = math.nan
        for name in ("float32", "bfloat16", "float16"):
            policy = name if name == "float32" else f"mixed_{name}"
            about = About("gan", 0, data.spec, config, data.digest)
            trainer = make_trainer(about, strategy, total_steps=options.steps, dtype=policy)
            for step in range(options.steps):
                trainer.run(step, batches.take(step, 1))
            sampler = Sampler(trainer.networks.average, data.spec, noise_dims=config.noise_dims)
            fid = scorer.score(sampler.sample)["fid"]
            plain = fid if name == "float32" else plain
            finite &= math.isfinite(fid)
            print(
                f"{name}: FID {fid:.2f}, {fid / plain:.3f} of float32's; {trainer.guard.skipped.numpy()} steps skipped",
                flush=True,
            )
        print(
            f"{options.steps} steps, N = {scorer.samples:,}, noise floor {scorer.noise_floor:.3f}, "
            f"{device}, seed {seed}, {today()}"
        )
    sys.exit(not finite)


if __name__ == "__main__":
    main()
