"""The operations of a step, counted by formula and from its graph, against numbers worked by hand."""

import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import tensorflow as tf
from helpers import TINY

from gan.about import About
from gan.images import ImageSpec
from gan.runs import make_trainer


@pytest.fixture(scope="module")
def operations() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "operations.py"
    spec = importlib.util.spec_from_file_location("operations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counted(operations, function, *shapes) -> Counter[str]:
    return operations.of_function(tf.function(function).get_concrete_function(*map(tf.TensorSpec, shapes)))


def test_a_convolution_and_its_gradients_count_alike(operations):
    """Images (3, 8, 8, 2), kernel (4, 4, 2, 5), stride 2: each is 2 · 3 · 4 · 4 · 4 · 4 · 2 · 5 = 15,360."""

    def gradients(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            total = tf.reduce_sum(tf.square(tf.nn.conv2d(images, kernel, strides=2, padding="SAME")))
        return tape.gradient(total, [images, kernel])

    found = counted(operations, gradients, (3, 8, 8, 2), (4, 4, 2, 5))
    assert sorted(found.values()) == [15_360] * 3


def test_what_a_loop_and_the_longer_branch_compute_counts_once_and_what_nobody_needs_not_at_all(operations):
    """(2, 3) @ (3, 3) is 36 operations, twice of it 72; the loop goes round as often as it likes."""

    def looped(x, matrix):
        for _ in tf.range(tf.cast(x[0, 0], tf.int32)):
            x @ matrix
            x = x @ matrix @ matrix if x[0, 0] > 0.0 else x @ matrix
        return x

    found = counted(operations, looped, (2, 3), (3, 3))
    assert found == {"matrix products": 72}


def test_an_unknown_shape_is_refused(operations):
    with pytest.raises(ValueError, match="not known"):
        counted(operations, lambda x: x @ x, (None, 3))


def test_the_formula_of_a_tiny_pair_is_the_sum_made_by_hand(operations):
    """One doubling, 8x8 pixels, widths 4: the critic's convolution and the generator's are 2 · 16 · 16 · 4 = 2,048."""
    spec, config = ImageSpec(8, 8, 1, ("a", "b", "c")), replace(TINY, noise_dims=6, label_dims=3)
    assert operations.critic_layers(spec, config) == [2048, 2 * 64, 2 * 64 * 3]
    assert operations.generator_layers(spec, config) == [2 * 3 * 3, 2 * 9 * 64, 2048]
    found = operations.reference(spec, config)
    assert found.critic_on_reals_and_fakes == 2 * (2 * 2048 + 3 * 128 + 2 * 384)
    assert found.penalty == 4 * 2048 + 2 * 384
    assert found.generator_for_the_critic == 18 + 1152 + 2048
    assert found.generator_update == 3 * (1152 + 2048) + 2 * 18 + 2 * (2048 + 128) + 384


@pytest.mark.parametrize(("side", "most"), [(8, 1.2), (32, 1.03)])
def test_a_step_computes_what_the_formula_says_and_no_more(operations, one_replica, side, most):
    """But the blocks of pixels at the border of a grey image, which count at 8 pixels."""
    spec, config = ImageSpec(side, side, 1, ("a", "b", "c")), replace(TINY, gan_batch_size=8)
    trainer = make_trainer(About("gan", 0, spec, config, data=""), one_replica, total_steps=10)
    found = operations.of_function(trainer.traced.get_concrete_function()).total() / config.gan_batch_size
    assert 0.99 < found / operations.reference(spec, config).total < most
