"""Classification accuracy scores (arXiv 1905.10887): what a fresh classifier learns from samples, and of them.

`cas` trains on samples and tests on real test images; `cas_reverse` trains on as many real training images and tests on
samples. The first falls if samples are wrong or lack variety, the second if they are wrong or odd.

Range: 0 to 1; what real training images reach in the samples' place stands beside. Shapes: `N` samples, `K` classes.
"""

from gan.data.dataset import Subset
from gan.evaluation.features import Features
from gan.evaluation.fitting import fit
from gan.evaluation.metric import Estimate, Known, Metric
from gan.seeding import Purpose, numpy_stream

EPOCHS, FEWEST_STEPS = 6, 400


def _accuracy(learnt: Subset, tested: Subset, known: Known) -> Estimate:
    assert known.fresh is not None
    predict = fit(known.fresh(), learnt, epochs=EPOCHS, fewest_steps=FEWEST_STEPS, seed=known.seed)
    return Estimate.share(predict(tested.gather()).argmax(axis=1) == tested.labels)


def _cas(real: Features, fake: Features) -> dict[str, object]:
    known = real.known
    assert real.images is not None and fake.images is not None
    chosen = numpy_stream(Purpose.FITTING, known.seed).permutation(known.train.size)[: known.samples]
    train = known.train.take(chosen)
    test, samples = Subset.of(real.images, real.labels), Subset.of(fake.images, fake.labels)
    ceiling = known.once("cas", lambda: _accuracy(train, test, known))
    if fake is real:
        return {"cas": ceiling, "cas_reverse": ceiling}
    return {
        "cas": _accuracy(samples, test, known),
        "cas_reverse": _accuracy(train, samples, known),
    }


cas = Metric(
    measure=_cas,
    says="What a classifier that saw only samples gets right of real images, and the other way round.",
    blind="Whether the samples look like pictures: what is enough to tell the classes apart is enough here.",
    form=".2%",
    alone=True,
    most=50_000,
    splits=1,
    asked=True,
    needs=("images", "train"),
)
