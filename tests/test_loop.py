import io
import itertools
import json
import math
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_about
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan import checkpoints
from gan.config import load_config
from gan.data.batches import Batch
from gan.errors import UserError
from gan.training.loop import Pace, Schedule, check, train
from gan.training.progress import Progress
from gan.training.records import Records
from gan.training.stopping import Stopped


def test_calls_cover_every_step_once_and_stop_at_records_and_saves():
    schedule = Schedule(total_steps=23, steps_per_call=4, record_steps=10, save_steps=7)
    ends, step = [], 0
    while step < 23:
        ends.append(step := schedule.end_of_call(step, 4))
    assert ends == [4, 7, 10, 14, 18, 20, 21, 23]
    assert [step for step in range(1, 24) if schedule.records_after(step)] == [10, 20, 23]
    assert [step for step in range(1, 24) if schedule.saves_after(step)] == [7, 14, 21, 23]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1.0, 1), (0.15, 1), (0.1, 2), (0.008, 25), (0.0001, 64)], ids=lambda value: str(value)
)
def test_calls_are_as_long_as_makes_python_cheap(seconds, expected, monkeypatch):
    """By the fastest of four calls after the first, which traces."""
    pace = Pace(None)
    for taken in (0.00001, 3 * seconds, seconds, 2 * seconds, 5 * seconds):
        assert pace.steps_per_call == 1
        times = iter([0.0, taken])
        monkeypatch.setattr("gan.training.loop.time", SimpleNamespace(perf_counter=lambda times=times: next(times)))
        pace.timed(lambda: {"steps/ran": tf.constant(1)})
    assert pace.steps_per_call == expected


