"""What other programs draw from an exported generator is what the sampler draws."""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from gan import checkpoints
from gan.config import Config
from gan.errors import MissingError, UserError
from gan.evaluation.features import digest_of_weights
from gan.export import exporting, page
from gan.export.card import SCORING, Facts, card, evaluated
from gan.export.drawn import Drawn
from gan.export.exporting import export
from gan.labels import Floats, one_hot
from gan.models import build
from gan.registry import EXPORTS
from gan.sampling import Sampler, styles

ROOT = Path(__file__).parents[1]
PRETRAINED = {"grey": ROOT / "pretrained" / "mnist", "colour": ROOT / "pretrained" / "hands"}


@pytest.fixture(scope="module", params=list(PRETRAINED))
def load_dir(request) -> Path:
    return PRETRAINED[request.param]


@pytest.fixture(scope="module")
def sampler(load_dir: Path) -> Sampler:
    return Sampler.from_checkpoint(load_dir)


@pytest.fixture(autouse=True)
def package(monkeypatch) -> bytes:
    """What npm fetches, but small."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in page.RUNTIME:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    package = content.getvalue()
    monkeypatch.setattr(page, "fetched", lambda: package)
    monkeypatch.setattr(page, "SHA512", base64.b64encode(hashlib.sha512(package).digest()).decode())
    return package


def exported(load_dir: Path, file_format: str, output: Path) -> Path:
    export(load_dir=load_dir, file_format=file_format, output=output)
    return output


def asked(sampler: Sampler, count: int) -> tuple[Floats, Floats]:
    """Styles (N, Z), and labels (N, K): classes, and one mixture."""
    labels = one_hot([number % sampler.spec.num_classes for number in range(count)], sampler.spec.num_classes)
    labels[-1] = 1 / sampler.spec.num_classes
    return styles(sampler.noise_dims, seed=3, numbers=range(1, count + 1)), labels


def check_same(drawn: np.ndarray, sampler: Sampler, z: Floats, y: Floats) -> None:
    expected = sampler.sample(y, z)
    assert drawn.dtype == np.uint8 and drawn.shape == expected.shape
    difference = np.abs(drawn.astype(int) - expected)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01
    assert expected.std() > 30  # Not two black images.


def check_about(about: dict[str, str], load_dir: Path, sampler: Sampler) -> None:
    assert json.loads(about["classes"]) == list(sampler.spec.class_names)
    sizes = [int(about[name]) for name in ("height", "width", "channels", "noise_dims", "step")]
    assert sizes == [*sampler.spec.shape, sampler.noise_dims, sampler.step]
    assert (load_dir / about["checkpoint"]).is_dir() and json.loads(about["scores"]) == sampler.scores


def test_onnx_runtime_draws_the_same(load_dir, sampler, tmp_path):
    import onnxruntime

    path = exported(load_dir, "onnx", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["style", "label"]
    for count in (1, 7):
        z, y = asked(sampler, count)
        (drawn,) = session.run(["image"], {"style": z, "label": y})
        check_same(drawn, sampler, z, y)
    check_about(session.get_modelmeta().custom_metadata_map, load_dir, sampler)
    assert path.stat().st_size < 1.2 * 4 * sum(
        np.prod(v.shape) for v in Drawn.from_checkpoint(load_dir).network.variables
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_litert_draws_the_same(load_dir, sampler, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = exported(load_dir, "litert", tmp_path / "model.tflite")
    interpreter = Interpreter(str(path))
    assert not [each["op_name"] for each in interpreter._get_ops_details() if each["op_name"].startswith("Flex")]
    draw = interpreter.get_signature_runner()
    for count in (1, 7):
        z, y = asked(sampler, count)
        check_same(draw(style=z, label=y)["image"], sampler, z, y)
    with zipfile.ZipFile(path) as archive:
        check_about(json.loads(archive.read("about.json")), load_dir, sampler)


def test_tensorflow_draws_the_same(load_dir, sampler, tmp_path):
    path = exported(load_dir, "savedmodel", tmp_path / "model")
    draw = tf.saved_model.load(str(path)).signatures["serving_default"]
    for count in (1, 7):
        z, y = asked(sampler, count)
        check_same(draw(style=tf.constant(z), label=tf.constant(y))["image"].numpy(), sampler, z, y)
    check_about(json.loads((path / "assets.extra" / "about.json").read_text()), load_dir, sampler)


@pytest.mark.parametrize("file_format", ["onnx", "litert"])
def test_a_file_is_replaced(file_format, tmp_path):
    (tmp_path / "model").write_text("of before")
    exported(PRETRAINED["grey"], file_format, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"] and (tmp_path / "model").stat().st_size > 1e6


def test_what_is_printed_says_what_was_written(tmp_path, capsys):
    exported(PRETRAINED["grey"], "onnx", tmp_path / "model.onnx")
    name = next(path.name for path in PRETRAINED["grey"].glob("gan-*"))
    expected = f"{tmp_path / 'model.onnx'}: 28x28 grey, 10 classes, from {PRETRAINED['grey'] / name}, 2.0 MB\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("file_format", "place", "message"),
    [
        ("onnx", "directory", "is a directory; expected a file to write, such as .*directory/model.onnx"),
        ("litert", "directory", "is a directory; expected a file to write, such as .*directory/model.tflite"),
        ("savedmodel", "directory", "exists; expected a new directory or an empty one"),
        ("savedmodel", "file", "exists; expected a new directory or an empty one"),
        ("onnx", "file/model.onnx", "file is a file; expected a directory to write to"),
        ("savedmodel", "file/model", "file is a file; expected a directory to write to"),
        ("onnx", "link", "is a link to nowhere, which leads nowhere"),
        ("onnx", "pipe", "pipe is no regular file, and another would take its place; name another place"),
        ("hub", os.fsdecode(b"caf\xe9"), "is no name in UTF-8, as TensorFlow's have to be; name another one"),
        ("savedmodel", os.fsdecode(b"caf\xe9"), "is no name in UTF-8, as TensorFlow's have to be; name another one"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_read(file_format, place, message, tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "mine").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=message):
        export(load_dir=tmp_path / "nothing", file_format=file_format, output=tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_current_directory_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for output in (Path(), tmp_path):
        with pytest.raises(UserError, match=r"is the current directory; expected a new one, such as .*savedmodel"):
            exported(PRETRAINED["grey"], "savedmodel", output)
    assert Path.cwd().samefile(tmp_path) and not list(tmp_path.iterdir())


def test_without_a_checkpoint_nothing_is_written(tmp_path):
    with pytest.raises(MissingError, match="no gan-STEP in it"):
        export(load_dir=tmp_path, file_format="onnx", output=tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file_format", list(EXPORTS))
def test_what_fails_leaves_nothing(file_format, tmp_path, monkeypatch):
    """As when a disk is full, at the last moment."""

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room"):
        exported(PRETRAINED["grey"], file_format, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file_format", ["savedmodel", "litert", "page", "hub"])
def test_a_disk_that_is_full_before_the_last_moment_is_one_line(file_format, tmp_path, monkeypatch):
    """TensorFlow and shutil say it in their own ways."""

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "{{node}} part; No space left on device [Op:SaveV2]")

    def no_copy(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tf.saved_model, "save", full)
    monkeypatch.setattr(tf.train.Checkpoint, "write", full)
    monkeypatch.setattr(shutil, "copyfile", no_copy)
    monkeypatch.setattr(shutil, "copy2", no_copy)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room, or name another"):
        exported(PRETRAINED["grey"], file_format, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_every_format_is_a_file_or_a_directory():
    assert set(exporting.FILES) < set(EXPORTS)


def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path):
    from gan.command_line import exit_status

    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert exit_status(lambda: exported(PRETRAINED["grey"], "onnx", tmp_path / "model.onnx")) == 2
    assert not list(tmp_path.iterdir())


def test_a_page_is_the_servers_with_another_way_to_draw(tmp_path):
    folder = exported(PRETRAINED["colour"], "page", tmp_path / "page")
    served = {path.name: path.read_bytes() for path in page.PAGE.iterdir()}
    assert {name for name, content in served.items() if (folder / name).read_bytes() != content} == {"server.js"}
    others = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - set(served)
    runtime = {f"onnxruntime/{name}" for name in page.RUNTIME.values()}
    assert others == {"model.onnx", "model.json", "seeds.js"} | runtime
    facts = json.loads((folder / "model.json").read_text())
    assert facts["classes"] == list("0123456789") and facts["image"] == {"height": 64, "width": 64, "channels": 3}


@pytest.fixture
def unknown(tmp_path) -> Path:
    """A directory of a GAN whose scores are not all finite."""
    about = checkpoints.find(PRETRAINED["grey"], "gan").about
    average, critic = build(about, "generator"), build(about, "critic")
    scores = {**about.scores, "fid": float("nan"), "kid": float("inf"), "accuracy": 0.5}
    checkpoints.save(tmp_path / "run", replace(about, scores=scores), {"average": average, "critic": critic}, keep=1)
    return tmp_path / "run"


def none_of(word: str) -> None:
    raise AssertionError(f"{word} is not in JSON")


def test_scores_that_are_not_finite_are_null_in_every_format(unknown, tmp_path):
    told = json.loads(Drawn.from_checkpoint(unknown).about["scores"], parse_constant=none_of)
    assert (told["fid"], told["kid"], told["accuracy"]) == (None, None, 0.5)
    folder = exported(unknown, "page", tmp_path / "page")
    assert json.loads((folder / "model.json").read_text(), parse_constant=none_of)["scores"] == told
    shared = exported(unknown, "hub", tmp_path / "hub")
    about = json.loads((shared / "about.json").read_text(), parse_constant=none_of)
    assert json.loads(about["scores"], parse_constant=none_of) == told
    assert "While it trained: FID – (–x the noise floor 0." in (shared / "README.md").read_text()


def test_a_copy_of_the_package_needs_no_network(tmp_path, package, monkeypatch):
    monkeypatch.setattr(page, "fetched", None)
    (tmp_path / "copy.tgz").write_bytes(package)
    output = tmp_path / "page"
    export(load_dir=PRETRAINED["grey"], file_format="page", output=output, runtime=tmp_path / "copy.tgz")
    assert (output / "onnxruntime" / "ort.js").exists()


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ("other.tgz", r"other.tgz is not onnxruntime-web-[\d.]+.tgz: its SHA-512 is another; expected npm's own"),
        ("nothing.tgz", "nothing.tgz cannot be used .No such file or directory"),
        ("directory", "directory cannot be used .Is a directory"),
    ],
)
def test_another_package_is_refused(runtime, message, tmp_path):
    (tmp_path / "other.tgz").write_bytes(b"something else")
    (tmp_path / "directory").mkdir()
    with pytest.raises(UserError, match=message):
        export(load_dir=PRETRAINED["grey"], file_format="page", output=tmp_path / "page", runtime=tmp_path / runtime)
    assert not (tmp_path / "page").exists()


def test_the_runtime_is_of_a_page(tmp_path):
    with pytest.raises(UserError, match="--runtime is for --format page, not onnx; leave it out"):
        export(load_dir=tmp_path, file_format="onnx", output=tmp_path / "model", runtime=tmp_path / "copy.tgz")


FETCHED = page.fetched


def test_without_npm_it_is_said_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"npm is not installed, and .*install npm, or pass --runtime with a copy of"):
        FETCHED()


def test_what_npm_says_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    failed = subprocess.CompletedProcess((), 1, "", "npm error network down\nnpm error more\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UserError, match=r"npm cannot fetch .*network down.; look at the network, or pass --runtime"):
        FETCHED()


def evaluation_of(load_dir: Path) -> dict[str, Any]:
    """What evaluate.py would write, as far as a card tells it."""
    path, about = checkpoints.find(load_dir, "gan")
    found = {"checkpoint": f"runs/{path.name}", "data": about.data, "config": asdict(about.config), "scores": {}}
    networks = {kind: digest_of_weights(checkpoints.load(load_dir, kind).network) for kind in SCORING}
    return found | {"date": "2026-11-26", "seed": 7, **networks}


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """A folder for the Hub, with an evaluation in its card."""
    place = tmp_path_factory.mktemp("shared")
    score = {"value": 0.3241, "interval": [0.3, 0.35], "real": 0.084, "samples": 10_000}
    found = evaluation_of(PRETRAINED["grey"]) | {"scores": {"fid": score}}
    (place / "evaluation.json").write_text(json.dumps(found))
    export(
        load_dir=PRETRAINED["grey"],
        file_format="hub",
        output=place / "my digits",
        license="cc-by-sa-3.0",
        about="Digits: of MNIST.",
        evaluation=place / "evaluation.json",
    )
    return place / "my digits"


def test_a_folder_to_share_draws_scores_and_is_exported(shared, tmp_path):
    """Offline, as a directory of checkpoints; another folder can be made of it."""
    original, again = Sampler.from_checkpoint(PRETRAINED["grey"]), Sampler.from_checkpoint(shared)
    z, y = asked(original, 5)
    np.testing.assert_array_equal(again.sample(y, z), original.sample(y, z))
    for kind in ("classifier", "judge"):
        theirs, ours = (checkpoints.load(directory, kind) for directory in (PRETRAINED["grey"], shared))
        assert digest_of_weights(theirs.network) == digest_of_weights(ours.network)
    exported(shared, "hub", tmp_path / "digits")
    files = {str(path.relative_to(shared)) for path in shared.rglob("*") if path.is_file()}
    assert files == {str(path.relative_to(tmp_path / "digits")) for path in (tmp_path / "digits").rglob("*.*")}
    assert not [name for name in files if name.startswith(".")]


def test_the_hub_can_read_the_card(shared):
    _, head, body = (shared / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["license"] == "cc-by-sa-3.0" and "conditional-gan" in values["tags"]
    for words in (
        "# my digits\n",
        "./serve.py --load-dir 'my digits'\n",
        "Digits: of MNIST.",
        "(grid.jpg)",
        "| 0.324 | 0.3 to 0.35 | 0.084 | 10,000 |",
        "`label_weight`",
    ):
        assert words in body
    assert body.endswith(ALL)
    with Image.open(shared / "grid.jpg") as picture:
        assert picture.width > 10 * 28
    assert json.loads((shared / "about.json").read_text())["classes"] == json.dumps([str(n) for n in range(10)])


def test_without_an_evaluation_the_card_has_the_scores_of_training(tmp_path):
    exported(PRETRAINED["colour"], "hub", tmp_path / "hands")
    card = (tmp_path / "hands" / "README.md").read_text()
    assert 'license: "unknown"' in card and "While it trained: FID " in card and "images of 64×64 in 10 classes" in card


@pytest.fixture
def alone(tmp_path) -> Path:
    """A directory of a GAN whose classifier is in another one."""
    (path, _) = checkpoints.find(PRETRAINED["grey"], "gan")
    shutil.copytree(path, tmp_path / "alone" / path.name)
    return tmp_path / "alone"


ALL = "Only the generator's average, the critic, the classifier and the judge are here: `--resume` cannot go on.\n"


def test_a_folder_says_that_it_has_no_classifier(alone, tmp_path, capsys):
    exported(alone, "hub", tmp_path / "digits")
    assert capsys.readouterr().err == (
        "warning: the folder has no classifier and no judge: ./evaluate.py will need --classifier-dir; ./export.py "
        "--classifier-dir DIRECTORY puts them in\n"
    )
    card = (tmp_path / "digits" / "README.md").read_text()
    assert card.endswith("Only the generator's average and the critic are here: `--resume` cannot go on.\n")


def test_a_classifier_of_another_directory_is_in_the_folder(alone, tmp_path, capsys):
    export(load_dir=alone, file_format="hub", output=tmp_path / "digits", classifier_dir=PRETRAINED["grey"])
    assert capsys.readouterr().err == ""
    assert (tmp_path / "digits" / "README.md").read_text().endswith(ALL)
    for kind in ("classifier", "judge"):
        theirs, ours = (checkpoints.load(directory, kind) for directory in (PRETRAINED["grey"], tmp_path / "digits"))
        assert digest_of_weights(theirs.network) == digest_of_weights(ours.network)


def test_a_folder_says_that_it_has_no_judge_and_another_classifier(alone, tmp_path, capsys):
    (path, _) = checkpoints.find(PRETRAINED["colour"], "classifier")
    shutil.copytree(path, alone / path.name)
    exported(alone, "hub", tmp_path / "digits")
    no_judge, other = capsys.readouterr().err.splitlines()
    assert no_judge == (
        "warning: the folder has no judge: ./evaluate.py trains it, and keeps it beside the classifier: run it before"
    )
    assert other.startswith(f"warning: {alone / path.name} is classifier d88c920b5589, and {alone}/gan-")
    assert other.endswith(" was scored by 3bc297918acd; name the directory of that one with --classifier-dir")
    card = (tmp_path / "digits" / "README.md").read_text()
    assert card.endswith(
        "Only the generator's average, the critic and the classifier are here: `--resume` cannot go on.\n"
    )


def test_a_directory_that_is_named_for_its_classifier_has_one(alone, tmp_path):
    for file_format, message in (("hub", "no classifier-STEP in it"), ("onnx", "--classifier-dir is for --format hub")):
        with pytest.raises(UserError, match=message):
            export(load_dir=alone, file_format=file_format, output=tmp_path / "digits", classifier_dir=alone)
    assert not (tmp_path / "digits").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "other"}, "of a gan-00017682 of another run, whose data is other; expected "),
        ({"config": {"seed": 9}}, "of another run, whose seed is 9; expected 0, as of "),
        ({"checkpoint": "runs/gan-00000001"}, "is of runs/gan-00000001; expected an evaluation of "),
        ({"checkpoint": None, "config": None}, "is of None; expected an evaluation of "),
        ({"classifier": "dead"}, "was measured by classifier dead; expected 3bc297918acd, as of .*--classifier-dir"),
        ({"judge": "cafe"}, "was measured by judge cafe; expected d392d690cfdf, as of .*--classifier-dir"),
        ({"scores": []}, "is no evaluation; expected evaluation.json of ./evaluate.py"),
        ({"scores": {"fid": {"value": 0.3}}}, "is no evaluation"),
    ],
)
def test_an_evaluation_of_another_model_is_refused(change, message, tmp_path):
    evaluation = tmp_path / "evaluation.json"
    evaluation.write_text(json.dumps(evaluation_of(PRETRAINED["grey"]) | change))
    with pytest.raises(UserError, match=message):
        export(load_dir=PRETRAINED["grey"], file_format="hub", output=tmp_path / "digits", evaluation=evaluation)
    assert not (tmp_path / "digits").exists()


def test_an_evaluation_without_a_judge_is_of_any_judge(tmp_path):
    evaluation = tmp_path / "evaluation.json"
    evaluation.write_text(json.dumps(evaluation_of(PRETRAINED["grey"]) | {"judge": None}))
    output = tmp_path / "digits"
    export(load_dir=PRETRAINED["grey"], file_format="hub", output=output, evaluation=evaluation)
    assert "classifier 3bc297918acd." in (output / "README.md").read_text()


def facts(**changed) -> Facts:
    scores = {"fid": 0.5, "accuracy": 0.5}
    known = {"title": "a", "about": "b", "load_dir": "c", "step": 7, "config": Config(), "scores": scores}
    return Facts(**known | changed)


@pytest.mark.parametrize("has_scores", [False, True])
def test_a_card_has_no_empty_table_and_an_empty_line_between_paragraphs(has_scores):
    evaluation = evaluation_of(PRETRAINED["grey"]) if has_scores else None
    before, _, after = card(facts(evaluation=evaluation)).partition("Trained for 7 steps, with the default settings")
    told, last = after.removeprefix(".\n\n").rstrip("\n").split("\n\n")
    assert "```\n\n" in before and "|" not in after and last.startswith("Only the generator's average")
    assert told.startswith("`./evaluate.py`, 2026-11-26" if evaluation else "While it trained: FID 0.500")
    other = card(facts(config=Config(seed=3), evaluation=evaluation))
    assert "with the default settings except:\n\n| setting | |\n|---|---|\n| `seed` | `3` |\n\n" in other


def test_a_card_names_no_judge_where_there_is_none():
    assert evaluated(evaluation_of(PRETRAINED["grey"]) | {"judge": None})[-1].endswith(
        "seed 7; classifier 3bc297918acd."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "is no evaluation; expected evaluation.json of ./evaluate.py"),
        ("[]", "is no evaluation"),
        ('{"scores": {}}', "is no evaluation"),
        ('{"scores": {}, "checkpoint": "runs/gan-00017682"}', "is no evaluation"),
    ],
)
def test_an_evaluation_of_something_else_is_refused(content, message, tmp_path):
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(UserError, match=message):
        export(
            load_dir=PRETRAINED["grey"],
            file_format="hub",
            output=tmp_path / "digits",
            evaluation=tmp_path / "evaluation.json",
        )
    assert not (tmp_path / "digits").exists()
