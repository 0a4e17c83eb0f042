"""The report of an evaluation: one HTML file with its pictures in it, which asks nothing of any server.

    path = write_report(found, Path("evaluation"), log_dir=Path("logs/gan"))

Shapes: `N` images, `H W C` image, `K` classes, `L` label vectors.
"""

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gan.evaluation.evaluating import Found
from gan.evaluation.evaluation import Score
from gan.evaluation.scores import how_drawn
from gan.files import file_errors, write_atomically
from gan.images import Pixels, encode, enlarge, grid, grid_classes
from gan.interpolation import between_labels, between_styles
from gan.labels import one_hot
from gan.sampling import Sampler, styles

ROWS, SHOWN, STEPS = 8, 10, 10
MANY_CLASSES = 30
GREY, BLUE, RED = "#808890", "#3b82c4", "#d1603d"
"""Colours that are seen on light and on dark."""


class Figured(NamedTuple):
    """A picture of the report: a data URL, and what it shows for who does not see it."""

    url: str
    text: str


def template(name: str) -> jinja2.Template:
    """A page beside this file; everything that is put into it is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


@file_errors()
def write_report(found: Found, output_dir: Path, *, log_dir: Path) -> Path:
    """Write `report.html` into a directory.

    Args:
        found: by an evaluation.
        output_dir: where it goes.
        log_dir: where the run's records are, if they are still there: for the film and the curves.
    """
    records = log_dir / found.gan.about.records if found.gan and found.gan.about.records else None
    page = template("report.html").render(
        facts=found.facts,
        drawn=how_drawn(found.facts),
        title=found.facts["checkpoint"] or found.facts["images"],
        headline=_headline(found),
        metrics=_explained(found),
        rows=[_row(name, score, found) for name, score in found.evaluation.scores.items()],
        samples=_by_class(found, found.fake.images, found.fake.labels, "samples"),
        reals=_by_class(found, found.real.images, found.real.labels, "test images"),
        film=_film(records),
        curves=_curves(records),
        confusion=_confusion(found),
        bars=_bars(found),
        neighbours=_neighbours(found),
        surest=_surest(found),
        ways=_ways(found.sampler, found.facts["seed"]) if found.sampler else [],
        jpeg=_jpeg(found),
    )
    path = output_dir / "report.html"
    write_atomically(path, page.encode(errors="backslashreplace"))
    return path


def _url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _picture(images: Pixels, columns: int, text: str) -> Figured:
    """Images (N, H, W, C) as a grid."""
    picture = grid(images, columns=columns)
    return Figured(_url("png", encode(enlarge(picture, 2 if picture.shape[1] < 800 else 1), "png")), text)


def _drawn(draw: Callable[[Axes], None], text: str, *, size: tuple[float, float] = (6.4, 3.2)) -> Figured:
    """A figure that is drawn on axes: SVG, without a ground of its own."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    for spine in axes.spines.values():
        spine.set_color(GREY)
    axes.tick_params(colors=GREY, labelcolor=GREY)
    draw(axes)
    for label in (axes.title, axes.xaxis.label, axes.yaxis.label):
        label.set_color(GREY)
    if legend := axes.get_legend():
        legend.get_frame().set_alpha(0)
        for entry in legend.get_texts():
            entry.set_color(GREY)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Figured(_url("svg+xml", buffer.getvalue()), text)


def _number(value: float, form: str) -> str:
    return "–" if value is None or math.isnan(value) else format(value, form)


def _headline(found: Found) -> str:
    name = found.evaluation.worst
    if name is None:
        return "No distance with a noise floor: none was asked for, or there are too few images."
    score = found.evaluation.scores[name]
    assert score.times_floor is not None
    return f"The worst fault is in {name}: {score.times_floor:.1f} times its floor."


