"""Lists of PFNs and sets of them as ranges, compared with looking at each."""

from __future__ import annotations

import pickle
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.sets import first_seen
from hwpkho.base.addresses import runs
from hwpkho.base.listing import Listing, of_runs, parts
from hwpkho.base.pfnset import (
    PFN_MAX,
    PfnSet,
    distinct,
    in_all,
    in_at_least,
    once,
    pfn_set,
    union,
    without,
)
from hwpkho.judging.rulings import Ruling, Runs

U64 = st.integers(0, PFN_MAX)
#: Few and close together, so that they make runs and repeat; or anything.
PFNS = st.lists(st.integers(0, 60), max_size=50) | st.lists(U64, max_size=20)
#: Many enough and close enough to be marked instead of sorted.
DENSE = st.lists(st.integers(0, 400) | st.integers(100, 130), min_size=20, max_size=200)


@st.composite
def listings(draw):
    """Ranges in any order, overlapping, touching, long ones and single PFNs; near 0 and 2^64."""
    base = draw(st.sampled_from((0, 0, 7, PFN_MAX - 60)))
    starts = st.integers(base, base + 50)
    drawn = draw(st.lists(st.tuples(starts, st.sampled_from((0, 0, 1, 5, 10))), max_size=12))
    return of_runs((first, first + more) for first, more in drawn)


@given(listings())
def test_a_listing_keeps_order_and_repeats(listing):
    want = [pfn for first, last in listing.runs() for pfn in range(first, last + 1)]
    assert list(listing) == listing.tolist() == listing.array().tolist() == want
    assert (len(listing), listing.count) == (len(want), len(want))
    assert [pfn for part in parts(listing) for pfn in part] == want


@given(listings() | PFNS.map(Listing), st.integers(0, 70), st.integers(-1, 70) | U64)
def test_ranges_that_touch_others_are_kept_whole(listing, low, high):
    want = [(a, b) for a, b in listing.runs() if any(low <= pfn <= high for pfn in range(a, b + 1))]
    assert list(listing.touching(low, high).runs()) == want


@given(st.integers(1, 4), st.integers(0, 9), listings())
def test_many_runs_are_cut_at_few(step, base, ranges):
    many, few = pfn_set(range(base, base + 400, step)), pfn_set(list(ranges)[:40])
    pages, others = set(range(base, base + 400, step)), set(list(ranges)[:40])
    assert list((many & few).listing()) == list((few & many).listing()) == sorted(pages & others)
    assert list((many - few).listing()) == sorted(pages - others)
    assert many & few == pfn_set(pages & others)


@given(listings() | PFNS.map(Listing) | PFNS.map(sorted).map(Listing))
def test_different_pfns_of_a_listing(listing):
    assert distinct(listing) == len(set(listing))


def test_a_listing_of_single_pages_has_one_column():
    pfns = array("Q", [5, 5, 4])
    listing = Listing(pfns, array("Q", pfns))
    assert listing.first is listing.last is listing.array() is pfns
    with pytest.raises(ValueError, match="ends before"):
        Listing(array("Q", [3]), array("Q", [2]))


@given(PFNS | DENSE)
def test_sets(pfns):
    want = list(runs(sorted(pfns)))
    for given_ in (pfns, array("Q", pfns), set(pfns), iter(pfns), sorted(pfns), Listing(pfns)):
        made = pfn_set(given_)
        assert list(made) == want
        assert (made.run_count(), made.pages()) == (len(want), len(set(pfns)))
        assert bool(made) == bool(pfns)


def test_runs_in_any_order(subtests):
    for pfns in ([5, 6, 7, 1, 2, 3], [5, 6, 7, 5, 6, 7, 6, 7, 8], [PFN_MAX - 1, PFN_MAX, 0, 1, 2]):
        with subtests.test(str(pfns)):
            assert list(pfn_set(pfns)) == list(runs(sorted(pfns)))


@given(listings())
def test_sets_of_ranges(listing):
    made = pfn_set(listing)
    assert list(made) == list(runs(sorted(listing)))
    assert list(made.listing()) == sorted(set(listing))


@given(st.lists(listings(), min_size=1, max_size=4), st.integers(1, 4))
def test_in_at_least_so_many(lists, count):
    sets = [pfn_set(x) for x in lists]
    members = [set(x) for x in lists]
    want = {p for p in set().union(*members) if sum(p in m for m in members) >= count}
    assert list(in_at_least(count, sets)) == list(runs(sorted(want)))


