"""Signals that end the program, also where a library says something else of them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

from hwpkho.base.undisturbed import ENDING
from hwpkho.cli import endings
from hwpkho.errors import InputError
from tests.support.program import run_cli


@pytest.fixture(autouse=True)
def handlers():
    """Those of a program that has just started; the test's own are there again afterwards."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _end(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("error", [RuntimeError("Query interrupted"), InputError("bad"), None])
def test_what_a_library_makes_of_a_signal_is_the_end_all_the_same(error):
    """DuckDB raises a RuntimeError, SQLite an error of its own; some go on as if nothing was."""

    def work():
        with endings.raised():
            try:
                _end()
            except endings.EndedError:
                if error:
                    raise error from None

    with pytest.raises(endings.EndedError) as ended:
        work()
    assert (ended.value.code, ended.value.message) == (143, "ended by SIGTERM")
    assert ended.value.__cause__ is error


def test_a_signal_in_a_destructor_is_not_lost(monkeypatch, capsys):
    """Python only prints what is raised there; DuckDB passes over it where a query begins."""
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)

    class Deaf:
        def __del__(self):
            _end()

    steps = []

    def work():
        with endings.raised():
            Deaf()
            gc.collect()
            steps.append("goes on")
            time.sleep(5)
            steps.append("is not ended")

    with pytest.raises(endings.EndedError) as ended:
        work()
    assert steps == ["goes on"]
    assert ended.value.code == 143
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is sys.__unraisablehook__
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_is_tidied_up_takes_its_time(monkeypatch):
    monkeypatch.setattr(endings, "_AGAIN", 0.01)
    steps = []

    @contextmanager
    def tidy():
        try:
            yield
        finally:
            with suppress(OSError):
                time.sleep(0.05)
                raise OSError
            time.sleep(0.05)
            steps.append("tidy")

    def work():
        with endings.raised(), ExitStack() as stack:
            stack.enter_context(tidy())
            stack.callback(time.sleep, 0.05)
            _end()

    with pytest.raises(endings.EndedError):
        work()
    assert steps == ["tidy"]


def test_of_two_blocks_neither_lets_a_second_signal_through():
    with pytest.raises(endings.EndedError), endings.raised(), endings.raised():
        _end()
    assert {signal.getsignal(number) for number in ENDING} == {signal.SIG_IGN}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_query_of_hours_is_ended(number, code, tmp_path):
    (tmp_path / "list").write_text("0x10\n")
    assert not run_cli("fleet", "add", tmp_path / "d", tmp_path / "list", "--jobs", 1).code
    sql = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    timer = threading.Timer(1.0, os.kill, (os.getpid(), number))
    timer.start()
    got = run_cli("fleet", "ask", tmp_path / "d", "--sql", sql)
    timer.join()
    assert (got.code, got.out, got.err.count("\n")) == (code, "", 1), got.err
