from types import SimpleNamespace

import pytest
import tensorflow as tf

from gan.devices import precision
from gan.devices.precision import bfloat16_gain as measured_gain
from gan.devices.precision import choose

NO_BFLOAT16 = "the CPU tells of no bfloat16 instructions, without which 16 bits are slower"


@pytest.fixture(autouse=True)
def gain(monkeypatch):
    """A CPU whose instructions for bfloat16, if it has any, are fast."""
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: 2.0)


def on(*devices: str) -> SimpleNamespace:
    names = tuple(f"/job:localhost/replica:0/task:0/device:{device}" for device in devices)
    return SimpleNamespace(extended=SimpleNamespace(worker_devices=names))


@pytest.mark.parametrize("devices", [("CPU:0",), ("GPU:0", "GPU:1")])
def test_what_is_asked_for_is_not_looked_up(devices):
    assert choose(False, on(*devices)) == ("float32", "mixed_precision is false")
    assert choose("bfloat16", on(*devices)).policy == "mixed_bfloat16"
    assert choose("float16", on(*devices)).policy == "mixed_float16"
    assert str(choose("float16", on(*devices))) == (
        "computing in float16 with float32 variables: as mixed_precision says"
    )
    assert str(choose(False, on(*devices))) == "computing in float32: mixed_precision is false"


@pytest.mark.parametrize(
    ("line", "policy", "reason"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16", "mixed_bfloat16", "the CPU has amx_bf16"),
        ("flags\t\t: fpu avx512_bf16", "mixed_bfloat16", "the CPU has avx512_bf16"),
        ("Features\t: fp asimd bf16", "mixed_bfloat16", "the CPU has bf16"),
        ("flags\t\t: fpu avx512f", "float32", NO_BFLOAT16),
        ("model name : not_a_flag bf16", "float32", NO_BFLOAT16),
        (None, "float32", NO_BFLOAT16),
    ],
)
def test_a_cpu_is_asked_for_its_instructions(line, policy, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    if line is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    found = choose(True, on("CPU:0", "CPU:1"))
    assert found == (policy, reason)
    assert str(found).startswith(
        "computing in float32: " if policy == "float32" else "computing in bfloat16 with float32 variables: "
    )


def test_a_cpu_that_cannot_be_asked_computes_in_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path)  # Which cannot be read as a file.
    assert choose(True, on("CPU:0")) == ("float32", NO_BFLOAT16)


@pytest.mark.parametrize(
    ("capabilities", "policy", "told"),
    [
        ([(8, 0), (8, 9)], "mixed_bfloat16", "8.0; bfloat16 wants 8.0, a GPU of compute capability 8.9"),
        ([(9, 0), (7, 5)], "mixed_float16", "7.5; bfloat16 wants 8.0"),
        ([(9, 0), None], "mixed_float16", "0.0; bfloat16 wants 8.0"),
    ],
)
def test_all_gpus_must_compute_in_bfloat16(capabilities, policy, told, monkeypatch):
    details = [{"compute_capability": each} if each else {} for each in capabilities]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: list(range(len(details))))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details[gpu])
    found = choose(True, on(*(f"GPU:{index}" for index in range(len(details)))))
    assert found.policy == policy
    assert told in found.reason


@pytest.mark.parametrize(("gain", "policy"), [(0.5, "float32"), (1.1, "float32"), (1.3, "mixed_bfloat16")])
def test_instructions_that_are_slow_are_not_used(gain, policy, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: gain)
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx512_bf16\n")
    found = choose(True, on("CPU:0"))
    assert found.policy == policy
    assert (f"at {gain} times float32's rate" in found.reason) == (policy == "float32")


def test_the_gain_is_how_many_times_as_fast_bfloat16_is(monkeypatch):
    """By a clock that a product in float32 moves by three seconds, and one in bfloat16 by two."""
    now = [0.0]

    def matmul(one, other):
        now[0] += {tf.float32: 3.0, tf.bfloat16: 2.0}[one.dtype]

    monkeypatch.setattr(tf.linalg, "matmul", matmul)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    assert measured_gain.__wrapped__() == 1.5
