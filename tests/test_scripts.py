"""The scripts as a user calls them, on tiny data, and what they say to bad input.

Each is started as a process for some of its work and some of its refusals. The rest is called in this process.
"""

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import TINY, clean_environment, tiny_settings, write_idx, write_pictures
from PIL import Image

from gan import checkpoints
from gan.about import About
from gan.command_line import exit_status
from gan.images import ImageSpec
from gan.models.generator import Generator

ROOT = Path(__file__).parents[1]
SETTINGS = tiny_settings(gan_batch_size=16, cls_batch_size=16, fid_samples=40)


Done = subprocess.CompletedProcess[str]


def process(name: str, *arguments: object, cwd: Path) -> Done:
    """Run a script as a user does; the environment's TensorFlow settings stay out of it."""
    command = [sys.executable, str(ROOT / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=300)


@pytest.fixture
def script(monkeypatch, capsys) -> Callable[..., Done]:
    """Run a script in this process, which has imported TensorFlow: what `process` does, in less time."""

    def call(name: str, *arguments: object, cwd: Path) -> Done:
        assert not {"--devices", "--deterministic"} & set(arguments), "these would change the tests that follow"
        main = importlib.import_module(name.removesuffix(".py")).main
        words = [name, *map(str, arguments)]
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", words)
            patch.setattr(sys.modules["__main__"], "__spec__", None)  # Else `python -m pytest` is what was called.
            patch.chdir(cwd)
            try:
                status = exit_status(main)
            except SystemExit as stop:  # As argparse does.
                status = stop.code
        return subprocess.CompletedProcess([sys.executable, *words], status, *capsys.readouterr())

    return call


def succeeded(done: Done) -> str:
    """What a script printed that has done its work."""
    assert done.returncode == 0, done.stderr
    # Neither TensorFlow's chatter nor a bar where there is no terminal; forty samples are worth a warning.
    assert [line for line in done.stderr.splitlines() if not line.startswith("warning: 40 samples")] == []
    return done.stdout


def refused(done: Done) -> str:
    """The one line that a script says to bad input."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"{Path(done.args[1]).name}: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A directory with tiny data, in which a classifier and a GAN have been trained."""
    directory = tmp_path_factory.mktemp("work")
    write_idx(directory / "data")
    (directory / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    common = ("--data-path", "data", "-c", "config.yaml")
    (directory / "classifier.txt").write_text(succeeded(process("classifier.py", *common, cwd=directory)))
    (directory / "train.txt").write_text(
        succeeded(process("train.py", *common, "--record-steps", 4, "--save-steps", 4, "--log-graph", cwd=directory))
    )
    return directory


def test_the_plan_is_printed(work):
    plan = (work / "train.txt").read_text()
    assert "images of 8x8x1 in 10 classes" in plan
    assert "train 80 images (0: 8, 1: 8," in plan
    assert "generator 687 parameters, critic 934 parameters" in plan
    assert "10 steps in 2 epochs, on CPU:0" in plan
    assert "x the noise floor" in plan.splitlines()[-2]


def test_an_evaluation_prints_its_scores_and_where_the_report_is(work):
    done = process("evaluate.py", "--data-path", "data", "--metrics", "fid", "kid", "accuracy", cwd=work)
    told = succeeded(done).splitlines()
    assert [line.split()[0] for line in told[:3]] == ["fid", "kid", "accuracy"]
    assert told[-1] == "evaluation/report.html"
    assert {path.name for path in (work / "evaluation").iterdir()} == {"evaluation.json", "report.html"}
    compared = process("evaluate.py", "--compare", "evaluation", "--output-dir", "side", cwd=work)
    assert "| accuracy |" in succeeded(compared)


def test_checkpoints_and_configs_are_where_they_belong(work):
    assert sorted(path.name for path in (work / "checkpoints").glob("[!.]*")) == [
        "classifier-00000010",
        "config-cls.yaml",
        "config-gan.yaml",
        "gan-00000004",
        "gan-00000008",
        "gan-00000010",
    ]
    dumped = yaml.safe_load((work / "checkpoints" / "config-gan.yaml").read_text())
    assert {key: dumped[key] for key in SETTINGS} == SETTINGS


def test_records_are_complete(work):
    (directory,) = (work / "logs" / "gan").iterdir()
    names = {path.name for path in directory.iterdir()}
    assert {"config-gan.yaml", "records.jsonl", "real-00000000.png"} <= names
    assert {f"samples-{step:08d}.png" for step in (0, 4, 8, 10)} <= names
    records = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [4, 8, 10]
    scores = {"score/fid", "score/noise_floor", "score/accuracy", "score/samples"}
    assert scores <= set(records[0])  # A new metric adds others.
    assert {name for name in records[0] if not name.startswith("score/")} == {
        "step",
        "loss/critic",
        "loss/generator",
        "loss/penalty",
        "gradient/critic",
        "gradient/generator",
        "steps/skipped",
        "learning_rate/critic",
        "learning_rate/generator",
        "images_per_second",
        "training_seconds",
    }


def test_tensorboard_has_histograms_images_and_the_graph(work):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (directory,) = (work / "logs" / "gan").iterdir()
    events = EventAccumulator(str(directory))
    events.Reload()
    tags = events.Tags()
    assert {"samples", "real", "score/fid"} <= set(tags["tensors"])
    assert any(tag.startswith("critic/") for tag in tags["tensors"])
    assert tags["graph"]


def test_generate_writes_the_same_number_for_each_class(work):
    out = succeeded(process("generate.py", "--output-dir", "writing", "--images-per-class", 3, "--grid", cwd=work))
    names = {path.name for path in (work / "writing").iterdir()}
    assert names == {f"{k}-{n}.jpg" for k in range(10) for n in (1, 2, 3)} | {"grid.jpg"}
    assert "30 images in writing: 0-1.jpg to 9-3.jpg" in out
    with Image.open(work / "writing" / "7-2.jpg") as image:
        assert (image.size, image.mode) == ((8, 8), "L")
    with Image.open(work / "writing" / "grid.jpg") as image:
        assert image.size == (2 * (10 * 10 + 2), 2 * (3 * 10 + 2))


def test_the_same_checkpoint_class_and_seed_give_the_same_bytes(work, script):
    succeeded(script("generate.py", "--output-dir", "all", "--images-per-class", 30, "--seed", 5, cwd=work))
    few = ("--classes", 8, "--classes", 3, "--images-per-class", 2, "--seed", 5)
    succeeded(script("generate.py", "--output-dir", "few", *few, cwd=work))
    few_names = sorted(path.name for path in (work / "few").iterdir())
    assert few_names == ["3-1.jpg", "3-2.jpg", "8-1.jpg", "8-2.jpg"]
    for name in few_names:
        assert (work / "few" / name).read_bytes() == (work / "all" / name).read_bytes()
    pictures = {}
    for seed in (5, 6):
        succeeded(script("generate.py", "--output-dir", f"png-{seed}", *few[:-1], seed, "--format", "png", cwd=work))
        with Image.open(work / f"png-{seed}" / "3-1.png") as image:
            assert image.format == "PNG"
            pictures[seed] = np.asarray(image)
    assert not np.array_equal(pictures[5], pictures[6])


def test_a_dry_run_prints_the_plan_and_writes_nothing(work, script):
    before = sorted(work.rglob("*"))
    out = succeeded(
        script(
            "train.py",
            "--data-path",
            "data",
            "-c",
            "config.yaml",
            "--save-dir",
            "fresh",
            "--load-dir",
            "checkpoints",
            "--dry-run",
            cwd=work,
        )
    )
    assert "10 steps in 2 epochs" in out
    assert re.search(r"^about \d+ seconds? of training here, at [\d,]+ images per second; ", out, re.MULTILINE)
    assert sorted(work.rglob("*")) == before


def test_directories_may_have_names_that_are_patterns_elsewhere(work, script):
    """For TensorFlow's reader, `glob`, `re` and `%`; they are written to, gone on with and drawn from."""
    run, log, out = (Path("[1-3]*?\\{x}(%s") / name for name in ("run", "log", "out"))
    shutil.copytree(work / "checkpoints", work / run)
    shutil.copytree(work / "logs" / "gan", work / log)
    shutil.rmtree(work / run / "gan-00000010")
    flags = ("--data-path", "data", "-c", "config.yaml", "--save-dir", run, "--log-dir", log)
    assert "from step 8" in succeeded(script("train.py", *flags, "--resume", cwd=work))
    drawn = succeeded(script("generate.py", "--load-dir", run, "--output-dir", out, "--images-per-class", 1, cwd=work))
    assert f"drawn by {run}/gan-00000010: " in drawn
    assert len(list((work / out).iterdir())) == 10
    assert len(list((work / log).glob("*/film.gif"))) == 1


def test_links_that_lead_nowhere_are_refused_before_a_run(work, script):
    """Also by a dry run."""
    (work / "to-purged").symlink_to("purged")
    for flag in ("--save-dir", "--log-dir"):
        flags = (flag, "to-purged/deep", "--data-path", "data", "-c", "config.yaml")
        for more in ((), ("--dry-run",)):
            message = refused(script("classifier.py", *flags, *more, cwd=work))
            assert "to-purged is a link to purged, which leads nowhere (No such file or directory); mend" in message
    message = refused(script("generate.py", "--output-dir", "to-purged", cwd=work))
    assert "to-purged is a link to purged" in message


def test_a_checkpoint_itself_is_drawn_from_and_scores_but_holds_no_run(work, script):
    named = "checkpoints/gan-00000008"
    for load_dir in (named, f"{named}/variables.index"):
        flags = ("--load-dir", load_dir, "--output-dir", "by-name", "--images-per-class", 1)
        assert f"drawn by {named}: " in succeeded(script("generate.py", *flags, cwd=work))
    run = ("train.py", "--data-path", "data", "-c", "config.yaml", "--dry-run", "--save-dir")
    succeeded(script(*run, "new", "--load-dir", "checkpoints/classifier-00000010", cwd=work))
    assert f"{named} is of step 8, and --checkpoint says 4; leave one" in refused(
        script("generate.py", "--load-dir", named, "--checkpoint", 4, cwd=work)
    )
    assert f"{named} is a checkpoint; expected the directory it is in: checkpoints" in refused(
        script(*run, named, "--resume", cwd=work)
    )
    assert f"--watch serves the newest checkpoint, and {named} is one; name checkpoints" in refused(
        script("serve.py", "--load-dir", named, "--watch", cwd=work)
    )


def test_a_second_run_does_not_touch_the_first_without_being_told(work):
    before = {path: path.read_bytes() for path in (work / "checkpoints").rglob("*") if path.is_file()}
    for name, kind in (("classifier.py", "classifier"), ("train.py", "gan")):
        message = refused(process(name, "--data-path", "data", "-c", "config.yaml", cwd=work))
        assert f"checkpoints already holds a {kind} checkpoint, of step 10; pass --resume" in message
    assert before == {path: path.read_bytes() for path in (work / "checkpoints").rglob("*") if path.is_file()}


def test_overwrite_replaces_and_load_dir_starts_from_a_classifier(work, script):
    (work / "short.yaml").write_text(yaml.safe_dump(SETTINGS | {"cls_epochs": 1}))
    common = ("--data-path", "data", "--save-dir", "again", "--log-dir", "again/logs")
    losses = {}
    for config, *more in (
        ("config.yaml",),
        ("config.yaml", "--overwrite", "--load-dir", "checkpoints"),
        ("short.yaml", "--overwrite"),
    ):
        succeeded(script("classifier.py", *common, "-c", config, *more, cwd=work))
        newest = max((work / "again" / "logs").iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
        first = (newest / "records.jsonl").read_text().splitlines()[0]
        losses[config, *more] = json.loads(first)["loss/classifier"]
    assert [path.name for path in (work / "again").glob("classifier-*")] == ["classifier-00000005"]
    fresh, loaded, _ = losses.values()
    assert loaded < fresh  # it had already been trained


def test_a_missing_classifier_names_the_command_to_run(work, script):
    message = refused(script("train.py", "--data-path", "data", "-c", "config.yaml", "--save-dir", "empty", cwd=work))
    command = "./classifier.py --data-path data -c config.yaml --save-dir empty"
    assert f"empty: no such directory; expected a classifier checkpoint: run {command}" in message


def test_a_classifier_of_other_images_names_the_command_to_run(work, script):
    write_idx(work / "larger", side=12)
    message = refused(
        script(
            "train.py",
            "--data-path",
            "larger",
            "-c",
            "config.yaml",
            "--save-dir",
            "larger-run",
            "--load-dir",
            "checkpoints",
            cwd=work,
        )
    )
    assert "trained on 8x8 grey, 10 classes; expected 12x12 grey, 10 classes" in message
    assert "run ./classifier.py --data-path larger -c config.yaml --save-dir OTHER_DIRECTORY" in message


def test_a_classifier_of_another_data_set_of_the_same_size_is_refused(work, script):
    write_idx(work / "other", train=90)
    message = refused(
        script(
            "train.py",
            "--data-path",
            "other",
            "-c",
            "config.yaml",
            "--save-dir",
            "other-run",
            "--load-dir",
            "checkpoints",
            cwd=work,
        )
    )
    assert "trained on other images of 8x8 grey, 10 classes; expected those of other" in message


def test_generating_without_a_checkpoint_names_the_command_to_run(work, script):
    message = refused(script("generate.py", "--load-dir", "nowhere", cwd=work))
    assert "nowhere: no such directory; expected a gan checkpoint: run ./train.py --save-dir nowhere" in message
    assert not (work / "outputs").exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"gan_batch_size": 8, "seed": 1}, "another config (seed: 0, now 1; gan_batch_size: 16, now 8); pass -c"),
        ({"gan_epochs": 1}, "is at step 10, but the run ends at 5; raise the epochs"),
    ],
)
def test_what_may_not_change_in_a_resumed_run_is_refused_by_name(work, script, changes, problem):
    (work / "changed.yaml").write_text(yaml.safe_dump(SETTINGS | changes))
    assert problem in refused(script("train.py", "--data-path", "data", "-c", "changed.yaml", "--resume", cwd=work))


