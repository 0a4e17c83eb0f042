"""Drawing from other code, by `from gan import load`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan import load
from gan.drawing import generate
from gan.errors import MissingError, UserError
from gan.images import encode
from gan.loaded import Loaded

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "pretrained" / "mnist"


@pytest.fixture(scope="module")
def gan() -> Loaded:
    return load(MODEL)


def test_it_draws_what_generate_draws(gan, tmp_path):
    generate(
        load_dir=MODEL, output_dir=tmp_path, images_per_class=2, labels=["7", "3:0.5,8:0.5"], seed=7, image_format="png"
    )
    for stem, label in (("7", "7"), ("3x0.5+8x0.5", {"3": 0.5, "8": 0.5})):
        images = gan.sample(label, seed=7, count=2)
        assert images.shape == (2, 28, 28, 1) and images.dtype == np.uint8
        drawn = [(tmp_path / f"{stem}-{number}.png").read_bytes() for number in (1, 2)]
        assert drawn == [encode(image, "png") for image in images]


@pytest.mark.parametrize(
    "label",
    [
        "3:0.5,8:0.5",
        {"3": 0.5, "8": 0.5},
        {3: 2, 8: 2},
        {3: 1e308, 8: 1e308},
        {"3": 1e308, 3: 1e308, 8: 1e308, "8": 1e308},
        {3: 5e-324, 8: 5e-324},
        [0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
        0.5 * np.eye(10)[[3, 8]].sum(0),
    ],
)
def test_a_label_may_be_said_in_several_ways(gan, label):
    vector = gan.label_vector(label)
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, 0.5 * np.eye(10, dtype=np.float32)[[3, 8]].sum(axis=0))


@pytest.mark.parametrize("label", ["4", 4, np.int64(4), {"4": 9.0}])
def test_a_class_may_be_said_in_several_ways(gan, label):
    np.testing.assert_array_equal(gan.label_vector(label), np.eye(10, dtype=np.float32)[4])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("10", "there is no class '10'; expected a name"),
        (True, "there is no class 'True'"),
        ({"x": 1}, "there is no class 'x'"),
        ({}, "has weights that cannot be; expected some from 0, not all of them 0"),
        ({"3": -1, "8": 3}, "has weights that cannot be"),
        ({"3": float("nan")}, "has weights that cannot be"),
        ({"3": float("inf"), "8": 1}, "has weights that cannot be"),
        ({"3": None}, "has weights that cannot be"),
        ({"3": "much"}, "expected a class, weights by class, or one for each of 10 classes"),
        ({"3": "0.5"}, "the label is {'3': '0.5'}; expected a class, weights by class, or one for each of 10"),
        ({"3": True, "8": 0.5}, "expected a class, weights by class, or one for each of 10 classes"),
        ({"3": np.bool_(True)}, "expected a class, weights by class, or one for each of 10 classes"),
        ({"3": 10**400}, "expected a class, weights by class, or one for each of 10 classes"),
        (list("0000000001"), "expected a class, weights by class, or one for each of 10 classes"),
        (np.array(list("0000000001"), object), "expected a class, weights by class, or one for each of 10 classes"),
        (np.eye(10, dtype=bool)[3], "expected a class, weights by class, or one for each of 10 classes"),
        ([1, 0], r"the label is \[1, 0\]; expected a class, weights by class, or one for each of 10 classes"),
        (np.eye(10), "weights by class, or one for each of 10 classes"),
        (None, "the label is None; expected a class, weights by class, or one for each of 10 classes"),
        (3.0, "the label is 3.0; expected a class"),
    ],
)
def test_a_label_that_is_none_is_refused(gan, label, message):
    with pytest.raises(UserError, match=message):
        gan.sample(label)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 0.5}, {"seed": True}, {"count": 0}, {"count": "3"}])
def test_a_seed_or_a_count_that_is_none_is_refused(gan, wrong):
    with pytest.raises(UserError, match="expected a seed from 0 and a count from 1"):
        gan.sample("3", **wrong)


def test_integers_may_be_numpys(gan):
    found = gan.sample("3", seed=np.int64(3), count=np.uint8(2))
    np.testing.assert_array_equal(found, gan.sample("3", seed=3, count=2))
    assert load(MODEL, np.int32(gan.sampler.step)).sampler.step == gan.sampler.step


def test_a_checkpoint_may_be_chosen(gan):
    step = gan.sampler.step
    assert load(str(MODEL), step).sampler.step == load(str(MODEL), "best").sampler.step == step
    with pytest.raises(MissingError):
        load(MODEL, step + 1)
    with pytest.raises(UserError, match="the checkpoint is 'latest'; expected newest, best, or a step"):
        load(MODEL, "latest")
    with pytest.raises(UserError, match="the checkpoint is True; expected newest"):
        load(MODEL, True)
    with pytest.raises(MissingError, match="no gan-STEP in it"):
        load(ROOT / "docs")


def test_the_package_alone_is_cheap():
    """Other code may import it long before it draws."""
    script = (
        "import sys, gan; print([name for name in ('tensorflow', 'numpy', 'keras', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
