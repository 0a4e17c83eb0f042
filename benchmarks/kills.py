#!/usr/bin/env python3
"""Kill a run again and again at random moments, resume it each time, and compare its end with an undisturbed run's.

    .venv/bin/python benchmarks/kills.py               # 200 kills, about half an hour on two cores
    .venv/bin/python benchmarks/kills.py --kills 25

Small networks on small images, a checkpoint after every step. Each process is killed (SIGKILL) up to a quarter of
a second after it has saved a step of its own, which is often in the middle of the next save. Equal are all variables of
the last checkpoint, optimizers' too, and all records but those of speed, bit by bit; anything else is exit status 1.
"""

import argparse
import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import processor_name, today

ROOT = Path(__file__).parents[1]
IMAGES, SIDE, BATCH = 80, 8, 8
STEPS_A_KILL = 32
LONGEST_WAIT = 0.25
SETTINGS = f"""
gen_width: 4
crit_width: 4
cls_width: 4
noise_dims: 6
label_dims: 3
gan_batch_size: {BATCH}
cls_batch_size: {BATCH}
cls_epochs: 1
fid_samples: {IMAGES}
"""
SPEED = {"images_per_second", "training_seconds"}


def command(script: str, *arguments: object) -> list[str]:
    given = ["--data-path", "data", "-c", "settings.yaml", "--deterministic", *map(str, arguments)]
    return [sys.executable, str(ROOT / script), *given]


def write_data(directory: Path) -> None:
    """IDX files of noise, a class a brightness."""
    directory.mkdir()
    labels = np.arange(IMAGES, dtype=np.uint8) % 10
    noise = np.random.default_rng(0).integers(0, 20, (IMAGES, SIDE, SIDE), np.uint8)
    for split in ("train", "t10k"):
        for kind, values in (("images-idx3", noise + 20 * labels[:, None, None]), ("labels-idx1", labels)):
            header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            (directory / f"{split}-{kind}-ubyte").write_bytes(header + values.tobytes())


def finish(words: list[str], cwd: Path) -> None:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")


def saved(directory: Path) -> int:
    """The step of the last checkpoint."""
    return max((int(path.name[-8:]) for path in directory.glob("gan-????????")), default=0)


def kill_once(words: list[str], cwd: Path, chance: random.Random) -> bool:
    """Run until a step more is saved, and a little longer; whether the run was in the middle of a save then."""
    directory = cwd / "killed"
    before = saved(directory)
    with subprocess.Popen(words, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while saved(directory) == before:
            if process.poll() is not None:
                sys.exit(f"the run ended by itself: {process.stderr.read() if process.stderr else ''}")
            time.sleep(0.005)
        time.sleep(chance.uniform(0, LONGEST_WAIT))
        process.kill()
    return any(directory.glob(".gan-*.*-*"))


def outcome(cwd: Path, name: str) -> tuple[bytes, list[dict[str, object]]]:
    """The variables of the last checkpoint, and the records."""
    weights = (max((cwd / name).glob("gan-*")) / "variables.data-00000-of-00001").read_bytes()
    (log,) = (cwd / f"{name}-logs").iterdir()
    lines = [json.loads(line) for line in (log / "records.jsonl").read_text().splitlines()]
    return weights, [{key: value for key, value in line.items() if key not in SPEED} for line in lines]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--kills", type=int, default=200)
    flags.add_argument("--seed", type=int, default=0, help="of the moments")
    options = flags.parse_args()
    chance = random.Random(options.seed)
    scratch = Path(tempfile.mkdtemp())
    epochs = STEPS_A_KILL * options.kills * BATCH // IMAGES + 1
    (scratch / "settings.yaml").write_text(f"{SETTINGS}gan_epochs: {epochs}\n")
    write_data(scratch / "data")
    finish(command("classifier.py", "--save-dir", "classifier"), scratch)
    arguments = ["--load-dir", "classifier", "--record-steps", 50]

    def train(name: str, *more: object) -> list[str]:
        return command("train.py", *arguments, "--save-dir", name, "--log-dir", f"{name}-logs", *more)

    inside = 0
    for number in range(options.kills):
        more = ["--resume"] if number else []
        inside += kill_once(train("killed", "--save-steps", 1, *more), scratch, chance)
    step = saved(scratch / "killed")
    finish(train("killed", "--save-steps", 1000, "--resume"), scratch)
    finish(train("whole", "--save-steps", 1000), scratch)
    equal = outcome(scratch, "killed") == outcome(scratch, "whole")
    total = saved(scratch / "whole")
    print(
        f"{options.kills} kills, {inside} of them inside a save, by step {step:,} of {total:,}; "
        f"same weights, optimizers and records as an undisturbed run: {equal}"
    )
    print(f"{processor_name()}, seed {options.seed}, {today()}")
    shutil.rmtree(scratch)
    sys.exit(not equal)


if __name__ == "__main__":
    main()
