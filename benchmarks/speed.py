#!/usr/bin/env python3
"""Speed: loading, start, step, FID. Ratios are taken in one run, since machines differ and are noisy.

    .venv/bin/python benchmarks/speed.py --data-path datasets/MNIST

The step is that of 32×32 images at width 32, batch 64, one critic and one generator update. `plain` is a script's: the
same networks and losses in one tf.function, with Keras's own optimizer call, no strategy, no slicing, no average.
Measured in turns, so that a busy machine slows all alike. Images a second are medians over the turns.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import device_name, today

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

FIRST_STEP = """
import runpy, sys, time
from gan.starting import import_tensorflow
import_tensorflow()
from gan.training.gan import GanTrainer
run = GanTrainer.run
def first(self, step, batch):
    metrics = run(self, step, batch)
    float(metrics["loss/critic"])
    print(f"FIRST STEP {time.time()}", flush=True)
    sys.exit()
GanTrainer.run = first
runpy.run_path("train.py", run_name="__main__")
"""
"""train.py, ended after its first step."""


def seconds_of(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def time_to_first_step(data_path: str, classifier_dir: Path, scratch: Path) -> float:
    """Wall-clock seconds from starting ./train.py to the end of its first step."""
    started = time.time()
    done = subprocess.run(
        [
            sys.executable, "-c", FIRST_STEP, "--data-path", str(Path(data_path).resolve()), "--load-dir",
            str(classifier_dir.resolve()), "--save-dir", str(scratch / "save"), "--log-dir", str(scratch / "logs"),
        ],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split("FIRST STEP ")[1]) - started


def plain_step(spec: Any, config: Any, dtype: str) -> Callable[[Any, Any], Any]:
    """A training step as one would write it for one device."""
    import keras
    import tensorflow as tf

    from gan.images import network_from_pixels
    from gan.models.critic import Critic
    from gan.models.generator import Generator
    from gan.objectives.penalties import interpolate, one_centred

    generator, critic = Generator(spec, config, dtype=dtype), Critic(spec, config, dtype=dtype)
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9) for _ in range(2)]
    for optimizer, network in zip(optimizers, (generator, critic), strict=True):
        optimizer.build(network.trainable_variables)
    size = config.gan_batch_size

    @tf.function(autograph=False)
    def step(images: Any, classes: Any) -> Any:
        reals = network_from_pixels(tf.cast(images, tf.float32))
        labels = tf.one_hot(classes, spec.num_classes)
        fakes = generator(tf.random.normal((size, config.noise_dims)), labels, training=True)
        between = interpolate(reals, fakes, tf.random.uniform((size,)))
        with tf.GradientTape() as tape:
            scores = critic(tf.concat([reals, fakes], 0), tf.concat([labels, labels], 0))
            real_scores, fake_scores = tf.split(scores, 2)
            loss = tf.reduce_mean(fake_scores - real_scores)
            loss += config.gp_weight * tf.reduce_mean(one_centred(critic, between, labels))
        optimizers[1].apply(tape.gradient(loss, critic.trainable_variables), critic.trainable_variables)
        critic.power_iteration(1)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in generator.trainable_variables])
            fakes = generator(tf.random.normal((size, config.noise_dims)), labels, training=True)
            gain = -tf.reduce_mean(critic(fakes, labels))
        optimizers[0].apply(tape.gradient(gain, generator.trainable_variables), generator.trainable_variables)
        return loss

    return step


def step_speeds(config: Any, *, turns: int, steps: int) -> dict[str, float]:
    """Images a second of ours and of the plain step, in float32 and bfloat16."""
    import numpy as np

    from gan.about import About
    from gan.data.batches import Batches
    from gan.data.dataset import Subset
    from gan.devices.strategy import make_strategy
    from gan.images import ImageSpec
    from gan.runs import make_trainer
    from gan.training.gan import GanTrainer

    spec = ImageSpec(32, 32, 1, tuple("0123456789"))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2048, *spec.shape), np.uint8)
    batches = Batches(
        Subset.of(images, rng.integers(0, 10, 2048).astype(np.int32)), batch_size=config.gan_batch_size, seed=0
    )
    strategy = make_strategy(None)
    runners: dict[str, Callable[[int], Any]] = {}
    for dtype, policy in (("float32", "float32"), ("bfloat16", "mixed_bfloat16")):
        trainer = make_trainer(About("gan", 0, spec, config, data=""), strategy, total_steps=10_000, dtype=policy)
        plain = plain_step(spec, config, policy)

        def run_ours(number: int, trainer: GanTrainer = trainer) -> Any:
            return trainer.run(number, batches.take(number, 1))["loss/critic"]

        def run_plain(number: int, plain: Callable[[Any, Any], Any] = plain) -> Any:
            batch = batches.take(number, 1)
            return plain(batch.images[0], batch.labels[0])

        runners |= {f"ours {dtype}": run_ours, f"plain {dtype}": run_plain}

    def turn(runner: Callable[[int], Any]) -> float:
        started = time.perf_counter()
        for number in range(steps):
            last = runner(number)
        float(last)
        return steps * config.gan_batch_size / (time.perf_counter() - started)

    for runner in runners.values():
        for number in range(5):
            runner(number)
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(turns):
        for name, runner in runners.items():
            found[name].append(turn(runner))
    return {name: statistics.median(speeds) for name, speeds in found.items()}


def scoring_seconds(data: Any, classifier_dir: Path) -> float:
    """Seconds of one FID evaluation: draw and read the samples; statistics of real images are there already."""
    from gan.checkpoints import load
    from gan.config import Config
    from gan.evaluation.scores import Scorer
    from gan.models.generator import Generator
    from gan.sampling import Sampler

    config = Config()
    classifier = load(classifier_dir, "classifier").network
    scorer = Scorer(
        classifier,
        data.test,
        num_classes=data.spec.num_classes,
        samples=10_000,
        noise_dims=config.noise_dims,
        seed=0,
    )
    sampler = Sampler(Generator(data.spec, config), data.spec, noise_dims=config.noise_dims)
    scorer.score(sampler.sample)
    return seconds_of(lambda: scorer.score(sampler.sample))


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--load-dir", default=Path("benchmarks/runs/mnist/classifier"), type=Path, help="a classifier's")
    flags.add_argument("--turns", default=7, type=int)
    flags.add_argument("--steps", default=60, type=int, help="steps a turn")
    args = flags.parse_args()

    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        start = time_to_first_step(args.data_path, args.load_dir, Path(scratch))
    from gan.starting import import_tensorflow

    import_tensorflow()
    from gan.config import Config
    from gan.data.loading import load_dataset

    loading = seconds_of(lambda: load_dataset(args.data_path))
    data = load_dataset(args.data_path)
    scoring = scoring_seconds(data, args.load_dir)
    speeds = step_speeds(Config(), turns=args.turns, steps=args.steps)
    print(f"{device_name()}, {today()}, seed 0")
    print(f"MNIST loads in {loading:.2f} s; ./train.py to the end of the first step: {start:.1f} s")
    print(f"one evaluation of 10,000 images: {scoring:.1f} s")
    for dtype in ("float32", "bfloat16"):
        ours, plain = speeds[f"ours {dtype}"], speeds[f"plain {dtype}"]
        print(f"step in {dtype}: {ours:.0f} images/s, {ours / plain:.2f}x the plain script's {plain:.0f}")


if __name__ == "__main__":
    main()
