"""Every test runs on two logical CPU devices, so that code for several replicas is tested on any machine."""

import os
from typing import Any

import hypothesis
import pytest

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_configure() -> None:
    """Here, since devices can no longer be set once TensorFlow has run an operation. As the scripts start it."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from gan.starting import import_tensorflow

    import_tensorflow(devices="cpu:2")


def _mirrored(devices: list[str]) -> Any:
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


@pytest.fixture(scope="session")
def one_replica() -> Any:
    return _mirrored(["CPU:0"])


@pytest.fixture(scope="session")
def two_replicas() -> Any:
    return _mirrored(["CPU:0", "CPU:1"])
