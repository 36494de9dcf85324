"""Tables held against lists and against one another: counted unit by unit, page by page."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.pfnset import pfn_set
from hwpkho.efi import compare, reader
from hwpkho.images.files import HeldBytes
from tests.support import efi
from tests.support.examples import times

UNITS = st.sets(st.integers(0, 63), max_size=12)


def _table(units: set[int], unit: int, base: int):
    head = efi.table((), unit=unit, base=base, size=8)[:24]
    raw = head + sum(1 << u for u in units).to_bytes(8, "little")
    return reader.read_file(HeldBytes("t", memoryview(raw)), "bitmap-base")


def _units(found) -> set[int]:
    return {u for a, b in found for u in range(a, b + 1)}


@given(UNITS, UNITS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.integers(0, 9))
@times(3)
def test_two_tables_on_one_grid(one, two, shift_one, shift_two, base_one, base_two):
    sizes = (1 << 12 + shift_one, 1 << 12 + shift_two)
    bases = (base_one * sizes[0], base_two * sizes[1])
    first, second = (_table(*x) for x in zip((one, two), sizes, bases, strict=True))
    found = compare.by_unit(first, second)
    assert found.unit_size == max(sizes)
    assert found.phys_base == min(bases) // max(sizes) * max(sizes)
    old, new = (
        {(base + u * size - found.phys_base) // found.unit_size for u in units}
        for units, size, base in zip((one, two), sizes, bases, strict=True)
    )
    assert _units(found.removed) == old - new
    assert _units(found.added) == new - old
    assert found.common == len(old & new)


@given(UNITS, st.sets(st.integers(0, 80 * 8), max_size=30), st.integers(12, 15),
       st.integers(0, 9), st.sampled_from([4096, 16384]), st.booleans())  # fmt: skip
@times(4)
def test_a_table_and_a_list(units, pfns, shift, base, page_size, first):
    size, pages = 1 << shift, page_size
    table = _table(units, size, base * size)
    found = compare.by_page(table, pfn_set(array("Q", pfns)), pages, first=first)
    starts = {u: base * size + u * size for u in units}
    under = {p for a in starts.values() for p in range(a // pages, (a + size - 1) // pages + 1)}
    held = {
        u for u, a in starts.items()
        if any(p * pages < a + size and (p + 1) * pages > a for p in pfns)
    }  # fmt: skip
    assert found.uncovered is not None
    assert _units(found.uncovered) == pfns - under
    assert _units(found.removed if first else found.added) == units - held
    assert not (found.added if first else found.removed)
    assert found.common == len(held)
    assert found.bare is not None
    bare = {
        p for u in units - held
        for p in range(starts[u] // pages, (starts[u] + size - 1) // pages + 1)
    } - pfns  # fmt: skip
    assert _units(found.bare) == bare
    assert found.good == len(under - pfns - bare)
    # As validate has it.
    told = compare.against(table, pfn_set(array("Q", pfns)), pages)
    assert (told.uncovered.pages(), told.unlisted) == (len(pfns - under), len(units - held))


def test_a_list_has_no_units():
    table = reader.read_file(HeldBytes("t", memoryview(efi.node([(4096, 4096)]))))
    assert not table.has_units
    with pytest.raises(ValueError, match="without units"):
        compare.by_page(table, pfn_set(()), 4096, first=True)
