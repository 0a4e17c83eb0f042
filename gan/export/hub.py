"""A folder to share, in the layout of the Hugging Face Hub: a model card, pictures, and what draws and scores.

    write(drawn, Path("digits"), license="mit", about="Handwritten digits ...")
    # hf upload USER/digits digits

It is a directory of checkpoints, too: `--load-dir digits` draws, serves, scores and exports.
"""

import json
from dataclasses import asdict
from pathlib import Path

from gan import checkpoints
from gan.about import About, read_about
from gan.config import dump_config
from gan.errors import MissingError, UserError
from gan.export.card import GRID, Facts, card, evaluated, front_matter
from gan.export.drawn import Drawn
from gan.files import read_file, writing_directory
from gan.images import encode, grid, grid_classes
from gan.models import build
from gan.sampling import Sampler

ROWS = 6
"""Of the picture: styles."""

UNKNOWN = "unknown"
"""The Hub's word for a licence that is not told."""


def write(drawn: Drawn, output: Path, license: str = UNKNOWN, about: str = "", evaluation: Path | None = None) -> None:
    """A folder.

    Args:
        drawn: the model.
        output: a new or empty directory; its name is the title.
        license: of the model, as the Hub calls it, such as `mit`.
        about: the card's first paragraph: the data, its licence, the limits.
        evaluation: `evaluation.json` of `evaluate.py`, whose scores the card is to tell.

    Raises:
        UserError: the evaluation is none, or of another checkpoint.
    """
    saved = read_about(drawn.path)
    found = read_evaluation(evaluation, drawn.path, saved) if evaluation else None
    kinds = f"{len(drawn.spec.class_names)} classes: {', '.join(drawn.spec.class_names)}"
    facts = Facts(
        title=output.resolve().name,
        about=about or f"A conditional GAN that draws images of {drawn.spec.height}×{drawn.spec.width} in {kinds}.",
        load_dir=output.resolve().name,
        step=saved.step,
        config=saved.config,
        scores=saved.scores,
        evaluation=found,
    )
    head = front_matter(
        {
            "license": license,
            "library_name": "keras",
            "pipeline_tag": "unconditional-image-generation",
            "tags": ["gan", "conditional-gan", "image-generation", "tensorflow"],
        }
    )
    with writing_directory(output) as partial:
        save_weights(drawn.path, drawn.path.parent, partial)
        (partial / GRID).write_bytes(picture(drawn))
        (partial / "about.json").write_text(json.dumps(drawn.about, indent=1, ensure_ascii=False), encoding="utf-8")
        (partial / "README.md").write_text(head + card(facts), encoding="utf-8")


def save_weights(gan: Path, classifier_dir: Path, output: Path) -> None:
    """Save what draws and scores of a checkpoint, and the classifier and judge that are there, without optimizers."""
    about = read_about(gan)
    networks = {"average": build(about, "generator"), "critic": build(about, "critic")}
    checkpoints.restore(gan, networks, partial=True)
    checkpoints.save(output, about, networks, keep=1)
    dump_config(about.config, output / "config-gan.yaml")
    for kind in ("classifier", "judge"):
        try:
            scoring = checkpoints.load(classifier_dir, kind)
        except MissingError:
            continue
        checkpoints.save(output, scoring.about, {kind: scoring.network}, keep=1)
        if kind == "classifier":
            dump_config(scoring.about.config, output / "config-cls.yaml")
    for lock in output.glob(".*.lock"):
        lock.unlink()


def picture(drawn: Drawn) -> bytes:
    """A column per class, a row per style, as JPEG."""
    sampler = Sampler(drawn.network, drawn.spec, noise_dims=drawn.noise_dims)
    return encode(grid(sampler.style_grid(rows=ROWS, seed=0), columns=len(grid_classes(drawn.spec))), "jpg")


def read_evaluation(path: Path, gan: Path, about: About) -> dict[str, object]:
    """What `evaluate.py` wrote of a checkpoint, which says this of itself.

    Raises:
        UserError: it is no such file, or of another checkpoint.
    """
    try:
        found = json.loads(read_file(path))
        checkpoint, _ = found["checkpoint"], evaluated(found)
        told = {"data": found["data"], **(found["config"] or {})}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no evaluation; expected evaluation.json of ./evaluate.py") from None
    if Path(str(checkpoint)).name != gan.name:
        raise UserError(f"{path} is of {checkpoint}; expected an evaluation of {gan}: run ./evaluate.py")
    ours = json.loads(json.dumps({"data": about.data, **asdict(about.config)}))
    for name, value in told.items():
        if value != ours.get(name):
            raise UserError(
                f"{path} is of a {gan.name} of another run, whose {name} is {value}; expected {ours.get(name)}, as of "
                f"{gan}: run ./evaluate.py"
            )
    return dict(found)
