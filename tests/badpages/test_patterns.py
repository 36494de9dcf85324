"""Patterns of addresses, as GRUB matches them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.patterns import MAX_HOLES, PatternError, pattern


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1), st.sampled_from([12, 14, 16]))
def test_patterns_match_as_grub_matches_them(address, mask, shift) -> None:
    # Masks with few holes, which is what anybody has: the upper half set, some bits below.
    mask = (mask | 0xFFFF_FFFF_FF00_0000) & ~0x3FF
    try:
        matched = pattern(address, mask, shift)
    except PatternError:
        assert not mask >> shift
        return
    listed = {p for first, last in matched.runs() for p in range(first, last + 1)}
    assert len(listed) == matched.pages
    base = (address >> 24) << 24
    near = {base + (p << shift) for p in range(1 << 24 - shift)}
    fixed = mask & -(1 << shift)
    assert {x >> shift for x in near if x & fixed == address & fixed} == listed


@given(st.integers(1, (1 << 64) - 1))
def test_work_is_bounded_by_the_holes_of_a_mask(mask) -> None:
    try:
        matched = pattern(0, mask, 12)
    except PatternError:
        return
    assert matched.holes.bit_count() <= MAX_HOLES
    assert sum(1 for _ in matched.runs()) == 1 << matched.holes.bit_count()
