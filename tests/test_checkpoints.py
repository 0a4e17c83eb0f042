import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY, tiny_data, tiny_trainer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan import checkpoints, places
from gan.about import About, Damaged, Gone, OtherVersion, digest_of, read_about
from gan.data.batches import Batches
from gan.errors import MissingError, UserError
from gan.models.classifier import Classifier
from gan.models.generator import Generator
from gan.training.classifier import ClassifierTrainer
from gan.training.gan import GanTrainer

DATA = tiny_data()


def gan_trainer(strategy) -> GanTrainer:
    return tiny_trainer(strategy)


def classifier_trainer(strategy) -> ClassifierTrainer:
    with strategy.scope():
        classifier = Classifier(DATA.spec, TINY)
    return ClassifierTrainer(classifier, DATA.spec, config=TINY, total_steps=10, strategy=strategy)


def about(step: int = 1, **scores: float) -> About:
    return About("gan", step, DATA.spec, TINY, DATA.digest, scores)


def save_small(directory, step: int, *, keep: int = 2, replaces=(), **scores: float):
    objects = {"average": Generator(DATA.spec, TINY)}
    return checkpoints.save(directory, about(step, **scores), objects, keep=keep, replaces=replaces)


@pytest.mark.parametrize("make", [gan_trainer, classifier_trainer])
@pytest.mark.parametrize("replicas", ["one_replica", "two_replicas"])
def test_every_variable_comes_back(make, replicas, request, tmp_path):
    """Layers in lists too, which TensorFlow's own walk over a Keras model leaves out."""
    strategy = request.getfixturevalue(replicas)
    trained = make(strategy)
    trained.run(0, Batches(DATA.train, batch_size=8, seed=0).take(0, 1))
    fresh = make(strategy)
    path = checkpoints.save(tmp_path, about(), trained.state, keep=1)
    checkpoints.restore(path, fresh.state)
    compared = 0
    for name in trained.state:
        for old, new in zip(trained.state[name].variables, fresh.state[name].variables, strict=True):
            np.testing.assert_array_equal(old.numpy(), new.numpy(), err_msg=f"{name} {old.path}")
            compared += 1
    assert compared > 20


def test_a_restored_run_goes_on_as_the_first_one(one_replica, tmp_path):
    batches = Batches(DATA.train, batch_size=8, seed=0)
    one, other = gan_trainer(one_replica), gan_trainer(one_replica)
    one.run(0, batches.take(0, 2))
    checkpoints.restore(checkpoints.save(tmp_path, about(2), one.state, keep=1), other.state)
    for trainer in (one, other):
        trainer.run(2, batches.take(2, 2))
    for old, new in zip(one.networks.average.variables, other.networks.average.variables, strict=True):
        np.testing.assert_array_equal(old.numpy(), new.numpy())


def test_it_says_what_it_is(tmp_path):
    found = read_about(save_small(tmp_path, 7, fid=1.5))
    assert (found.kind, found.step, found.spec, found.config, found.scores) == ("gan", 7, DATA.spec, TINY, {"fid": 1.5})
    assert found.layout["average"][0] == "kernel (3, 3) float32"


def test_the_last_few_and_the_best_are_kept(tmp_path):
    for step, fid in ((1, 5.0), (2, 2.0), (3, 4.0), (4, 3.0), (5, 6.0)):
        save_small(tmp_path, step, fid=fid)
    assert checkpoints.steps_saved(tmp_path, "gan") == [2, 4, 5]
    assert checkpoints.find(tmp_path, "gan").path.name == "gan-00000005"


def test_one_process_writes_at_a_time_and_clears_up_after_a_killed_one(tmp_path):
    left = tmp_path / ".gan-00000004.part-123"
    left.mkdir()
    (left / "variables.index").touch()
    with places.writing(tmp_path, "gan"):
        assert not left.exists()
        with places.writing(tmp_path, "classifier"):
            pass
        with (
            pytest.raises(ValueError, match=f"another run is writing to {tmp_path}"),
            places.writing(tmp_path, "gan"),
        ):
            pass
    with places.writing(tmp_path, "gan"):
        pass


