"""Evaluations side by side, and which differences are larger than those between seeds.

    compare([Path("evaluations/plain-0"), Path("evaluations/plain-1"), Path("evaluations/hinge-0")], Path("comparison"))

Runs whose settings differ in the seed alone are one recipe. Two recipes of two seeds or more are compared by Welch's
t-test: a difference counts if chance brings one as large in fewer than one of twenty cases. A run that was evaluated
with several `--seed`, all runs with the same ones, counts once, with the mean of its scores: draws of one run are no
seeds of a recipe.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan.errors import MissingError, UserError
from gan.files import file_errors, read_file, write_atomically

SAME = ("data", "split", "samples", "classifier", "layer", "judge", "own_styles")
"""What evaluations must have in common."""

MAY_LACK = ("judge", "own_styles")
"""What some have none of: those without the judge's scores, and those of images."""

CHANCE = 0.05


class Recipe(NamedTuple):
    """Runs of one recipe.

    Attributes:
        name: what is other than in the first recipe, or the names of its directories.
        runs: what the evaluations of each found, one for each `--seed`.
    """

    name: str
    runs: list[list[dict[str, Any]]]

    def values(self, score: str) -> list[float]:
        """Of each run the mean over its evaluations."""
        found = [[each["scores"].get(score, {}).get("value") for each in run] for run in self.runs]
        return [float(np.mean(run)) for run in found if None not in run]

    def steps(self) -> str:
        """The least and the most of its checkpoints; of images there are none."""
        found = sorted({each["step"] for run in self.runs for each in run if each.get("step") is not None})
        return " to ".join(f"{step:,}" for step in dict.fromkeys((found[0], found[-1]))) if found else "–"


@file_errors()
def compare(directories: Sequence[Path], output_dir: Path) -> None:
    """Print a table, and write it as `comparison.md`.

    Raises:
        UserError: an evaluation is not there, or they cannot be compared.
    """
    recipes = grouped([(directory, _read(directory)) for directory in directories])
    rows = table(recipes)
    text = "".join(f"| {' | '.join(row)} |\n" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))
    output_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(output_dir / "comparison.md", text.encode())
    print(text, end="")
    draws = len(recipes[0].runs[0])
    of_draws = f" of runs, each the mean of {draws} evaluations" if draws > 1 else ""
    print(
        f"mean ± standard deviation over seeds{of_draws}; "
        f"* a difference from {recipes[0].name} that exceeds the spread of seeds"
    )
    print(output_dir / "comparison.md")


def _read(directory: Path) -> dict[str, Any]:
    path = directory / "evaluation.json" if directory.is_dir() else directory
    if not path.is_file():
        raise MissingError(f"{path}: no such file; expected what ./evaluate.py --output-dir {directory} writes")
    try:
        found = json.loads(read_file(path), parse_constant=_refuse)
        numbers = [score[name] for score in found["scores"].values() for name in ("value", "real")]
        if not isinstance(found.get("config"), dict | None):
            raise TypeError
        whole = [found.get("seed"), found.get("step"), (found.get("config") or {}).get("seed")]
        if not all(each is None or (isinstance(each, float | int) and math.isfinite(each)) for each in numbers):
            raise TypeError
        if not all(isinstance(each, int | None) for each in whole):
            raise TypeError
        if found.get("checkpoint"):
            found.setdefault("own_styles", False)  # As all were that do not say.
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no evaluation; expected an evaluation.json of ./evaluate.py") from error
    return dict(found)


def _refuse(constant: str) -> None:
    """Refuse what is no number, such as NaN, for which `evaluate.py` writes null."""
    raise ValueError(constant)


