"""Apart from the other tests of resuming: it takes minutes, and a file is tested on one core."""

import random
import subprocess
import sys
from pathlib import Path

from helpers import clean_environment

ROOT = Path(__file__).parents[1]


def test_a_run_that_is_killed_25_times_ends_as_one_that_was_not():
    """At random moments, often within a save; and the benchmark that does it 200 times works."""
    words = [sys.executable, str(ROOT / "benchmarks" / "kills.py"), "--kills", "25"]
    words += ["--seed", str(random.randrange(1000))]
    done = subprocess.run(words, env=clean_environment(), capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same weights, optimizers and records as an undisturbed run: True" in done.stdout
    inside = int(done.stdout.partition(" kills, ")[2].partition(" of them")[0])
    assert inside > 0