def spoil(path, how: str, place: int, other) -> None:
    """Damage a file of a checkpoint; `swap` puts the same file of another run in its place."""
    content = path.read_bytes()
    if how == "delete":
        path.unlink()
    elif how == "swap":
        path.write_bytes((other / path.name).read_bytes())
    elif how == "truncate":
        path.write_bytes(content[: place % len(content)])
    else:
        index = place % len(content)
        path.write_bytes(content[:index] + bytes([content[index] ^ (1 << place % 8)]) + content[index + 1 :])


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Three checkpoints of a run, and one of another with networks of the same shape."""
    found = tmp_path_factory.mktemp("runs")
    for step in (1, 2, 3):
        save_small(found / "run", step, keep=3)
    save_small(found / "other", 7)
    return found


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damages=st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3]),
            st.sampled_from(["about.json", "variables.index", "variables.data-00000-of-00001"]),
            st.sampled_from(["delete", "swap", "truncate", "flip"]),
            st.integers(0, 10**6),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda damage: damage[:2],
    )
)
def test_a_damaged_directory_gives_the_newest_whole_state_or_an_error(two_runs, damages, tmp_path):
    """Whole to the byte."""
    directory = tmp_path / "run"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(two_runs / "run", directory)
    for step, name, how, place in damages:
        spoil(
            checkpoints.checkpoint_path(directory, "gan", step) / name, how, place, two_runs / "other" / "gan-00000007"
        )
    whole = {1, 2, 3} - {step for step, *_ in damages}
    try:
        path = checkpoints.find(directory, "gan", remedy="begin anew").path
    except Damaged as error:
        assert str(error) == f"{directory}: none of its 3 gan checkpoints is whole; begin anew (with --overwrite)"
        assert not whole
    else:
        assert read_about(path).step >= max(whole, default=0)
        names = {file.name for file in path.iterdir()}
        assert names == {"about.json", "variables.index", "variables.data-00000-of-00001"}
        for name in names:
            assert (path / name).read_bytes() == (two_runs / "run" / path.name / name).read_bytes()


def test_a_damaged_later_checkpoint_does_not_push_out_a_whole_one(tmp_path):
    for step in (1, 9):
        save_small(tmp_path, step)
    (tmp_path / "gan-00000009" / "variables.index").write_bytes(b"")
    for step in (2, 3):
        save_small(tmp_path, step, keep=1)
        assert checkpoints.find(tmp_path, "gan").path.name == f"gan-{step:08d}"
    assert checkpoints.steps_saved(tmp_path, "gan") == [3, 9]


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, capsys):
    for step in (1, 2):
        save_small(tmp_path, step)
    (tmp_path / "gan-00000002" / "variables.index").write_bytes(b"")
    assert checkpoints.find(tmp_path, "gan").path.name == "gan-00000001"
    assert capsys.readouterr().err == (
        f"warning: {tmp_path}/gan-00000002: variables.index is not as it was written; another checkpoint is needed\n"
    )


def test_a_checkpoint_of_another_step_is_not_the_one_it_is_called(tmp_path):
    save_small(tmp_path, 1).rename(tmp_path / "gan-00000002")
    with pytest.raises(Damaged, match=r"gan-00000002: about\.json is of gan step 1"):
        checkpoints.check(tmp_path / "gan-00000002")


def test_a_checkpoint_that_was_being_replaced_is_put_back(tmp_path):
    """A kill between the two renames leaves the old one under another name."""
    save_small(tmp_path, 1)
    (tmp_path / "gan-00000001").rename(tmp_path / ".gan-00000001.aside-77")
    with places.writing(tmp_path, "gan"):
        assert checkpoints.find(tmp_path, "gan").path.name == "gan-00000001"
    save_small(tmp_path, 1)
    shutil.copytree(tmp_path / "gan-00000001", tmp_path / ".gan-00000001.aside-77")
    with places.writing(tmp_path, "gan"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".gan.lock", "gan-00000001"]


def test_without_scores_only_the_last_few_are_kept(tmp_path):
    for step in range(1, 5):
        save_small(tmp_path, step)
    assert checkpoints.steps_saved(tmp_path, "gan") == [3, 4]


def test_a_save_cut_short_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    save_small(tmp_path, 1)

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "digest_of", fail)
    with pytest.raises(OSError, match=r"gan-00000002: the checkpoint cannot be written \(No space left on device\)"):
        save_small(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["gan-00000001"]


def test_no_checkpoint_is_an_error_that_ends_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no gan-STEP in it; expected a gan checkpoint: do this$"):
        checkpoints.find(tmp_path, "gan", remedy="do this")
    with pytest.raises(FileNotFoundError, match=r"absent: no such directory.*a classifier checkpoint: do that$"):
        checkpoints.find(tmp_path / "absent", "classifier", remedy="do that")


def test_another_network_is_refused_by_its_first_difference(tmp_path):
    path = save_small(tmp_path, 1)
    other = Generator(DATA.spec, TINY.__class__(noise_dims=6, label_dims=3, gen_width=5))
    with pytest.raises(
        ValueError,
        match=r"in the average, variable 1 is kernel \(9, 64\) float32; expected kernel \(9, 80\).*, and \d+ more$",
    ):
        checkpoints.restore(path, {"average": other}, partial=True)


def test_the_name_of_a_directory_is_not_a_pattern(tmp_path):
    """For TensorFlow's reader it is one: `v[1]` means `v1`, and `a*b` means `axb`."""
    saved, other = Generator(DATA.spec, TINY), Generator(DATA.spec, TINY)
    other.set_weights([np.ones_like(weights) for weights in other.get_weights()])
    checkpoints.save(tmp_path / "axb", about(), {"average": other}, keep=1)
    for name in ("v[1]", "a\\b", "a*b", "a?b", "{x,y}", "50%s"):
        checkpoints.save(tmp_path / name, about(), {"average": saved}, keep=1)
        network = checkpoints.load(tmp_path / name, "gan").network
        np.testing.assert_equal(network.get_weights(), saved.get_weights(), err_msg=name)


