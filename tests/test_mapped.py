"""Images in a file: written one by one, mapped, and let go of."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gan import threads
from gan.data.batches import Batches
from gan.data.cache import PixelFile, map_images
from gan.data.dataset import Subset, parts, release
from gan.threads import in_order

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write(path: Path, images: np.ndarray) -> np.ndarray:
    with PixelFile(path) as file:
        for image in images:
            file.append(image)
    assert file.shape == images.shape
    return map_images(path, file.shape)


def some_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_what_is_written_is_mapped_and_stays_after_a_release(tmp_path):
    images = some_images(50, 6, 7, 3)
    mapped = write(tmp_path / "images", images)
    for _ in range(2):
        np.testing.assert_array_equal(mapped, images)
        release(mapped[10:20])
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 0


def test_a_release_of_an_array_in_memory_does_nothing():
    images = some_images(3, 2, 2, 1)
    release(images[1:])
    np.testing.assert_array_equal(images, some_images(3, 2, 2, 1))


@pytest.mark.parametrize("count", [1, 7])
def test_parts_are_all_images_in_order(tmp_path, count, monkeypatch):
    monkeypatch.setattr("gan.data.dataset.PART_BYTES", 100)
    images = write(tmp_path / "images", some_images(count, 6, 7, 1))
    found = list(parts(images))
    assert len(found) == -(-count // 2)
    np.testing.assert_array_equal(np.concatenate(found), images)


def test_batches_of_a_map_are_those_of_memory(tmp_path):
    images, labels = some_images(50, 6, 7, 1), np.arange(50, dtype=np.int32)
    mapped = write(tmp_path / "images", images)
    one, other = (Batches(Subset.of(values, labels), batch_size=8, seed=3).take(5, 4) for values in (images, mapped))
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_batches_of_a_large_map_stay_in_little_memory(tmp_path):
    """In a process of its own: 400 MB are gathered from, and the process grows by a tenth of that at most."""
    program = """
import re, sys
from pathlib import Path
import numpy as np
from gan.data.batches import Batches
from gan.data.cache import map_images
from gan.data.dataset import Subset, parts

peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
images = map_images(sys.argv[1], (4000, 100, 1000, 1))
batches = Batches(Subset.of(images, np.zeros(4000, np.int32)), batch_size=40, seed=0)
batches.take(0, 1)
before = peak()
total = sum(int(batches.take(number, 1).images.max()) for number in range(100))
total += sum(int(part.max()) for part in parts(images))
assert total == 0
print(peak() - before)
"""
    path = tmp_path / "images"
    with path.open("wb") as file:
        file.truncate(400_000_000)
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, path], cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < 40_000


def test_results_come_in_order_and_few_are_ahead():
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        return number**2

    results = []
    for number, result in enumerate(in_order(work, iter(range(1000)))):
        results.append(result)
        assert len(begun) <= number + 1 + 2 * THREADS
    assert results == [number**2 for number in range(1000)]


def test_nothing_is_begun_once_the_consumer_has_stopped(monkeypatch):
    begun, go_on = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        """Lets its threads go on when it is to end, so that they could begin what waits."""

        def __exit__(self, *reason):
            go_on.set()
            return super().__exit__(*reason)

    def work(number: int) -> int:
        begun.append(number)
        assert number == 0 or go_on.wait(60)
        return number

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Pool)
    results = in_order(work, range(1000))
    next(results)
    results.close()
    assert len(begun) <= 1 + THREADS


def test_an_error_in_the_work_is_raised_in_its_place():
    found = []
    with pytest.raises(ZeroDivisionError):
        found.extend(in_order(lambda number: 1 // (3 - number), range(1000)))
    results = in_order(lambda number: 1 // (3 - number), range(1000))
    assert [next(results) for _ in range(3)] == [0, 0, 1]
