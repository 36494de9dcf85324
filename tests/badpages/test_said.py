"""What is said of several inputs alike is said once."""

from __future__ import annotations

import pytest

from hwpkho.badpages import said
from hwpkho.badpages.model import BadPages, ListNote, ListProblem
from hwpkho.base.listing import Listing

_LOG = (
    "Linux version 6.1.0 (x) #1\nMemory failure: 0x1{}: recovery action for free page: Recovered\n"
)


@pytest.mark.parametrize("command", [("list",), ("merge",), ("diff", "--json")])
def test_a_hundred_lists_need_no_hundred_lines(command, tmp_path, cli) -> None:
    lists, logs = [], []
    for n in range(10):
        lists.append(tmp_path / f"list{n}")
        lists[-1].write_text(f"0x1{n}\n0x20\n")
        logs.append(tmp_path / f"log{n}")
        logs[-1].write_text(_LOG.format(n))
    got = cli(*command, *lists, *logs)
    said_of = [line for line in got.err.splitlines() if line.startswith("hwpkho: ")]
    assert said_of[:1] == [
        f"hwpkho: {lists[0]} and 19 others: page size 4096 assumed: the list does not record it"
    ]
    assert said_of[1].startswith(f"hwpkho: note: {logs[0]} and 9 others: a log is a lower bound")
    assert len(said_of) == 2


def test_what_differs_is_said_of_each() -> None:
    lists = [
        BadPages("a", Listing(), notes=(ListNote("x", "a"), ListNote("alone"))),
        BadPages("b", Listing(), notes=(ListNote("x", "b"), ListNote("y", "b"), ListNote("alone"))),
        BadPages("a", Listing(), notes=(ListNote("x", "a"), ListNote("a: x"))),
    ]
    assert said.notes(lists) == ["a and another: x", "alone", "b: y", "a: x"]
    found = [
        ListProblem("HP1", "note", "m", "a"),
        ListProblem("HP1", "note", "m", "b", "line 3"),
        ListProblem("HP1", "note", "m", "c"),
        ListProblem("HP2", "note", "m", None),
    ]
    assert said.problems(found) == [
        "note: a and another: m (HP1)",
        "note: b: line 3: m (HP1)",
        "note: m (HP2)",
    ]