def test_there_must_be_something_to_go_on_with(work, script):
    assert refused(script("train.py", "--data-path", "data", "--save-dir", "nothing", "--resume", cwd=work)) == (
        "train.py: nothing: no such directory; expected a gan checkpoint: leave --resume out to begin a run\n"
    )
    both = refused(script("train.py", "--data-path", "data", "--resume", "--overwrite", cwd=work))
    assert "argument --overwrite: not allowed with argument --resume" in both


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        (
            "train.py",
            ["--data-path", "absent", "--save-dir", "unused"],
            "absent does not exist; expected labelled images: name another one, or pass",
        ),
        ("train.py", ["-c", "absent.yaml"], "absent.yaml: no such file"),
        (
            "classifier.py",
            ["--data-path", "config.yaml"],
            "config.yaml is text; expected pictures in a directory",
        ),
        ("evaluate.py", ["--metrics", "nonsense"], "--metrics: found 'nonsense', expected fid"),
        (
            "evaluate.py",
            ["--images", "data", "--checkpoint", "best"],
            "--images and --checkpoint: expected one of them",
        ),
        ("evaluate.py", ["--compare", "data"], "no such file; expected what ./evaluate.py --output-dir data writes"),
        ("classifier.py", ["--data-path", "data"], "there are 80 training images, fewer than one batch of 128"),
        ("generate.py", ["--classes", "10"], "there is no class '10'"),
        ("generate.py", ["--output-dir", "config.yaml"], "config.yaml is a file; expected a directory to write to"),
        ("train.py", ["--save-dir", "config.yaml/deep"], "config.yaml is a file; expected a directory to write to"),
        ("train.py", ["--log-dir", "config.yaml"], "config.yaml is a file; expected a directory to write to"),
        ("generate.py", ["--labels", "3:x"], "3:x: the weight 'x' cannot be used; expected CLASS:WEIGHT"),
        ("generate.py", ["--interpolate-labels", "3", "3:1"], "a label vector is given twice in 3 3:1"),
        (
            "generate.py",
            ["--grid", "--images-per-class", "9000"],
            "a grid of 9000 rows and 10 columns would",
        ),
    ],
)
def test_bad_input_is_one_line(work, name, arguments, expected, script):
    if name == "classifier.py":
        arguments = [*arguments, "--save-dir", "unused"]
    assert expected in refused(script(name, *arguments, cwd=work))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--format", "gif"], "--format gif is for --interpolate-labels and --interpolate-styles; expected jpg or png"),
        (["--interpolate-styles", "--grid"], "--grid, --names and --own-styles are for single images; leave them out"),
        (["--interpolate-styles", "--own-styles"], "--own-styles are for single images; leave them out"),
        (["--interpolate-styles", "--interpolate-labels", "3", "8"], "expected one of them"),
        (["--classes", "3", "--labels", "8"], "argument --labels: not allowed with argument --classes"),
        (["--interpolate-styles", "--steps", "1"], "found 1, expected an integer from 2 to 1,000"),
        (["--steps", "5"], "--steps is for --interpolate-labels and --interpolate-styles; leave it out"),
        (["--interpolate-styles", "--images-per-class", "3"], "draws one row per class; leave --images-per-class out"),
    ],
)
def test_flags_of_generate_that_do_not_go_together_are_refused(work, arguments, expected):
    done = process("generate.py", *arguments, cwd=work)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("generate.py: ")
    assert f"{expected} (--help lists the flags)\n" in done.stderr
    assert done.stderr.count("\n") == 1


