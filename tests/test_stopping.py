"""Signals that end a run: the first in good order, the second at once."""

import os
import signal
import threading

import pytest

from gan.training.stopping import Stopped, signals_caught


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
