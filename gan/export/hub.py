"""A folder to share, in the layout of the Hugging Face Hub: a model card, pictures, and what draws and scores.

    write(drawn, Path("digits"), license="mit", about="Handwritten digits ...")
    # hf upload USER/digits digits

It is a directory of checkpoints, too: `--load-dir digits` draws, serves, scores and exports.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gan import checkpoints
from gan.about import About, read_about
from gan.checkpoints import Loaded
from gan.config import dump_config
from gan.errors import MissingError, UserError
from gan.evaluation.features import digest_of_weights
from gan.export.card import GRID, SCORING, Facts, card, evaluated, front_matter
from gan.export.drawn import Drawn
from gan.files import read_file, writing_directory
from gan.images import encode, grid, grid_classes
from gan.models import build
from gan.sampling import Sampler

ROWS = 6
"""Of the picture: styles."""

UNKNOWN = "unknown"
"""The Hub's word for a licence that is not told."""


def write(
    drawn: Drawn,
    output: Path,
    license: str = UNKNOWN,
    about: str = "",
    evaluation: Path | None = None,
    classifier_dir: Path | None = None,
) -> None:
    """A folder; a warning tells what it lacks to be evaluated as the run was.

    Args:
        drawn: the model.
        output: a new or empty directory; its name is the title.
        license: of the model, as the Hub calls it, such as `mit`.
        about: the card's first paragraph: the data, its licence, the limits.
        evaluation: `evaluation.json` of `evaluate.py`, whose scores the card is to tell.
        classifier_dir: where the classifier and the judge are; by default beside the model, as far as they are there.

    Raises:
        UserError: the evaluation is none, or of another checkpoint or networks; `classifier_dir` has no classifier.
    """
    saved = read_about(drawn.path)
    scoring = scoring_networks(classifier_dir or drawn.path.parent, required=classifier_dir is not None)
    _warn(drawn.path, saved, scoring)
    found = read_evaluation(evaluation, drawn.path, saved, scoring) if evaluation else None
    kinds = f"{len(drawn.spec.class_names)} classes: {', '.join(drawn.spec.class_names)}"
    facts = Facts(
        title=output.resolve().name,
        about=about or f"A conditional GAN that draws images of {drawn.spec.height}×{drawn.spec.width} in {kinds}.",
        load_dir=output.resolve().name,
        step=saved.step,
        config=saved.config,
        scores=saved.scores,
        evaluation=found,
        scoring=list(scoring),
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
        save_weights(drawn.path, scoring, partial)
        (partial / GRID).write_bytes(picture(drawn))
        (partial / "about.json").write_text(json.dumps(drawn.about, indent=1, ensure_ascii=False), encoding="utf-8")
        (partial / "README.md").write_text(head + card(facts), encoding="utf-8")


def scoring_networks(directory: Path, *, required: bool) -> dict[str, Loaded]:
    """The classifier and the judge of a directory, by kind, as far as they are there.

    Raises:
        MissingError: there is no classifier, though it is required.
    """
    found: dict[str, Loaded] = {}
    for kind in SCORING:
        try:
            found[kind] = checkpoints.load(directory, kind)
        except MissingError:
            if required and kind == "classifier":
                raise
        else:
            directory = found[kind].path.parent
    return found


def _warn(gan: Path, about: About, scoring: Mapping[str, Loaded]) -> None:
    """Of what cannot be scored as the run was, before it is shared."""
    missing = [kind for kind in SCORING if kind not in scoring]
    if "classifier" in missing:
        way = "./evaluate.py will need --classifier-dir; ./export.py --classifier-dir DIRECTORY puts them in"
    else:
        way = "./evaluate.py trains it, and keeps it beside the classifier: run it before"
    if missing:
        print(f"warning: the folder has no {' and no '.join(missing)}: {way}", file=sys.stderr)
    if "classifier" in scoring and about.classifier:
        path, _, network = scoring["classifier"]
        digest = digest_of_weights(network)
        if digest != about.classifier:
            print(
                f"warning: {path} is classifier {digest}, and {gan} was scored by {about.classifier}; name the "
                "directory of that one with --classifier-dir",
                file=sys.stderr,
            )


def save_weights(gan: Path, scoring: Mapping[str, Loaded], output: Path) -> None:
    """Save what draws of a checkpoint, and what scores it, without optimizers."""
    about = read_about(gan)
    networks = {"average": build(about, "generator"), "critic": build(about, "critic")}
    checkpoints.restore(gan, networks, partial=True)
    checkpoints.save(output, about, networks, keep=1)
    dump_config(about.config, output / "config-gan.yaml")
    for kind, (_, its, network) in scoring.items():
        checkpoints.save(output, its, {kind: network}, keep=1)
        if kind == "classifier":
            dump_config(its.config, output / "config-cls.yaml")
    for lock in output.glob(".*.lock"):
        lock.unlink()


def picture(drawn: Drawn) -> bytes:
    """A column per class, a row per style, as JPEG."""
    sampler = Sampler(drawn.network, drawn.spec, noise_dims=drawn.noise_dims)
    return encode(grid(sampler.style_grid(rows=ROWS, seed=0), columns=len(grid_classes(drawn.spec))), "jpg")


def read_evaluation(path: Path, gan: Path, about: About, scoring: Mapping[str, Loaded]) -> dict[str, object]:
    """What `evaluate.py` wrote of a checkpoint, which says this of itself, by these networks.

    Raises:
        UserError: it is no such file, of another checkpoint, or by other networks.
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
    for kind, (place, _, network) in scoring.items():
        if found[kind] not in (None, digest := digest_of_weights(network)):
            raise UserError(
                f"{path} was measured by {kind} {found[kind]}; expected {digest}, as of {place}: name the directory of "
                "the other one with --classifier-dir, or run ./evaluate.py"
            )
    return dict(found)