@pytest.mark.parametrize("damage", ["missing shard", "truncated shard", "flipped byte", "missing index"])
def test_damaged_variables_are_refused(damage, tmp_path):
    path = save_small(tmp_path, 1)
    shard, index = path / "variables.data-00000-of-00001", path / "variables.index"
    content = shard.read_bytes()
    if damage == "missing shard":
        shard.unlink()
    elif damage == "truncated shard":
        shard.write_bytes(content[: len(content) // 2])
    elif damage == "flipped byte":
        shard.write_bytes(content[:50] + bytes([content[50] ^ 255]) + content[51:])
    else:
        index.unlink()
    with pytest.raises(ValueError, match="another checkpoint is needed") as found:
        checkpoints.restore(path, {"average": Generator(DATA.spec, TINY)}, partial=True)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '"x"', "[" * 100_000, '{"kind": "gan"}', '{"spec": 3, "config": {}}', '{"config": "x"}'],
    ids=range(8),
)
def test_a_damaged_about_file_is_refused(content, tmp_path):
    path = save_small(tmp_path, 1)
    (path / "about.json").write_text(content)
    with pytest.raises(ValueError, match=r"about\.json is not as it was written"):
        read_about(path)


@pytest.mark.parametrize("key", ["scores", "layout", "spec", "config", "step"])
def test_an_about_file_of_the_wrong_shape_is_refused(key, tmp_path):
    path = save_small(tmp_path, 1)
    values = json.loads((path / "about.json").read_text())
    for wrong in ([1], "x", None):
        (path / "about.json").write_text(json.dumps(values | {key: wrong}))
        with pytest.raises(ValueError, match=r"about\.json is not as it was written"):
            read_about(path)


def test_an_earlier_run_is_replaced_only_by_a_whole_checkpoint(tmp_path, monkeypatch):
    for step in (4, 8):
        save_small(tmp_path, step)
    shutil.copytree(tmp_path / "gan-00000008", tmp_path / "classifier-00000001")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "digest_of", lambda *_: pytest.fail("disk full"))
        with pytest.raises(BaseException, match="disk full"):
            save_small(tmp_path, 4, replaces=[4, 8])
    assert checkpoints.steps_saved(tmp_path, "gan") == [4, 8]
    save_small(tmp_path, 4, replaces=[4, 8])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classifier-00000001", "gan-00000004"]


def test_a_link_or_a_file_in_the_place_of_an_old_checkpoint_is_removed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "gan-00000001").symlink_to(elsewhere)
    (tmp_path / "run" / "gan-00000002").write_text("not a checkpoint")
    for step in (2, 3):
        save_small(tmp_path / "run", step, keep=1)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["gan-00000003"]
    assert elsewhere.exists()


