#!/usr/bin/env python3
"""The README's results on MNIST: train the classifier and the GAN as a user would, generate, and say how good it is.

    .venv/bin/python benchmarks/mnist.py                # about 10 minutes on two cores
    .venv/bin/python benchmarks/mnist.py --pictures docs/images

Prints a row of the README's table. Data from ./download_mnist.sh; checkpoints, records and images go to --work-dir.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from machine import children_peak_memory_gb, device_name, today

ROOT = Path(__file__).parents[1]


def script(name: str, *arguments: object) -> float:
    """Run a script; its wall-clock seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / name), *map(str, arguments)], check=True)
    return time.perf_counter() - started


def records(directory: Path) -> list[dict[str, float]]:
    """The JSON lines of the newest run in a log directory."""
    newest = max(directory.iterdir())
    return [json.loads(line) for line in (newest / "records.jsonl").read_text().splitlines()]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--config", default=ROOT / "configs" / "mnist.yaml", type=Path)
    flags.add_argument("--seed", default=0, type=int)
    flags.add_argument("--work-dir", default=Path("benchmarks/runs/mnist"), type=Path)
    flags.add_argument("--pictures", type=Path, help="write samples.png, and fid.png if Matplotlib is there, to here")
    args = flags.parse_args()
    common = ["--data-path", args.data_path, "-c", args.config, "--seed", args.seed, "--overwrite"]
    common += ["--save-dir", args.work_dir / "checkpoints"]

    classifier_seconds = script("classifier.py", *common, "--log-dir", args.work_dir / "logs" / "classifier")
    train_seconds = script("train.py", *common, "--log-dir", args.work_dir / "logs" / "gan")
    script(
        "generate.py", "--load-dir", args.work_dir / "checkpoints", "--output-dir", args.work_dir / "writing",
        "--format", "png", "--grid", "--seed", args.seed,
    )  # fmt: skip
    memory = children_peak_memory_gb()

    classifier, gan = records(args.work_dir / "logs" / "classifier"), records(args.work_dir / "logs" / "gan")
    last = gan[-1]
    ratio = last["score/fid"] / last["score/noise_floor"]
    print("\n| classifier | FID | noise floor | FID / floor | class accuracy | N | training | device | seed | date |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {classifier[-1]['score/accuracy']:.2%} in {classifier_seconds:.0f} s | {last['score/fid']:.3f} "
        f"| {last['score/noise_floor']:.3f} | {ratio:.2f} | {last['score/accuracy']:.2%} "
        f"| {last['score/samples']:,.0f} | {last['step']:,} steps in {last['training_seconds']:.0f} s "
        f"({train_seconds:.0f} s with start, scoring and saving) | {device_name()} | {args.seed} | {today()} |"
    )
    print(f"\npeak memory of any of the three: {memory:.2f} GB")
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        (args.pictures / "samples.png").write_bytes((args.work_dir / "writing" / "grid.png").read_bytes())
        draw_course(gan, args.pictures / "fid.png")


def draw_course(gan: list[dict[str, float]], path: Path) -> None:
    """FID and class accuracy against seconds of training."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no fid.png: Matplotlib is in the group bench (poetry install --with bench)", file=sys.stderr)
        return
    seconds = [record["training_seconds"] for record in gan]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(seconds, [record["score/fid"] for record in gan], marker="o", label="generated")
    left.axhline(gan[-1]["score/noise_floor"], linestyle="--", color="grey", label="noise floor")
    left.set(xlabel="seconds of training", ylabel="classifier FID", ylim=(0, None), xlim=(0, None))
    left.legend()
    right.plot(seconds, [100 * record["score/accuracy"] for record in gan], marker="o")
    right.set(xlabel="seconds of training", ylabel="class accuracy in %", xlim=(0, None))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
