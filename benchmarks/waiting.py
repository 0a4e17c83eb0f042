#!/usr/bin/env python3
"""What a user waits for, and what memory it takes: first step, images on disk, scores, peak memory of each script.

    .venv/bin/python benchmarks/waiting.py --data-path datasets/MNIST        # about 3 minutes on two cores
    .venv/bin/python benchmarks/waiting.py --load-dir checkpoints --gan-dir checkpoints     # of what was trained

Every script is started as a user starts it, in a fresh process. Where no classifier is named, one is trained for an
epoch; where no GAN is, one until its first record. All of it goes to a directory that is removed. The time to the first
step is that of ./train.py from its start to the end of one step, the median of --repeats. Needs /proc, as on Linux, for
the memory.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from machine import device_name, peak_memory_gb, today

ROOT = Path(__file__).parents[1]

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

LOADING = """
import sys, time
from gan.data.loading import load_dataset
for _ in range(2):
    started = time.perf_counter()
    load_dataset(sys.argv[1])
print(time.perf_counter() - started)
"""

SCORING = """
import sys, time
from pathlib import Path
from gan.starting import import_tensorflow
import_tensorflow()
from gan import checkpoints
from gan.data.loading import load_dataset
from gan.evaluation.scores import Scorer
from gan.sampling import Sampler
data_path, classifier, gan = sys.argv[1], *map(Path, sys.argv[2:])
data, saved = load_dataset(data_path), checkpoints.load(classifier, "classifier")
sampler = Sampler.from_checkpoint(gan)
scorer = Scorer(
    saved.network, data.test, num_classes=data.spec.num_classes, samples=10_000, noise_dims=sampler.noise_dims, seed=0
)
for _ in range(3):
    started = time.perf_counter()
    scorer.score(sampler.sample)
print(time.perf_counter() - started)
"""
"""Statistics of the real images are there, as they are from a run's first record on."""


class Done(NamedTuple):
    """A process that ended: its wall-clock seconds, its peak memory in GB, and what it printed."""

    seconds: float
    peak_gb: float
    output: str


def run(*words: object, until: Callable[[], bool] = lambda: False) -> Done:
    """Run Python with these words, and tell it to stop as Ctrl-C does once `until` holds.

    Raises:
        subprocess.CalledProcessError: it failed, with its last words printed.
    """
    started = time.perf_counter()
    command = [sys.executable, *map(str, words)]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        peak, stopped = 0.0, False
        while process.poll() is None:
            now = peak_memory_gb(process.pid)
            peak = max(peak, now) if now == now else peak  # It is not a number once the process is gone.
            if not stopped and until():
                process.send_signal(signal.SIGTERM)
                stopped = True
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read()
    if process.returncode and not stopped:
        print(text[-2000:], file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, command)
    return Done(seconds, peak, text)


def first_step_seconds(*flags: object) -> float:
    """Wall-clock seconds from the start of ./train.py to the end of its first step."""
    started = time.time()
    return float(run("-c", FIRST_STEP, *flags).output.split("FIRST STEP ")[1].split()[0]) - started


def has_record(logs: Path) -> bool:
    return any(json.loads(line) for path in logs.glob("*/records.jsonl") for line in path.read_text().splitlines()[:1])


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default="datasets/MNIST")
    flags.add_argument("--load-dir", type=Path, help="directory of a classifier of these images")
    flags.add_argument("--gan-dir", type=Path, help="directory of a GAN of these images")
    flags.add_argument("--images-per-class", type=int, default=2000, help="PNG files of each class")
    flags.add_argument("--metrics", nargs="+", default=["fid", "accuracy"], help="of ./evaluate.py; `all`: its own")
    flags.add_argument("--repeats", type=int, default=3, help="starts of ./train.py")
    options = flags.parse_args()
    data = Path(options.data_path).resolve() if Path(options.data_path).exists() else options.data_path
    told: dict[str, Any] = {}
    memory: dict[str, Done] = {}
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        common = ["--data-path", data]
        classifier = options.load_dir.resolve() if options.load_dir else scratch / "classifier"
        if not options.load_dir:
            where = ["--save-dir", classifier, "--log-dir", scratch / "logs" / "classifier"]
            memory["classifier.py, an epoch"] = run("classifier.py", *common, *where, "--set", "cls_epochs=1")
        start = [*common, "--load-dir", classifier, "--save-dir", scratch / "first", "--log-dir", scratch / "none"]
        firsts = [first_step_seconds(*start, "--overwrite") for _ in range(options.repeats)]
        told["./train.py to the end of its first step"] = (
            f"{statistics.median(firsts):.1f} s ({min(firsts):.1f} to {max(firsts):.1f})"
        )
        gan = options.gan_dir.resolve() if options.gan_dir else scratch / "gan"
        if not options.gan_dir:
            logs = scratch / "logs" / "gan"
            where = ["--load-dir", classifier, "--save-dir", gan, "--log-dir", logs, "--record-steps", 50]
            memory["train.py, until a record"] = run("train.py", *common, *where, until=lambda: has_record(logs))
        told["loading the images, the second time"] = f"{float(run('-c', LOADING, data).output.split()[-1]):.2f} s"
        scoring = run("-c", SCORING, data, classifier, gan).output
        told["scoring 10,000 samples in a run"] = f"{float(scoring.split()[-1]):.1f} s"
        drawing = ["generate.py", "--load-dir", gan, "--format", "png"]
        few = run(*drawing, "--output-dir", scratch / "few", "--images-per-class", 1)
        many = run(*drawing, "--output-dir", scratch / "many", "--images-per-class", options.images_per_class)
        memory["generate.py"] = many
        files = [sum(1 for _ in (scratch / name).glob("*.png")) for name in ("few", "many")]
        told[f"generate.py, {files[0]} PNG files"] = f"{few.seconds:.1f} s"
        told[f"generate.py, {files[1]:,} PNG files"] = (
            f"{many.seconds:.1f} s: {files[1] / many.seconds:,.0f} images/s, and "
            f"{(files[1] - files[0]) / (many.seconds - few.seconds):,.0f} after its start"
        )
        metrics = [] if options.metrics == ["all"] else ["--metrics", *options.metrics]
        where = ["--load-dir", gan, "--classifier-dir", classifier, "--output-dir", scratch / "evaluation"]
        evaluated = run("evaluate.py", *common, *where, "--log-dir", scratch / "logs" / "gan", *metrics)
        memory[f"evaluate.py, {', '.join(options.metrics)}"] = evaluated
        told[f"evaluate.py, {', '.join(options.metrics)}, whole"] = f"{evaluated.seconds:.1f} s"
    print("| wait | |\n|---|---|")
    for name, value in told.items():
        print(f"| {name} | {value} |")
    print("\n| process | peak memory | seconds |\n|---|---|---|")
    for name, done in memory.items():
        print(f"| {name} | {done.peak_gb:.2f} GB | {done.seconds:.0f} |")
    print(f"\n{device_name()}, {today()}, seed 0")


if __name__ == "__main__":
    main()
