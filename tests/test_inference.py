import numpy as np
import pytest
import tensorflow as tf

from gan.devices import inference
from gan.devices.inference import Inference


@pytest.mark.parametrize("count", [1, 3, 4, 11, 12, 13, 37])
def test_rows_come_back_in_order_whatever_their_number(monkeypatch, count):
    monkeypatch.setattr(inference, "PASSES", 3)
    seen = []

    def function(x, y):
        seen.append(x.shape)
        return [x + tf.cast(y, tf.float32)[:, None], tf.argmax(x, axis=1)]

    run = Inference(function, size=4)
    x, y = np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32), np.arange(count, dtype=np.int32)
    added, largest = run(x, y)
    np.testing.assert_array_equal(added, x + y[:, None].astype(np.float32))
    np.testing.assert_array_equal(largest, x.argmax(axis=1))
    assert [len(part) for part, _ in run.parts(x, y)] == [12] * (count // 12) + [count % 12] * (count % 12 > 0)
    assert seen == [(4, 5)]  # Traced once, for passes of one size.


@pytest.mark.parametrize("outputs", [70, 2048])
@pytest.mark.parametrize("most", [*range(1, 33), 63, 64, 125, 128, 1000])
def test_a_row_is_the_same_in_any_place_of_any_pass(monkeypatch, most, outputs):
    """A product of matrices is rounded otherwise for other numbers of rows, and with some for rows at the end."""
    monkeypatch.setattr(inference, "PASSES", 4)
    kernel = tf.random.stateless_normal((164, outputs), (0, 0))
    run = Inference(lambda x: [tf.nn.relu(x @ kernel)], size=most)
    size = run.rows
    assert 1 <= size <= most
    x = np.random.default_rng(1).standard_normal((4 * size + 9, 164)).astype(np.float32)
    (together,) = run(x)
    for index in (0, size - 1, size, 4 * size, len(x) - 1):
        np.testing.assert_array_equal(run(x[index : index + 1])[0][0], together[index])
    for places in {1, 2, size // 2}:
        np.testing.assert_array_equal(np.roll(run(np.roll(x, places, axis=0))[0], -places, axis=0), together)


def test_a_pass_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="a pass of 0 rows; expected at least one"):
        Inference(lambda x: [x], size=0)
