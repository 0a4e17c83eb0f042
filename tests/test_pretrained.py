"""The trained models that come with the project: whole, small, and what their cards say they are."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan import checkpoints
from gan.evaluation.features import Reader, digest_of_weights
from gan.images import Pixels
from gan.labels import one_hot
from gan.sampling import Sampler, styles

ROOT = Path(__file__).parents[1]
MODELS = sorted(path.parent for path in (ROOT / "pretrained").glob("*/README.md"))
PER_CLASS = 20


def drawn(sampler: Sampler) -> tuple[Pixels, np.ndarray]:
    classes = np.repeat(np.arange(sampler.spec.num_classes), PER_CLASS)
    numbers = list(range(1, len(classes) + 1))
    z = styles(sampler.noise_dims, seed=3, numbers=numbers)
    return sampler.sample(one_hot(classes, sampler.spec.num_classes), z), classes.astype(np.int32)


def test_there_are_some():
    assert {"mnist", "hands"} <= {path.name for path in MODELS}


@pytest.mark.parametrize("directory", MODELS, ids=lambda path: path.name)
def test_a_pretrained_model_draws_what_is_asked_for(directory: Path):
    """By its classifier, of whose features its scores are made."""
    classifier = checkpoints.load(directory, "classifier")
    gan = checkpoints.find(directory, "gan")
    assert gan.about.classifier == digest_of_weights(classifier.network)
    assert (gan.about.data, gan.about.spec) == (classifier.about.data, classifier.about.spec)
    images, classes = drawn(Sampler.from_checkpoint(directory))
    assert Reader(classifier.network).accuracy(images, classes) > 0.9
    same = images[classes == 0].astype(np.float32)
    assert same.std(axis=0).mean() > 5, "the images of a class are one image"


@pytest.mark.parametrize("directory", MODELS, ids=lambda path: path.name)
def test_a_pretrained_model_is_small_and_has_a_card(directory: Path):
    assert sum(path.stat().st_size for path in directory.rglob("*")) < 12e6
    card = (directory / "README.md").read_text()
    judge = checkpoints.load(directory, "judge")
    for word in (f"pretrained/{directory.name}", digest_of_weights(judge.network), "Licen", "score", "interval"):
        assert word.lower() in card.lower()


def test_a_script_draws_from_a_pretrained_model(tmp_path: Path):
    command = [sys.executable, ROOT / "generate.py", "--load-dir", ROOT / "pretrained" / "mnist"]
    subprocess.run([*command, "--output-dir", tmp_path, "--images-per-class", "2"], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{k}-{n}.jpg" for k in range(10) for n in (1, 2))
