"""Signals that end a run: the first in good order, the second at once."""

import os
import pty
import signal
import threading

import pytest

from gan.training.stopping import Stopped, signals_caught


@pytest.fixture(autouse=True)
def outputs():
    """SIGHUP closes outputs that lead to a terminal or a pipe: those of the tests are put back."""
    kept = {each: os.dup(each) for each in (1, 2)}
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # Under nohup it is ignored, by the tests too.
    yield
    signal.signal(signal.SIGHUP, hangup)
    for each, copy in kept.items():
        os.dup2(copy, each)
        os.close(copy)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU])
def test_the_first_signal_is_noted_and_the_second_ends_all(number, capfd):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped, match="ended at once") as stop, signals_caught() as caught:
        assert caught.number is None
        os.kill(os.getpid(), number)
        assert caught.number == number
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the second signal was ignored")
    assert stop.value.status == 128 + signal.SIGTERM
    assert "finishing the step, then saving" in capfd.readouterr().err
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with signals_caught() as caught:
            seen.append((caught.number, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_what_nohup_has_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_caught() as caught:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            assert caught.number is None
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_after_a_lost_connection_printing_does_not_end_the_run(kind):
    """A terminal that has hung up gives EIO to who writes to it, and a pipe without a reader EPIPE."""
    there, here = pty.openpty() if kind == "terminal" else os.pipe()
    kept = os.dup(1)
    os.dup2(here, 1)
    try:
        with signals_caught() as caught:
            os.close(there)
            with pytest.raises(OSError):
                os.write(1, b"nobody reads this")
            os.kill(os.getpid(), signal.SIGHUP)
            assert caught.number == signal.SIGHUP
            os.write(1, b"nor this")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(here)


def test_a_file_gets_what_is_printed_after_a_lost_connection(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with signals_caught():
                os.kill(os.getpid(), signal.SIGHUP)
                os.write(1, b"saved")
        finally:
            os.dup2(kept, 1)
            os.close(kept)
    assert (tmp_path / "log").read_bytes() == b"saved"
