"""A model card: what a trained GAN draws, how it was trained, its scores with those of real images, and how to use it.

text = card(Facts(title="digits", about="Handwritten digits ...", load_dir="digits", ...))
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from gan.about import Kind
from gan.config import Config
from gan.evaluation.scores import describe, how_drawn

GRID = "grid.jpg"
SHOWN = {
    "fid": "FID, in this classifier's features",
    "judge_accuracy": "class accuracy, by the judge",
    "accuracy": "class accuracy, by the classifier",
    "kid": "KID",
    "detector_accuracy": "told from real images (50% is perfect)",
    "precision": "precision",
    "recall": "recall",
    "copies": "nearer to a training image than 99% of the test images",
}
SCORING: tuple[Kind, ...] = ("classifier", "judge")
"""The networks of a shared model that score it, if they are there."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a card tells.

    Attributes:
        title: the heading.
        about: the first paragraph: the data, its licence, the limits.
        load_dir: where the model is, for the commands.
        step: of the checkpoint.
        config: of the run.
        scores: of the checkpoint, which the run gave it.
        evaluation: what `evaluation.json` holds, if there is one.
        took: on the time of training, after the number of steps.
        scoring: which of `SCORING` are there.
    """

    title: str
    about: str
    load_dir: str
    step: int
    config: Config
    scores: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None = None
    took: str = ""
    scoring: Sequence[str] = SCORING


def card(facts: Facts) -> str:
    """The card, in Markdown."""
    load_dir = shlex.quote(facts.load_dir)
    lines = [f"# {facts.title}", "", facts.about, "", f"![A column per class, a row per style]({GRID})", "", "```sh"]
    lines += [f"./generate.py --load-dir {load_dir} --output-dir writing"]
    lines += [f"./serve.py --load-dir {load_dir}", "```", ""]
    config, usual = asdict(facts.config), asdict(Config())
    changed = {each.name: config[each.name] for each in fields(Config) if config[each.name] != usual[each.name]}
    trained = f"Trained for {facts.step:,} steps{facts.took}, with the default settings"
    lines += [f"{trained} except:", ""] if changed else [f"{trained}.", ""]
    lines += _table(["| setting | |", "|---|---|"], [f"| `{key}` | `{value}` |" for key, value in changed.items()])
    lines += evaluated(facts.evaluation) if facts.evaluation else [f"While it trained: {describe(facts.scores)}."]
    *kept, last = ["the generator's average", "the critic", *(f"the {kind}" for kind in facts.scoring)]
    lines += ["", f"Only {', '.join(kept)} and {last} are here: `--resume` cannot go on."]
    return "\n".join(lines) + "\n"


def evaluated(found: Mapping[str, Any]) -> list[str]:
    """The table of an evaluation, and how it was made."""
    head = ["| score, on test images | samples | 95% interval | real images | N |", "|---|---|---|---|---|"]
    rows = []
    for key, words in SHOWN.items():
        score = found["scores"].get(key)
        if score is None or score["value"] is None:
            continue
        form = ".2%" if "accuracy" in key or key == "copies" else ".3g"
        low, high = (format(each, form) if each is not None else "–" for each in score["interval"])
        real = "–" if score["real"] is None else format(score["real"], form)
        rows.append(f"| {words} | {score['value']:{form}} | {low} to {high} | {real} | {score['samples']:,} |")
    networks = ", ".join(f"{name} {found[name]}" for name in ("classifier", "judge") if found[name] is not None)
    return [*_table(head, rows), f"`./evaluate.py`, {found['date']}, {how_drawn(found)}; {networks}."]


def _table(head: list[str], rows: list[str]) -> list[str]:
    """A table and an empty line; nothing, where it has no rows."""
    return [*head, *rows, ""] if rows else []


def front_matter(values: Mapping[str, str | Sequence[str]]) -> str:
    """What the Hugging Face Hub reads of a card, in YAML, of which JSON is a part."""
    return "\n".join(
        ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()), "---", ""]
    )
