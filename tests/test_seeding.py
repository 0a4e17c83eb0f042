import numpy as np
import tensorflow as tf

from gan.seeding import Purpose, numpy_stream, stream


def normal(seed: int, purpose: Purpose, index: int) -> np.ndarray:
    return tf.random.stateless_normal((8,), seed=stream(seed, purpose, index)).numpy()


def test_a_stream_is_a_function_of_seed_purpose_and_index():
    one = normal(1, Purpose.CRITIC_STYLES, 5)
    np.testing.assert_array_equal(one, normal(1, Purpose.CRITIC_STYLES, 5))
    for other in (
        normal(2, Purpose.CRITIC_STYLES, 5),
        normal(1, Purpose.GENERATOR_STYLES, 5),
        normal(1, Purpose.CRITIC_STYLES, 6),
    ):
        assert not np.isin(one, other).any()


def test_numpy_streams_of_different_purposes_share_no_numbers():
    """The order of an epoch, say, must not be the order in which digits were drawn."""
    keys = [(purpose, seed, index) for purpose in Purpose for seed in (0, 1, 12) for index in (0, 1, 2)]
    draws = {key: tuple(numpy_stream(*key).permutation(50)) for key in keys}
    assert len(set(draws.values())) == len(keys)
    assert draws[keys[5]] == tuple(numpy_stream(*keys[5]).permutation(50))
