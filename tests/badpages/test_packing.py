"""Lists that are made to fit: neighbours joined, the smallest ranges left out."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import packing
from hwpkho.base.pfnset import pfn_set
from tests.support.examples import times

PAGES = st.sets(st.integers(0, 300), max_size=60)


def test_the_smallest_gap_is_closed_first() -> None:
    bad = pfn_set([0, 10, 12, 20, 23])
    assert [*packing.joined(bad, 1, lambda x: len(x.first) <= 4)] == [
        (0, 0), (10, 12), (20, 20), (23, 23),
    ]  # fmt: skip
    assert [*packing.joined(bad, 3, lambda x: len(x.first) <= 3)] == [(0, 0), (10, 12), (20, 23)]
    # No more is joined than it takes.
    assert [*packing.joined(bad, 99, lambda x: len(x.first) <= 4)][1:2] == [(10, 12)]
    assert packing.joined(bad, 0, lambda _: False) is bad


def test_gaps_of_which_a_part_is_no_good_page_stay() -> None:
    bad = pfn_set([0, 2, 4])
    within = pfn_set([0, 2, 3, 4])
    assert [*packing.joined(bad, 9, lambda _: False, within)] == [(0, 0), (2, 4)]


def test_the_smallest_items_go_first_and_of_these_the_dearest() -> None:
    assert [*packing.kept([5, 1, 1, 9], [3, 3, 4, 3], 9)] == [1, 1, 0, 1]
    assert [*packing.kept([5, 1, 1, 9], [3, 4, 4, 3], 10)] == [1, 1, 0, 1]
    assert [*packing.kept([1, 1], [0, 1], 0)] == [1, 0]
    # The large one does not fit, the small one does.
    assert [*packing.kept([1, 9], [3, 7], 4)] == [1, 0]
    assert [*packing.kept([1, 1, 2, 9], [2, 3, 6, 3], 8)] == [1, 1, 0, 1]
    assert [*packing.kept([1, 2], [1, 1], 2)] == [1, 1]


def test_joining_never_leaves_out_more() -> None:
    bad, items = pfn_set([1, 2, 4, 9]), pfn_set([1, 2, 3, 4, 9])
    dear = lambda x: [4 if (a, b) == (1, 4) else 1 for a, b in x]  # noqa: E731
    assert packing.fitted(items, bad, dear, 5) == (items, bytearray(b"\1\1"))
    assert packing.fitted(items, bad, dear, 3) == (bad, bytearray(b"\1\1\1"))


@given(PAGES, st.integers(0, 40), st.integers(0, 20))
@times(3)
def test_what_is_stated_is_what_is_lost(pages: set[int], max_loss: int, room: int) -> None:
    bad = pfn_set(sorted(pages))
    items = packing.joined(bad, max_loss, lambda x: len(x.first) <= room)
    joined = {p for a, b in items for p in range(a, b + 1)}
    assert pages <= joined
    assert len(joined - pages) <= max_loss
    sizes = packing.bad_in(items, bad)
    stays = packing.kept(sizes, [1] * len(sizes), room)
    kept = {p for a, b in packing.runs_kept(items, stays) for p in range(a, b + 1)}
    assert sum(stays) == min(room, len(sizes))
    assert packing.lost(items, sizes, stays, 7) == (len(kept - pages), 7 + len(pages - kept))
    assert packing.bad_in(items, bad) == array("Q", (bad.pages(a, b) for a, b in items))
