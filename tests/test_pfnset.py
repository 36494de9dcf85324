"""Lists of PFNs as runs, compared with looking at each."""

from __future__ import annotations

import pickle
import time
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.model.validation import Ruling, Runs
from hwpkho.pages import runs
from hwpkho.pfnset import pfn_set, sorted_set, sorted_unique

U64 = st.integers(0, (1 << 64) - 1)
#: Few and close together, so that they make runs and repeat; or anything.
PFNS = st.lists(st.integers(0, 60), max_size=50) | st.lists(U64, max_size=20)
#: Many enough and close enough to be marked instead of sorted.
DENSE = st.lists(st.integers(0, 400) | st.integers(100, 130), min_size=20, max_size=200)


@given(PFNS)
def test_sorted_unique(pfns):
    want = array("Q", sorted(set(pfns)))
    for given_ in (pfns, array("Q", pfns), set(pfns), iter(pfns)):
        assert sorted_unique(given_) == want


def test_sorted_unique_does_not_copy_what_is_sorted():
    pfns = array("Q", range(9))
    assert sorted_unique(pfns) is pfns


@given(PFNS | DENSE)
def test_sets(pfns):
    want = list(runs(sorted(pfns)))
    made = pfn_set(array("Q", pfns))
    assert list(made) == want
    assert list(sorted_set(sorted(pfns))) == want
    assert (made.run_count(), made.pages()) == (len(want), len(set(pfns)))


@given(st.integers(1, 200), st.integers(1, 40))
def test_long_runs(length, count):
    pfns = array("Q", [i * 1000 + k for i in range(count) for k in range(length)])
    want = [(i * 1000, i * 1000 + length - 1) for i in range(count)]
    assert list(sorted_set(pfns)) == want
    assert list(pfn_set(pfns[::-1])) == want


def test_runs_go_on_over_the_parts_that_are_looked_at_together():
    """Runs that begin, end or go on where a part does, long and single, far from 0 and not."""
    edge = 1 << 15
    for base in (0, 7, 1 << 40):
        pfns = [edge - 1, edge, *range(2 * edge - 9, 4 * edge + 9), 5 * edge - 1, 6 * edge]
        pfns = [base + pfn for pfn in pfns]
        assert list(pfn_set(array("Q", reversed(pfns)))) == list(runs(pfns))


@given(PFNS | DENSE, st.integers(0, 400), st.integers(-1, 400) | U64, st.booleans())
def test_what_lies_between(pfns, low, high, dense):
    made = pfn_set(array("Q", pfns)) if dense else sorted_set(sorted(pfns))
    inside = sorted({pfn for pfn in pfns if low <= pfn <= high})
    want = list(runs(inside))
    assert list(made.runs(low, high)) == want
    assert (made.pages(low, high), made.run_count(low, high)) == (len(inside), len(want))
    assert made.following(low) == min((pfn for pfn in pfns if pfn >= low), default=None)
    assert made.preceding(high) == max((pfn for pfn in pfns if pfn <= high), default=None)


@given(DENSE, st.integers(0, 400), st.integers(-1, 400), st.booleans())
def test_parts_are_small_and_cut_no_run(pfns, low, high, dense):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hwpkho.pfnset.BLOCK", 16)
        patch.setattr("hwpkho.pfnset._RUNS", 5)
        made = pfn_set(array("Q", pfns)) if dense else sorted_set(sorted(pfns))
        parts = [list(zip(*made.columns(*cut), strict=True)) for cut in made.cuts(low, high)]
    assert all(0 < len(part) <= 9 for part in parts)
    assert [run for part in parts for run in part] == list(
        runs(sorted(pfn for pfn in pfns if low <= pfn <= high))
    )


@given(PFNS | DENSE, st.booleans())
def test_another_process_gets_the_same_set(pfns, dense):
    made = pfn_set(array("Q", pfns)) if dense else sorted_set(sorted(pfns))
    assert list(pickle.loads(pickle.dumps(made))) == list(runs(sorted(pfns)))


#: A long run, a gap of 30 million pages, a page: many marks, two runs.
GAP = array("Q", [*range(1 << 20), 31 << 20])


def test_how_many_of_many():
    made = pfn_set(GAP)
    for low, high in ((0, 1 << 40), (5, 65524), (5, 65525), (5, 65526), (1 << 19, 31 << 20)):
        assert made.pages(low, high) == sum(low <= pfn <= high for pfn in GAP)


def test_few_runs_are_little_for_another_process():
    assert len(pickle.dumps(pfn_set(GAP))) < 1000


def test_a_gap_is_not_gone_through_each_time():
    """A picture asks for every cell."""
    made = pfn_set(GAP)
    start = time.process_time()
    assert {made.following(pfn) for pfn in range(2 << 20, 3 << 20, 50)} == {31 << 20}
    assert time.process_time() - start < 2


def test_a_run_under_one_ruling_is_one():
    one, other = Ruling("replays", None, "x"), Ruling("firmware", "HP605", "y")
    made = Runs(pfn_set(array("Q", range(1, 10))))
    for low, high, ruling in ((0, 3, one), (4, 5, one), (6, 6, other), (7, 20, one)):
        made.add(low, high, ruling)
    assert list(made) == [(1, 5, one), (6, 6, other), (7, 9, one)]
    assert (made.count(), made.counts()) == (3, {"firmware": 1, "replays": 8})


def test_what_was_not_added_does_not_come_in_between():
    ruling = Ruling("firmware", "HP605", "y")
    made = Runs(pfn_set(array("Q", range(1, 10))))
    for pfn in (2, 3, 5):
        made.add(pfn, pfn, ruling)
    assert list(made) == [(2, 3, ruling), (5, 5, ruling)]


@given(st.lists(st.integers(100, 400), min_size=1), st.integers(1, 100))
def test_columns_less_a_number(pfns, less):
    made = sorted_set(sorted(pfns))
    columns = zip(*made.columns(0, 400, less), strict=True)
    assert [(a + less, b + less) for a, b in columns] == list(made)
