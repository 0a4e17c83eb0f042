#!/usr/bin/env python3
"""What creative training does: GANs of several `pan_classness` and `cls_weight`, and what they make of two classes.

    .venv/bin/python benchmarks/creative.py                          # half an hour on two cores
    .venv/bin/python benchmarks/creative.py --pictures docs/images   # again, in two minutes: what is trained is kept

Prints a table. FID is by `./evaluate.py` with the classifier of seed 0, which `cls_weight` trains with too; what is
seen in images is said by one of seed 1, which nothing was trained with. Data from ./download_mnist.sh; everything goes
to --work-dir.
"""

import argparse
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from machine import processor_name, today

ROOT = Path(__file__).parents[1]
ROWS = 5
STYLES = 40


class Variant(NamedTuple):
    """Two settings of a GAN."""

    pan_classness: float
    cls_weight: float

    def __str__(self) -> str:
        return f"gan-{self.pan_classness:g}-{self.cls_weight:g}"


VARIANTS = [Variant(0.0, 0.0), Variant(0.2, 0.0), Variant(0.2, 1.0), Variant(0.5, 1.0)]


class Seen(NamedTuple):
    """What the other classifier sees in mixtures: probabilities (pairs, STYLES, classes) of the pairs."""

    pairs: list[tuple[int, int]]
    probabilities: Any

    def summary(self) -> tuple[float, float, float]:
        """Probability of the two, how often both come first, and of the lesser one."""
        import numpy as np

        own = np.stack([self.probabilities[n][:, pair] for n, pair in enumerate(self.pairs)])  # (pairs, STYLES, 2)
        first_two = np.sort(np.argsort(self.probabilities, axis=-1)[..., -2:], axis=-1)
        both = (first_two == np.array(self.pairs)[:, None]).all(axis=-1)
        return float(own.sum(axis=-1).mean()), float(both.mean()), float(own.min(axis=-1).mean())


def train(name: str, save_dir: Path, *words: object) -> None:
    """Run a script, unless what it makes is there."""
    if not list(save_dir.glob(f"{'gan' if name == 'train.py' else 'classifier'}-*")):
        logs = save_dir.with_name(f"{save_dir.name}-logs")
        command = [sys.executable, str(ROOT / name), *map(str, words), "--save-dir", save_dir, "--log-dir", logs]
        subprocess.run(command, check=True)


def fid_of(load_dir: Path, classifier_dir: Path, data_path: str) -> float:
    """What evaluate.py says, on the test images."""
    report = load_dir.with_name(f"{load_dir.name}-evaluation")
    command = [sys.executable, str(ROOT / "evaluate.py"), "--load-dir", load_dir, "--classifier-dir", classifier_dir]
    command += ["--data-path", data_path, "--metrics", "fid", "--output-dir", report]
    subprocess.run(command, check=True)
    return float(json.loads((report / "evaluation.json").read_text())["scores"]["fid"]["value"])


def read_rightly(sampler: Any, judge: Any, seed: int, each: int = 500) -> float:
    """How often the judge reads an image of one class as that class, of so many styles each."""
    import numpy as np

    from gan.images import network_from_pixels
    from gan.labels import one_hot
    from gan.sampling import styles

    classes = np.arange(sampler.spec.num_classes)
    z = styles(sampler.noise_dims, seed=seed, numbers=range(1, each + 1))
    images = sampler.sample(one_hot(classes.repeat(each), len(classes)), np.tile(z, (len(classes), 1)))
    read = np.argmax(judge(network_from_pixels(images.astype(np.float32)), training=False), axis=-1)
    return float((read == classes.repeat(each)).mean())


def look(sampler: Any, judge: Any, seed: int) -> Seen:
    """Draw every pair of classes at a half each in many styles, and read them."""
    import numpy as np
    import tensorflow as tf

    from gan.images import network_from_pixels
    from gan.labels import one_hot
    from gan.sampling import styles

    classes = sampler.spec.num_classes
    pairs = list(combinations(range(classes), 2))
    vectors = np.stack([one_hot(pair, classes).mean(axis=0) for pair in pairs])
    z = styles(sampler.noise_dims, seed=seed, numbers=range(1, STYLES + 1))
    images = sampler.sample(vectors.repeat(STYLES, axis=0), np.tile(z, (len(pairs), 1)))
    logits = judge(network_from_pixels(images.astype(np.float32)), training=False)
    return Seen(pairs, tf.nn.softmax(logits).numpy().reshape(len(pairs), STYLES, classes))


