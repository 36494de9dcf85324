"""Makes a table of poisoned memory from a list of bad pages, as an EFI stub and a kernel would.

Geometry: the stub of generation d starts at the lowest address of the firmware's map and ends at
its highest, whatever is there; that of b and c starts at 0, ends at the highest RAM, and doubles
the unit while the bitmap would exceed 1 MiB. Without a map the bitmap starts at 0 and is as small
as possible. Source: install_poisoned_memory_table() in drivers/firmware/efi/libstub.

Where the pages come from other tables, one grid takes the place of theirs: the coarsest unit, from
the lowest base on, to the highest end. Units are powers of two and every base is a multiple of its
unit, so that the finer grids fit into the coarsest one wherever they begin, once the lowest base is
rounded down to its unit.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from operator import add, floordiv, sub
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import efi_config
from hwpkho.abi.efi_poisoned import (
    GUID,
    MAX_BITMAP,
    MIN_UNIT,
    UNIT,
    VERSION,
    Header,
    bitmap_layout,
    bits,
    linked_list,
)
from hwpkho.base.addresses import PHYS_END, align_down, align_up, page_shift
from hwpkho.base.listing import Listing
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.base.ranges import intersection, joined
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.abi.efi_poisoned import BitmapLayout

#: Bytes: a stub that doubles the unit does so up to this.
_LARGEST = 1 << 30
#: The grid where no table says another.
_DEFAULT = Header(VERSION, UNIT, 0, 8)
#: A piece of memory: first byte, end (exclusive), and whether it is RAM.
Span = tuple[int, int, bool]


class TableOptions(NamedTuple):
    """What the user wants of the table.

    Attributes:
        layout: A name in ``LAYOUTS``.
        unit: Bytes of a unit; None: 2 MiB, or what a stub or the other tables need.
        phys_base: Physical address of the first unit; None: where a stub begins.
        memory: The machine's memory, ascending; None where there is no map.
        grids: Headers of the tables that the pages come from.
    """

    layout: str
    unit: int | None = None
    phys_base: int | None = None
    memory: Sequence[Span] | None = None
    grids: Sequence[Header] = ()


class MadeTable(NamedTuple):
    """A table, and what it costs.

    Attributes:
        raw: Header and bitmap, or one node of a list.
        good_pages: How many good pages are under set units.
        left: How many bad pages are not in it, being outside the bitmap or too many for a node.
    """

    raw: bytes
    good_pages: int
    left: int


def geometry(wanted: TableOptions, bad: PfnSet, page_size: int) -> Header:
    """Return the header of a bitmap for ``bad``, PFNs of ``page_size`` bytes.

    Raises UsageError for a unit or base that no kernel with such pages takes, and for a bitmap
    larger than any stub makes.
    """
    unit = wanted.unit
    if unit is None:
        unit = max(page_size, *(g.unit_size for g in wanted.grids or (_DEFAULT,)))
    if unit & (unit - 1) or not max(MIN_UNIT, page_size) <= unit < 1 << 32:
        raise UsageError(
            f"{option('unit', unit)}: a kernel with pages of {page_size} bytes takes a power of "
            f"two from {max(MIN_UNIT, page_size)} to {1 << 31}"
        )
    layout = bitmap_layout(wanted.layout)
    base, end = _span(wanted, layout, bad, unit, page_size)
    if wanted.phys_base is not None:
        base = wanted.phys_base
    if base % unit:
        raise UsageError(f"{option('phys_base', base)} is not a multiple of the unit, {unit}")
    if base and not layout.BASED:
        raise UsageError(f"{option('phys_base', base)}: layout {wanted.layout} begins at address 0")
    size = _bytes(base, end, unit)
    most = layout.STUB.most
    if most is not None and wanted.unit is None:
        while size > most and unit < _LARGEST:
            unit *= 2
            size = _bytes(base, end, unit)
    if size > MAX_BITMAP:
        raise UsageError(
            f"units of {unit} bytes from 0x{base:x} to 0x{end - 1:x} need {size} bytes of bitmap, "
            f"more than any EFI stub makes ({MAX_BITMAP}); give {option('unit')}"
        )
    return Header(VERSION, unit, base, size)


def _span(
    wanted: TableOptions, layout: BitmapLayout, bad: PfnSet, unit: int, page_size: int
) -> tuple[int, int]:
    """Return the bytes that the bitmap covers, end exclusive.

    With a map, as the layout's stub has it; without one, from 0 or the lowest base of the tables
    that the pages come from.
    """
    shift = page_shift(page_size)
    last = (bad.last[-1] + 1) << shift if bad else 0
    ram = [end for _, end, is_ram in wanted.memory or () if is_ram]
    if wanted.memory and (ram or not layout.STUB.ends_with_ram):
        end = max(ram if layout.STUB.ends_with_ram else (e for _, e, _ in wanted.memory))
        if not layout.BASED:
            return 0, end
        lowest = min(start for start, _, _ in wanted.memory)
        return align_down(lowest, max(unit, UNIT)), end
    end = max([last, *(min(g.end, PHYS_END) for g in wanted.grids)])
    if not layout.BASED or not wanted.grids:
        return 0, end
    lowest = min([*(g.phys_base for g in wanted.grids), *(a << shift for a in bad.first[:1])])
    return align_down(lowest, unit), end


def _bytes(base: int, end: int, unit: int) -> int:
    """Return how many bytes a bitmap up to ``end`` has: whole words of 8, at least one."""
    units = max(1, -(-(end - base) // unit))
    return align_up(-(-units // 8), 8)


def units_of(bad: PfnSet, header: Header, page_size: int) -> PfnSet:
    """Return the units that hold any of ``bad``, PFNs of ``page_size`` bytes, numbered from 0.

    Pages outside the bitmap have none.
    """
    shift = page_shift(page_size)
    base, end = header.phys_base >> shift, min(header.end, PHYS_END) >> shift
    per = repeat(header.unit_size >> shift)
    first, last = (
        array("Q", map(floordiv, map(sub, ends, repeat(base)), per))
        for ends in bad.columns(base, end - 1)
    )
    return pfn_set(Listing(first, last))


def bitmap(
    bad: PfnSet,
    header: Header,
    layout: str,
    page_size: int,
    memory: Sequence[Span] | None = None,
) -> MadeTable:
    """Return the table of ``bad``, PFNs of ``page_size`` bytes; those outside are left out.

    Only RAM of ``memory`` counts as good pages; without it every page does.
    """
    shift = page_shift(page_size)
    units = units_of(bad, header, page_size)
    first, end = header.phys_base >> shift, min(header.end, PHYS_END) >> shift
    held = bad.pages(first, end - 1)
    per = header.unit_size >> shift
    good = units.pages() * per - held
    if memory is not None:
        ram = [(a + page_size - 1 >> shift, b >> shift) for a, b, is_ram in memory if is_ram]
        under = ((first + a * per, first + (b + 1) * per) for a, b in units)
        good = sum(b - a - bad.pages(a, b - 1) for a, b in intersection(under, joined(ram)))
    head = bitmap_layout(layout).build(header)
    runs = zip(units.first, map(add, units.last, repeat(1)), strict=True)
    raw = bits.build(runs, header.size, head)
    return MadeTable(raw, good, bad.pages() - held)


def one_node(bad: PfnSet, page_size: int) -> MadeTable:
    """Return one node of a list, with an entry for each of the first 255 pages of ``bad``."""
    shift = page_shift(page_size)
    first = [pfn << shift for pfn in _first(bad, linked_list.CAPACITY)]
    node = linked_list.Node(linked_list.CAPACITY, len(first), 0)
    entries = linked_list.build_entries((base, page_size) for base in first)
    return MadeTable(linked_list.build(node) + entries, 0, bad.pages() - len(first))


def _first(bad: PfnSet, count: int) -> Iterator[int]:
    for a, b in bad:
        for pfn in range(a, b + 1):
            if not count:
                return
            count -= 1
            yield pfn


def memory_of_list(bad: PfnSet, at: int, page_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield ``(phys, bytes)`` of a root at ``at`` and its nodes, in the pages behind it."""
    shift = page_shift(page_size)
    entries = ((pfn << shift, page_size) for a, b in bad for pfn in range(a, b + 1))
    nodes = align_down(at, page_size) + page_size
    yield from linked_list.build_chain(entries, at, nodes, page_size)


def with_entry(
    pieces: Iterable[tuple[int, bytes]], at: int, page_size: int
) -> list[tuple[int, list[bytes]]]:
    """Return whole pages that hold ``pieces``, and behind them a configuration table entry.

    The entry names the table at ``at``. Each item is the address of a run of adjacent pages and the
    bytes of each of them, ascending.
    """
    memory: dict[int, bytearray] = {}
    end = at
    for phys, raw in pieces:
        end = max(end, phys + len(raw))
        for page in range(align_down(phys, page_size), phys + len(raw), page_size):
            held = memory.setdefault(page, bytearray(page_size))
            skip = max(page - phys, 0)
            part = raw[skip : page + page_size - phys]
            to = max(phys - page, 0)
            held[to : to + len(part)] = part
    entry = align_up(end, page_size)
    memory[entry] = bytearray(efi_config.build(GUID, at).ljust(page_size, b"\0"))
    extents: list[tuple[int, list[bytes]]] = []
    following = -1
    for phys in sorted(memory):
        if phys == following:
            extents[-1][1].append(bytes(memory[phys]))
        else:
            extents.append((phys, [bytes(memory[phys])]))
        following = phys + page_size
    return extents
