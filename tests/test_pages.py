"""Lists of PFNs as runs, compared with looking at each."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.pages import runs, sorted_unique, split_runs

U64 = st.integers(0, (1 << 64) - 1)
#: Few and close together, so that they make runs and repeat; or anything.
PFNS = st.lists(st.integers(0, 60), max_size=50) | st.lists(U64, max_size=20)


@given(PFNS)
def test_sorted_unique(pfns):
    want = array("Q", sorted(set(pfns)))
    for given_ in (pfns, array("Q", pfns), set(pfns), iter(pfns)):
        assert sorted_unique(given_) == want


def test_sorted_unique_does_not_copy_what_is_sorted():
    pfns = array("Q", range(9))
    assert sorted_unique(pfns) is pfns


@given(PFNS)
def test_split_runs(pfns):
    ordered = array("Q", sorted(set(pfns)))
    first, last = split_runs(ordered)
    assert list(zip(first, last, strict=True)) == list(runs(ordered))


@given(st.integers(1, 200), st.integers(1, 40))
def test_split_runs_of_long_runs(length, count):
    pfns = array("Q", [i * 1000 + k for i in range(count) for k in range(length)])
    assert list(zip(*split_runs(pfns), strict=True)) == [
        (i * 1000, i * 1000 + length - 1) for i in range(count)
    ]