def test_an_old_checkpoint_that_cannot_be_removed_is_a_warning(tmp_path, monkeypatch, capsys):
    save_small(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", refuses_to_remove(checkpoints.shutil.rmtree, "gan-00000001"))
        save_small(tmp_path, 2, keep=1)
    assert capsys.readouterr().err == f"warning: {tmp_path}/gan-00000001 cannot be removed (Device or resource busy)\n"
    assert checkpoints.find(tmp_path, "gan").path.name == "gan-00000002"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", refuses_to_remove(checkpoints.shutil.rmtree, "gan-00000001"))
        with places.writing(tmp_path, "gan"):  # As the next run does.
            pass
    (left,) = tmp_path.glob(".gan-00000001.part-*")
    assert capsys.readouterr().err == f"warning: {left} cannot be removed (Device or resource busy)\n"
    with places.writing(tmp_path, "gan"):
        pass
    assert not left.exists()


def test_a_checkpoint_that_holds_a_copy_of_itself_is_one(tmp_path):
    """As a second `cp -r` to the same name makes it."""
    path = save_small(tmp_path, 4)
    shutil.copytree(path, path / path.name)
    assert checkpoints.find(tmp_path, "gan").about.step == 4
    save_small(tmp_path, 4)
    assert not (path / path.name).exists()


def refuses_to_remove(rmtree, name):
    def remove(path, **keywords):
        if name in path.name:
            raise OSError(errno.EBUSY, "Device or resource busy")
        rmtree(path, **keywords)

    return remove


def test_a_checkpoint_that_cannot_be_read_does_not_stop_a_run(tmp_path):
    (save_small(tmp_path, 1) / "about.json").write_text("{")
    save_small(tmp_path, 2, fid=3.0)
    save_small(tmp_path, 3, fid=4.0)
    assert checkpoints.steps_saved(tmp_path, "gan") == [2, 3]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    for name in ("about.json", "variables.index"):
        path = save_small(tmp_path, 1)
        (path / name).unlink()
        os.mkfifo(path / name)
        with pytest.raises(Damaged, match=rf"gan-00000001: {name} .*it is a pipe"):
            checkpoints.find(tmp_path, "gan", 1)


def test_a_link_that_leads_nowhere_is_replaced(tmp_path):
    (tmp_path / "gan-00000001").symlink_to(tmp_path / "purged")
    save_small(tmp_path, 1)
    assert checkpoints.find(tmp_path, "gan").about.step == 1
    (tmp_path / "run").symlink_to("purged")
    with pytest.raises(FileNotFoundError, match="run is a link to purged, which leads nowhere"):
        checkpoints.find(tmp_path / "run", "gan")


# While a run removes some


def removes_on_call(monkeypatch, name, directory):
    """The first call of a function of `checkpoints` is where a run saves its next checkpoint, and keeps no other."""
    function, calls = getattr(checkpoints, name), []

    def call(*arguments):
        found = function(*arguments)
        calls.append(name)
        if len(calls) == 1:
            save_small(directory, 9, keep=1, fid=0.5)
        return found

    monkeypatch.setattr(checkpoints, name, call)


@pytest.mark.parametrize("name", ["candidates", "read_about", "content_of", "build"])
@pytest.mark.parametrize("which", ["newest", "best"])
def test_who_reads_a_checkpoint_that_is_removed_reads_the_next_one(name, which, tmp_path, monkeypatch, capsys):
    """Wherever the reader is, and nothing is told of damage."""
    for step in (1, 2):
        save_small(tmp_path, step, fid=2.0)
    removes_on_call(monkeypatch, name, tmp_path)
    assert checkpoints.load(tmp_path, "gan", which).about.step == 9
    assert capsys.readouterr().err == ""


def test_a_step_that_is_removed_while_it_is_read_is_told_with_what_is_there(tmp_path, monkeypatch):
    path = save_small(tmp_path, 1)
    removes_on_call(monkeypatch, "build", tmp_path)
    with pytest.raises(MissingError, match=r"has no gan checkpoint of step 1; expected one of 9$"):
        checkpoints.load(path, "gan")
    with pytest.raises(Gone, match=r"gan-00000001 is there no more: it was removed while it was read; start again$"):
        checkpoints.check(path)


def test_what_is_left_of_a_checkpoint_that_is_being_removed_is_not_listed(tmp_path, monkeypatch):
    path = save_small(tmp_path, 1)
    save_small(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(places.shutil, "rmtree", lambda path: (path / "about.json").unlink())
        places.remove(path)
    assert checkpoints.steps_saved(tmp_path, "gan") == [2]
    with places.writing(tmp_path, "gan"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".gan.lock", "gan-00000002"]


# Which one is loaded


def save_three(directory):
    """Steps 1, 2 and 3, the second of which is the best."""
    for step, fid in ((1, 5.0), (2, 2.0), (3, 4.0)):
        save_small(directory, step, keep=3, fid=fid)


@pytest.mark.parametrize(("which", "step"), [("newest", 3), ("best", 2), (1, 1)])
def test_one_is_loaded_by_age_by_score_or_by_step(which, step, tmp_path):
    save_three(tmp_path)
    path, found, network = checkpoints.load(tmp_path, "gan", which)
    assert (path.name, found.step) == (f"gan-{step:08d}", step)
    fresh = Generator(DATA.spec, TINY)
    checkpoints.restore(path, {"average": fresh}, partial=True)
    for one, other in zip(network.variables, fresh.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("file", ["", "variables", "variables.index", "variables.data-00000-of-00001", "about.json"])
def test_a_checkpoint_may_be_named_itself(file, tmp_path, monkeypatch):
    """Or by one of its files, or by a link, or by where one is."""
    save_three(tmp_path)
    (tmp_path / "link").symlink_to("gan-00000002")
    for place in ("gan-00000002", "link"):
        assert checkpoints.find(tmp_path / place / file, "gan").about.step == 2
        assert checkpoints.find(tmp_path / place / file, "gan", 2).about.step == 2
    monkeypatch.chdir(tmp_path / "gan-00000002")
    assert checkpoints.find(Path(file), "gan").about.step == 2


def test_a_checkpoint_that_is_named_otherwise_too_is_refused(tmp_path):
    save_three(tmp_path)
    named = tmp_path / "gan-00000002"
    for which in (1, "best"):
        with pytest.raises(UserError, match=rf"gan-00000002 is of step 2, and --checkpoint says {which}; leave one"):
            checkpoints.find(named, "gan", which)
    with pytest.raises(UserError, match="gan-00000002 is a gan checkpoint; expected a classifier checkpoint: name"):
        checkpoints.find(named, "classifier")
    with pytest.raises(FileNotFoundError, match=r"has no gan checkpoint of step 9; expected one of 1, 2, 3$"):
        checkpoints.find(tmp_path / "gan-00000009", "gan")
    (named / "variables.index").write_bytes(b"")
    with pytest.raises(Damaged, match=r"variables\.index is not as it was written"):
        checkpoints.find(named, "gan")
    (tmp_path / "config.yaml").touch()
    with pytest.raises(
        UserError, match=f"config.yaml is a file; expected a directory of checkpoints, such as {tmp_path}"
    ):
        checkpoints.find(tmp_path / "config.yaml", "gan")


def test_a_directory_of_runs_may_have_the_name_of_a_checkpoint(tmp_path):
    save_small(tmp_path / "gan-00000002", 1)
    assert checkpoints.find(tmp_path / "gan-00000002", "gan").about.step == 1


@pytest.mark.parametrize("inside", ["gan-00000004", "classifier-00000004", ".gan.lock", "config-gan.yaml", "mine.png"])
def test_what_only_has_the_name_of_a_checkpoint_is_neither_counted_nor_removed(inside, tmp_path):
    """Such as a save directory that is named by its date, in another one; also one in which a run has just begun."""
    other = tmp_path / "gan-20261127" / inside
    save_small(other.parent, 4).rename(other) if "-0000" in inside else (other.parent.mkdir(), other.touch())
    save_small(tmp_path, 5)
    assert checkpoints.steps_saved(tmp_path, "gan") == [5]
    assert checkpoints.find(tmp_path, "gan").about.step == 5
    with pytest.raises(
        UserError, match=r"gan-20261127: the checkpoint cannot be written \(there is something else\); "
    ):
        save_small(tmp_path, 20261127, replaces=[5])
    assert other.exists()
    assert checkpoints.steps_saved(tmp_path, "gan") == [5]
    with pytest.raises(MissingError, match="gan-20261127: no judge-STEP in it; expected a judge checkpoint"):
        checkpoints.find(other.parent, "judge")


@pytest.mark.parametrize(
    "left", [[], ["about.json"], ["variables.index", "notes.txt"], ["variables.data-00000-of-00001"]]
)
def test_what_is_left_of_a_checkpoint_is_counted_and_replaced(left, tmp_path):
    path = save_small(tmp_path, 1)
    for file in path.iterdir():
        file.unlink()
    for name in left:
        (path / name).touch()
    assert checkpoints.steps_saved(tmp_path, "gan") == [1]
    with pytest.raises(Damaged, match="none of its 1 gan checkpoints is whole"):
        checkpoints.find(tmp_path, "gan")
    save_small(tmp_path, 2, replaces=[1])
    assert not path.exists()


def test_a_path_that_is_not_there_or_empty_is_of_no_other_kind(tmp_path):
    """A new save directory may be named so; the classifier is looked for in it."""
    path = tmp_path / "gan-20261129"
    with pytest.raises(MissingError, match=r"gan-20261129: no such directory; expected a classifier checkpoint: run "):
        checkpoints.find(path, "classifier")
    path.mkdir()
    with pytest.raises(MissingError, match=r"gan-20261129: no classifier-STEP in it; expected a classifier checkpoint"):
        checkpoints.find(path, "classifier")


def test_a_damaged_best_is_passed_over_for_the_next_best(tmp_path, capsys):
    save_three(tmp_path)
    (tmp_path / "gan-00000002" / "variables.index").write_bytes(b"")
    assert checkpoints.find(tmp_path, "gan", "best").about.step == 3
    assert "warning: " in capsys.readouterr().err
    with pytest.raises(Damaged, match=r"gan-00000002: variables\.index is not as it was written"):
        checkpoints.find(tmp_path, "gan", 2)


def test_a_best_that_does_not_say_its_scores_is_told(tmp_path, capsys):
    save_three(tmp_path)
    (tmp_path / "gan-00000002" / "about.json").write_text("{")
    assert checkpoints.find(tmp_path, "gan", "best").about.step == 3
    assert "warning: " in capsys.readouterr().err
    rewrite(tmp_path / "gan-00000003", format=3)
    assert checkpoints.find(tmp_path, "gan", "best").about.step == 1
    assert "gan-00000003 was saved by another version" in capsys.readouterr().err
    save_small(tmp_path, 9)
    (tmp_path / "gan-00000001" / "variables.index").write_bytes(b"")
    with pytest.raises(Damaged, match=r"no gan checkpoint that was scored is whole; leave --checkpoint best out$"):
        checkpoints.find(tmp_path, "gan", "best")
    assert checkpoints.find(tmp_path, "gan").about.step == 9


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    save_small(tmp_path, 1)
    save_small(tmp_path, 5)
    with pytest.raises(UserError, match=r"has no gan checkpoint of step 7; expected one of 1, 5$"):
        checkpoints.find(tmp_path, "gan", 7)
    with pytest.raises(
        UserError, match=r"no whole gan checkpoint was scored, so none is the best; leave --checkpoint best out"
    ):
        checkpoints.find(tmp_path, "gan", "best")


def rewrite(path, **changes) -> None:
    """As another version would have written it: whole, but with other fields; None removes one."""
    values = json.loads((path / "about.json").read_text()) | changes
    values = {name: value for name, value in values.items() if name != "digest" and value is not None}
    values["digest"] = digest_of(values)
    (path / "about.json").write_text(json.dumps(values))


def test_a_checkpoint_of_before_there_were_versions_is_read(tmp_path):
    path = save_small(tmp_path, 1, fid=2.0)
    config = json.loads((path / "about.json").read_text())["config"]
    for name in ("generator", "critic", "objective", "augment", "penalty_every"):
        del config[name]
    rewrite(path, format=None, networks=None, config=config)
    assert checkpoints.load(tmp_path, "gan", "best").about.networks == {"generator": "dcgan", "critic": "dcgan"}
    assert read_about(path).config == TINY


def test_scores_that_this_version_does_not_know_are_kept(tmp_path):
    path = save_small(tmp_path, 1, fid=2.0, kid=0.25, classes=[1, 2])
    assert read_about(path).scores == {"fid": 2.0, "kid": 0.25, "classes": [1, 2]}


def test_another_version_is_told_as_that_and_not_as_damage(tmp_path):
    path = save_small(tmp_path, 1)
    config = json.loads((path / "about.json").read_text())["config"]
    for changes, strange in (
        ({"format": 3}, "it has the format 3, where this version knows 2"),
        ({"format": 3, "config": None, "kind": "film"}, "it has the format 3, where this version knows 2"),
        ({"config": config | {"momentum": 1}}, "in its config: unknown key 'momentum'"),
        ({"mood": "good"}, "it has a field mood"),
    ):
        shutil.rmtree(path)
        rewrite(save_small(tmp_path, 1), **changes)
        with pytest.raises(OtherVersion, match=rf"was saved by another version: {strange}.*; use that version"):
            checkpoints.find(tmp_path, "gan")
    shutil.rmtree(path)
    rewrite(save_small(tmp_path, 1), networks={"generator": "none", "critic": "dcgan"})
    with pytest.raises(OtherVersion, match=r"^the generator is 'none'; expected dcgan.*: use the version that has it$"):
        checkpoints.load(tmp_path, "gan")