def _row(name: str, score: Score, found: Found) -> dict[str, str]:
    metric = found.metrics[score.metric]
    few = math.isnan(score.value)
    return {
        "name": name,
        "value": "too few images" if few else _number(score.value, metric.form),
        "interval": "–" if few else f"{_number(score.low, metric.form)} to {_number(score.high, metric.form)}",
        "real": f"{_number(score.real, metric.form)} ± {_number(score.real_spread, metric.form)}",
        "times": "–" if score.times_floor is None else f"{score.times_floor:.1f}",
        "samples": f"{score.samples:,}",
        "worst": "worst" if name == found.evaluation.worst else "",
    }


def _explained(found: Found) -> list[dict[str, str]]:
    """What each metric says, by the names of its scores."""
    names: dict[str, list[str]] = {}
    for name, score in found.evaluation.scores.items():
        names.setdefault(score.metric, []).append(name)
    return [
        {"names": ", ".join(of), "says": found.metrics[metric].says, "blind": found.metrics[metric].blind}
        for metric, of in names.items()
    ]


def _by_class(found: Found, images: Pixels | None, labels: NDArray[np.int32], what: str) -> Figured:
    """A column per class, the first of each; black where there are too few."""
    assert images is not None
    classes = grid_classes(found.data.spec)
    shown = np.zeros((ROWS, len(classes), *images.shape[1:]), np.uint8)
    for column, index in enumerate(classes):
        some = images[np.flatnonzero(labels == index)[:ROWS]]
        shown[: len(some), column] = some
    names = ", ".join(found.data.spec.class_names[index] for index in classes[:MANY_CLASSES])
    return _picture(shown.reshape(-1, *images.shape[1:]), len(classes), f"{what}: a column per class ({names})")


def _film(records: Path | None) -> Figured | None:
    path = records / "film.webp" if records else None
    if path is None or not path.is_file():
        return None
    return Figured(_url("webp", path.read_bytes()), "film of the run: fixed styles and labels from the first step on")


def _curves(records: Path | None) -> list[Figured]:
    """Course of FID, class accuracy and losses, by step."""
    path = records / "records.jsonl" if records else None
    if path is None or not path.is_file():
        return []
    lines = list(filter(None, map(_record, path.read_text(encoding="utf-8", errors="replace").splitlines())))
    if not lines:
        return []

    def course(names: Sequence[str], title: str, *, floor: str | None = None) -> Figured:
        def draw(axes: Axes) -> None:
            for name in names:
                points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
                axes.plot(*zip(*points, strict=True), marker=".", label=name.rpartition("/")[2]) if points else None
            if floor and lines and lines[-1].get(floor):
                axes.axhline(lines[-1][floor], linestyle="--", color=GREY, label="noise floor")
            axes.set(xlabel="step", title=title)
            if axes.lines:
                axes.legend()

        return _drawn(draw, f"{title} by step")

    losses = sorted({name for line in lines for name in line if name.startswith("loss/")})
    return [
        course(["score/fid"], "FID", floor="score/noise_floor"),
        course(["score/accuracy"], "class accuracy"),
        course(losses, "losses"),
    ]


