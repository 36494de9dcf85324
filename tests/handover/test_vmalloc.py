"""Arrays as the kernel restores them."""

from __future__ import annotations

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.handover import vmalloc as vmalloc_walker
from hwpkho.handover.vmalloc import restored_as, share_a_block, starts_block


@given(
    st.integers(0, 5), st.lists(st.integers(0, 200), min_size=1, max_size=8), st.integers(0, 240)
)
def test_blocks_of_entries_at_odd_addresses(order, pfns, at):
    """What is told without making the blocks is what they say."""
    pfns.sort()
    starts = [{phys >> 12 for phys, _ in restored_as(pfn << 12, order, 4096)} for pfn in pfns]
    assert [starts_block(pfn, at, order) for pfn in pfns] == [at in found for found in starts]
    shared = [share_a_block(a, b, order) for a, b in pairwise(pfns)]
    assert shared == [bool(a & b) for a, b in pairwise(starts)]
    assert any(shared) == (len(set().union(*starts)) < sum(map(len, starts)))


@given(st.lists(st.lists(st.integers(0, 60), max_size=6), max_size=8))
def test_an_entry_that_comes_again_is_told_at_its_chunk(chunks):
    listed, before = vmalloc_walker.SeenEntries(), []
    for chunk in chunks:
        before += chunk
        again = listed.again(array("Q", chunk))
        assert again == (len(set(before)) < len(before))
        if again:
            break
