"""Lists compared: what changed, and the life of each page over several."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.sets import compare, describe_history, histories
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import pfn_set

PFNS = st.lists(st.integers(0, 200) | st.integers(0, 2**40), max_size=60)


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20).map(
    lambda x: of_runs((first, first + more) for first, more in x)
)


@given(PFNS.map(Listing) | RANGES, PFNS.map(Listing) | RANGES)
def test_the_two_directions_mirror_and_applying_a_diff_gives_the_other_list(a, b):
    there, back = compare(a, b), compare(b, a)
    assert list(there.added) == list(back.removed)
    assert list(there.removed) == list(back.added)
    assert there.common == back.common
    assert set(a) - set(there.removed.listing()) | set(there.added.listing()) == set(b)


@given(st.lists(PFNS, min_size=1, max_size=5))
def test_lives_say_of_each_pfn_in_which_cases_it_was(cases):
    found = histories(list(map(pfn_set, cases)))
    told = {p: x.seen for x in found for p in range(x.first, x.last + 1)}
    assert told == {
        p: sum(1 << n for n, case in enumerate(cases) if p in case) for case in cases for p in case
    }
    assert all(a.last < b.first for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (0b111, "kept"),
        (0b001, "lost"),
        (0b100, "appeared"),
        (0b101, "came back"),
        (0b010, "appeared and lost"),
    ],
)
def test_fates(seen, name):
    assert describe_history(seen, 3) == name


def test_a_fate_over_four_generations():
    assert describe_history(0b0101, 4) == "came back and lost"
