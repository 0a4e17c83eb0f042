#!/usr/bin/env python3
"""Make a directory of pretrained/ from a run: what drawing and scoring need of its checkpoints, and a card.

    .venv/bin/python benchmarks/pretrained.py --load-dir RUN --data-path datasets/MNIST --output pretrained/mnist \\
        --about "Handwritten digits ..."

RUN holds the classifier, too, or --classifier-dir names another. The GAN is evaluated as `./evaluate.py` does, with
the judge trained anew; kept are the average of the generator, the critic, the classifier and the judge, without
their optimizers, so a run cannot go on from there. The card, README.md, has the scores, the settings and the command.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path

from machine import today
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

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


def script(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, str(ROOT / name), *map(str, arguments)], check=True)


def slim(run: Path, classifier_dir: Path, output: Path) -> None:
    """Save what is needed to draw and to score, under the same names and steps."""
    from gan import checkpoints
    from gan.config import dump_config
    from gan.models import build

    saved = checkpoints.find(run, "gan")
    networks = {"average": build(saved.about, "generator"), "critic": build(saved.about, "critic")}
    checkpoints.restore(saved.path, networks, partial=True)
    checkpoints.save(output, saved.about, networks, keep=1)
    dump_config(saved.about.config, output / "config-gan.yaml")
    classifier = checkpoints.load(classifier_dir, "classifier")
    checkpoints.save(output, classifier.about, {"classifier": classifier.network}, keep=1)
    dump_config(classifier.about.config, output / "config-cls.yaml")


def card(output: Path, about: str, found: dict, seconds: float | None, device: str) -> str:
    """The text of README.md."""
    from gan.config import Config

    config, usual = found["config"], asdict(Config())
    changed = {each.name: config[each.name] for each in fields(Config) if config[each.name] != usual[each.name]}
    name = f"pretrained/{output.name}"
    lines = [f"# {output.name}", "", about, "", f"![A column per class, a row per style]({GRID})", "", "```sh"]
    lines += [f"./generate.py --load-dir {name} --output-dir writing", f"./serve.py --load-dir {name}", "```", ""]
    took = f" in {seconds / 60:.0f} minutes on {device}" if seconds else ""
    lines += [f"Trained for {found['step']:,} steps{took}, with the default settings except:", ""]
    lines += ["| setting | |", "|---|---|", *(f"| `{key}` | `{value}` |" for key, value in changed.items())]
    lines += ["", "| score, on test images | samples | 95% interval | real images | N |", "|---|---|---|---|---|"]
    for key, words in SHOWN.items():
        score = found["scores"].get(key)
        if score is None or score["value"] is None:
            continue
        form = ".2%" if "accuracy" in key or key == "copies" else ".3g"
        low, high = (format(each, form) if each is not None else "–" for each in score["interval"])
        real = "–" if score["real"] is None else format(score["real"], form)
        lines.append(f"| {words} | {score['value']:{form}} | {low} to {high} | {real} | {score['samples']:,} |")
    judge, classifier = found["judge"], found["classifier"]
    lines += ["", f"`./evaluate.py`, {today()}, seed {found['seed']}; classifier {classifier}, judge {judge}."]
    lines += [
        "Only the generator's average, the critic, the classifier and the judge are here: `--resume` cannot go on."
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--load-dir", type=Path, required=True, help="directory of the run")
    flags.add_argument("--classifier-dir", type=Path, help="directory of its classifier")
    flags.add_argument("--data-path", required=True)
    flags.add_argument("--resize", help="as in training")
    flags.add_argument("--output", type=Path, required=True, help="made; it must not be there")
    flags.add_argument("--about", required=True, help="the card's first paragraph: the data, its licence, the limits")
    flags.add_argument("--seconds", type=float, help="of training")
    flags.add_argument("--device", default="two cores", help="on which it was trained, in words")
    options = flags.parse_args()
    if options.output.exists():
        flags.error(f"{options.output} is there; remove it, or name another")
    slim(options.load_dir, options.classifier_dir or options.load_dir, options.output)
    resize = ["--resize", options.resize] if options.resize else []
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        where = ["--load-dir", options.output, "--data-path", options.data_path, "--output-dir", scratch]
        script("evaluate.py", *where, *resize)
        found = json.loads((scratch / "evaluation.json").read_text())
        drawing = ["--load-dir", options.output, "--output-dir", scratch, "--grid", "--images-per-class", 6]
        script("generate.py", *drawing, "--format", "png")
        Image.open(scratch / "grid.png").save(options.output / GRID, quality=85)
    text = card(options.output, options.about, found, options.seconds, options.device)
    (options.output / "README.md").write_text(text)
    for lock in options.output.glob(".*.lock"):
        lock.unlink()


if __name__ == "__main__":
    main()