def test_a_run_finds_its_pace_and_covers_every_step(tmp_path):
    trainer = FakeTrainer()
    with Records(tmp_path, TINY, name="config.yaml") as records:
        train(
            trainer,
            FakeBatches(),
            Schedule(300, steps_per_call=None, record_steps=300, save_steps=300),
            name="fake",
            records=records,
            evaluate=lambda step: {},
            save=lambda step, scores: None,
        )
    counts = [len(labels) // 2 for _, labels in trainer.ran]
    assert counts[:5] == [1] * 5 and max(counts[5:]) > 1
    assert [label for _, labels in trainer.ran for label in labels] == list(range(600))


class FakeTrainer:
    """Notes which steps it was asked for, on which batches; diverges after a given step."""

    batch_size = 4
    batches_per_step = 2
    max_bad_steps = 3

    def __init__(self, diverges_after: int = 1000) -> None:
        self.models = {}
        self.diverges_after = diverges_after
        self.ran = []

    def learning_rates(self):
        return {"learning_rate/fake": 0.5}

    def run(self, first_step, batch):
        self.ran.append((first_step, tuple(batch.labels)))
        last = first_step + len(batch.labels) // 2
        bad = max(last - self.diverges_after, 0)
        return {
            "loss/fake": tf.constant(np.nan if bad else float(last)),
            "steps/skipped": tf.constant(bad),
            "steps/skipped_in_a_row": tf.constant(min(bad, self.max_bad_steps)),
            "steps/ran": tf.constant(last - first_step - max(bad - self.max_bad_steps, 0)),
        }


class FakeBatches:
    def take(self, first, count):
        return Batch(np.zeros((count, 4, 1, 1, 1), np.uint8), np.arange(first, first + count))


def run(trainer, directory, *, total_steps=6, save_steps=3, first_step=0, save_minutes=math.inf, resumed=None):
    saved = []
    with Records(directory, TINY, name="config.yaml", resumed=resumed) as records:
        scores = train(
            trainer,
            FakeBatches(),
            Schedule(total_steps, 2, 2, save_steps, first_step, save_minutes),
            name="fake",
            records=records,
            evaluate=lambda step: {"kept": step},
            save=lambda step, scores: saved.append((step, scores)),
        )
    return scores, saved, records.directory


def test_a_link_that_leads_nowhere_does_not_hang_a_run(tmp_path):
    (tmp_path / "logs").symlink_to(tmp_path / "purged")
    with pytest.raises(UserError, match=r"logs cannot be used \(File exists\)"):
        Records(tmp_path / "logs", TINY, name="config.yaml")


@pytest.mark.parametrize("write", ["scalars", "picture"])
def test_records_that_were_removed_are_missed(write, tmp_path):
    """TensorFlow and Python would go on writing to files that have no names any more."""
    values = {"scalars": {"a": 1.0}, "picture": np.zeros((8, 8, 1), np.uint8)}
    with pytest.raises(UserError) as error, Records(tmp_path / "logs", TINY, name="config.yaml") as records:
        records.scalars(1, {"a": 1.0})
        shutil.rmtree(records.directory)
        records.picture("a", 2, values[write]) if write == "picture" else records.scalars(2, values[write])
    assert str(error.value) == (
        f"{records.directory}: records cannot be written (No such file or directory); checkpoints are intact: correct "
        "that, then go on with --resume, or start again if there is no checkpoint yet"
    )
    assert not records.directory.exists()


def test_a_run_goes_on_after_its_step_and_cuts_what_came_later(tmp_path):
    """Also a record that was half-written when it was killed; but no picture of the user's own."""
    *_, directory = run(FakeTrainer(), tmp_path, total_steps=8)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    lines = (directory / "records.jsonl").read_text()
    with (directory / "records.jsonl").open("a") as file:
        file.write(lines.splitlines()[-1][:20])
    with (directory / "records.jsonl").open("ab") as file:
        file.write(b"\xff")
    for number in (2, 4, 6):
        (directory / f"samples-{number:08d}.png").touch()
    (directory / "screenshot-20261128.png").touch()
    for name in (".events.part-7", ".records.jsonl.part-7"):
        (directory / name).touch()
    events = next(directory.glob("events*"))
    events.write_bytes(events.read_bytes()[:-3])
    trainer = FakeTrainer()
    *_, again = run(trainer, tmp_path, total_steps=8, first_step=4, resumed=(directory.name, 4))
    assert again == directory
    assert [first for first, _ in trainer.ran] == [4, 6]
    assert not list(directory.glob(".*"))
    names = ("images_per_second", "training_seconds")
    found = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    expected = [json.loads(line) for line in lines.splitlines()]
    seconds = [record["training_seconds"] for record in found]
    assert 0 < seconds[0] < seconds[1] < seconds[2] < seconds[3]
    for record in (*found, *expected):
        for name in names:
            del record[name]
    assert found == expected
    pictures = sorted(path.name for path in directory.glob("*.png"))
    assert pictures == ["samples-00000002.png", "samples-00000004.png", "screenshot-20261128.png"]
    accumulator = EventAccumulator(str(directory))
    accumulator.Reload()
    assert [event.step for event in accumulator.Tensors("loss/fake")] == [2, 4, 6, 8]
    assert len(before) == 3


def go_on(logs, records, save_dir):
    """Whether a run goes on in records of this name, after its step 4."""
    with Records(logs, TINY, name="config.yaml", resumed=(records, 4), save_dir=save_dir) as found:
        return found.directory.name == records


@pytest.fixture
def begun(tmp_path):
    """Name of the records in `logs` of a run that has saved step 4 in `a`, and recorded step 6."""
    with Records(tmp_path / "logs", TINY, name="config.yaml", save_dir=tmp_path / "a") as records:
        records.scalars(6, {"loss": 1.0})
    about = replace(tiny_about(), step=4, records=records.directory.name)
    checkpoints.save(tmp_path / "a", about, {}, keep=1)
    return records.directory.name


def test_a_copy_of_a_run_leaves_the_records_of_the_run_alone(begun, tmp_path, capsys):
    directory, fork = tmp_path / "logs" / begun, tmp_path / "fork"
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    shutil.copytree(tmp_path / "a", fork)
    (tmp_path / "a" / "gan-00000009").mkdir()  # A damaged one does not hide it.
    assert not go_on(tmp_path / "logs", begun, fork)
    (new,) = set((tmp_path / "logs").iterdir()) - {directory}
    assert capsys.readouterr().err == (
        f"warning: {directory} are the records of the run in {tmp_path}/a, and {fork} holds a copy of that; new ones "
        f"begin in {new}\n"
    )
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    (tmp_path / "logs").rename(tmp_path / "moved")
    assert not go_on(tmp_path / "moved", begun, fork)
    assert go_on(tmp_path / "moved", begun, tmp_path / "a")


@pytest.mark.parametrize("how", ["link", "moved", "moved, and its place taken", "both copied", "not told", "damaged"])
def test_a_run_goes_on_in_its_own_records_wherever_it_is(how, begun, tmp_path, capsys):
    logs, save_dir = tmp_path / "logs", tmp_path / "b"
    if how == "link":
        save_dir.symlink_to("a")
    elif how == "both copied":
        logs = shutil.copytree(logs, tmp_path / "more")
        shutil.copytree(tmp_path / "a", save_dir)
    elif how == "not told":
        (logs / begun / "save-dir.json").unlink()
    elif how == "damaged":
        (logs / begun / "save-dir.json").write_text('{"records": "\\u0000')
    else:
        (tmp_path / "a").rename(save_dir)
    if "taken" in how:
        checkpoints.save(tmp_path / "a", replace(tiny_about(), step=4, records="20260101T000000Z"), {}, keep=1)
    for _ in range(2):
        assert go_on(logs, begun, save_dir)
    assert (logs / begun / "records.jsonl").read_text() == ""
    assert capsys.readouterr().err == ""


def test_a_run_whose_records_are_gone_begins_new_ones(tmp_path):
    *_, directory = run(FakeTrainer(), tmp_path, first_step=4, resumed=("20260101T000000Z", 4))
    assert directory.name != "20260101T000000Z"


def test_checkpoints_are_saved_by_the_clock_too(tmp_path, monkeypatch):
    """A look at the clock every 25 seconds, at each call and each save: three calls of two steps make a minute."""
    clock = SimpleNamespace(monotonic=itertools.count(0, 25).__next__)
    monkeypatch.setattr("gan.training.loop.time", clock)
    _, saved, _ = run(FakeTrainer(), tmp_path, total_steps=20, save_steps=1000, save_minutes=1)
    assert [step for step, _ in saved] == [6, 12, 18, 20]
    _, saved, _ = run(FakeTrainer(), tmp_path, total_steps=20, save_steps=1000)
    assert [step for step, _ in saved] == [20]


def test_a_signal_saves_the_step_it_came_in(tmp_path):
    class Interrupted(FakeTrainer):
        def run(self, first_step, batch):
            if first_step == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().run(first_step, batch)

    trainer = Interrupted()
    with pytest.raises(Stopped, match="stopped and saved at step 4 of 20; go on with --resume") as stop:
        run(trainer, tmp_path, total_steps=20, save_steps=1000)
    assert stop.value.status == 143
    assert [first for first, _ in trainer.ran] == [0, 2]


def test_the_loop_steps_records_and_saves(tmp_path, capsys):
    trainer = FakeTrainer()
    scores, saved, directory = run(trainer, tmp_path)
    assert scores == {"kept": 6}
    assert saved == [(3, {}), (6, {"kept": 6})]
    assert trainer.ran == [(0, (0, 1, 2, 3)), (2, (4, 5)), (3, (6, 7)), (4, (8, 9, 10, 11))]
    lines = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    shown = [(line["step"], line["loss/fake"], line["score/kept"]) for line in lines]
    assert shown == [(2, 2, 2), (4, 4, 4), (6, 6, 6)]
    assert all(line["images_per_second"] > 0 and line["learning_rate/fake"] == 0.5 for line in lines)
    assert load_config(directory / "config.yaml") == TINY
    output = capsys.readouterr()
    assert output.out.count("step ") == 3
    assert output.err == ""  # no bar where there is no terminal


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_losses_and_scores_and_nothing_else(tmp_path, monkeypatch):
    """The gradient's norm has the loss's last name, and once took its place."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    trainer = FakeTrainer()
    original = trainer.run
    trainer.run = lambda *a: original(*a) | {"gradient/fake": tf.constant(99.0)}
    with Records(tmp_path, TINY, name="config.yaml") as records:
        train(
            trainer,
            FakeBatches(),
            Schedule(6, steps_per_call=2, record_steps=2, save_steps=6),
            name="fake",
            records=records,
            evaluate=lambda step: {"fid": 1.25, "accuracy": 0.5},
            save=lambda step, scores: None,
        )
    last = terminal.getvalue().rstrip().split("\r")[-1]
    assert "48.0/48.0" in last and "images/s" in last
    assert "fake=6, fid=1.25" in last
    assert "=99" not in terminal.getvalue() and "=77" not in terminal.getvalue()


def test_tensorboard_reads_the_same_scalars(tmp_path):
    _, _, directory = run(FakeTrainer(), tmp_path)
    events = EventAccumulator(str(directory))
    events.Reload()
    found = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors("score/kept")]
    assert found == [(2, 2.0), (4, 4.0), (6, 6.0)]
    assert {"loss/fake", "images_per_second", "learning_rate/fake"} <= set(events.Tags()["tensors"])


@pytest.mark.parametrize(
    ("steps_per_call", "save_steps", "kept"), [(1, 1, [1, 2, 3, 4]), (1, 100, []), (4, 100, []), (16, 2, [2, 4])]
)
def test_too_many_skipped_steps_in_a_row_end_the_run_and_nothing_more_is_saved(
    steps_per_call, save_steps, kept, tmp_path
):
    """Which call they end in does not change what is said."""
    saved = []
    trainer = FakeTrainer(diverges_after=2)
    with (
        Records(tmp_path, TINY, name="config.yaml") as records,
        pytest.raises(
            FloatingPointError,
            match=r"^3 steps in a row, up to step 5, were skipped: loss/fake is nan; check",
        ),
    ):
        train(
            trainer,
            FakeBatches(),
            Schedule(40, steps_per_call=steps_per_call, record_steps=100, save_steps=save_steps),
            name="fake",
            records=records,
            evaluate=lambda step: {},
            save=lambda step, scores: saved.append(step),
        )
    assert saved == kept
    # Noticed at the latest after one more call.
    assert sum(len(labels) // 2 for _, labels in trainer.ran) <= 5 + 2 * steps_per_call


def test_nothing_is_scored_after_too_many_skipped_steps(tmp_path):
    """Where the last of them is one of a record."""
    scored = []
    with (
        Records(tmp_path, TINY, name="config.yaml") as records,
        pytest.raises(FloatingPointError, match="3 steps in a row, up to step 5, were"),
    ):
        train(
            FakeTrainer(diverges_after=2),
            FakeBatches(),
            Schedule(40, steps_per_call=1, record_steps=5, save_steps=100),
            name="fake",
            records=records,
            evaluate=lambda step: scored.append(step) or {},
            save=lambda step, scores: None,
        )
    assert scored == []


def test_a_run_that_may_skip_fewer_steps_than_it_has_says_so():
    metrics = {"steps/ran": tf.constant(0), "steps/skipped_in_a_row": tf.constant(5), "loss/fake": tf.constant(0.0)}
    with pytest.raises(FloatingPointError, match=r"^the 5 steps before step 8 were skipped; raise max_bad_steps$"):
        check(7, metrics, 3)


def test_a_run_that_ends_without_scores_is_scored(tmp_path):
    """As when it was made shorter, to the step of a checkpoint that has none."""
    trainer = FakeTrainer()
    scores, saved, directory = run(trainer, tmp_path, total_steps=6, first_step=6)
    assert trainer.ran == []
    assert (scores, saved) == ({"kept": 6}, [(6, {"kept": 6})])
    assert json.loads((directory / "records.jsonl").read_text())["score/kept"] == 6


def test_a_signal_in_the_last_step_changes_nothing(tmp_path):
    class Interrupted(FakeTrainer):
        def run(self, first_step, batch):
            if first_step == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().run(first_step, batch)

    scores, saved, _ = run(Interrupted(), tmp_path)
    assert (scores, saved[-1]) == ({"kept": 6}, (6, {"kept": 6}))


def test_nobody_reading_does_not_end_a_run(tmp_path, monkeypatch):
    """Ctrl-C ends a `tee` too, and the step may be one of a record."""
    reads, writes = os.pipe()
    os.close(reads)
    before = os.dup(2)
    os.dup2(writes, 2)
    monkeypatch.setattr("sys.stdout", broken := os.fdopen(writes, "w", buffering=1))
    try:
        with pytest.raises(Stopped, match="stopped and saved at step 4"):
            trainer = FakeTrainer()
            original = trainer.run

            def interrupted(first_step, batch):
                if first_step == 2:
                    os.kill(os.getpid(), signal.SIGINT)
                return original(first_step, batch)

            trainer.run = interrupted
            run(trainer, tmp_path, total_steps=20, save_steps=1000)
    finally:
        os.dup2(before, 2)
        os.close(before)
        with suppress(OSError):
            broken.close()


def test_a_few_skipped_steps_are_told_and_the_run_goes_on(tmp_path, capsys):
    trainer = FakeTrainer(diverges_after=5)
    _, saved, directory = run(trainer, tmp_path)
    assert [step for step, _ in saved] == [3, 6]
    lines = [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss/fake"], line["steps/skipped"]) for line in lines] == [
        (2, 2, 0),
        (4, 4, 0),
        (6, None, 1),
    ]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert "steps/skipped" not in said[1]
    assert "loss/fake nan, steps/skipped 1" in said[2]


def test_a_signal_during_an_evaluation_saves_that_step(tmp_path):
    saved = []
    with Records(tmp_path, TINY, name="config.yaml") as records, pytest.raises(Stopped, match="saved at step 2 of 20"):
        train(
            FakeTrainer(),
            FakeBatches(),
            Schedule(20, steps_per_call=1, record_steps=2, save_steps=100),
            name="fake",
            records=records,
            evaluate=lambda step: os.kill(os.getpid(), signal.SIGTERM) or {"kept": step},
            save=lambda step, scores: saved.append((step, scores)),
        )
    assert saved == [(2, {"kept": 2})]


def test_a_signal_during_a_save_waits_for_the_next_one(tmp_path):
    """Where it was not seen before, the step that has just been saved may be another's: it is taken once."""
    saved = []

    def save(step, scores):
        saved.append(step)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with Records(tmp_path, TINY, name="config.yaml") as records, pytest.raises(Stopped, match="saved at step 3 of 20"):
        train(
            FakeTrainer(),
            FakeBatches(),
            Schedule(20, steps_per_call=1, record_steps=100, save_steps=2),
            name="fake",
            records=records,
            evaluate=lambda step: {},
            save=save,
        )
    assert saved == [2, 3]


def test_records_of_two_runs_in_one_second_do_not_mix(tmp_path):
    directories = []
    for _ in range(3):
        with Records(tmp_path, TINY, name="config.yaml") as records:
            directories.append(records.directory)
    assert len(set(directories)) == 3
    assert all(":" not in directory.name for directory in directories)


def test_a_record_that_is_not_finite_is_null(tmp_path):
    with Records(tmp_path, TINY, name="config.yaml") as records:
        records.scalars(1, {"fid": float("nan"), "accuracy": 0.5})
    text = (records.directory / "records.jsonl").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"step": 1, "fid": None, "accuracy": 0.5}


