"""Lists of PFNs as runs, compared with looking at each."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
