"""Free frames: which are left, and that each is handed out once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.encode.space import NoRoomError, Space, stretches


def members(ranges) -> set[int]:
    return {n for first, end in ranges for n in range(first, end)}


BUCKET = 1 << 20
FRAMES = st.one_of(st.integers(0, 50), st.integers(BUCKET - 20, BUCKET + 20))


@given(
    pfns=st.lists(st.one_of(FRAMES, st.integers(0, 1 << 40)), max_size=80),
    first=FRAMES,
    length=st.integers(0, 60),
)
def test_stretches_leave_out_what_is_poisoned(pfns, first, length):
    found = list(stretches(first, first + length, pfn_set(pfns)))
    assert members(found) == set(range(first, first + length)) - set(pfns)
    assert found == union(found)


def test_stretches_cost_what_is_poisoned_not_what_is_free():
    far = 1 << 40
    assert list(stretches(1, far, pfn_set([3, far - 1]))) == [(1, 3), (4, far - 1)]
    full = pfn_set(range(BUCKET - 2, 2 * BUCKET + 2))
    assert list(stretches(0, far, full)) == [(0, BUCKET - 2), (2 * BUCKET + 2, far)]


@given(
    pfns=st.lists(st.integers(0, 200), max_size=40),
    wanted=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=20),
)
def test_space_hands_out_each_frame_once(pfns, wanted):
    space = Space([(3, 90), (100, 150)], pfn_set(pfns))
    free = members([(3, 90), (100, 150)]) - set(pfns)
    for pages, align in wanted:
        if pages == 9:  # nine single ones
            try:
                taken = list(space.blocks(pages))
            except NoRoomError:
                assert len(free) < pages
                return
            assert taken == sorted(taken)
        else:
            fits = [n for n in range(0, 150, 1 << align) if free.issuperset(range(n, n + pages))]
            try:
                first = space.run(pages, 1 << align)
            except NoRoomError:
                assert not fits
                return
            assert first in fits
            taken = list(range(first, first + pages))
        assert free.issuperset(taken)
        free -= set(taken)


def test_leftovers_are_limited():
    space = Space([(0, 100_001)], pfn_set(range(0, 100_000, 2)))
    assert space.run(1) == 1
    assert space.run(2) == 99_999  # passes by 50 000 single frames
    with pytest.raises(NoRoomError):
        list(space.blocks(5000))


@pytest.mark.parametrize("found_by", ["run", "blocks"])
def test_what_is_left_of_a_stretch_is_never_forgotten(found_by):
    """However many stretches were too short before it."""
    space = Space([(0, 200_000)], pfn_set(range(0, 100_000, 2)))
    if found_by == "run":
        assert space.run(2) == 99_999
    else:
        assert list(space.blocks(3, 2)) == [100_000, 100_002, 100_004]
    assert space.run(50_000, 2) in (100_002, 100_006)
    assert list(space.blocks(2)) == [1, 3]


@given(
    pfns=st.lists(st.integers(0, 200), max_size=40),
    wanted=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=8),
)
def test_blocks_are_those_that_single_runs_give(pfns, wanted):
    ranges = [(3, 90), (100, 150)]
    spaces = [Space(ranges, pfn_set(pfns)) for _ in range(2)]
    for count, order in wanted:
        size = 1 << order
        try:
            blocks = list(spaces[0].blocks(count, size))
        except NoRoomError:
            with pytest.raises(NoRoomError):
                [spaces[1].run(size, size) for _ in range(count)]
            return
        assert blocks == [spaces[1].run(size, size) for _ in range(count)]
