"""Steps that no signal cuts in two."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from hwpkho.base.undisturbed import ENDING, undisturbed
from hwpkho.cli import endings


@pytest.fixture
def handlers():
    """Handlers as they were, and another thread, to which the system may give any signal."""
    before = {number: signal.getsignal(number) for number in ENDING}
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_waits_for_the_end_of_a_step(number):
    """Also one that the system gives to a thread of a library: DuckDB has some."""
    signal.signal(number, signal.default_int_handler)
    steps = []

    def work():
        with endings.raised():
            with undisturbed():
                with undisturbed():
                    os.kill(os.getpid(), number)
                    time.sleep(0.01)
                    steps.append("inner")
                steps.append("outer")
            steps.append("behind")

    with pytest.raises(endings.EndedError):
        work()
    assert steps == ["inner", "outer"]


@pytest.mark.usefixtures("handlers")
def test_a_step_that_fails_says_why_before_the_signal_does():
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def work():
        with endings.raised(), undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            raise OSError(5, "Input/output error")

    with pytest.raises(endings.EndedError) as ended:
        work()
    assert isinstance(ended.value.__context__, OSError)
