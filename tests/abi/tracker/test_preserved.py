"""Which parts of memory hold no preserved block."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi.tracker.preserved import Preserved
from tests.support.measure import within

SHIFT, BITS = 12, 64
BLOCKS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 300)), max_size=12)


def marked(blocks: list[tuple[int, int]]) -> Preserved:
    """The blocks ``(order, number)`` in leaves of 64 bits."""
    masks: dict[tuple[int, int], int] = {}
    for order, number in blocks:
        key = order, number // BITS
        masks[key] = masks.get(key, 0) | 1 << number % BITS
    leaves = {key: mask.to_bytes(BITS // 8, "little") for key, mask in masks.items()}
    return Preserved(SHIFT, BITS, dict(leaves))


@given(BLOCKS, st.integers(1, 400))
def test_parts_without_blocks(blocks: list[tuple[int, int]], pages: int) -> None:
    pfns = {number << order | i for order, number in blocks for i in range(1 << order)}
    size = pages << SHIFT
    starts = range(0, 20 * size, size)
    free = [s for s in starts if pfns.isdisjoint(range(s >> SHIFT, (s + size) >> SHIFT))]
    assert list(marked(blocks).without_blocks(starts, size)) == free


def test_a_large_machine_full_of_blocks_takes_no_time() -> None:
    """4 TiB of guest memory: each GiB asks for its own leaves, not for all of them."""
    leaf = b"\xff" * 4096
    full = Preserved(SHIFT, 1 << 15, {(0, number): leaf for number in range(1 << 15)})
    starts = range(0, 1 << 42, 1 << 30)
    assert within(2, lambda: list(full.without_blocks(starts, 1 << 30))) == []
