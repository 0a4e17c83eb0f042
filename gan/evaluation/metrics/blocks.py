"""Fréchet distances of what every block of the classifier sees, averaged over the image.

The first blocks see edges, strokes and colours, which the last layer has forgotten if no class needs them. The distance
is that of `gan.evaluation.metrics.frechet`.

Range: from 0, which is best; units are those of the features, squared, so each is compared with its own floor alone.
Shapes: `N` images.
"""

from gan.evaluation.features import Features
from gan.evaluation.metric import Metric
from gan.evaluation.metrics.frechet import distance_of


def _blocks(real: Features, fake: Features) -> dict[str, float]:
    pairs = zip(real.blocks, fake.blocks, strict=True)
    return {f"block_{number}": distance_of(*pair) for number, pair in enumerate(pairs, start=1)}


blocks = Metric(
    measure=_blocks,
    says="The distance at every depth of the classifier: block 1 sees strokes, edges and noise, the later ones shapes.",
    blind="Where in the image something is, since each block is averaged over it.",
    form=".3g",
    perfect=0.0,
    headline=True,
    whole=True,
    needs=("blocks",),
)