def test_a_picture_is_an_event_and_a_file(tmp_path):
    with Records(tmp_path, TINY, name="config.yaml") as records:
        records.picture("samples", 3, np.zeros((4, 5, 1), np.uint8))
    assert (records.directory / "samples-00000003.png").read_bytes().startswith(b"\x89PNG")
    events = EventAccumulator(str(records.directory))
    events.Reload()
    assert "samples" in events.Tags()["tensors"]


def test_the_speed_leaves_pauses_out(monkeypatch):
    clock = iter([0.0, 10.0, 1000.0, 1005.0, 2000.0])  # start, pause, resume, pause, resume
    monkeypatch.setattr("gan.training.progress.time.perf_counter", lambda: next(clock))
    with Progress(100, "fake") as progress:
        progress.advance(50)
        with progress.paused():
            assert progress.speed() == {"images_per_second": 5.0, "training_seconds": 10.0}
        progress.advance(50)
        with progress.paused():
            assert progress.speed() == {"images_per_second": 10.0, "training_seconds": 15.0}


def test_a_run_that_is_good_enough_saves_and_ends(tmp_path):
    saved, reasons = [], iter([None, "it will do"])
    with Records(tmp_path, TINY, name="config.yaml") as records:
        scores = train(
            FakeTrainer(),
            FakeBatches(),
            Schedule(total_steps=100, steps_per_call=3, record_steps=10, save_steps=50),
            name="test",
            records=records,
            evaluate=lambda step: {"fid": float(step)},
            save=lambda step, scores: saved.append((step, scores)),
            enough=lambda: next(reasons),
        )
    assert scores == {"fid": 20.0} and saved == [(20, {"fid": 20.0})]


