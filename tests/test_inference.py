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


def test_a_row_is_the_same_in_any_pass(monkeypatch):
    """A product of matrices is rounded otherwise for other numbers of rows; here it has the same ones always."""
    monkeypatch.setattr(inference, "PASSES", 4)
    kernel = tf.random.stateless_normal((300, 70), (0, 0))
    run = Inference(lambda x: [tf.nn.relu(x @ kernel)], size=16)
    x = np.random.default_rng(1).standard_normal((150, 300)).astype(np.float32)
    (together,) = run(x)
    for index in (0, 15, 16, 64, 149):
        np.testing.assert_array_equal(run(x[index : index + 1])[0][0], together[index])
    np.testing.assert_array_equal(run(x[::-1])[0][::-1], together)
