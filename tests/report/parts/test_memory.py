"""Memory in pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.report.parts.memory import of_bytes


@given(st.lists(st.tuples(st.integers(0, 1 << 65), st.integers(0, 1 << 65)), max_size=5))
def test_ranges_beyond_every_address_are_cut(ranges):
    pages = of_bytes(ranges, 4096)
    last = [min(end, 1 << 64) - 1 for start, end in ranges if start < min(end, 1 << 64)]
    assert max((b for _, b in pages), default=-1) == max((x // 4096 for x in last), default=-1)
