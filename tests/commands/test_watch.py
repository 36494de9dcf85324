"""``hwpkho watch``: each new bad page, as the log tells it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwpkho.commands.check import CheckOptions
from hwpkho.commands.watch import NewPages, Watch, WatchOptions
from tests.support import ROOT, live_trees, schemas
from tests.support.live_trees import PFNS

RECOVERED = "recovery action for free buddy page: Recovered"


def _line(pfn, stamp=12):
    return f"[{stamp:5}.000000] Memory failure: 0x{pfn:x}: {RECOVERED}\n"


@pytest.fixture
def tree(tmp_path):
    return live_trees.made(tmp_path / "root")


@pytest.fixture
def watched(tree, cli, tmp_path):
    """Return a function that watches a log that is there whole, and gives the events."""

    def run(text, *options, root=tree.root):
        log = tmp_path / "log"
        log.write_bytes(text if isinstance(text, bytes) else text.encode())
        got = cli("watch", log, "--root", root, *options)
        assert (got.code, got.err) == (0, "")
        events = [json.loads(line) for line in got.out.splitlines()]
        for event in events:
            schemas.check(event, "watch")
        return events

    return run


def _of(events, kind):
    return [e for e in events if e["event"] == kind]


def test_each_new_bad_page_has_a_line(watched):
    events = watched(_line(PFNS[0]) + "[   13.000000] usb\n" + _line(0x68001, 14) + _line(0x68001))
    assert [e["event"] for e in events] == ["check", "page"]
    check, page = events
    assert (check["status"], check["bad_pages"]) == ("ok", 3)
    expected = {"pfn": 0x68001, "last": 0x68001, "verdict": "replays", "fate": "replay"}
    assert {k: page[k] for k in expected} == expected
    assert (page["kind"], page["source"], page["when"]) == ("poisoned", "log", "boot+14.000000")


def test_verdicts(tree, watched):
    scratch, outside = 0x70001, 0x90000
    tree.write("proc/iomem", "40000000-7fffffff : System RAM\n80000000-8fffffff : Reserved\n")
    pages = _of(watched(_line(0x68001) + _line(0x80001) + _line(outside) + _line(scratch)), "page")
    verdicts = {p["pfn"]: (p["verdict"], p["fate"]) for p in pages}
    assert verdicts[0x68001] == ("replays", "replay")
    assert verdicts[0x80001] == ("firmware", "stay")
    assert verdicts[outside] == ("not-ram", "forgotten")
    assert verdicts[scratch] == ("scratch", "replay")


def test_a_machine_that_hands_nothing_over(tree, watched):
    for path in ("proc/kcore", "sys/kernel/debug/kho/out/fdt"):
        (tree.root / path).unlink()
    tree.write("proc/cmdline", "kho=off\n")
    shutil.rmtree(tree.root / "sys/kernel/debug/kho")
    (page,) = _of(watched(_line(0x68001)), "page")
    assert page["fate"] == "forgotten"


def test_where_nothing_is_known(tree, watched):
    (tree.root / "proc/iomem").unlink()
    (page,) = _of(watched(_line(0x68001)), "page")
    assert (page["verdict"], page["fate"]) == (None, None)


def test_unpoisoned_missed_and_unclear(watched):
    events = watched(
        "[    1.000000] Unpoison: Software-unpoisoned page 0x50000\n"
        "[    2.000000] ** 4 printk messages dropped **\n"
        "[    3.000000] Memory failure: 0x(____ptrval____): recovery action for x: Failed\n"
    )
    assert [e["pfn"] for e in _of(events, "unpoisoned")] == [0x50000]
    assert [e["records"] for e in _of(events, "missed")] == [4]
    assert len(_of(events, "unclear")) == 1


def test_the_verdict_of_a_guests_page(tmp_path, watched):
    tree = live_trees.of_capture("luo-huge", tmp_path / "luo")
    tree.flags([], live_trees.frames_of("luo-huge"))
    tree.count(0)
    (page,) = _of(watched(_line(0x2A12), root=tree.root), "page")
    assert (page["verdict"], page["fate"], page["session"]) == ("preserved", "guests", "vm-huge")


# --- The machine itself ---------------------------------------------------------------------------


class _Clock:
    """Time that passes as somebody asks for it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def pipe(monkeypatch):
    """Standard input as a pipe: gives the end that is written to."""
    reading, writing = os.pipe()
    dup = os.dup
    monkeypatch.setattr("os.dup", lambda fd: dup(reading if fd == 0 else fd))
    yield writing
    os.close(reading)


