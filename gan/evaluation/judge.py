"""The judge of class accuracy: trained once for a classifier's images, and kept beside it.

    judge = find_judge(Path("checkpoints"), classifier.about, learnt)
    classes = judge(images)

Shapes: `N` images, `H W C` image.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gan import checkpoints, places
from gan.about import About, Damaged, OtherVersion
from gan.data.dataset import Subset
from gan.devices.inference import Inference
from gan.errors import MissingError
from gan.evaluation.features import BATCH, digest_of_weights
from gan.evaluation.fitting import fit
from gan.freeing import free_unused
from gan.images import Pixels
from gan.models import build
from gan.seeding import Purpose, numpy_stream

EPOCHS, FEWEST_STEPS = 3, 600
MOST = 60_000
"""Training images."""


class Judge(NamedTuple):
    """Images (N, H, W, C) uint8 -> classes (N,), and twelve digits of its weights."""

    classes: Callable[[Pixels], NDArray[np.int64]]
    digest: str


def fresh(classifier: About) -> keras.Model:
    """A network of the judge's kind that has learnt nothing yet."""
    about = _about(classifier)
    keras.utils.set_random_seed(about.config.seed)
    return build(about, "judge")


def _about(classifier: About) -> About:
    config = replace(
        classifier.config, seed=(classifier.config.seed + 1) % 2**31
    )  # The next one that a config may have.
    return About("judge", 1, classifier.spec, config, classifier.data)


def find_judge(directory: Path, classifier: About, learnt: Subset) -> Judge:
    """The judge of a directory, or a new one, which is saved there.

    Args:
        directory: of the classifier's checkpoints.
        classifier: what it was trained on and with; the judge has the next seed.
        learnt: the images that both are trained on.
    """
    about = _about(classifier)
    try:
        found = checkpoints.load(directory, "judge")
    except (Damaged, MissingError, OtherVersion):
        found = None
    if found is None or (found.about.data, found.about.config.held_out) != (about.data, about.config.held_out):
        _train(directory, about, classifier, learnt)
        free_unused()  # All that TensorFlow made for the training: it lives as long as the network that was trained.
        found = checkpoints.load(directory, "judge")
    network = found.network
    read = Inference(lambda images: [network(images)], size=BATCH)

    def classes(images: Pixels) -> NDArray[np.int64]:
        return read(images)[0].argmax(axis=1)

    return Judge(classes, digest_of_weights(network))


def _train(directory: Path, about: About, classifier: About, learnt: Subset) -> None:
    """Make a new judge; its progress is shown."""
    print(f"training the judge, once: it stays in {directory}", file=sys.stderr)
    with places.writing(directory, "judge"):
        network = fresh(classifier)
        some = learnt
        if learnt.size > MOST:
            some = learnt.take(numpy_stream(Purpose.FITTING, about.config.seed).permutation(learnt.size)[:MOST])
        with tqdm(total=100, desc="judge", unit="%", disable=None) as bar:
            fit(
                network,
                some,
                epochs=EPOCHS,
                fewest_steps=FEWEST_STEPS,
                seed=about.config.seed,
                progress=lambda share: bar.update(round(100 * share) - bar.n),
            )
        checkpoints.save(directory, about, {"judge": network}, keep=1)
