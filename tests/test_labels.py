import tracemalloc

import numpy as np
import pytest

from gan.errors import UserError
from gan.images import ImageSpec
from gan.labels import grid_labels, label_text, one_hot, parse_labels

SPEC = ImageSpec(28, 28, 1, tuple("0123456789"))
PETS = ImageSpec(8, 8, 3, ("cat", "dog", "a:b", "c,d"))


@pytest.mark.parametrize(
    ("text", "spec", "expected"),
    [
        ("3", SPEC, {3: 1.0}),
        ("3:0.5,8:0.5", SPEC, {3: 0.5, 8: 0.5}),
        ("8:1, 3:3", SPEC, {3: 0.75, 8: 0.25}),
        ("3,8", SPEC, {3: 0.5, 8: 0.5}),
        ("cat:2,1:2", PETS, {0: 0.5, 1: 0.5}),
        ("a:b,cat:3", PETS, {2: 0.25, 0: 0.75}),
        ("a:b:1,3:1", PETS, {2: 0.5, 3: 0.5}),
        ("c,d", PETS, {3: 1.0}),
        ("0:1e-6,1:1e6", SPEC, {0: 1e-12, 1: 1.0}),
    ],
)
def test_label_vectors_are_written_as_weights_of_classes(text, spec, expected):
    found = parse_labels(text, spec)
    assert found.dtype == np.float32
    assert set(np.flatnonzero(found)) == set(expected)
    np.testing.assert_allclose([found[index] for index in expected], list(expected.values()), rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10", "there is no class '10'; expected a name"),
        ("3:0", "3:0: the weight '0' cannot be used; expected CLASS:WEIGHT, from 1e-6 to 1e6"),
        ("3:-1", "the weight '-1'"),
        ("3:nan", "the weight 'nan'"),
        ("3:inf", "the weight 'inf'"),
        ("3:x", "the weight 'x'"),
        ("3:", "the weight ''"),
        (":0.5", "there is no class ''"),
        ("", "there is no class ''"),
        ("3:0.5,", "'3:0.5,': there is no class ''; expected CLASS:WEIGHT,CLASS:WEIGHT without spaces"),
        ("3:0.5,3:0.5", "3:0.5,3:0.5: the class 3 is given twice"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(ValueError) as found:
        parse_labels(text, SPEC)
    assert message in str(found.value) and "\n" not in str(found.value)


def test_one_hot_vectors_take_no_more_memory_than_their_own():
    tracemalloc.start()
    found = one_hot([9_999, 0], 10_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.shape, found.dtype) == ((2, 10_000), np.float32)
    assert [np.flatnonzero(row).tolist() for row in found] == [[9_999], [0]]
    assert (found.max(), one_hot([], 3).shape) == (1, (0, 3))
    assert peak < 10 * found.nbytes  # All 10,000 would be 5,000 times as large.


@pytest.mark.parametrize("text", ["3", "3:0.5,8:0.5", "0:0.25,3:0.25,8:0.5"])
def test_a_vector_is_written_as_it_is_read(text):
    assert label_text(parse_labels(text, SPEC), SPEC) == text


def test_the_grid_has_every_class_then_ten_pairs():
    for seed in range(20):
        assert len(np.unique(grid_labels(SPEC, seed), axis=0)) == 20
    found = grid_labels(SPEC, 0)
    assert found.shape == (20, 10)
    np.testing.assert_array_equal(found[:10], np.eye(10))
    assert all(sorted(row)[-2:] == [0.5, 0.5] and row.sum() == 1 for row in found[10:])
    np.testing.assert_array_equal(found, grid_labels(SPEC, 0))
    assert not np.array_equal(found, grid_labels(SPEC, 1))


@pytest.mark.parametrize(
    ("classes", "width", "columns"),
    [(1, 28, 1), (2, 28, 3), (4, 28, 10), (130, 28, 136), (1000, 28, 136), (9, 1024, 3)],
)
def test_there_are_as_many_pairs_as_exist_and_fit(classes, width, columns):
    assert len(grid_labels(ImageSpec(28, width, 1, tuple(map(str, range(classes)))), 0)) == columns


def test_names_with_a_comma_are_written_by_index_in_a_mixture():
    vector = np.array([0.5, 0, 0.25, 0.25], np.float32)
    assert label_text(vector, PETS) == "cat:0.5,a:b:0.25,3:0.25"
    np.testing.assert_array_equal(parse_labels(label_text(vector, PETS), PETS), vector)


@pytest.mark.parametrize(
    "names", [("b", "a:1", "1"), ("\u3000kanji", "b", "\u00a0b"), ("a,b", "0", "a:0"), ("1", "0", "\u3000")]
)
def test_no_class_is_written_as_another(names):
    """Not even one whose index is another's name, or whose name but for a space is."""
    spec = ImageSpec(8, 8, 3, names)
    for index in range(3):
        vector = one_hot([index], 3)[0]
        np.testing.assert_array_equal(parse_labels(label_text(vector, spec), spec), vector)
    mixture = np.array([0.5, 0.25, 0.25], np.float32)
    if "," not in "".join(names):
        np.testing.assert_array_equal(parse_labels(label_text(mixture, spec), spec), mixture)
    else:
        with pytest.raises(UserError, match="there is no class 'a'"):
            parse_labels(label_text(mixture, spec), spec)
