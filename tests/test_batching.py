import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from gan.config import Config
from gan.images import ImageSpec
from gan.labels import one_hot
from gan.models.generator import Generator
from gan.sampling import BATCH, Sampler, styles
from gan.serving.batching import Batching, Broken, Closed, Full

SPEC = ImageSpec(4, 4, 1, ("a", "b", "c"))
WAIT = 20
"""Seconds after which a test that waits has failed."""


@dataclass
class Stub:
    """A network that draws the first number of a style, and waits in each call until it is let go."""

    name: str = "gan-00000001"
    noise_dims: int = 2
    spec: ImageSpec = SPEC
    calls: list[int] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self):
        self.path, self.step, self.scores = Path(self.name), 1, {}
        self.go, self.entered = threading.Event(), threading.Semaphore(0)
        self.go.set()

    def sample(self, labels, styles):
        assert len(labels) == len(styles)
        self.calls.append(len(labels))
        self.entered.release()
        assert self.go.wait(WAIT)
        if self.error:
            raise self.error
        return np.broadcast_to(styles[:, :1, None, None].astype(np.uint8), (len(styles), *SPEC.shape))


def rows(*values):
    """Labels and styles that a stub draws as these values."""
    return one_hot([0] * len(values), 3), np.array([[value, 0] for value in values], np.float32)


@contextmanager
def opened(stub, **options):
    """A warm queue before a stub, whose next call will be the first that counts."""
    with Batching(stub, **{"capacity": 1000, **options}) as batching:
        assert stub.entered.acquire(timeout=WAIT)
        deadline = time.monotonic() + WAIT
        while not batching.ready and time.monotonic() < deadline:
            time.sleep(0.001)
        stub.calls.clear()
        try:
            yield batching
        finally:
            stub.go.set()


def held(stub, batching):
    """Keep the network in a call, so that what is asked for next has to wait."""
    stub.go.clear()
    answer = batching.submit(*rows(255))
    assert stub.entered.acquire(timeout=WAIT)
    return answer


def values(drawn):
    return drawn.images[:, 0, 0, 0].tolist()


@pytest.fixture
def stub():
    return Stub()


def test_what_waits_during_a_call_is_the_next_one(stub):
    observed = []
    with opened(stub, observe=observed.append) as batching:
        first = held(stub, batching)
        answers = [batching.submit(*rows(number, 100 + number)) for number in range(20)]
        assert batching.waiting == 40
        stub.go.set()
        assert values(first.result(WAIT)) == [255]
        assert [values(answer.result(WAIT)) for answer in answers] == [[n, 100 + n] for n in range(20)]
    assert stub.calls == [1, 40]
    assert observed == [1, 40]
    assert batching.waiting == 0


def test_a_call_takes_as_many_as_fit_in_their_order(stub):
    with opened(stub) as batching:
        held(stub, batching)
        answers = [batching.submit(*rows(*[number] * number)) for number in (40, 20, 10, 54, 100, 1)]
        stub.go.set()
        for answer, number in zip(answers, (40, 20, 10, 54, 100, 1), strict=True):
            assert values(answer.result(WAIT)) == [number] * number
    assert stub.calls == [1, 60, 64, 100, 1]


def test_a_call_has_as_many_images_as_a_pass_of_the_network():
    stub = Stub(spec=ImageSpec(512, 512, 3, ("a", "b", "c")))
    with opened(stub) as batching:
        held(stub, batching)
        answers = [batching.submit(*rows(*[7] * number)) for number in (1, 1, 3, 1)]
        stub.go.set()
        assert [len(answer.result(WAIT).images) for answer in answers] == [1, 1, 3, 1]
    assert stub.calls == [1, 1, 1, 3, 1]


def test_more_than_may_wait_are_refused(stub):
    with opened(stub, capacity=10) as batching:
        held(stub, batching)
        answers = [batching.submit(*rows(1, 2, 3)) for _ in range(3)]
        with pytest.raises(Full, match="9 images wait already, of at most 10; ask again later"):
            batching.submit(*rows(4, 5))
        answers.append(batching.submit(*rows(6)))
        stub.go.set()
        assert [len(answer.result(WAIT).images) for answer in answers] == [3, 3, 3, 1]
        batching.submit(*rows(*range(10))).result(WAIT)


def test_an_error_goes_to_the_requests_of_its_call_alone(stub):
    with opened(stub) as batching:
        stub.error = FloatingPointError("diverged")
        lost = held(stub, batching)
        stub.go.set()
        with pytest.raises(FloatingPointError, match="diverged"):
            lost.result(WAIT)
        stub.error = None
        assert values(batching.submit(*rows(7)).result(WAIT)) == [7]


def test_closing_answers_what_waits_and_takes_no_more(stub):
    with opened(stub) as batching:
        first = held(stub, batching)
        answers = [batching.submit(*rows(number)) for number in range(100)]
    assert [values(answer.result(0)) for answer in (first, *answers)] == [[255], *([n] for n in range(100))]
    with pytest.raises(Closed):
        batching.submit(*rows(1))


def test_a_request_that_was_cancelled_is_not_drawn(stub):
    with opened(stub) as batching:
        held(stub, batching)
        unwanted, wanted = batching.submit(*rows(1, 2)), batching.submit(*rows(3))
        assert unwanted.cancel()
        stub.go.set()
        assert values(wanted.result(WAIT)) == [3]
        with pytest.raises(CancelledError):
            unwanted.result(WAIT)
    assert stub.calls == [1, 1]