def test_generate_draws_label_vectors_and_ways(work, script):
    out = succeeded(
        script("generate.py", "--output-dir", "ways", "--labels", "3:1,8:1", "4", "--images-per-class", 2, cwd=work)
    )
    assert "4 images in ways: 3x0.5+8x0.5-1.jpg to 4-2.jpg" in out
    assert "3-to-8.gif: 3 steps from 3 to 8 in 2 styles" in succeeded(
        script(
            "generate.py",
            "--output-dir",
            "ways",
            "--interpolate-labels",
            3,
            8,
            "--steps",
            3,
            "--images-per-class",
            2,
            "--format",
            "gif",
            cwd=work,
        )
    )
    assert "styles-1-to-2.jpg: 12 steps from style 1 to 2 in 3, 8" in succeeded(
        script("generate.py", "--output-dir", "ways", "--interpolate-styles", "--classes", 3, 8, cwd=work)
    )
    expected = {"3x0.5+8x0.5-1.jpg", "3x0.5+8x0.5-2.jpg", "4-1.jpg", "4-2.jpg", "3-to-8.gif", "styles-1-to-2.jpg"}
    assert {path.name for path in (work / "ways").iterdir()} == expected


@pytest.mark.parametrize(
    ("flags", "drawn"),
    [
        (("--labels", "-1:0.5,1:0.5", "--2:3,-h:1"), {"-1x0.5+1x0.5-1.jpg", "-hx0.25+--2x0.75-1.jpg"}),
        (("--classes", "-1", "1", "-hat", "--seed", 3), {"-1-1.jpg", "1-1.jpg", "-hat-1.jpg"}),
        (("--classes=-h",), {"-h-1.jpg"}),
    ],
)
def test_classes_and_directories_with_names_that_begin_with_a_dash_are_drawn(tmp_path, script, flags, drawn):
    spec = ImageSpec(8, 8, 1, ("-1", "1", "-h", "--2", "-hat"))
    checkpoints.save(tmp_path / "-x", About("gan", 1, spec, TINY, data=""), {"average": Generator(spec, TINY)}, keep=1)
    common = ("--load-dir", "-x", "--output-dir", "-o", "--images-per-class", 1, "--names")
    succeeded(script("generate.py", *common, *flags, cwd=tmp_path))
    assert {path.name for path in (tmp_path / "-o").iterdir()} == drawn


