"""Which pages of a handover lie in areas."""

from __future__ import annotations

from array import array

from hypothesis import example, given
from hypothesis import strategies as st

from hwpkho.base.ranges import union
from hwpkho.handover.membership import Pages


@given(
    st.lists(st.integers(0, 80), max_size=9, unique=True),
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(0, 70 * 4096), st.integers(0, 9 * 4096)), max_size=4),
)
@example([3], 0, [(3 * 4096 + 8, 0)])
def test_pages_of_an_array_that_lie_in_areas(pfns, order, areas):
    array_pages = array("Q", (pfn << 12 | 8 for pfn in pfns))
    pages = Pages()
    pages.add_array(array_pages, array("Q", sorted(pfns)), order, 4096)
    found = [page.phys >> 12 for page in pages.inside(union((a, a + n) for a, n in areas))]
    touched = {n >> 12 for start, size in areas for n in range(start, start + size, 8) if size}
    touched |= {(start + size - 1) >> 12 for start, size in areas if size}
    assert found == sorted(n for n in pfns if touched & {*range(n, n + (1 << order))})
