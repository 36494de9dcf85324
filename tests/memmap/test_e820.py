"""The kernel's e820 table."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.memmap import e820
from hwpkho.memmap.e820 import Slot, sanitize

slots = st.lists(
    st.builds(
        Slot,
        st.integers(0, 40).map(lambda n: n << 12),
        st.integers(1, 20).map(lambda n: n << 12),
        st.sampled_from((1, 2, 3, 4, 5, 7, 12, 0xEFFFFFFF)),
    ),
    max_size=12,
)


def by_frame(table: list[Slot]) -> dict[int, int]:
    """What each frame is: the highest type that covers it. Slow, obviously right."""
    out: dict[int, int] = {}
    for slot in table:
        for frame in range(slot.start >> 12, (slot.start + slot.size) >> 12):
            out[frame] = max(out.get(frame, 0), slot.type)
    return out


@given(slots)
def test_sanitize_takes_the_highest_type(table: list[Slot]) -> None:
    clean = sanitize(table)
    assert by_frame(clean) == by_frame(table)
    assert all(a.start + a.size <= b.start for a, b in pairwise(clean))
    assert sanitize(clean) == clean
    assert sanitize(reversed(table)) == clean


@given(slots, st.integers(0, 40), st.integers(0, 20), st.sampled_from((0, 1, 2)),
       st.sampled_from((None, 3, 7)))  # fmt: skip
def test_update_and_remove_by_frame(
    table: list[Slot], start: int, size: int, old: int, new: int | None
) -> None:
    changed = e820.E820Table(Slot(s.start, s.size, s.type) for s in table)
    inside = range(start, start + size)
    expected: dict[int, int] = {}
    for slot in table:
        for frame in range(slot.start >> 12, (slot.start + slot.size) >> 12):
            type_ = slot.type
            if frame in inside and (type_ == old or (old == 0 and new is None)):
                type_ = new or 0
            expected[frame] = max(expected.get(frame, 0), type_)
    if new is None:
        changed.remove(start << 12, size << 12, old)
    elif old:
        changed.update(start << 12, size << 12, old, new)
    else:
        return
    assert by_frame(changed.sanitized()) == {f: t for f, t in expected.items() if t}