def test_training_leaves_a_film_and_its_labels(work):
    (run,) = (work / "logs" / "gan").iterdir()
    assert (run / "film.gif").read_bytes().startswith(b"GIF89a")
    assert (run / "film.webp").read_bytes()[8:12] == b"WEBP"
    labels = (run / "columns.txt").read_text().splitlines()
    assert labels[:10] == list("0123456789") and len(labels) == 20


def test_a_diverged_run_says_so_and_leaves_the_earlier_one(work, script):
    # Kernels grow 999-fold a step.
    wild = {"gan_epochs": 6, "gen_lr": 1.0, "gen_weight_decay": 1000.0}
    (work / "wild.yaml").write_text(yaml.safe_dump(SETTINGS | wild))
    shutil.copytree(work / "checkpoints", work / "diverged")
    done = script(
        "train.py", "--data-path", "data", "-c", "wild.yaml", "--save-dir", "diverged", "--overwrite",
        "--log-dir", "diverged/logs", cwd=work,
    )  # fmt: skip
    if done.returncode == 0:
        pytest.fail("the settings were meant to diverge: choose wilder ones")
    assert done.returncode == 3
    assert "checkpoints saved before are intact" in done.stderr
    assert {path.name for path in (work / "diverged").glob("gan-*")} == {"gan-00000004", "gan-00000008", "gan-00000010"}


