"""On logical CPU devices, which have a memory of their own by name alone."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny_data, tiny_trainer

from gan.data import dataset
from gan.data.batches import Batches
from gan.devices import memory
from gan.devices.memory import ResidentBatches

DATA = tiny_data()


@pytest.fixture
def batches() -> Batches:
    return Batches(DATA.train, batch_size=8, seed=0)


class Strategy:
    """One replica on a device of this name."""

    def __init__(self, device: str) -> None:
        self.extended = self
        self.worker_devices = (device,)


def test_they_are_the_same_batches_on_the_device(batches, monkeypatch):
    released = []
    monkeypatch.setattr(dataset, "release", released.append)
    resident = ResidentBatches(batches, "CPU:1")
    assert len(released) == 1 and released[0] is batches.subset.images
    found, expected = resident.take(3, 4), batches.take(3, 4)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.images.device.endswith("CPU:1")


def test_a_step_takes_them(batches, one_replica):
    after = []
    for source in (batches, ResidentBatches(batches, "CPU:1")):
        trainer = tiny_trainer(one_replica)
        trainer.run(0, source.take(0, 2))
        after.append(trainer.networks.critic.get_weights())
    for first, second in zip(*after, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_cpu_takes_them_as_they_are(batches, one_replica):
    assert memory.resident(batches, one_replica) is batches


def test_a_gpu_gets_what_fits(batches, monkeypatch):
    made = []
    monkeypatch.setattr(memory, "ResidentBatches", lambda *asked: made.append(asked) or "resident")
    assert memory.resident(batches, Strategy("/device:GPU:0")) == "resident"
    assert made == [(batches, "/device:GPU:0")]
    monkeypatch.setattr(memory, "LARGEST", batches.subset.nbytes - 1)
    assert memory.resident(batches, Strategy("/device:GPU:0")) is batches


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError, tf.errors.InternalError])
def test_without_room_they_stay_where_they_are(batches, monkeypatch, capsys, error):
    def full(*asked):
        raise error(None, None, "Dst tensor is not initialized")

    monkeypatch.setattr(memory, "ResidentBatches", full)
    assert memory.resident(batches, Strategy("/device:GPU:0")) is batches
    assert "do not fit into the GPU's memory" in capsys.readouterr().out
