"""Whole runs in one process, on one replica and on two: what the scripts call."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_about, write_idx

from gan import checkpoints, runs
from gan.about import digest_of, read_about
from gan.checkpoints import save
from gan.config import load_config
from gan.devices import strategy as devices_strategy
from gan.devices.cluster import ALONE, Place
from gan.devices.precision import Precision
from gan.devices.strategy import _make_strategy, make_strategy
from gan.errors import UserError
from gan.evaluation.scores import Scorer
from gan.runs import train_classifier, train_gan
from gan.sampling import Sampler
from gan.training import run as run_module
from gan.training.run import RunOptions


def options(directory, **changes) -> RunOptions:
    values = {
        "data_path": str(directory / "data"),
        "save_dir": directory / "checkpoints",
        "log_dir": directory / "logs",
        "record_steps": 5,
        "save_steps": 5,
    }
    return RunOptions(**values | changes)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, one_replica, two_replicas):
    """Scores, records and images of a run on one replica and of the same run on two."""
    found = []
    for strategy in (one_replica, two_replicas):
        directory = tmp_path_factory.mktemp("run")
        write_idx(directory / "data", train=160, test=160)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_module, "make_strategy", lambda *_, strategy=strategy: strategy)
            learns = replace(TINY, cls_epochs=4, cls_lr=1e-2)
            accuracy = train_classifier(learns, options(directory, log_dir=directory / "classifier"))["accuracy"]
            scores = train_gan(TINY, options(directory))
        (log,) = (directory / "logs").iterdir()
        records = [json.loads(line) for line in (log / "records.jsonl").read_text().splitlines()]
        images = Sampler.from_checkpoint(directory / "checkpoints").style_grid(rows=2, seed=3)
        found.append((accuracy, scores, records, images))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory, one_replica):
    """A directory with data, and a classifier that was trained on them."""
    directory = tmp_path_factory.mktemp("trained")
    write_idx(directory / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "make_strategy", lambda *_: one_replica)
        train_classifier(TINY, options(directory, log_dir=directory / "classifier"))
    return directory


@pytest.fixture
def scored(trained, tmp_path, one_replica, monkeypatch):
    """A copy of that in `tmp_path`, where runs are on one replica."""
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


def test_two_replicas_do_the_whole_job(outcomes):
    for accuracy, scores, records, images in outcomes:
        assert accuracy > 0.4  # With wrong labels it is about 0.2, and 0.1 by chance.
        assert scores["samples"] == TINY.fid_samples
        assert [record["step"] for record in records] == [5, 10, 15, 20, 25, 30, 35, 40]
        assert images.shape == (20, 8, 8, 1)


def test_one_replica_and_two_begin_as_the_same_run(outcomes):
    """Later, rounding differences grow, as they do in any training of a GAN."""
    (_, _, one, _), (_, _, two, _) = outcomes
    for name in ("loss/critic", "loss/penalty", "learning_rate/critic"):
        assert one[0][name] == pytest.approx(two[0][name], rel=0.05, abs=0.05)


def test_the_checkpoint_draws_from_the_average(scored, tmp_path, monkeypatch):
    scored = []
    original = runs.Sampler
    monkeypatch.setattr(runs, "Sampler", lambda network, *a, **k: scored.append(network) or original(network, *a, **k))
    built = []
    build = runs.build_networks
    monkeypatch.setattr(runs, "build_networks", lambda *a, **k: built.append(build(*a, **k)) or built[0])
    train_gan(TINY, options(tmp_path))
    assert scored == [built[0].average]
    images = Sampler.from_checkpoint(tmp_path / "checkpoints").style_grid(rows=1, seed=0)
    expected = original(built[0].average, built[0].average.spec, noise_dims=TINY.noise_dims).style_grid(rows=1, seed=0)
    np.testing.assert_array_equal(images, expected)


def test_overwriting_replaces_the_earlier_run_and_keeps_its_own(scored, tmp_path, monkeypatch):
    """Steps of both runs have the same numbers."""
    kept = []
    for seed in (0, 1):
        config = TINY.__class__(**{**TINY.__dict__, "seed": seed})
        train_gan(config, options(tmp_path, overwrite=True))
        kept.append(checkpoints.steps_saved(tmp_path / "checkpoints", "gan"))
        paths = [checkpoints.checkpoint_path(tmp_path / "checkpoints", "gan", step) for step in kept[-1]]
        assert {read_about(path).config.seed for path in paths} == {seed}
        assert kept[-1][-3:] == [10, 15, 20]


def test_a_classifier_that_was_replaced_meanwhile_is_refused(scored, tmp_path, monkeypatch):
    """Also where no checkpoint of the run has scores; and what was trained stays."""
    original = run_module.train

    def half(trainer, batches, schedule, *, save, **keywords):
        keywords["save"] = lambda step, scores: save(step, {})
        return original(trainer, batches, schedule._replace(total_steps=10), **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "train", half)
        train_gan(TINY, options(tmp_path, record_steps=1000))
    before = {path: path.read_bytes() for path in sorted((tmp_path / "checkpoints").glob("gan-*/*"))}
    train_classifier(replace(TINY, seed=1), options(tmp_path, overwrite=True))
    with pytest.raises(ValueError, match=r"is scored by classifier \w+, and \w+ is another; name the directory"):
        train_gan(TINY, options(tmp_path, resume=True))
    assert {path: path.read_bytes() for path in sorted((tmp_path / "checkpoints").glob("gan-*/*"))} == before


def test_a_run_that_another_got_in_before_is_refused(scored, tmp_path, monkeypatch):
    """What it found when it started is no longer what is there when it begins to write."""
    original = runs.Scorer

    def slow(*arguments, **keywords):
        monkeypatch.setattr(runs, "Scorer", original)
        train_gan(TINY, options(tmp_path))
        return original(*arguments, **keywords)

    monkeypatch.setattr(runs, "Scorer", slow)
    with pytest.raises(ValueError, match=r"another run has saved checkpoints in .* meanwhile; start again$"):
        train_gan(replace(TINY, seed=1), options(tmp_path))
    assert checkpoints.find(tmp_path / "checkpoints", "gan").about.config == TINY


def test_a_run_that_dies_early_leaves_an_earlier_one_its_config(scored, tmp_path, monkeypatch):
    train_gan(TINY, options(tmp_path))
    config = tmp_path / "checkpoints" / "config-gan.yaml"
    left = config.with_name(".config-gan.yaml.part-7")
    left.touch()
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "train", lambda *a, **k: pytest.fail("no step was made"))
        with pytest.raises(BaseException, match="no step was made"):
            train_gan(replace(TINY, seed=1), options(tmp_path, overwrite=True))
    assert load_config(config) == TINY
    assert not left.exists()
    train_gan(replace(TINY, seed=1), options(tmp_path, overwrite=True))
    assert load_config(config).seed == 1


@pytest.mark.parametrize("train_one", [train_classifier, train_gan])
def test_a_run_made_shorter_to_an_unscored_checkpoint_is_scored(train_one, tmp_path, one_replica, monkeypatch):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    write_idx(tmp_path / "data")
    long = replace(TINY, cls_epochs=4, gan_epochs=4)
    train_classifier(TINY if train_one is train_gan else long, options(tmp_path, record_epochs=4, save_steps=10))
    if train_one is train_gan:
        train_gan(long, options(tmp_path, record_steps=1000, save_steps=10, keep=9))
    kind = "gan" if train_one is train_gan else "classifier"
    for step in checkpoints.steps_saved(tmp_path / "checkpoints", kind):
        if step > 20:
            shutil.rmtree(checkpoints.checkpoint_path(tmp_path / "checkpoints", kind, step))
    path = checkpoints.checkpoint_path(tmp_path / "checkpoints", kind, 20)
    before = read_about(path)
    assert before.scores == {}
    found = train_one(replace(long, cls_epochs=2, gan_epochs=2), options(tmp_path, resume=True))
    scores = read_about(path).scores
    assert found == scores


def test_a_run_whose_film_fails_is_a_good_run(scored, tmp_path, monkeypatch, capsys):
    """And one that goes on without its earlier records tells the columns of the new ones."""
    train_gan(replace(TINY, gan_epochs=1), options(tmp_path))
    (log,) = (tmp_path / "logs").iterdir()
    columns = (log / "columns.txt").read_text()
    (log / "samples-00000005.png").write_bytes(b"cut off")
    assert train_gan(TINY, options(tmp_path, resume=True)) is not None
    assert f"warning: no film: {log / 'samples-00000005.png'} cannot be read (it is damaged)" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "logs")
    train_gan(replace(TINY, gan_epochs=3), options(tmp_path, resume=True))
    missing = f"warning: {tmp_path}/logs does not hold the records of the run so far ({log.name}); new ones begin in "
    assert missing in capsys.readouterr().err
    (log,) = (tmp_path / "logs").iterdir()
    assert (log / "columns.txt").read_text() == columns
    assert (log / "film.gif").exists()


def test_a_copy_of_a_run_goes_on_in_records_of_its_own(scored, tmp_path, capsys):
    train_gan(replace(TINY, gan_epochs=1), options(tmp_path))
    (log,) = (tmp_path / "logs").iterdir()
    before = {path.name: path.read_bytes() for path in log.iterdir()}
    shutil.copytree(tmp_path / "checkpoints" / "gan-00000005", tmp_path / "fork" / "gan-00000005")
    places = {"save_dir": tmp_path / "fork", "load_dir": tmp_path / "checkpoints"}
    train_gan(replace(TINY, gan_epochs=2), options(tmp_path, **places, resume=True))
    assert {path.name: path.read_bytes() for path in log.iterdir()} == before
    (own,) = set((tmp_path / "logs").iterdir()) - {log}
    assert f"and {tmp_path}/fork holds a copy of that; new ones begin in {own}\n" in capsys.readouterr().err
    assert checkpoints.find(tmp_path / "fork", "gan").about.records == own.name


def test_a_run_that_goes_on_in_float16_has_a_loss_scale(scored, tmp_path, monkeypatch):
    """As `mixed_precision: true` does on an older GPU; what was saved has none."""
    train_gan(TINY, options(tmp_path))
    monkeypatch.setattr(run_module, "choose", lambda *_: Precision("mixed_float16", "the GPU has it"))
    train_gan(replace(TINY, gan_epochs=3), options(tmp_path, resume=True))
    (log,) = (tmp_path / "logs").iterdir()
    record = json.loads((log / "records.jsonl").read_text().splitlines()[-1])
    assert record["loss_scale"] > 1


def test_workers_of_two_precisions_are_refused(tmp_path, one_replica, monkeypatch):
    """The other one has the same config, and computes in something else."""
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    monkeypatch.setattr(run_module, "choose", lambda *_: Precision("mixed_bfloat16", "the CPU has it"))
    others = iter([0.0, 1.0])
    monkeypatch.setattr(devices_strategy, "_sum", lambda strategy, own: own + next(others))
    write_idx(tmp_path / "data")
    with pytest.raises(UserError, match=r"^mixed_precision is true, which is mixed_bfloat16 here but .* or false$"):
        train_classifier(replace(TINY, mixed_precision=True), options(tmp_path), Place(2, is_chief=True))


def test_a_start_from_a_classifier_wants_one_of_the_same_images(scored, tmp_path):
    start = {"save_dir": tmp_path / "new", "load_dir": tmp_path / "checkpoints"}
    told = ": name another with --load-dir, or leave --load-dir out to begin with a fresh one$"
    with pytest.raises(
        UserError, match=rf"was trained on images with held_out 0; expected held_out 0\.2, as here{told}"
    ):
        train_classifier(replace(TINY, held_out=0.2), options(tmp_path, **start))
    with pytest.raises(UserError, match=f"empty: no such directory; expected a classifier checkpoint{told}"):
        train_classifier(TINY, options(tmp_path, **start | {"load_dir": tmp_path / "empty"}))
    with pytest.raises(UserError, match=r"^--resume goes on with a run, and --load-dir begins one; expected one of"):
        train_classifier(TINY, options(tmp_path, **start, resume=True))


def test_a_process_has_one_strategy():
    """Two would use each other's keys for their reductions."""
    assert make_strategy(None) is make_strategy(None, ALONE)


