"""What a metric is: a function of real images and samples, and what one must know to read its numbers.

Shapes: `N` images.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gan.data.dataset import Subset
from gan.evaluation.features import Features
from gan.images import Pixels
from gan.labels import Floats

Need = Literal["blocks", "judged", "images", "train", "critic"]
Measured = Mapping[str, Any]
"""Numbers by name; what is not a number, such as a confusion matrix, is for the report alone."""


NORMAL_ERRORS = 1.96
"""Standard errors around a value between which the true one lies 95 times in 100, where the error is known."""


class Estimate(float):
    """A number that knows its standard error."""

    error: float

    def __new__(cls, value: float, error: float) -> "Estimate":
        made = super().__new__(cls, value)
        made.error = error
        return made

    @classmethod
    def share(cls, right: NDArray[np.bool_]) -> "Share":
        """Of those that are true, by as many independent looks."""
        return Share(float(np.mean(right)), len(right))

    def interval(self, errors: float) -> tuple[float, float]:
        """From and to so many standard errors away."""
        return self - errors * self.error, self + errors * self.error


class Share(Estimate):
    """A share of so many looks. Its interval is Wilson's, which stays within 0 and 1 and has a width at both."""

    looks: int

    def __new__(cls, value: float, looks: int) -> "Share":
        made = float.__new__(cls, value)
        made.error, made.looks = float(np.sqrt(value * (1 - value) / looks)), looks
        return made

    def interval(self, errors: float) -> tuple[float, float]:
        """The shares of which this one is so many standard errors away (of those shares)."""
        square = errors**2 / self.looks
        middle = (self + square / 2) / (1 + square)
        reach = float(np.sqrt(square * self * (1 - self) + square**2 / 4)) / (1 + square)
        return max(middle - reach, 0.0), min(middle + reach, 1.0)  # By rounding, they may lie beyond.


class MeanShare(Share):
    """A share whose error is known otherwise, by several parts for instance: not less than that of so many looks."""

    def __new__(cls, value: float, looks: int, error: float) -> "MeanShare":
        made = float.__new__(cls, value)
        made.error, made.looks = error, looks
        return made

    def interval(self, errors: float) -> tuple[float, float]:
        ends = super().interval(min(errors, NORMAL_ERRORS)), Estimate(self, self.error).interval(errors)
        (low, high), (lower, higher) = ends
        return max(min(low, lower), 0.0), min(max(high, higher), 1.0)


@dataclass(frozen=True)
class Known:
    """What there is to compare with besides real images.

    Attributes:
        num_classes: K.
        seed: of what a metric draws.
        train: the training images of both networks.
        critic: images (N, H, W, C) uint8 and label vectors (N, K) -> scores (N,), of the checkpoint that drew.
        samples: how many of them there are; None: as many as training images.
        fresh: makes a network of the judge's kind: images (N, H, W, C) uint8 -> logits (N, K).
    """

    num_classes: int
    seed: int
    train: Subset
    critic: Callable[[Pixels, Floats], NDArray[np.float32]] | None = None
    fresh: Callable[[], Any] | None = None
    samples: int | None = None
    _found: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """What was computed under this name, now or before."""
        if name not in self._found:
            self._found[name] = compute()
        return self._found[name]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How well samples match real images, as one or more numbers.

    Attributes:
        measure: `(real, fake) -> {name: value}`.
        says: what its numbers say, in one sentence.
        blind: what they cannot see, in one sentence.
        form: of a number, for people.
        perfect: the value of a perfect generator if there were images without end; None where there is no such value.
        headline: its distance from the perfect value is compared with the floor's, and the worst is named first.
        whole: looks at all images at once, and falls with their number as 1/N.
        alone: says something of samples for which no other set is needed, but those in `known`.
        most: images of either kind at a time, if it is not whole; each time at most half of them.
        most_values: of their pixels in all, so that of large images fewer are looked at; None: any number.
        splits: how often, with other images.
        training: a run is scored by it as it trains.
        asked: it takes long, and is only done where it is named.
        needs: what it looks at besides features, classes and labels.
    """

    measure: Callable[[Features, Features], Measured]
    says: str = ""
    blind: str = ""
    form: str = ".3f"
    perfect: float | None = None
    headline: bool = False
    whole: bool = False
    alone: bool = False
    most: int = 5_000
    most_values: int | None = None
    splits: int = 5
    training: bool = False
    asked: bool = False
    needs: tuple[Need, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set(self.needs) - set(get_args(Need)):
            raise ValueError(f"a metric needs {min(unknown)!r}; expected some of {', '.join(get_args(Need))}")
        if self.training and self.needs:
            raise ValueError(
                f"a metric needs {self.needs[0]!r}, which a run that trains does not have: leave training out"
            )


def numbers_in(found: Measured) -> dict[str, float]:
    """Only the numbers, NumPy's among them as Python's own."""
    return {
        name: value if isinstance(value, float) else float(value)
        for name, value in found.items()
        if isinstance(value, float | int | np.number)
    }


def as_metric(found: Any) -> Metric:
    """An entry of the registry's table: a metric, or a plain function, by which a run is scored as it trains."""
    return found if isinstance(found, Metric) else Metric(measure=found, training=True)
