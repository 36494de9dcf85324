"""Arrays that LUO's files take: no two of them have a page in common."""

from __future__ import annotations

import sys
import tracemalloc
from array import array
from random import Random
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.handover.luo.memory import LuoMemory
from hwpkho.handover.problems import Report
from hwpkho.handover.reach import Reach
from tests.support.examples import much
from tests.support.measure import within

if TYPE_CHECKING:
    from hwpkho.images.base import Source

#: Coverage's tracer makes a line of Python three times as dear.
MAX_CPU = 9.0 if sys.gettrace() else 3.0


def _memory() -> LuoMemory:
    # Nothing is read: what is taken is a matter of addresses.
    return LuoMemory(Reach(cast("Source", None), 4096, Report()), 4096)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 60), max_size=6)), max_size=9))
def test_an_array_that_shares_a_page_is_not_taken(arrays: list[tuple[int, list[int]]]) -> None:
    memory, taken = _memory(), set[int]()
    for order, starts in arrays:
        pages = {start + n for start in starts for n in range(1 << order)}
        free = not pages & taken
        assert memory.take_array([start << 12 for start in starts], order) is free
        if free:
            taken |= pages


def test_an_array_at_the_end_of_all_addresses() -> None:
    memory, top = _memory(), (1 << 64) - 4096
    assert memory.take_array([top], 31)
    assert not memory.take_array([top], 0)
    assert memory.take_array([top - 4096, 0], 0)


def test_what_is_taken_costs_no_text() -> None:
    """262,144 pages of arrays took 39 MB of sentences that nobody read, and of tuples."""
    memory, pages = _memory(), 1 << 14
    starts = array("Q", range(0, pages << 13, 8192))
    tracemalloc.start()
    assert memory.take_array(starts, 0)
    for phys in starts:
        memory.take("array of folios", phys)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 300 * pages
    assert not memory.take("chunk", 8192)


@pytest.mark.parametrize(
    ("placed", "files"),
    [("descending", 1), ("descending", 512), ("random", 1), ("random", 1 << 16)],
)
def test_arrays_cost_what_their_pages_do(placed: str, files: int) -> None:
    """The pages of a single file took 5 s, each put before or among all others."""
    whole = 1 << 18 if files < 1000 else files
    pages = much(whole // 4, whole) if files < 1000 else files
    addresses = list(range((pages - 1) << 12, -1, -4096))
    if placed == "random":
        Random(1).shuffle(addresses)
    per = pages // files

    def filled() -> LuoMemory:
        memory = _memory()
        taken = [memory.take_array(addresses[i : i + per], 0) for i in range(0, pages, per)]
        assert all(taken)
        return memory

    assert not within(MAX_CPU * pages / whole, filled).take_array([0], 0)
