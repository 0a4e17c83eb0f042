import pytest
import tensorflow as tf

from gan.command_line import run


def raises(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("found this, expected that"), 2, "found this, expected that"),
        (FileNotFoundError("no such thing"), 2, "no such thing"),
        (FloatingPointError("the loss is NaN"), 3, "the loss is NaN"),
        (
            tf.errors.ResourceExhaustedError(None, None, "Graph execution error:\n\n  OOM when allocating [9]\n"),
            2,
            "out of memory (OOM when allocating [9]); use smaller",
        ),
        (
            tf.errors.InvalidArgumentError(None, None, "Cannot parse tensor from proto: dtype: DT_FLOAT\n"),
            2,
            "out of memory (a constant of the graph); use smaller",
        ),
        (MemoryError("9 GiB"), 2, "out of memory (9 GiB); use smaller images or batches"),
        (ModuleNotFoundError("no", name="yaml"), 2, "the package yaml is not installed; run `make .venv`"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_and_a_status(error, status, line, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["some/train.py"])
    assert run(raises(error)) == status
    found = capsys.readouterr().err
    assert found.startswith(f"train.py: {line}")
    assert found.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        ValueError("two\nlines"),
        ValueError(),
        RuntimeError("a bug"),
        KeyError("a bug"),
        tf.errors.InvalidArgumentError(None, None, "a bug"),
    ],
)
def test_what_is_not_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        run(raises(error))


def test_success_is_zero():
    assert run(lambda: None) == 0
