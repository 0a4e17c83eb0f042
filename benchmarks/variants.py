#!/usr/bin/env python3
"""Short runs of variants of the settings, side by side: the FID, the class accuracy and the time that each comes to.

    ./classifier.py -c configs/mnist.yaml
    .venv/bin/python benchmarks/variants.py objective=wasserstein objective=hinge objective=relativistic
    .venv/bin/python benchmarks/variants.py mixed_precision=false mixed_precision=bfloat16 mixed_precision=float16
    .venv/bin/python benchmarks/variants.py --seeds 0 1 2 --pictures drawn "" penalty_every=4,gan_batch_size=128

A variant is FIELD=VALUE[,FIELD=VALUE...], and "" the defaults. Every run has the same steps, seeds and classifier.
Prints a row per variant and seed. Status 1 if a score is not finite.
"""

import argparse
import math
import sys
import time
from pathlib import Path

from machine import device_name, today

ROOT = Path(__file__).parents[1]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("variants", nargs="+", metavar="FIELD=VALUE[,...]")
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--load-dir", type=Path, default=Path("checkpoints"), help="directory of the classifier")
    flags.add_argument("--steps", type=int, default=300)
    flags.add_argument("--seeds", type=int, nargs="+", default=[0])
    flags.add_argument("--pictures", type=Path, metavar="DIR", help="write a grid of each run's samples there")
    options = flags.parse_args()
    device = device_name()

    from gan.about import About
    from gan.checkpoints import load
    from gan.config import load_config
    from gan.data.batches import Batches
    from gan.data.loading import load_dataset
    from gan.devices.precision import choose
    from gan.devices.strategy import make_strategy
    from gan.evaluation.scores import Scorer
    from gan.images import encode, enlarge, grid, grid_classes
    from gan.runs import make_trainer
    from gan.sampling import Sampler

    data = load_dataset(options.data_path)
    strategy = make_strategy(None)
    with strategy.scope():
        classifier = load(options.load_dir, "classifier").network
    finite = True
    print("| variant | seed | FID | class accuracy | seconds of training | skipped steps |\n|---|---|---|---|---|---|")
    for seed in options.seeds:
        for variant in options.variants:
            config = load_config(None, settings=variant.split(",") if variant else (), seed=seed)
            about = About("gan", 0, data.spec, config, data.digest)
            policy = choose(config.mixed_precision, strategy).policy
            trainer = make_trainer(about, strategy, total_steps=options.steps, classifier=classifier, dtype=policy)
            learnt, scored = data.divide(config.held_out)
            batches = Batches(learnt, batch_size=config.gan_batch_size, seed=seed)
            trainer.run(0, batches.take(0, config.crit_steps))  # Traces.
            started = time.perf_counter()
            for step in range(1, options.steps):
                trainer.run(step, batches.take(step * config.crit_steps, config.crit_steps))
            skipped = int(trainer.guard.skipped.numpy())
            seconds = time.perf_counter() - started
            sampler = Sampler(trainer.networks.average, data.spec, noise_dims=config.noise_dims, strategy=strategy)
            scorer = Scorer(
                classifier,
                scored,
                num_classes=data.spec.num_classes,
                samples=config.fid_samples,
                noise_dims=config.noise_dims,
                seed=seed,
                strategy=strategy,
            )
            scores = scorer.score(sampler.sample)
            finite &= math.isfinite(scores["fid"])
            print(
                f"| {variant or 'defaults'} | {seed} | {scores['fid']:.3f} | {scores['accuracy']:.2%} | {seconds:.0f} "
                f"| {skipped} |",
                flush=True,
            )
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                picture = grid(sampler.style_grid(rows=6, seed=seed), columns=len(grid_classes(data.spec)))
                path = options.pictures / f"{variant or 'defaults'}-{seed}.png"
                path.write_bytes(encode(enlarge(picture, 2), "png"))
    print(
        f"\n{options.steps} steps; N = {scores['samples']:,} of the {scores['split']}, noise floor "
        f"{scores['noise_floor']:.3f}, classifier {scores['classifier']}; {device}, {today()}"
    )
    sys.exit(not finite)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
