import numpy as np
import pytest
from helpers import TINY, tiny_data

from gan.generation import class_indices
from gan.images import ImageSpec
from gan.models.generator import Generator
from gan.sampling import BATCH, Sampler, one_hot, style, style_rows
from gan.training import checkpoints
from gan.training.checkpoints import About

SPEC = ImageSpec(28, 28, 1, tuple("0123456789"))


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(Generator(SPEC, TINY), SPEC, noise_dims=6)


def test_an_image_does_not_depend_on_what_is_drawn_with_it(sampler):
    count = 2 * BATCH + 9
    labels = one_hot(np.arange(count) % 10, 10)
    styles = style_rows(6, seed=1, rows=count)
    together = sampler.sample(labels, styles)
    assert together.shape == (count, 28, 28, 1)
    assert together.dtype == np.uint8
    np.testing.assert_array_equal(together[::-1], sampler.sample(labels[::-1], styles[::-1]))
    for index in (0, 5, BATCH - 1, BATCH, count - 1):
        alone = sampler.sample(labels[index : index + 1], styles[index : index + 1])
        np.testing.assert_array_equal(together[index], alone[0])


def test_a_style_is_a_function_of_seed_class_and_number():
    one = style(6, seed=0, class_index=3, number=1)
    np.testing.assert_array_equal(one, style(6, seed=0, class_index=3, number=1))
    for other in (
        style(6, seed=1, class_index=3, number=1),
        style(6, seed=0, class_index=4, number=1),
        style(6, seed=0, class_index=3, number=2),
    ):
        assert not np.isin(one, other).any()


def test_a_grid_has_a_style_a_row_and_a_class_a_column(sampler):
    images = sampler.style_grid(rows=3, seed=5)
    styles = style_rows(6, seed=5, rows=3)
    np.testing.assert_array_equal(images[1 * 10 + 4], sampler.sample(one_hot([4], 10), styles[1:2])[0])


@pytest.mark.parametrize(("labels", "styles"), [((2, 9), (2, 6)), ((2, 10), (3, 6)), ((2, 10), (2, 7))])
def test_wrong_shapes_are_refused(sampler, labels, styles):
    with pytest.raises(ValueError, match=r"expected \(N, 10\) and \(N, 6\)"):
        sampler.sample(np.zeros(labels, np.float32), np.zeros(styles, np.float32))


def test_a_sampler_comes_from_a_checkpoint_alone(tmp_path):
    data = tiny_data(height=10, width=6, channels=3)
    generator = Generator(data.spec, TINY)
    about = About("gan", 3, data.spec, TINY)
    checkpoints.save(tmp_path, about, {"average": generator, "generator": Generator(data.spec, TINY)}, keep=1)
    found = Sampler.from_checkpoint(tmp_path)
    assert found.spec == data.spec
    expected = Sampler(generator, data.spec, noise_dims=6)
    np.testing.assert_array_equal(found.style_grid(rows=2, seed=0), expected.style_grid(rows=2, seed=0))


def test_classes_are_given_by_name_or_index():
    spec = ImageSpec(8, 8, 1, ("cat", "dog", "0"))
    assert class_indices(None, spec) == [0, 1, 2]
    assert class_indices(["dog", "0"], spec) == [1, 2]
    assert class_indices(["1", "cat"], spec) == [1, 0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["bird"], r"there is no class 'bird'; expected a name \(cat, dog\) or 0 to 1"),
        (["2"], "there is no class '2'"),
        (["-1"], "there is no class '-1'"),
        (["cat", "0"], "a class is given twice in cat 0"),
    ],
)
def test_other_classes_are_refused(classes, message):
    with pytest.raises(ValueError, match=message):
        class_indices(classes, ImageSpec(8, 8, 1, ("cat", "dog")))
