"""How much of what the critic knows it has learnt by heart, while a GAN trains (after r_v of arXiv 2006.06676).

The mean score of images that the critic is trained on less that of images held out, as a share of how much higher the
former are than samples. Near 0 the critic is as good on images it has never seen; at 1 those are samples to it.

    overfit = Overfit(critic, run.batches.subset, run.scored, num_classes=10, noise_dims=100, seed=0)
    overfit.measure(sampler.sample)    # {"critic_overfit": 0.03}

Range: any, since few images make it noisy; above about 0.5 more images, or `augment`, would help. Shapes: `N` images,
`K` classes, `Z` style.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from gan.data.dataset import Subset
from gan.devices.inference import Inference
from gan.evaluation.features import BATCH
from gan.images import Pixels, network_from_pixels
from gan.labels import Floats, one_hot
from gan.seeding import Purpose, numpy_stream

MOST = 1_000
"""Images of each kind."""


class Overfit:
    """Args:
    critic: of the networks that are trained.
    learnt: what it is trained on.
    held_out: what it is not.
    num_classes: K.
    noise_dims: Z.
    seed: of the choice of images and of the styles.
    strategy: whose variables the critic's are; by default there is one replica.
    """

    def __init__(
        self,
        critic: keras.Model,
        learnt: Subset,
        held_out: Subset,
        *,
        num_classes: int,
        noise_dims: int,
        seed: int,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        # A critic that looks at several images together sees in both kinds as many of a class beside an image.
        grouped = hasattr(critic, "group")
        most = min(MOST, learnt.size, held_out.size) if grouped else MOST
        self._learnt, self._held_out = (
            part.take(numpy_stream(Purpose.SCORED_IMAGES, seed, 1).permutation(part.size)[:most])
            for part in (learnt, held_out)
        )
        self._num_classes = num_classes
        draw = numpy_stream(Purpose.SCORED_STYLES, seed, 1)
        self._styles = draw.standard_normal((self._held_out.size, noise_dims), dtype=np.float32)
        self._score = Inference(
            lambda pixels, labels: [critic(network_from_pixels(tf.cast(pixels, tf.float32)), labels)],
            size=BATCH,
            strategy=strategy,
        )

    def measure(self, sample: Callable[[Floats, Floats], Pixels]) -> dict[str, float]:
        """`critic_overfit`, of images that `sample(labels (N, K), styles (N, Z))` draws.

        Nothing while the critic scores samples no lower than images it is trained on, as at the start of a run.
        """
        held_out = self._labels(self._held_out)
        learnt = self._mean(self._learnt.gather(), self._labels(self._learnt))
        lead = learnt - self._mean(sample(held_out, self._styles), held_out)
        if lead <= 0:
            return {}
        return {"critic_overfit": (learnt - self._mean(self._held_out.gather(), held_out)) / lead}

    def _labels(self, part: Subset) -> Floats:
        return one_hot(part.labels.tolist(), self._num_classes)

    def _mean(self, images: Pixels, labels: Floats) -> float:
        return float(self._score(images, labels)[0].mean(dtype=np.float64))
