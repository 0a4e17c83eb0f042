"""Measure samples by any of the metrics: each value with its interval, and beside it what real images get.

    evaluation = evaluate(real, fake, {"fid": as_metric(METRICS["fid"])}, seed=0)
    evaluation.scores["fid"]        # Score(value=..., low=..., high=..., real=..., times_floor=...)

An interval holds 95 %, by how far the values of random parts of the samples are apart: a bootstrap without replacement
(Politis and Romano, 1994), since a copy would be its own nearest neighbour. Halves vary around the value of all samples
as that does around the value of all that could be drawn; smaller parts vary more, in a known proportion. The nth sample
of every class may have one style, so halves are of whole styles, where there are some; parts are of images, as a set of
fewer styles would be less diverse. A metric that looks at all images once gives the error of its number itself.

Shapes: `N` images.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from gan.data.dataset import Indices, Labels
from gan.evaluation.features import Features
from gan.evaluation.floor import SPLITS, halves
from gan.evaluation.metric import Estimate, MeanShare, Metric, Share, numbers_in
from gan.freeing import free_unused
from gan.sampling import places_in_class
from gan.seeding import Purpose, numpy_stream

COVERED = 0.95
"""Of what could be, in an interval."""

FEW_STYLES = 20
"""Of so few, halves would be much the same each time: then they are of images."""


@dataclass(frozen=True)
class Score:
    """A number, and what one must know of it.

    Attributes:
        value: of the samples; NaN if there are too few images for it to mean something.
        low, high: its 95 % interval, by the choice of samples.
        real: what real images get in the samples' place: the floor of a distance, the ceiling of a share.
        real_spread: one standard deviation of that.
        samples: how many images of either kind were compared at a time.
        times_floor: how many times as far from the perfect value it is as real images are, or as `real_spread` where
            that is larger; None where there is no perfect value.
        metric: which it belongs to.
    """

    value: float
    low: float
    high: float
    real: float
    real_spread: float
    samples: int
    times_floor: float | None
    metric: str


class Evaluation(NamedTuple):
    """All that was found.

    Attributes:
        scores: by name.
        details: what is no number, by name, such as a confusion matrix.
        worst: the name of the score that is the most times its floor; None if there is none.
    """

    scores: dict[str, Score]
    details: dict[str, Any]
    worst: str | None

    @property
    def too_few(self) -> list[str]:
        """Names of those that would have needed more images."""
        return [name for name, score in self.scores.items() if math.isnan(score.value)]


class _Found(NamedTuple):
    """Values of one score."""

    value: float
    error: float
    real: float
    real_spread: float
    repeats: int = 0  # By which the error was found; 0: by a formula.


def evaluate(
    real: Features,
    fake: Features,
    metrics: Mapping[str, Metric],
    *,
    seed: int,
    progress: Callable[[str], None] = lambda name: None,
) -> Evaluation:
    """Measure `fake` against `real`, whose `known` is there.

    Args:
        real: images that no network was trained on.
        fake: samples, or what is to be looked at in their place.
        metrics: by name.
        seed: of the random parts.
        progress: is told the name of each metric before it is measured.
    """
    scores: dict[str, Score] = {}
    details: dict[str, Any] = {}
    for name, metric in metrics.items():
        progress(name)
        free_unused()
        by = _whole if metric.whole else _alone if metric.alone else _parts
        found, others, samples = by(metric, real, fake, seed)
        details |= others
        for key, (value, error, real_value, spread, repeats) in found.items():
            if metric.whole and math.isnan(real_value):
                value = math.nan  # Without a floor it says nothing.
            times = None
            if metric.perfect is not None and metric.headline and not math.isnan(value):
                floor = max(abs(real_value - metric.perfect), spread, 1e-12)
                times = abs(value - metric.perfect) / floor
            below = (1 + COVERED) / 2
            errors = float(stdtrit(repeats - 1, below) if repeats > 1 else ndtri(below))
            estimate = value if isinstance(value, Estimate) else Estimate(value, error)
            # A plain number: an estimate cannot be copied.
            scores[key] = Score(float(value), *estimate.interval(errors), real_value, spread, samples, times, name)
    ranked = {key: score.times_floor for key, score in scores.items() if score.times_floor is not None}
    return Evaluation(scores, details, max(ranked, key=lambda key: ranked[key]) if ranked else None)


_Measured = tuple[dict[str, _Found], dict[str, Any], int]


def _whole(metric: Metric, real: Features, fake: Features, seed: int) -> _Measured:
    """All images at once; the floor by halves, in proportion to 1/N."""
    found = metric.measure(real, fake)
    again = [metric.measure(real, fake.take(one)) for one in _half_the_styles(fake.labels, seed)]
    scale = len(real.labels) // 2 * (1 / len(real.labels) + 1 / len(fake.labels)) / 2
    floor = [metric.measure(real.take(one), real.take(other)) for one, other in halves(real.labels, seed=seed)]
    numbers = {
        name: _Found(
            value,
            _spread([float(each[name]) for each in again]),
            scale * _mean([float(each[name]) for each in floor]),
            scale * _spread([float(each[name]) for each in floor]),
            len(again),
        )
        for name, value in numbers_in(found).items()
    }
    others = {name: value for name, value in found.items() if name not in numbers}
    return numbers, others | _floors_of(others, floor, scale), min(len(real.labels), len(fake.labels))


def _floors_of(others: Mapping[str, Any], floor: list[Any], scale: float) -> dict[str, Any]:
    """Of values by class, their floors, under `NAME_floor`."""
    return {
        f"{name}_floor": {key: scale * _mean([each[name].get(key, math.nan) for each in floor]) for key in values}
        for name, values in others.items()
        if isinstance(values, dict)
    }


def _alone(metric: Metric, real: Features, fake: Features, seed: int) -> _Measured:
    """The samples by themselves, and real images in their place."""
    chosen = [_some(each.labels, metric.most, seed) for each in (real, fake)]
    same = real is fake
    real = real.take(chosen[0])
    fake = real if same else fake.take(chosen[1])
    found, ceiling = metric.measure(real, fake), metric.measure(real, real)
    numbers = {
        name: _Found(value, _error(value), float(ceiling[name]), _error(ceiling[name]))
        for name, value in numbers_in(found).items()
    }
    return numbers, {name: value for name, value in found.items() if name not in numbers}, len(fake.labels)


def _parts(metric: Metric, real: Features, fake: Features, seed: int) -> _Measured:
    """Random parts of as many images on all sides: real against samples, and real against real."""
    size = min(metric.most, len(real.labels) // 2, len(fake.labels) // 2)
    if metric.most_values and real.images is not None:
        size = min(size, max(2, metric.most_values // real.images[0].size))
    runs: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for split in range(metric.splits):
        one, other = _two(real.labels, size, seed, split)
        part = _some(fake.labels, size, seed, split + 1)
        kept = real.take(one)
        runs.append((metric.measure(kept, fake.take(part)), metric.measure(kept, real.take(other))))
    numbers = {}
    for name, value in numbers_in(runs[0][0]).items():
        fakes, reals = ([each[side][name] for each in runs] for side in (0, 1))
        # Of all samples that could be drawn, these are some; and of these, the parts are some.
        share = size / len(fake.labels)
        error = _spread(fakes) * math.sqrt(share / (1 - share) + 1 / metric.splits)
        error = _error(value) if metric.splits == 1 else error
        spread = _error(reals[0]) if metric.splits == 1 else _spread(reals)
        middle = value if metric.splits == 1 else _mean(fakes)
        if isinstance(value, Share) and metric.splits > 1:
            middle = MeanShare(middle, min(metric.splits * size, len(fake.labels)), error)
        numbers[name] = _Found(middle, error, _mean(reals), spread, 0 if metric.splits == 1 else metric.splits)
    return numbers, {name: value for name, value in runs[0][0].items() if name not in numbers}, size


def _error(value: object) -> float:
    return value.error if isinstance(value, Estimate) else math.nan


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _some(labels: Labels, size: int, seed: int, split: int = 0) -> Indices:
    """Random images, sorted."""
    return np.sort(numpy_stream(Purpose.MATCHED, seed, split).permutation(len(labels))[:size])


def _half_the_styles(labels: Labels, seed: int) -> Iterator[Indices]:
    """Random halves of the samples, each with half of every class: one of each two styles.

    Of a class with an odd number of samples the last one falls to either half.
    """
    numbers = places_in_class(labels) - 1
    if numbers.max() < FEW_STYLES:
        yield from (one for one, _ in halves(labels, seed=seed))
        return
    odd = np.flatnonzero((numbers % 2 == 0) & (numbers == np.bincount(labels)[labels] - 1))
    for split in range(SPLITS):
        draw = numpy_stream(Purpose.HALVES, seed, split)
        is_in = (numbers + draw.integers(2, size=numbers.max() // 2 + 1)[numbers // 2]) % 2 == 0
        is_in[draw.permutation(odd)] = (np.arange(len(odd)) + draw.integers(2)) % 2 == 0
        yield np.flatnonzero(is_in)


def _two(labels: Labels, size: int, seed: int, split: int) -> Iterator[Indices]:
    """Two random parts without a common image, each of about as many of each class as all have."""
    one, other = next(halves(labels, seed=seed + split, splits=1))
    draw = numpy_stream(Purpose.HALVES, seed, 1_000 + split)
    return iter([np.sort(draw.permutation(each)[:size]) for each in (one, other)])