def test_a_request_that_is_cancelled_frees_its_places_at_once(stub):
    with opened(stub, capacity=10) as batching:
        running = held(stub, batching)
        unwanted, other = batching.submit(*rows(*range(8))), batching.submit(*rows(8))
        with pytest.raises(Full):
            batching.submit(*rows(1, 2))
        assert not running.cancel(), "it does not wait"
        for _ in range(2):
            unwanted.cancel()
            assert batching.waiting == 1
        wanted = batching.submit(*rows(*range(9)))
        assert batching.waiting == 10
        stub.go.set()
        assert values(other.result(WAIT)) == [8]
        assert values(wanted.result(WAIT)) == list(range(9))
        other.cancel()
        assert batching.waiting == 0
    assert stub.calls == [1, 10]


def test_a_swapped_sampler_draws_from_the_next_call_on(stub):
    with opened(stub) as batching:
        first = held(stub, batching)
        second = batching.submit(*rows(1))
        other = Stub("gan-00000002")
        batching.swap(other)
        stub.go.set()
        assert first.result(WAIT).checkpoint == "gan-00000001"
        assert second.result(WAIT).checkpoint == "gan-00000002"
    assert (stub.calls, other.calls) == ([1], [1])


@pytest.mark.parametrize(
    "other",
    [Stub(noise_dims=3), Stub(spec=ImageSpec(4, 4, 1, ("a", "b"))), Stub(spec=ImageSpec(4, 8, 1, tuple("abc")))],
)
def test_a_sampler_of_other_images_is_refused(stub, other):
    with opened(stub) as batching:
        with pytest.raises(ValueError, match=r"gan-00000001 makes images of 4x.*; restart the server to serve it"):
            batching.swap(other)
        assert batching.sampler is stub


def test_a_network_that_cannot_draw_is_not_ready_until_it_is_swapped(stub, caplog):
    stub.error = FloatingPointError("the network has diverged")
    with Batching(stub, capacity=10) as batching:
        assert stub.entered.acquire(timeout=WAIT)
        with pytest.raises(FloatingPointError):
            batching.submit(*rows(1)).result(WAIT)
        assert not batching.ready
        assert "gan-00000001 cannot draw" in caplog.text
        batching.swap(Stub())
        assert batching.ready
        assert values(batching.submit(*rows(1)).result(WAIT)) == [1]


class Nameless:
    """In the place of a path: what has no name."""

    @property
    def name(self):
        raise MemoryError("no room for a name")


@pytest.mark.parametrize("kind", ["in a call", "after a call"])
def test_when_the_thread_ends_nobody_waits_for_it(stub, caplog, kind):
    with opened(stub) as batching:
        taken = held(stub, batching)
        waiting = [batching.submit(*rows(number)) for number in range(3)]
        waiting[1].cancel()
        if kind == "in a call":
            stub.error = SystemExit("the end")
        else:
            stub.path = Nameless()
        stub.go.set()
        for answer in (taken, waiting[0], waiting[2]):
            with pytest.raises(Broken, match="draws no more images, see its log; it has to be started anew"):
                answer.result(WAIT)
        assert (batching.ready, batching.broken, batching.waiting) == (False, True, 0)
        with pytest.raises(Broken):
            batching.submit(*rows(1))
        batching.swap(Stub())
        assert not batching.ready
    (record,) = caplog.records
    assert record.message.startswith("the thread of the network has ended")
    assert ("SystemExit: the end" if kind == "in a call" else "MemoryError: no room") in caplog.text
    assert "Traceback" in caplog.text


def test_a_thread_that_ends_before_it_is_warm_is_not_waited_for(stub, caplog):
    stub.error = SystemExit("the end")
    with Batching(stub, capacity=10) as batching:
        batching._thread.join(WAIT)
        assert batching.broken and not batching.ready
    assert "SystemExit: the end" in caplog.text


def test_answers_under_concurrency_equal_those_drawn_alone():
    spec = ImageSpec(28, 28, 1, tuple("0123456789"))
    config = Config(noise_dims=6)
    sampler = Sampler(Generator(spec, config), spec, noise_dims=6)
    seen = SimpleNamespace(sizes=[])
    count = 150
    labels = one_hot(np.arange(count) % 10, 10)
    z = styles(6, seed=3, numbers=range(count))
    alone = np.concatenate([sampler.sample(labels[n : n + 1], z[n : n + 1]) for n in range(count)])
    with Batching(sampler, capacity=count, observe=seen.sizes.append) as batching:
        order = np.random.default_rng(0).permutation(count)
        answers = {}

        def ask(part):
            for n in part:
                answers[n] = batching.submit(labels[n : n + 1], z[n : n + 1])

        threads = [threading.Thread(target=ask, args=(order[start::8],)) for start in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        together = np.concatenate([answers[n].result(WAIT).images for n in range(count)])
    np.testing.assert_array_equal(together, alone)
    assert 1 < max(seen.sizes) <= BATCH
    assert sum(seen.sizes) == count


def test_the_network_always_draws_a_whole_batch():
    """Else how an image comes out could depend on how many others there are."""

    def network(z, y, *, training):
        rows = tf.shape(z)[0]
        return tf.fill([rows, 4, 4, 1], tf.cast(rows, tf.float32) / 127.5 - 1.0)

    sampler = Sampler(network, SPEC, noise_dims=2)
    with Batching(sampler, capacity=1000) as batching:
        answers = [batching.submit(*rows(*range(count))) for count in (1, 2, 63, 64, 65, 1)]
        for answer in answers:
            np.testing.assert_array_equal(answer.result(WAIT).images, BATCH)
