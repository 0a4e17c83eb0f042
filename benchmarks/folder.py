#!/usr/bin/env python3
"""What labelled pictures cost: the check and the cache of MNIST's 70,000 as PNG files, and memory beside a large cache.

    .venv/bin/python benchmarks/folder.py               # about 9 minutes on two cores, 7 GB of disk
    .venv/bin/python benchmarks/folder.py --only speed

Speed: MNIST becomes PNG files and tables by gan.data.convert, and IDX files again, which must be the same bytes. The
folder is then loaded twice; the first time decodes. Memory: pictures of shapes, so many that they take four times the
limit when they are decoded; a small classifier and a small GAN are trained on all of them and scored, and neither
process may have taken more than the limit.
"""

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import children_peak_memory_gb, processor_name, today
from shapes import write_shapes

ROOT = Path(__file__).parents[1]
SIDE = 128
LOAD = """
import sys, time
from gan.data.loading import load_dataset
started = time.perf_counter()
data = load_dataset(sys.argv[1])
seconds = time.perf_counter() - started
print(seconds, data.digest)
"""


def load(directory: Path) -> tuple[float, str]:
    """Seconds of loading in a new process, and the data's digest."""
    done = subprocess.run([sys.executable, "-c", LOAD, directory], cwd=ROOT, check=True, capture_output=True, text=True)
    seconds, digest = done.stdout.split()
    return float(seconds), digest


def convert(source: Path, target: Path, to: str) -> float:
    """Seconds of the command."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "gan.data.convert", source, target, "--to", to], cwd=ROOT, check=True)
    return time.perf_counter() - started


def same_files(source: Path, target: Path) -> bool:
    """Whether the IDX files in `target` are those in `source`, unpacked."""
    for path in sorted(target.iterdir()):
        packed = source / f"{path.name}.gz"
        original = gzip.decompress(packed.read_bytes()) if packed.exists() else (source / path.name).read_bytes()
        if path.read_bytes() != original:
            return False
    return True


def measure_speed(source: Path, work: Path) -> None:
    there, back = convert(source, work / "pictures", "folder"), convert(work / "pictures", work / "back", "idx")
    print(f"converted to PNG in {there:.1f} s, back in {back:.1f} s: same bytes {same_files(source, work / 'back')}")
    first, digest = load(work / "pictures")
    second, again = load(work / "pictures")
    _, original = load(source)
    print(f"same data as the IDX files: {digest == again == original}")
    print(f"check and decode of 70,000 PNG files: {first:.1f} s, {70_000 / first:,.0f} images/s; again: {second:.2f} s")


def measure_memory(work: Path, limit_gb: float) -> None:
    images = int(4 * limit_gb * 1e9 / (3 * SIDE**2)) + 1
    write_shapes(work / "shapes", train=images - images // 10, test=images // 10, side=SIDE)
    (work / "config.yaml").write_text(
        "cls_width: 2\ncls_epochs: 1\ncls_batch_size: 64\ngen_width: 2\ncrit_width: 2\ngan_epochs: 1\n"
    )
    arguments = ["--data-path", work / "shapes", "-c", work / "config.yaml", "--save-dir", work / "checkpoints"]
    started = time.perf_counter()
    for script in ("classifier.py", "train.py"):
        subprocess.run([sys.executable, ROOT / script, *arguments, "--log-dir", work / "logs" / script], check=True)
    seconds, peak = time.perf_counter() - started, children_peak_memory_gb()
    cache = sum(path.stat().st_size for path in (work / "shapes" / "cache").rglob("images.bin")) / 1e9
    verdict = "below" if peak < limit_gb else "NOT below"
    print(
        f"cache of {cache:.2f} GB ({images:,} images of {SIDE}x{SIDE} RGB), checked and trained on in {seconds:.0f} s:"
    )
    print(f"peak memory {peak:.2f} GB, {verdict} the limit of {limit_gb} GB")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data-path", default=Path("datasets/MNIST"), type=Path)
    flags.add_argument("--work-dir", type=Path, help="where all goes that is made (default: a temporary directory)")
    flags.add_argument("--limit-gb", default=1.25, type=float, help="of memory, for the second part")
    flags.add_argument("--only", choices=("speed", "memory"))
    args = flags.parse_args()
    work = Path(tempfile.mkdtemp(prefix="folder-", dir=args.work_dir))
    try:
        print(f"{processor_name()}, {today()}")
        if args.only != "speed":
            measure_memory(work, args.limit_gb)
        if args.only != "memory":
            measure_speed(args.data_path.resolve(), work)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
