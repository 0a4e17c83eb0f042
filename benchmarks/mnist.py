#!/usr/bin/env python3
"""The README's results on MNIST: a classifier, a GAN for each seed, each evaluated as a user would, and their spread.

    .venv/bin/python benchmarks/mnist.py                 # three seeds: about 45 minutes on two cores with bfloat16
    .venv/bin/python benchmarks/mnist.py --seeds 0 --draws 1 --pictures docs/images

How good 10,000 samples are depends on which styles were drawn, too, so FID is also measured of other draws. Prints the
table of docs/benchmarks.md, from which the README's is taken. Data from ./download_mnist.sh; checkpoints, records and
reports go to --work-dir, and what is there already, by the same settings, is not trained again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import children_peak_memory_gb, device_name, today

ROOT = Path(__file__).parents[1]

METRICS = (
    *("fid", "class_fid", "blocks", "patches", "colours", "detector", "accuracy", "judge", "kid", "neighbours"),
    *("diversity", "memorisation", "margin", "cas"),
)


def script(name: str, *arguments: object) -> float:
    """Run a script; its wall-clock seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / name), *map(str, arguments)], check=True)
    return time.perf_counter() - started


def records(directory: Path) -> list[dict[str, float]]:
    """The JSON lines of the newest run in a log directory."""
    newest = max(directory.iterdir())
    return [json.loads(line) for line in (newest / "records.jsonl").read_text().splitlines()]


def found_in(directory: Path) -> dict[str, Any]:
    """What an evaluation wrote."""
    found: dict[str, Any] = json.loads((directory / "evaluation.json").read_text())
    return found


def trained(save_dir: Path, kind: str) -> str:
    """How to go on in a directory."""
    return "--resume" if any(save_dir.glob(f"{kind}-*")) else "--overwrite"


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--config", default=ROOT / "configs" / "mnist.yaml", type=Path)
    flags.add_argument("--seeds", default=[0, 1, 2], type=int, nargs="+")
    flags.add_argument("--draws", default=10, type=int, help="of styles, that FID is measured of, for each GAN")
    flags.add_argument("--classifier-dir", type=Path, help="of a classifier that is there; by default one is trained")
    flags.add_argument("--work-dir", default=Path("benchmarks/runs/mnist"), type=Path)
    flags.add_argument("--pictures", type=Path, help="write fid.png to here, if Matplotlib is there")
    args = flags.parse_args()
    common = ["--data-path", args.data_path, "-c", args.config]
    work = args.work_dir
    classifier_dir = args.classifier_dir or work / "classifier"

    if not args.classifier_dir:
        script(
            "classifier.py", *common, "--save-dir", classifier_dir, "--log-dir", work / "logs" / "classifier",
            trained(classifier_dir, "classifier"),
        )  # fmt: skip
    runs, evaluations, draws = [], [], []
    for seed in args.seeds:
        save_dir, log_dir = work / f"gan-{seed}", work / "logs" / f"gan-{seed}"
        script(
            "train.py", *common, "--seed", seed, "--load-dir", classifier_dir, "--save-dir", save_dir,
            "--log-dir", log_dir, trained(save_dir, "gan"),
        )  # fmt: skip
        of = ["--load-dir", save_dir, "--classifier-dir", classifier_dir, "--data-path", args.data_path]
        evaluated = work / f"evaluation-{seed}"
        script("evaluate.py", *of, "--log-dir", log_dir, "--output-dir", evaluated, "--metrics", *METRICS)
        runs.append(records(log_dir)[-1])
        evaluations.append(found_in(evaluated))
        fids = [evaluations[-1]["scores"]["fid"]["value"]]
        for draw in range(1, args.draws):
            script("evaluate.py", *of, "--output-dir", evaluated / "draw", "--seed", draw, "--metrics", "fid")
            fids.append(found_in(evaluated / "draw")["scores"]["fid"]["value"])
        draws.append(fids)

    first = evaluations[0]["scores"]
    print(
        f"\n| score | seed {args.seeds[0]} | interval | real images | times the floor | N | over seeds |\n{'|---' * 7}|"
    )
    for name, score in first.items():
        values = [found["scores"][name]["value"] for found in evaluations]
        low, high = score["interval"]
        interval = "–" if low is None else f"{low:.4g} to {high:.4g}"
        spread = "" if score["real_spread"] is None else f" ± {score['real_spread']:.2g}"
        times = "–" if score["times_floor"] is None else f"{score['times_floor']:.1f}"
        print(
            f"| `{name}` | {score['value']:.4g} | {interval} | {score['real']:.4g}{spread} | {times} "
            f"| {score['samples']:,} | {over_seeds(values)} |"
        )
    print(
        f"\nfid of {args.draws} draws of styles, by seed: {', '.join(over_seeds(fids) for fids in draws)}; median over "
        f"seeds of the mean over draws: {statistics.median(map(statistics.mean, draws)):.4g}"
    )
    seconds = [run["training_seconds"] for run in runs]
    print(
        f"\nseeds {', '.join(map(str, args.seeds))}; {runs[0]['step']:,} steps each, {min(seconds):.0f} to "
        f"{max(seconds):.0f} s of training; classifier {evaluations[0]['classifier']} "
        f"({first['accuracy']['real']:.2%} of the test images right), judge {evaluations[0]['judge']}; "
        f"{device_name()}, {today()}; peak memory of any process: {children_peak_memory_gb():.2f} GB"
    )
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        draw_course(records(work / "logs" / f"gan-{args.seeds[0]}"), args.pictures / "fid.png")


def over_seeds(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.4g}" + (f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else "")


def draw_course(gan: list[dict[str, float]], path: Path) -> None:
    """FID and class accuracy against seconds of training."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no fid.png: Matplotlib is in the group evaluate (poetry install --with evaluate)", file=sys.stderr)
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
