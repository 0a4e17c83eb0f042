"""Runs that are killed many times: as two tests of minutes, which two cores can share."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import clean_environment

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kills", [13, 12])
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(kills):
    """At random moments, often within a save; and the benchmark that does it 200 times works."""
    words = [sys.executable, str(ROOT / "benchmarks" / "kills.py"), "--kills", str(kills)]
    words += ["--seed", str(random.randrange(1000))]
    done = subprocess.run(words, env=clean_environment(), capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same weights, optimizers and records as an undisturbed run: True" in done.stdout
    inside = int(done.stdout.partition(" kills, ")[2].partition(" of them")[0])
    assert inside > 0
