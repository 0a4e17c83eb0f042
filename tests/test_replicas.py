"""One run on any number of replicas is the same run: each number in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import clean_environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[int, dict[str, np.ndarray]]:
    """What it comes to on so many; replicas were equal, bit for bit, after 100 steps."""
    directory = tmp_path_factory.mktemp("replicas")
    outcomes = {}
    for replicas in (1, 2, 4):
        path = directory / f"{replicas}.npz"
        words = [sys.executable, str(Path(__file__).with_name("on_replicas.py")), str(replicas), str(path)]
        done = subprocess.run(words, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        outcomes[replicas] = dict(np.load(path))
    return outcomes


@pytest.mark.parametrize("replicas", [2, 4])
def test_the_weights_after_a_step_are_the_same(found, replicas):
    compared = 0
    for name, one in found[1].items():
        if name.startswith("variable "):
            # Momenta are gradients, sums in which much cancels.
            tolerance = 1e-5 if "optimizer" in name else 1e-6
            scale = np.abs(one).max()
            np.testing.assert_allclose(one, found[replicas][name], rtol=tolerance, atol=tolerance * scale, err_msg=name)
            compared += 1
        elif name.startswith("metric "):
            np.testing.assert_allclose(one, found[replicas][name], rtol=1e-5, err_msg=name)
    assert compared > 50


@pytest.mark.parametrize("replicas", [2, 4])
def test_scores_features_and_images_are_the_same_to_the_bit(found, replicas):
    """Of numbers of images that the replicas do not divide; none is lost and none comes twice."""
    for name in ("scores", "features", "images"):
        np.testing.assert_array_equal(found[1][name], found[replicas][name], err_msg=name)
    assert len(found[1]["features"]) == len(np.unique(found[1]["features"], axis=0)) == 263
    assert len(found[1]["images"]) == 150
