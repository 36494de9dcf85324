"""Work shared with a second process: the same as without it, whatever becomes of that process."""

from __future__ import annotations

import io
import os
import random
import signal
from pathlib import Path

import pytest

from hwpkho import forked
from hwpkho.pages import runs

PARTS = range(5000)
WANT = "".join(f"{n}," for n in PARTS)


def _open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def forks(monkeypatch):
    """Return the list of processes that are started; none may be left behind.

    The tests fork here and now: on any machine, and beside the threads of a test runner.
    """
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("threading.active_count", lambda: 1)
    started, fork = [], os.fork

    def counted():
        pid = fork()
        if pid:
            started.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counted)
    files = _open_files()
    yield started
    assert _open_files() == files
    for pid in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _text(n):
    return f"{n},"


@pytest.mark.parametrize("count", [0, 1, 255, 256, 2048, 2049, 5000])
def test_all_parts_in_their_order(forks, count):
    made = "".join(forked.mapped(_text, PARTS[:count]))
    assert made == "".join(map(_text, PARTS[:count]))
    assert len(forks) == (count >= 256)


def test_some_of_it_is_done_by_another_process():
    made = list(forked.mapped(lambda _: f"{os.getpid()} ", PARTS[:1000]))
    pids = "".join(made).split()
    assert len(pids) == 1000
    assert len(set(pids)) == 2
    assert pids.count(str(os.getpid())) == 400


@pytest.mark.parametrize("how", ["raises", "is killed", "exits", "is interrupted"])
def test_what_the_other_process_does_not_deliver_is_done_here(forks, how):
    here = os.getpid()

    def work(n):
        if os.getpid() != here and n == 1502:
            if how == "raises":
                raise MemoryError
            if how == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "exits":
                os._exit(3)
            os.kill(os.getpid(), signal.SIGINT)
        return _text(n)

    assert "".join(forked.mapped(work, PARTS)) == WANT
    assert len(forks) == 1


def test_ctrl_c_is_for_the_first_process():
    """It ends the other one; what that has still to do would come late otherwise."""

    def work(_):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGINT)
        return f"{os.getpid()} "

    here = os.getpid()
    pids = "".join(forked.mapped(work, PARTS[:1000])).split()
    assert pids.count(str(here)) == 400


def test_an_error_of_the_work_itself_is_raised(forks):
    def work(n):
        if n == 3000:
            raise ValueError(n)
        return _text(n)

    with pytest.raises(ValueError, match="3000"):
        "".join(forked.mapped(work, PARTS))
    assert forks


def test_nothing_goes_on_when_nobody_wants_the_rest(forks):
    """The other process has no room for what it makes, and would wait for ever."""
    made = forked.mapped(lambda n: f"{n:9999}", PARTS)
    assert int(next(made)) == 0
    made.close()
    assert len(forks) == 1


def test_where_children_are_not_waited_for(monkeypatch):
    """As with a parent that ignores SIGCHLD: the kernel has waited for them already."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert "".join(forked.mapped(_text, PARTS)) == WANT
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("cut", range(0, 20, 3))
def test_a_text_that_was_cut_short_is_none(cut):
    whole = (12).to_bytes(8, "little") + b"twelve bytes"
    assert forked._delivered(io.BytesIO(whole)) == "twelve bytes"
    assert forked._delivered(io.BytesIO(whole[:cut])) == ""


@pytest.mark.parametrize("missing", ["processor", "process", "pipe", "single thread"])
def test_without_help(monkeypatch, missing, forks):
    def none_left(*_):
        raise BlockingIOError

    if missing == "processor":
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    elif missing == "process":
        monkeypatch.setattr(os, "fork", none_left)
    elif missing == "pipe":
        monkeypatch.setattr(os, "pipe", none_left)
    else:
        monkeypatch.setattr("threading.active_count", lambda: 2)
    assert list(forked.mapped(_text, PARTS)) == [_text(n) for n in PARTS]
    assert not forks


def test_a_document_is_the_same_with_help_and_without(forks, monkeypatch, cli, tmp_path):
    """Dense PFNs from 0 on, single and in long runs, over ends of blocks of the decimal digits."""
    rng = random.Random(5)
    pfns = {rng.randrange(3_000_000) for _ in range(150_000)}
    pfns |= {*range(9_990, 10_010), *range(19_999, 20_001), *range(1_000_000, 1_050_000)}
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{pfn}\n" for pfn in rng.sample(sorted(pfns), len(pfns))))
    map_ = tmp_path / "e820.txt"
    map_.write_text("BIOS-e820: [mem 0x0000000000000000-0x00000001ffffffff] usable\n")
    got = cli("validate", "--json", path, "--memmap", map_)
    assert len(forks) == 1
    assert [(r["first"], r["last"]) for r in got.json["runs"]] == list(runs(sorted(pfns)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert cli("validate", "--json", path, "--memmap", map_).out == got.out
    assert len(forks) == 1