def test_histograms_are_those_that_tensorboard_would_make(tmp_path):
    """Of a variable whose values are all equal, too, and of one that has a value that is not finite."""
    values = {
        "normal": np.random.default_rng(0).standard_normal((70, 50)).astype(np.float32),
        "equal": np.full(6, 2.5, np.float32),
        "infinite": np.array([1, 2, np.inf], np.float32),
        "neighbours": np.array([1, np.nextafter(np.float32(1), np.float32(2))], np.float32),
    }
    variables = [SimpleNamespace(path=name, numpy=lambda x=x: x) for name, x in values.items()]
    with Records(tmp_path, TINY, name="config.yaml") as records:
        records.histograms(5, {"critic": SimpleNamespace(trainable_variables=variables)})
        directory = records.directory
        with tf.summary.create_file_writer(str(directory)).as_default():
            tf.summary.histogram("expected", values["normal"], step=5)
    events = EventAccumulator(str(directory))
    events.Reload()
    found = {name: tf.make_ndarray(events.Tensors(name)[0].tensor_proto) for name in (*values, "expected")}
    np.testing.assert_allclose(found["normal"][:, :2], found["expected"][:, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["normal"][:, 2], found["expected"][:, 2], atol=2)  # A value on an edge.
    assert [found[name][:, 2].sum() for name in values] == [3500, 6, 2, 2]
    about = [events.SummaryMetadata(name).plugin_data.plugin_name for name in (*values, "expected")]
    assert about == ["histograms"] * 5
