#!/usr/bin/env python3
"""What each score sees: real test images with a known fault in the place of samples, against other test images.

    .venv/bin/python benchmarks/faults.py # after benchmarks/mnist.py
    .venv/bin/python benchmarks/faults.py --data-path pets --load-dir pets-64 --classifier-dir pets-64 --colour

One half of the test images is compared with the other, which is changed. Prints a table in Markdown: how many times its
floor each distance is, and the values of the other scores. A bold one differs from that of unchanged images by more
than both intervals: it sees the fault. The last column is the GAN. --colour has the faults of colour pictures.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import device_name, today

ROOT = Path(__file__).parents[1]
Changed = tuple[np.ndarray, np.ndarray]


def blur(images: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.rint(gaussian_filter(images.astype(np.float32), (0, 1, 1, 0))).astype(np.uint8)


def noise(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return np.clip(images + draw.normal(0, 25, images.shape), 0, 255).astype(np.uint8)


def scrambled(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Every frequency as strong as it was, in all channels together, but elsewhere: no object is left."""
    spectrum = np.fft.fft2(images.astype(np.float64), axes=(1, 2))
    shifts = np.angle(np.fft.fft2(draw.standard_normal((*images.shape[:3], 1)), axes=(1, 2)))
    shifts[:, 0, 0] = 0  # The mean colour stays.
    return np.clip(np.rint(np.fft.ifft2(spectrum * np.exp(1j * shifts), axes=(1, 2)).real), 0, 255).astype(np.uint8)


def wrong_labels(labels: np.ndarray, share: float, classes: int, draw: np.random.Generator) -> np.ndarray:
    """Some labels moved to another class, at random."""
    moved = draw.random(len(labels)) < share
    return np.where(moved, (labels + draw.integers(1, classes, len(labels))) % classes, labels).astype(np.int32)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--load-dir", default=Path("benchmarks/runs/mnist/gan-0"), type=Path)
    flags.add_argument("--classifier-dir", default=Path("benchmarks/runs/mnist/classifier"), type=Path)
    flags.add_argument("--resize", choices=("fit", "crop", "pad"))
    flags.add_argument("--metrics", nargs="+", help="only these (default: all that do not take long)")
    flags.add_argument("--colour", action="store_true", help="the faults of colour pictures")
    flags.add_argument("--seed", default=0, type=int)
    args = flags.parse_args()
    sys.path.insert(0, str(ROOT))
    device = device_name()

    from dataclasses import replace

    from gan import checkpoints
    from gan.data.dataset import ReadOptions
    from gan.data.loading import load_dataset
    from gan.evaluation.evaluating import check_fit, chosen_metrics, critic_of, seen_in
    from gan.evaluation.evaluation import evaluate
    from gan.evaluation.features import Reader
    from gan.evaluation.floor import halves
    from gan.evaluation.judge import find_judge
    from gan.evaluation.metric import Known
    from gan.evaluation.subject import Labelled, draw
    from gan.sampling import Sampler

    classifier, gan = checkpoints.load(args.classifier_dir, "classifier"), checkpoints.find(args.load_dir, "gan")
    size = classifier.about.config.image_height_width
    data = load_dataset(args.data_path, ReadOptions(image_size=size, resize=args.resize))
    check_fit(classifier, gan, data, args.data_path)
    train, _ = data.divide(classifier.about.config.held_out)
    judge = find_judge(classifier.path.parent, classifier.about, train)
    reader = Reader(classifier.network, blocks=True)
    random = np.random.default_rng(args.seed)
    one, other = next(halves(data.test.labels, seed=args.seed, splits=1))
    images, labels = data.test.gather(other), data.test.labels[other]
    classes = data.spec.num_classes
    real = seen_in(reader, judge, Labelled(data.test.gather(one), data.test.labels[one]))
    known = Known(classes, args.seed, train, critic_of(gan))
    real = replace(real, known=known)
    matching = random.permutation(train.size)[: len(labels)]

    def dropped() -> Changed:
        rest = np.flatnonzero(labels != 0)
        filled = np.concatenate([rest, random.choice(rest, len(labels) - len(rest))])
        return images[filled], labels[filled]

    def repeated() -> Changed:
        first = np.array([np.flatnonzero(labels == k)[0] for k in range(classes)])
        return images[first[labels]], labels

    faults: dict[str, Callable[[], Changed]] = {"reals": lambda: (images, labels)}
    if args.colour:
        cast = np.array([20, 0, -20])
        faults |= {
            "colour cast": lambda: (np.clip(images + cast, 0, 255).astype(np.uint8), labels),
            "swapped colours": lambda: (np.ascontiguousarray(images[..., ::-1]), labels),
            "blur": lambda: (blur(images), labels),
            "scrambled phases": lambda: (scrambled(images, random), labels),
            "the GAN": lambda: (draw(Sampler.from_checkpoint(gan.path), labels, seed=args.seed), labels),
        }
    else:
        faults |= {
            "blur": lambda: (blur(images), labels),
            "noise": lambda: (noise(images, random), labels),
            "10% wrong labels": lambda: (images, wrong_labels(labels, 0.1, classes, random)),
            "50% wrong labels": lambda: (images, wrong_labels(labels, 0.5, classes, random)),
            "a dropped class": dropped,
            "one image per class": repeated,
            "training images": lambda: (train.gather(matching), train.labels[matching]),
            "the GAN": lambda: (draw(Sampler.from_checkpoint(gan.path), labels, seed=args.seed), labels),
        }
    metrics = chosen_metrics(args.metrics, has_critic=True)
    found = {}
    for name, make in faults.items():
        fake = seen_in(reader, judge, Labelled(*make()))
        found[name] = evaluate(real, fake, metrics, seed=args.seed)
        print(f"{name}: {found[name].worst}", file=sys.stderr, flush=True)

    plain = found["reals"].scores
    print(f"| score | {' | '.join(found)} |\n|{'---|' * (len(found) + 1)}")
    for key, usual in plain.items():
        cells = []
        for evaluation in found.values():
            score = evaluation.scores[key]
            apart = max(score.low, usual.low) > min(score.high, usual.high)
            # What real images vary by counts, too: the same faulty images were compared with but one half.
            beyond = abs(score.value - usual.value) > 2 * (0 if math.isnan(score.real_spread) else score.real_spread)
            text = "–" if math.isnan(score.value) else f"{score.value:.3g}"
            if score.times_floor is not None:
                text = f"{score.times_floor:.1f}x"
            cells.append(f"**{text}**" if apart and beyond else text)
        print(f"| {key} | {' | '.join(cells)} |")
    print(
        f"\nN = {len(labels):,} on either side (a cap of each score apart), seed {args.seed}, classifier "
        f"{reader.digest()}, judge {judge.digest}; {data.source}; {device}, {today()}"
    )


if __name__ == "__main__":
    main()