def test_problems_of_own_images_are_said_by_file_and_line(tmp_path, script):
    write_pictures(tmp_path / "pets", {"train": ["cat", "dog"] * 20, "test": ["cat", "dog"] * 10}, channels=3)
    for number in range(25):
        (tmp_path / "pets" / "train" / f"{number}.png").write_bytes(b"")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS | {"cls_batch_size": 8}))
    command = ("classifier.py", "--data-path", "pets", "-c", "config.yaml", "--dry-run")
    done = script(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    lines = [f"pets/train_labels.csv:{number + 2}: {number}.png is empty" for number in range(20)]
    assert done.stderr.splitlines() == [
        *lines,
        "classifier.py: pets has 25 problems, the first 20 of them above; "
        "correct the files, or pass --on-bad-image skip to leave them out",
    ]
    done = script(*command, "--on-bad-image", "skip", "--cache-dir", "cache", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == f"warning: 25 of 60 images cannot be used and are left out; the first: {lines[0]}\n"
    assert "train 15 images (cat: 7, dog: 8)" in done.stdout
    assert [path.name.partition("-")[2] for path in (tmp_path / "cache").iterdir() if path.is_dir()] == ["native"]


def test_images_of_an_earlier_call_are_pointed_out(work, script):
    few = ("--output-dir", "mixed", "--classes", 1)
    succeeded(script("generate.py", *few, "--images-per-class", 3, cwd=work))
    done = script("generate.py", *few, "--images-per-class", 2, "--grid", cwd=work)
    assert done.stderr == "warning: mixed also holds another image, 1-3.jpg\n"
    done = script("generate.py", *few, "--images-per-class", 2, cwd=work)
    assert done.stderr == "warning: mixed also holds 2 other images, such as 1-3.jpg\n"
    assert (work / "mixed" / "grid.jpg").exists()


def test_an_environment_without_the_packages_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / "train.py")], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "is not installed; run `make .venv`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--save-steps", "0"], "argument --save-steps: found 0, expected an integer of at least 1"),
        (["--seed", "-1"], "argument --seed: found -1, expected an integer of at least 0"),
        (["--seed", "x"], "argument --seed: invalid integer value: 'x'"),
        (["--sed", "1"], "unrecognized arguments: --sed 1"),
        (["--resume", "-sed", "1"], "unrecognized arguments: -sed 1"),
        (
            ["--save-dir", "--resmue"],
            "expected one argument; write --save-dir=VALUE if the value has the form of a flag",
        ),
    ],
)
def test_bad_flags_are_refused_by_name(tmp_path, arguments, expected):
    done = process("train.py", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr


@pytest.mark.parametrize("which", ["newest", "best", 8])
def test_a_checkpoint_is_drawn_from_by_age_by_score_or_by_step(which, work, script):
    scores = {
        int(path.name[-8:]): json.loads((path / "about.json").read_text())["scores"]["fid"]
        for path in (work / "checkpoints").glob("gan-*")
    }
    step = {"newest": 10, "best": min(scores, key=scores.__getitem__), 8: 8}[which]
    flags = ("--checkpoint", which, "--output-dir", f"drawn-{which}", "--images-per-class", 1)
    found = succeeded(script("generate.py", *flags, cwd=work))
    assert f"drawn by checkpoints/gan-{step:08d}: FID {scores[step]:.3f} (" in found


def test_a_checkpoint_that_is_not_there_is_refused(work, script):
    found = refused(script("generate.py", "--checkpoint", 7, "--output-dir", "none", cwd=work))
    assert "checkpoints has no gan checkpoint of step 7; expected one of 4, 8, 10\n" in found
    found = refused(script("generate.py", "--checkpoint", "last", "--output-dir", "none", cwd=work))
    assert "argument --checkpoint: found last, expected newest, best, or a step such as 5000" in found
    assert not (work / "none").exists()


@pytest.mark.parametrize("name", ["train.py", "classifier.py"])
def test_a_setting_is_overridden_by_a_flag(name, work, script):
    common = ("--data-path", "data", "-c", "config.yaml", "--save-dir", "set", "--load-dir", "checkpoints", "--dry-run")
    settings = ("--set", "gan_batch_size=8", "--set", "cls_batch_size=8")
    assert "20 steps in 2 epochs" in succeeded(script(name, *common, *settings, cwd=work))
    found = refused(script(name, *common, "--set", "gen_rl=1", cwd=work))
    assert found.endswith("--set: unknown key 'gen_rl'; did you mean gen_lr?\n")
    assert not (work / "set").exists()
