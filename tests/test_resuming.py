"""What a resumed run is compared with before it goes on."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import TINY, tiny_data

from gan import checkpoints
from gan.checkpoints import About
from gan.models.generator import Generator
from gan.training.resuming import Resumed, find

SPEC = tiny_data().spec


def resumed(**changes) -> Resumed:
    about = About("gan", 7, SPEC, TINY, data="digest", scores={"fid": 1.0}, classifier="abc")
    return Resumed(Path("checkpoints/gan-00000007"), replace(about, **changes))


def test_a_run_is_complete_at_its_last_step(capsys):
    assert not resumed().is_complete("digest", 8)
    assert capsys.readouterr().out == ""
    assert resumed().is_complete("digest", 7)
    assert "gan-00000007 is the end of the run" in capsys.readouterr().out
    with pytest.raises(ValueError, match="is at step 7, but the run ends at 6; raise the epochs"):
        resumed().is_complete("digest", 6)


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="was trained on other images; pass the same --data-path"):
        resumed().is_complete("other", 8)


def test_another_classifier_is_refused():
    resumed().check_classifier("abc")
    with pytest.raises(ValueError, match=r"is scored by classifier abc, and def is another; .* with --load-dir"):
        resumed().check_classifier("def")


def test_only_some_fields_may_change(tmp_path):
    about = About("gan", 7, SPEC, TINY, data="digest")
    checkpoints.save(tmp_path, about, {"average": Generator(SPEC, TINY)}, keep=1)

    def found(**changes) -> Resumed:
        return find(tmp_path, "gan", replace(TINY, **changes), config_file="config-gan.yaml")

    assert found(gan_epochs=9, cls_epochs=3, steps_per_call=2).about.step == 7
    with pytest.raises(ValueError) as error:
        found(gen_lr=0.5, gan_epochs=9, mixed_precision=True)
    assert str(error.value) == (
        f"{tmp_path}/gan-00000007 was made with another config (mixed_precision: false, now true; "
        f"gen_lr: 0.001, now 0.5); pass -c {tmp_path}/config-gan.yaml, in which only cls_epochs, gan_epochs, "
        "steps_per_call, max_bad_steps may change"
    )
