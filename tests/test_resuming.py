"""What a resumed run is compared with before it goes on."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import TINY, tiny_data

from gan import checkpoints
from gan.about import About
from gan.checkpoints import Saved
from gan.models.generator import Generator
from gan.runs import _check_classifier
from gan.training.run import Run, RunOptions, find_resumed

SPEC = tiny_data().spec


def run(total_steps: int = 8, data: str = "digest", **changes) -> Run:
    """One that goes on from step 7."""
    about = About("gan", 7, SPEC, TINY, data="digest", scores={"fid": 1.0}, classifier="abc")
    found = Run.__new__(Run)
    found.resumed = Saved(Path("checkpoints/gan-00000007"), replace(about, **changes))
    found.options = RunOptions(data_path="", save_dir=Path(), log_dir=Path())
    found.data, found.total_steps = SimpleNamespace(digest=data), total_steps
    return found


def test_a_run_is_complete_at_its_last_step(capsys):
    assert run(total_steps=8).final_scores() is None
    assert capsys.readouterr().out == ""
    assert run(total_steps=7).final_scores() == {"fid": 1.0}
    assert "gan-00000007 is the end of the run" in capsys.readouterr().out
    with pytest.raises(ValueError, match="is at step 7, but the run ends at 6; raise the epochs"):
        run(total_steps=6).final_scores()


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="was trained on other images; pass the same --data-path"):
        run(data="other").final_scores()


def test_another_classifier_is_refused():
    _check_classifier(run().resumed, "abc")
    with pytest.raises(ValueError, match=r"is scored by classifier abc, and def is another; .* with --load-dir"):
        _check_classifier(run().resumed, "def")


def test_only_some_fields_may_change(tmp_path):
    about = About("gan", 7, SPEC, TINY, data="digest")
    checkpoints.save(tmp_path, about, {"average": Generator(SPEC, TINY)}, keep=1)

    def found(**changes) -> Saved:
        return find_resumed(tmp_path, "gan", replace(TINY, **changes))

    assert found(gan_epochs=9, cls_epochs=3, steps_per_call=2).about.step == 7
    with pytest.raises(ValueError) as error:
        found(gen_lr=0.5, gan_epochs=9, mixed_precision=True)
    assert str(error.value) == (
        f"{tmp_path}/gan-00000007 was made with another config (mixed_precision: false, now true; "
        f"gen_lr: 0.001, now 0.5); pass -c {tmp_path}/config-gan.yaml, in which only cls_epochs, gan_epochs, "
        "steps_per_call, max_bad_steps may change"
    )
