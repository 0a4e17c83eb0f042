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
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def script(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, str(ROOT / name), *map(str, arguments)], check=True)


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

    from gan import checkpoints
    from gan.export.card import GRID, Facts, card
    from gan.export.hub import save_weights, scoring_networks

    saved = checkpoints.find(options.load_dir, "gan")
    scoring = scoring_networks(options.classifier_dir or options.load_dir, required=True)
    save_weights(saved.path, scoring, options.output)
    resize = ["--resize", options.resize] if options.resize else []
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        where = ["--load-dir", options.output, "--data-path", options.data_path, "--output-dir", scratch]
        script("evaluate.py", *where, *resize)
        found = json.loads((scratch / "evaluation.json").read_text())
        drawing = ["--load-dir", options.output, "--output-dir", scratch, "--grid", "--images-per-class", 6]
        script("generate.py", *drawing, "--format", "png")
        Image.open(scratch / "grid.png").save(options.output / GRID, quality=85)
    facts = Facts(
        title=options.output.name,
        about=options.about,
        load_dir=f"pretrained/{options.output.name}",
        step=saved.about.step,
        config=saved.about.config,
        scores=saved.about.scores,
        evaluation=found,
        took=f" in {options.seconds / 60:.0f} minutes on {options.device}" if options.seconds else "",
    )
    (options.output / "README.md").write_text(card(facts))
    for lock in options.output.glob(".*.lock"):
        lock.unlink()


if __name__ == "__main__":
    main()
