"""Evaluations side by side, and which differences are larger than those between seeds.

    compare([Path("evaluations/plain-0"), Path("evaluations/plain-1"), Path("evaluations/hinge-0")], Path("comparison"))

Runs whose settings differ in the seed alone are one recipe. Two recipes of two seeds or more are compared by Welch's
t-test: a difference counts if chance brings one as large in fewer than one of twenty cases.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan.errors import MissingError, UserError
from gan.files import file_errors, read_file, write_atomically

SAME = ("data", "split", "samples", "classifier", "layer", "judge", "seed", "own_styles")
"""What evaluations must have in common."""

MAY_LACK = ("judge", "own_styles")
"""What some have none of: those without the judge's scores, and those of images."""

CHANCE = 0.05


class Recipe(NamedTuple):
    """Runs of one recipe.

    Attributes:
        name: what is other than in the first recipe, or the names of its directories.
        runs: what their evaluations found.
    """

    name: str
    runs: list[dict[str, Any]]

    def values(self, score: str) -> list[float]:
        found = [run["scores"].get(score, {}).get("value") for run in self.runs]
        return [value for value in found if value is not None]


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
    print(
        f"mean ± standard deviation over seeds; * a difference from {recipes[0].name} that exceeds the spread of seeds"
    )
    print(output_dir / "comparison.md")


def _read(directory: Path) -> dict[str, Any]:
    path = directory / "evaluation.json" if directory.is_dir() else directory
    if not path.is_file():
        raise MissingError(f"{path}: no such file; expected what ./evaluate.py --output-dir {directory} writes")
    try:
        found = json.loads(read_file(path))
        numbers = [score[name] for score in found["scores"].values() for name in ("value", "real")]
        if not all(isinstance(each, float | int | None) for each in [*numbers, found.get("seed")]):
            raise TypeError
        if not isinstance(found.get("config"), dict | None):
            raise TypeError
        if found.get("checkpoint"):
            found.setdefault("own_styles", False)  # As all were that do not say.
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no evaluation; expected an evaluation.json of ./evaluate.py") from error
    return dict(found)


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
                    "evaluate both with the same data, --classifier-dir, --samples, --seed and --own-styles"
                )
    first = found[0][1]
    groups: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path, run in found:
        settings = {name: value for name, value in (run.get("config") or {}).items() if name != "seed"}
        key = json.dumps(settings, sort_keys=True) if settings else str(path.resolve())
        members = groups.setdefault(key, [])
        twin = next((other for other, one in members if _seed(one) == _seed(run)), None)
        if twin:
            what = "of one training run, by their settings" if settings else "one evaluation"
            raise UserError(f"{path} and {twin} are {what}; name one of them")
        members.append((path, run))
    reference = first.get("config") or {}
    recipes = []
    for members in groups.values():
        path, run = members[0]
        config = run.get("config") or {}
        changes = [
            f"{name}={value}" for name, value in config.items() if name != "seed" and value != reference.get(name)
        ]
        name = ", ".join(changes) if changes and reference else path.name
        recipes.append(Recipe(f"{name} ({len(members)} seed{'s' * (len(members) > 1)})", [run for _, run in members]))
    return recipes


def _seed(run: dict[str, Any]) -> Any:
    """Of its training."""
    return (run.get("config") or {}).get("seed")


def differ(one: Sequence[float], other: Sequence[float]) -> bool | None:
    """Whether the means differ by more than the spread of seeds; None where that cannot be known."""
    if min(len(one), len(other)) < 2:
        return None
    if np.std(one) == np.std(other) == 0:
        return bool(one[0] != other[0])
    from scipy import stats  # Half a second and 45 MB, which an evaluation does without.

    return bool(stats.ttest_ind(one, other, equal_var=False).pvalue < CHANCE)


def table(recipes: Sequence[Recipe]) -> list[list[str]]:
    """Rows of text: a score in each, a column per recipe."""
    names = list(dict.fromkeys(name for recipe in recipes for run in recipe.runs for name in run["scores"]))
    rows = [["score", "real images", *(recipe.name for recipe in recipes)]]
    for name in names:
        reals = [run["scores"][name]["real"] for each in recipes for run in each.runs if name in run["scores"]]
        # What a critic says of real images is each run's own.
        real = reals[0] if reals[0] is not None and np.allclose(np.array(reals, float), reals[0], 1e-3) else None
        cells = []
        for number, recipe in enumerate(recipes):
            values = recipe.values(name)
            spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
            mark = " *" if number and differ(recipes[0].values(name), values) else ""
            cells.append(f"{np.mean(values):.4g}{spread}{mark}" if values else "–")
        rows.append([name, "–" if real is None or math.isnan(real) else f"{real:.4g}", *cells])
    return rows