def draw(samplers: dict[Variant, Any], seen: dict[Variant, Seen], columns: Any, path: Path, seed: int) -> None:
    """The fixed grid of each GAN over what is seen in its columns, as one picture."""
    import numpy as np
    from matplotlib import pyplot

    from gan.images import grid
    from gan.labels import label_text

    spec = samplers[VARIANTS[0]].spec
    names = [label_text(column, spec).replace(":0.5", "").replace(",", "+") for column in columns]
    mixed = [tuple(np.flatnonzero(column).tolist()) for column in columns if np.count_nonzero(column) == 2]
    figure, axes = pyplot.subplots(
        len(samplers), 2, figsize=(12, 2.9 * len(samplers)), layout="constrained", width_ratios=(2, 1)
    )
    for (variant, sampler), (left, right) in zip(samplers.items(), axes, strict=True):
        images = grid(sampler.style_grid(rows=ROWS, seed=seed, labels=columns), columns=len(columns))
        left.imshow(images[..., 0], cmap="gray", vmin=0, vmax=255)
        width = spec.width + 2
        left.set_xticks([1 + (n + 0.5) * width for n in range(len(names))], names, fontsize=8)
        left.set(yticks=[], title=f"pan_classness {variant.pan_classness:g}, cls_weight {variant.cls_weight:g}")
        found = seen[variant]
        means = np.stack([found.probabilities[found.pairs.index(pair)].mean(axis=0) for pair in mixed])
        right.imshow(means.T, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for column, pair in enumerate(mixed):
            right.scatter([column, column], pair, s=12, facecolors="none", edgecolors="white")
        right.set_xticks(range(len(mixed)), names[-len(mixed) :], fontsize=8)
        right.set(yticks=range(10), ylabel="class seen", title="mean probability; circles: asked for")
    figure.savefig(path, dpi=80)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--config", default=ROOT / "configs" / "creative.yaml", type=Path)
    flags.add_argument("--seed", default=0, type=int)
    flags.add_argument("--work-dir", default=Path("benchmarks/runs/creative"), type=Path)
    flags.add_argument("--pictures", type=Path, help="write creative.png to here; needs Matplotlib")
    args = flags.parse_args()
    work: Path = args.work_dir / f"{args.config.stem}-{args.seed}"
    common = ["--data-path", args.data_path, "-c", args.config]
    for seed in (args.seed, args.seed + 1):
        train("classifier.py", work / f"classifier-{seed}", *common, "--seed", seed)
    for variant in VARIANTS:
        known = ["--load-dir", work / f"classifier-{args.seed}", "--seed", args.seed]
        known += [word for name, value in variant._asdict().items() for word in ("--set", f"{name}={value}")]
        train("train.py", work / str(variant), *common, *known)

    sys.path.insert(0, str(ROOT))
    from gan.starting import import_tensorflow

    import_tensorflow()
    from gan.checkpoints import load
    from gan.labels import grid_labels
    from gan.sampling import Sampler

    _, about, judge = load(work / f"classifier-{args.seed + 1}", "classifier")
    samplers = {variant: Sampler.from_checkpoint(work / str(variant)) for variant in VARIANTS}
    seen = {variant: look(sampler, judge, args.seed) for variant, sampler in samplers.items()}
    print("\n| `pan_classness` | `cls_weight` | FID | class accuracy | the two classes | both first | the lesser one |")
    print("|---|---|---|---|---|---|---|")
    for variant, found in seen.items():
        fid = fid_of(work / str(variant), work / f"classifier-{args.seed}", args.data_path)
        two, both, lesser = found.summary()
        print(
            f"| {variant.pan_classness:g} | {variant.cls_weight:g} | {fid:.3f} "
            f"| {read_rightly(samplers[variant], judge, args.seed):.2%} | {two:.1%} | {both:.1%} | {lesser:.1%} |"
        )
    count = len(seen[VARIANTS[0]].pairs) * STYLES
    print(f"\nN = {count:,} mixtures; {args.config.name}, seed {args.seed}, {processor_name()}, {today()}")
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        columns = grid_labels(about.spec, args.seed)
        draw(samplers, seen, columns, args.pictures / "creative.png", args.seed)


if __name__ == "__main__":
    main()