def grouped(found: Sequence[tuple[Path, dict[str, Any]]]) -> list[Recipe]:
    """By recipe, in the order of the first run of each.

    Raises:
        UserError: they were not measured alike.
    """
    for name in SAME:
        known = [(path, run) for path, run in found if name not in MAY_LACK or run.get(name) is not None]
        for path, run in known:
            first_path, first = known[0]
            if run.get(name) != first.get(name):
                raise UserError(
                    f"{path} and {first_path} cannot be compared: {name} is {run.get(name)} and {first.get(name)}; "
                    "evaluate both with the same data, --classifier-dir, --samples and --own-styles"
                )
    reference = found[0][1].get("config") or {}
    groups: dict[str, dict[Any, list[tuple[Path, dict[str, Any]]]]] = {}
    for path, run in found:
        settings = {name: value for name, value in (run.get("config") or {}).items() if name != "seed"}
        key = json.dumps(settings, sort_keys=True) if settings else str(path.resolve())
        members = groups.setdefault(key, {}).setdefault((run.get("config") or {}).get("seed"), [])
        twin = next((other for other, one in members if not _two_draws(one, run)), None)
        if twin:
            what = "of one training run, by their settings" if settings else "one evaluation"
            raise UserError(f"{path} and {twin} are {what}; name one of them")
        members.append((path, run))
    _require_same_draws([members for group in groups.values() for members in group.values()])
    recipes = []
    for group in groups.values():
        path, run = next(iter(group.values()))[0]
        config = run.get("config") or {}
        changes = [
            f"{name}={value}" for name, value in config.items() if name != "seed" and value != reference.get(name)
        ]
        name = ", ".join(changes) if changes and reference else path.name
        seeds = f"{len(group)} seed{'s' * (len(group) > 1)}"
        recipes.append(Recipe(f"{name} ({seeds})", [[each for _, each in members] for members in group.values()]))
    return recipes


def _two_draws(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether evaluations of one training run are of one checkpoint, with samples of two seeds."""
    return bool(one.get("seed") != other.get("seed") and one.get("step") == other.get("step"))


def _require_same_draws(runs: Sequence[Sequence[tuple[Path, dict[str, Any]]]]) -> None:
    draws = [sorted({str(each.get("seed")) for _, each in members}) for members in runs]
    for members, seeds in zip(runs, draws, strict=True):
        if seeds != draws[0]:
            raise UserError(
                f"{members[0][0]} and {runs[0][0][0]} cannot be compared: they were evaluated with --seed "
                f"{', '.join(seeds)} and {', '.join(draws[0])}; evaluate each run with the same ones"
            )


def differ(one: Sequence[float], other: Sequence[float]) -> bool | None:
    """Whether the means differ by more than the spread of seeds; None where that cannot be known."""
    if min(len(one), len(other)) < 2:
        return None
    if np.std(one) == np.std(other) == 0:
        return bool(one[0] != other[0])
    from scipy import stats  # Half a second and 45 MB, which an evaluation does without.

    return bool(stats.ttest_ind(one, other, equal_var=False).pvalue < CHANCE)


def table(recipes: Sequence[Recipe]) -> list[list[str]]:
    """Rows of text: a score in each, and the steps of the checkpoints in the last; a column per recipe."""
    runs = [[each["scores"] for each in run] for recipe in recipes for run in recipe.runs]
    names = list(dict.fromkeys(name for run in runs for scores in run for name in scores))
    rows = [["score", "real images", *(recipe.name for recipe in recipes)]]
    for name in names:
        found = [np.array([scores[name]["real"] for scores in run if name in scores], float) for run in runs]
        reals = [each.mean() for each in found if each.size]
        # What a critic says of real images is each run's own.
        real = reals[0] if np.allclose(reals, reals[0], 1e-3) else None
        cells = []
        for number, recipe in enumerate(recipes):
            values = recipe.values(name)
            spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
            mark = " *" if number and differ(recipes[0].values(name), values) else ""
            part = f" ({len(values)} of {len(recipe.runs)} seeds)" if len(values) < len(recipe.runs) else ""
            cells.append(f"{np.mean(values):.4g}{spread}{mark}{part}" if values else "–")
        rows.append([name, "–" if real is None or math.isnan(real) else f"{real:.4g}", *cells])
    steps = [recipe.steps() for recipe in recipes]
    return [*rows, ["step", "–", *steps]] if any(each != "–" for each in steps) else rows