def _record(line: str) -> dict[str, Any] | None:
    """A record; None for what a killed run left of one."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) and "step" in values else None


def _names(found: Found) -> list[str]:
    """Of the classes; a dollar sign would begin a formula."""
    return [name.replace("$", r"\$") for name in found.data.spec.class_names]


def _confusion(found: Found) -> Figured | None:
    """What was asked for, by what the judge sees."""
    counts = found.evaluation.details.get("confusion")
    if counts is None:
        return None
    names = _names(found)

    def draw(axes: Axes) -> None:
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        if len(names) <= MANY_CLASSES:
            axes.set_xticks(range(len(names)), names, rotation=90)
            axes.set_yticks(range(len(names)), names)
        if len(names) <= 12:
            for row, column in np.argwhere(counts > 0):
                colour = "white" if shares[row, column] > 0.5 else "#303438"
                axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=7, color=colour)
        axes.set(xlabel="seen by the judge", ylabel="asked for")

    return _drawn(draw, "confusion matrix: rows are the classes asked for, columns those seen", size=(6.4, 6.0))


def _bars(found: Found) -> list[Figured]:
    """FID and the judge's accuracy, class by class."""
    details, names = found.evaluation.details, _names(found)
    figures = []

    def bars(values: Mapping[int, float], title: str, floors: Mapping[int, float], *, low: float = 0.0) -> Figured:
        def draw(axes: Axes) -> None:
            places = list(values)
            axes.bar(places, [values[place] for place in places], color=BLUE)
            if floors:
                axes.scatter(places, [floors.get(place, math.nan) for place in places], color=RED, label="real images")
                axes.legend()
            if len(names) <= MANY_CLASSES:
                axes.set_xticks(places, [names[place] for place in places], rotation=0 if len(names) <= 12 else 90)
            axes.set(title=title)
            axes.set_ylim(bottom=low, top=1.0 if low else None)

        text = ", ".join(f"{names[place]} {value:.3g}" for place, value in list(values.items())[:MANY_CLASSES])
        return _drawn(draw, f"{title} by class: {text}")

    if by_class := {place: value for place, value in details.get("fid_of", {}).items() if not math.isnan(value)}:
        figures.append(bars(by_class, "FID", details["fid_of_floor"]))
    if (counts := details.get("confusion")) is not None:
        asked = counts.sum(axis=1)
        values = {int(place): float(counts[place, place] / asked[place]) for place in np.flatnonzero(asked)}
        figures.append(bars(values, "accuracy by the judge", {}, low=min(0.9, max(0.0, 2 * min(values.values()) - 1))))
    if ratios := details.get("diversity_of"):
        figures.append(bars(ratios, "diversity", dict.fromkeys(ratios, 1.0)))
    return figures


def _neighbours(found: Found) -> Figured | None:
    """Of each class, the sample that is nearest to a training image, above that image."""
    if "nearest" not in found.evaluation.details:
        return None
    images, labels, distances, places = found.evaluation.details["nearest"]
    order = np.argsort(distances)
    first = order[np.unique(labels[order], return_index=True)[1]][:SHOWN]
    both = np.concatenate([images[first], found.train.gather(places[first])])
    of = f"of each class, and of {len(images):,} samples, the one nearest to a training image"
    return _picture(both, len(first), f"above: {of}; below: that image")


def _surest(found: Found) -> Figured | None:
    images = found.evaluation.details.get("surest")
    return None if images is None else _picture(images, len(images), "samples that the detector is surest of")


def _ways(sampler: Sampler, seed: int) -> list[Figured]:
    """From one style to another, a row per class; from each class to the next, in one style."""
    spec = sampler.spec
    classes = grid_classes(spec)[:SHOWN]
    vectors = one_hot(classes, spec.num_classes)
    first, last = styles(sampler.noise_dims, seed=seed, numbers=[1, 2])
    way = between_styles(first, last, STEPS)
    of_styles = sampler.sample(vectors.repeat(STEPS, axis=0), np.tile(way, (len(classes), 1)))
    figures = [_picture(of_styles, STEPS, "from style 1 to style 2, a row per class")]
    if len(classes) > 1:
        ways = [between_labels(a, b, STEPS) for a, b in zip(vectors, np.roll(vectors, -1, axis=0), strict=True)]
        of_labels = sampler.sample(np.concatenate(ways), np.tile(first, (len(ways) * STEPS, 1)))
        figures.append(_picture(of_labels, STEPS, "from each class to the next, in style 1"))
    return figures


def _jpeg(found: Found) -> list[dict[str, str]]:
    """How the distances differ if the samples are saved as JPEG."""
    return [
        {
            "name": name,
            "png": _number(
                found.evaluation.scores[name].value, found.metrics[found.evaluation.scores[name].metric].form
            ),
            "jpeg": _number(value, found.metrics[found.evaluation.scores[name].metric].form),
        }
        for name, value in found.facts["jpeg"].items()
        if name in found.evaluation.scores
    ]