def _watch(tree, **options):
    check = CheckOptions(root=str(tree.root))
    return Watch(WatchOptions("-", check, options.get("interval", 0.1)), _Clock())


@pytest.mark.slow
def test_pages_that_no_message_told_of_are_found(tree, pipe):
    """The counter goes up, and the flags show where."""
    watch = _watch(tree)
    events = watch.events()
    assert type(next(events)).__name__ == "Looked"
    tree.flags([*PFNS, 0x70005])
    tree.count(4)
    found = next(events)
    assert isinstance(found, NewPages)
    assert [(p.first, found.source) for p in found.pages] == [(0x70005, "flags")]
    looked = next(events)
    assert looked.checked.bad_pages == 4
    assert looked.checked.status == "critical"
    watch.stop()
    assert list(events) == []
    os.close(pipe)


@pytest.mark.slow  # as the one above, by another way
def test_lost_records_lead_to_the_flags(tree, pipe):
    watch = _watch(tree)
    events = watch.events()
    next(events)
    tree.flags([*PFNS, 0x70005])
    os.write(pipe, b"[    2.000000] ** 4 printk messages dropped **\n")
    kinds = [type(next(events)).__name__ for _ in range(3)]
    assert kinds == ["Missed", "NewPages", "Looked"]
    watch.stop()
    os.close(pipe)


def test_a_tree_that_goes_away_is_waited_for(tree, pipe):
    watch = _watch(tree)
    events = watch.events()
    next(events)
    tree.root.rename(tree.root.with_name("gone"))
    os.write(pipe, _line(0x68001).encode())
    assert isinstance(next(events), NewPages)
    os.write(pipe, _line(0x68002).encode())
    assert isinstance(next(events), NewPages)
    os.close(pipe)
    assert list(events) == []


# --- /dev/kmsg ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("absent", 3), ("folder", 2)])
def test_logs_that_are_none(name, code, tree, tmp_path, cli):
    """A folder may be a machine's tree: the command has another option for that."""
    (tmp_path / "folder").mkdir()
    got = cli("watch", tmp_path / name, "--root", tree.root)
    assert (got.code, got.out, got.err.count("\n")) == (code, "", 1)
    assert cli("watch", "-", "--root", tmp_path / "absent").code == 3
    wrong = ("0", "nan", "inf")
    assert [cli("watch", "-", "--interval", interval).code for interval in wrong] == [2, 2, 2]


# --- As a program ---------------------------------------------------------------------------------


def _start(tree, **more):
    command = [sys.executable, "-m", "hwpkho", "watch", "-", "--root", str(tree.root)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True, **more
    )


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_ends_it_cleanly(number, tree):
    with _start(tree, stderr=subprocess.PIPE) as program:
        assert json.loads(program.stdout.readline())["event"] == "check"
        program.stdin.write(_line(0x68001))
        program.stdin.flush()
        assert json.loads(program.stdout.readline())["pfn"] == 0x68001
        program.send_signal(number)
        assert program.wait(10) == 0
        assert program.stdout.read() == ""
        assert program.stderr.read() == ""


@pytest.mark.slow
def test_a_storm_loses_no_line_and_keeps_memory_flat(tree):
    with _start(tree) as program:
        program.stdout.readline()
        sizes, lines = [], []
        for second in range(4):
            pfns = range(0x10000 + second * 10_000, 0x10000 + (second + 1) * 10_000)
            for at in range(0, 10_000, 500):
                program.stdin.write("".join(_line(pfn) for pfn in pfns[at : at + 500]))
                program.stdin.flush()
                lines += [program.stdout.readline() for _ in range(500)]
            status = Path(f"/proc/{program.pid}/status").read_text()
            sizes.append(int(status.partition("VmRSS:")[2].split()[0]))
        program.stdin.close()
        lines += program.stdout.readlines()
    pages = [json.loads(line) for line in lines]
    assert [p["pfn"] for p in pages if p["event"] == "page"] == list(
        range(0x10000, 0x10000 + 40_000)
    )
    assert sizes[-1] - sizes[0] < 8 << 10
