"""Where the pages of a handover are placed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.listing import Listing, of_runs
from hwpkho.encode.builder import build
from hwpkho.encode.layout import joined
from hwpkho.encode.request import Request

ONE = Listing([1])


def test_an_array_of_blocks_is_placed_behind_many_poisoned_frames():
    """Every other frame is bad for 32 MiB: the rest of 2 GiB has room, and is looked at once."""
    bad = Listing(range(0x60000, 0x62000, 2))
    ram = ((0x6000_0000, 2 << 30),)
    layout = build(Request(bad, at=0x6000_0000, ram=ram, order=1, capacity=1 << 22))
    assert len(layout.array) == 4096
    assert min(layout.array) >= 0x6200_0000
    assert list(layout.array) == sorted(set(layout.array))


def test_poison_and_scratch_push_the_handover_on():
    first = 0x6000_0000 >> 12
    request = Request(Listing([first, first + 2]), at=0x6000_0000, scratch=((0x6000_1000, 4096),))
    layout = build(request)
    assert layout.root == 0x6000_3000
    assert layout.extents() == [(0x6000_3000, len(layout.pieces) * 4096)]


def test_of_several_ranges_the_highest_with_room_is_taken():
    ram = ((0x1_0000_0000, 0x4000), (0x4000_0000, 1 << 30), (0x1000_0000, 1 << 30))
    layout = build(Request(ONE, ram=ram))
    assert 0x7F00_0000 < layout.root < 0x8000_0000
    assert layout.root % (2 << 20) == 0


def test_what_fits_only_in_parts_is_spread():
    """Four frames here, four there, the rest at the top: every frame is used that is needed."""
    ram = tuple((0x1000_0000 + i * 0x10_0000, 0x4000) for i in range(4))
    layout = build(Request(ONE, ram=ram, scratch=((0x5000_0000, 1 << 25),)))
    assert len(layout.pieces) == 11
    assert [start for start, _ in layout.extents()] == [start for start, _ in ram[:3]]


@given(runs=st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(0, 900)), max_size=5))
def test_pages_of_ranges_are_those_of_their_pfns(runs):
    ranges = of_runs((first, first + more) for first, more in runs)
    made, single = (
        build(Request(listing, at=0x6_0000_0000)) for listing in (ranges, Listing(list(ranges)))
    )
    assert [(phys, bytes(data)) for phys, data in made.pieces] == [
        (phys, bytes(data)) for phys, data in single.pieces
    ]
    assert made.extents() == [(phys, sum(map(len, parts))) for phys, parts in joined(made.pieces)]