@given(listings(), listings())
def test_the_algebra(a, b):
    left, right = pfn_set(a), pfn_set(b)
    one, other = set(a), set(b)
    for made, want in (
        (left | right, one | other),
        (left & right, one & other),
        (left - right, one - other),
    ):
        assert list(made) == list(runs(sorted(want)))
    assert list(left | left.gaps()) == [(0, PFN_MAX)]
    assert not left & left.gaps()


@given(st.lists(listings() | PFNS.map(Listing) | PFNS.map(sorted).map(Listing), max_size=4))
def test_unions_of_lists(lists):
    pages = sorted({p for x in lists for p in x})
    want = list(runs(pages))
    assert list(union(lists)) == want
    first, *others = lists or [Listing()]
    in_first = set(first)
    shared, rest = in_first.intersection(*others), in_first.difference(*others)
    for most in (1 << 21, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hwpkho.base.pfnset._GATHERED", most)
            assert list(union(lists)) == want
            assert once(lists).tolist() == pages
            assert in_all([first, *others]).tolist() == sorted(shared)
            assert without(once([first]), others).tolist() == sorted(rest)
            ordered = first_seen([first])
            assert without(ordered, others).tolist() == [p for p in ordered if p in rest]
            assert pfn_set(rest).kept_of(first).tolist() == [p for p in first if p in rest]


def test_pages_of_lists_that_ascend_stand_once():
    lists = [Listing([1, 5, 5, 9]), Listing([2, 5, 9, 1 << 63])]
    assert once(lists).tolist() == [1, 2, 5, 9, 1 << 63]
    assert once([]).tolist() == []


@given(st.lists(listings() | PFNS.map(Listing), max_size=4), listings())
def test_first_seen_keeps_the_order_and_loses_nothing(lists, kept):
    flat = [p for x in lists for p in x]
    seen = first_seen(lists)
    assert seen.tolist() == list(dict.fromkeys(flat))
    want = [p for p in seen if p in set(kept)]
    assert pfn_set(kept).kept_of(seen).tolist() == want


@given(st.integers(1, 200), st.integers(1, 40))
def test_long_runs(length, count):
    pfns = array("Q", [i * 1000 + k for i in range(count) for k in range(length)])
    want = [(i * 1000, i * 1000 + length - 1) for i in range(count)]
    assert list(pfn_set(pfns)) == want
    assert list(pfn_set(pfns[::-1])) == want


@given(PFNS | DENSE, st.integers(0, 400), st.integers(-1, 400) | U64)
def test_what_lies_between(pfns, low, high):
    made = pfn_set(pfns)
    inside = sorted({pfn for pfn in pfns if low <= pfn <= high})
    want = list(runs(inside))
    assert list(made.runs(low, high)) == want
    assert (made.pages(low, high), made.run_count(low, high)) == (len(inside), len(want))
    assert made.following(low) == min((pfn for pfn in pfns if pfn >= low), default=None)
    assert made.preceding(high) == max((pfn for pfn in pfns if pfn <= high), default=None)


@given(DENSE, st.integers(0, 400), st.integers(-1, 400))
def test_parts_are_small_and_cut_no_run(pfns, low, high):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hwpkho.base.pfnset._RUNS", 5)
        made = pfn_set(pfns)
        cut = [list(made.runs(*cut)) for cut in made.cuts(low, high)]
    assert all(0 < len(part) <= 5 for part in cut)
    assert [run for part in cut for run in part] == list(
        runs(sorted(pfn for pfn in pfns if low <= pfn <= high))
    )


@given(listings())
def test_another_process_gets_the_same_set(listing):
    made = pfn_set(listing)
    assert list(pickle.loads(pickle.dumps(made))) == list(made)


def test_a_long_range_costs_one():
    made = pfn_set(of_runs([(0, PFN_MAX - 1)]))
    assert made.pages() == PFN_MAX
    assert len(pickle.dumps(made)) < 1000
    assert made.run_count() == 1
    assert list(made.gaps()) == [(PFN_MAX, PFN_MAX)]
    assert not PfnSet()


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


@given(listings(), st.integers(0, 70))
def test_what_is_in_it(listing, pfn):
    assert (pfn in pfn_set(listing)) == (pfn in set(listing))