def test_devices_are_those_that_are_named():
    assert _make_strategy.__wrapped__("cpu:2", ALONE).extended.worker_devices == (
        "/job:localhost/replica:0/task:0/device:CPU:0",
        "/job:localhost/replica:0/task:0/device:CPU:1",
    )
    assert _make_strategy.__wrapped__("cpu", ALONE).num_replicas_in_sync == 1


@pytest.mark.parametrize(
    ("devices", "problem"),
    [("cpu:3", "there is no CPU:2"), ("0", "there is no GPU:0"), ("1,1", "there is no GPU:1")],
)
def test_a_device_that_is_not_there_is_refused(devices, problem):
    with pytest.raises(ValueError, match=rf"^--devices {devices}: {problem}; expected cpu or cpu:N, as .* no GPU$"):
        make_strategy(devices)


@pytest.mark.parametrize(
    ("devices", "visible", "names"),
    [
        ("1", "b", ["GPU:0"]),
        ("2,0", "ac", ["GPU:1", "GPU:0"]),
        ("2", "abc", ["GPU:2"]),
        ("cpu:2", "", ["CPU:0", "CPU:1"]),
    ],
)
def test_gpus_are_named_by_their_place_among_the_visible_ones(devices, visible, names, monkeypatch):
    """And chosen by that among all."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a", "b", "c"])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: list(visible))
    assert devices_strategy._names(devices) == names
    with pytest.raises(UserError, match=r"^--devices 0,3: there is no GPU:[03]; expected each once, of 0,1,2$"):
        devices_strategy._names("0,3")


@pytest.mark.parametrize(("driver", "visible", "warned"), [(True, None, True), (False, None, False), (True, "", False)])
def test_a_gpu_that_tensorflow_does_not_find_is_pointed_out(driver, visible, warned, tmp_path, monkeypatch, capsys):
    """But not where the user hid it."""
    (tmp_path / "version").touch()
    monkeypatch.setattr(devices_strategy, "NVIDIA_DRIVER", tmp_path / ("version" if driver else "absent"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    _make_strategy.__wrapped__(None, ALONE)
    assert ("TensorFlow finds no GPU and the CPU is used" in capsys.readouterr().err) is warned


def test_a_class_without_training_images_is_pointed_out(tmp_path, one_replica, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    write_idx(tmp_path / "data")
    labels = tmp_path / "data" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes().replace(b"\x03", b"\x04"))
    train_classifier(TINY, options(tmp_path, dry_run=True))
    assert "warning: no training image of class 3\n" in capsys.readouterr().err


def test_settings_that_leave_no_step_are_refused(tmp_path):
    write_idx(tmp_path / "data", train=16)
    config = TINY.__class__(**{**TINY.__dict__, "crit_steps": 50, "gan_epochs": 1})
    with pytest.raises(ValueError, match="crit_steps is 50, more than the 2 batches of the run"):
        train_gan(config, options(tmp_path))


def test_images_held_out_score_a_run_and_nothing_is_trained_on_them(tmp_path, one_replica, monkeypatch):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    write_idx(tmp_path / "data", train=160)
    config = replace(TINY, held_out=0.25, gan_epochs=1, cls_epochs=1)
    train_classifier(config, options(tmp_path, log_dir=tmp_path / "classifier"))
    scores = train_gan(config, options(tmp_path))
    assert (scores["samples"], scores["split"]) == (24, "held-out training images")
    assert scores["noise_floor"] > 0 and scores["floor_spread"] > 0
    run = run_module.Run("gan", config, options(tmp_path, overwrite=True), ALONE)
    assert run.batches.subset.size == 120
    assert not set(run.batches.subset.indices) & set(run.scored.indices)
    with pytest.raises(ValueError, match=r"images with held_out 0\.25; expected held_out 0, as here"):
        train_gan(replace(config, held_out=0.0), options(tmp_path, overwrite=True))


def test_where_none_can_be_held_out_the_test_images_score_the_run(tmp_path, one_replica, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    write_idx(tmp_path / "data", train=80)
    run = run_module.Run("gan", replace(TINY, held_out=0.1), options(tmp_path), ALONE)
    assert (run.scored.name, run.scored.size, run.batches.subset.size) == ("test images", 40, 80)
    assert "the test images score the run" in capsys.readouterr().err


def test_a_checkpoint_from_before_images_were_held_out_had_none(tmp_path):
    save(tmp_path, tiny_about(replace(TINY, held_out=0.1)), {}, keep=1)
    path = tmp_path / "gan-00000000" / "about.json"
    values = json.loads(path.read_text())
    del values["digest"], values["config"]["held_out"]
    path.write_text(json.dumps(values | {"digest": digest_of(values)}))
    assert read_about(path.parent).config.held_out == 0.0


def test_a_run_ends_when_it_is_good_enough_and_stays_so(trained, tmp_path, one_replica, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    shutil.copytree(trained, tmp_path / "run")
    wanted = options(tmp_path / "run", target_fid=1e9)
    scores = train_gan(TINY, wanted)
    assert checkpoints.steps_saved(wanted.save_dir, "gan") == [5]
    about = checkpoints.find(wanted.save_dir, "gan").about
    assert about.course == (scores["fid"],)
    assert "ended at step 5 of 20: the FID is" in capsys.readouterr().out
    assert train_gan(TINY, replace(wanted, resume=True)) == scores
    assert "gan-00000005 is the end of the run: the FID is" in capsys.readouterr().out
    train_gan(TINY, replace(wanted, resume=True, target_fid=None))
    assert len(checkpoints.find(wanted.save_dir, "gan").about.course) == 4


def test_with_patience_the_best_record_is_saved(trained, tmp_path, one_replica, monkeypatch):
    """Else only the records that a save falls on were, and the worse ones at the end."""
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    distances = iter([3.0, 2.0, 2.5, 1.0, 4.0, 5.0])
    monkeypatch.setattr(Scorer, "score", lambda *_: {"fid": next(distances)})
    shutil.copytree(trained, tmp_path / "run")
    wanted = options(tmp_path / "run", patience=2, record_steps=2, save_steps=14, keep=9)
    train_gan(TINY, wanted)
    assert checkpoints.steps_saved(wanted.save_dir, "gan") == [2, 4, 8, 12]
    assert checkpoints.find(wanted.save_dir, "gan", "best").about.step == 8


def test_a_classifier_whose_training_has_not_ended_is_a_warning(trained, tmp_path, one_replica, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "make_strategy", lambda *_: one_replica)
    run = run_module.Run("gan", TINY, options(trained), ALONE)
    runs.load_classifier(trained / "checkpoints", run)
    assert capsys.readouterr().err == ""
    saved = checkpoints.find(trained / "checkpoints", "classifier")
    classifier = checkpoints.open_saved(saved).network
    checkpoints.save(tmp_path, replace(saved.about, step=4), {"classifier": classifier}, keep=1)
    runs.load_classifier(tmp_path, run)
    told = capsys.readouterr().err
    assert told.startswith(f"warning: {tmp_path}/classifier-00000004 is at step 4 of ") and "--resume, since a" in told
    runs.load_classifier(tmp_path / "classifier-00000004", run)  # Wanted by name.
    run.resumed = saved  # Another one would be refused.
    runs.load_classifier(tmp_path, run)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("course", "target", "patience", "reason"),
    [
        ([], 1.0, 1, None),
        ([3.0, 2.0], 1.0, None, None),
        ([3.0, 1.0], 1.0, None, "the FID is 1.000, and 1 was wanted"),
        ([0.5, 3.0], 1.0, None, None),
        ([3.0, 2.0, 2.5], None, 2, None),
        ([3.0, 2.0, 2.5, 2.0], None, 2, "the FID was 2.000, and is no lower after 2 more records"),
        ([3.0, 2.0, 2.5, 1.9], None, 2, None),
    ],
)
def test_the_reasons_to_end(course, target, patience, reason):
    run = object.__new__(run_module.Run)
    run.options = RunOptions(data_path="", save_dir=None, log_dir=None, target_fid=target, patience=patience)
    assert run._reason_to_end(course) == reason
