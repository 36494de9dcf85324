"""A list written as the machine's memory map: the e820 table in which its pages are unusable.

A boot loader or virtual machine monitor gives that table to the next kernel. Only RAM becomes
unusable: other memory belongs to firmware or devices, and the kernel keeps off it already; a page
of it counts as left out unless the table calls it unusable itself. A page that is RAM in part is
unusable as far as it is RAM.

Source: arch/x86/kernel/e820.c (e820__memory_setup_default, e820__memory_setup_extended);
arch/x86/include/uapi/asm/setup_data.h (struct boot_e820_entry, struct setup_data).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from hwpkho.badpages import packing
from hwpkho.badpages.writing import need_e820, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import Listing
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.errors import UsageError
from hwpkho.memmap import e820

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Carried, Writing

#: E820_MAX_ENTRIES_ZEROPAGE (asm/bootparam.h): what a boot loader has room for in the zero page.
MAX_ENTRIES = 128
_INSTEAD = "{arch} kernels have no e820 table"


class _Table(NamedTuple):
    """The machine's table, and where pages of it can be made unusable.

    Attributes:
        slots: Sorted, without overlaps.
        shift: log2 of the page size.
    """

    slots: Sequence[e820.Slot]
    shift: int

    def frames(self, type_: int) -> PfnSet:
        """Return the frames that hold memory of a type, those in part included."""
        ends = [(s.start, s.start + s.size - 1) for s in self.slots if s.type == type_]
        columns = (array("Q", (e[side] >> self.shift for e in ends)) for side in (0, 1))
        return pfn_set(Listing(*columns))

    def runs(self, bad: PfnSet) -> list[tuple[int, int, int]]:
        """Return ``(first byte, past the last, entries)`` of all RAM in ``bad``, ascending.

        ``entries``: so many more entries a table has with it than without it.
        """
        found = []
        for before, slot, after in zip(
            (None, *self.slots), self.slots, (*self.slots[1:], None), strict=False
        ):
            if slot.type != e820.RAM:
                continue
            low, past = slot.start, slot.start + slot.size
            for first, last in bad.runs(low >> self.shift, past - 1 >> self.shift):
                start = max(low, first << self.shift)
                end = min(past, last + 1 << self.shift)
                more = 2 - (start == low) - (end == past)
                more -= start == low and _unusable_at(before, low)
                more -= end == past and _unusable_at(after, past)
                found.append((start, end, more))
        return found

    def marked(self, bad: PfnSet) -> list[e820.Slot]:
        """Return the table in which the RAM of ``bad`` is unusable."""
        marks = [e820.Slot(a, b - a, e820.UNUSABLE) for a, b, _ in self.runs(bad)]
        return e820.sanitize([*self.slots, *marks])


def _unusable_at(slot: e820.Slot | None, edge: int) -> bool:
    """Tell whether an entry beside RAM is unusable and touches it: the two become one."""
    if slot is None or slot.type != e820.UNUSABLE:
        return False
    return edge in (slot.start, slot.start + slot.size)


def marked(pages: BadPages, how: Writing, form: str) -> tuple[list[e820.Slot], Loss]:
    """Return the machine's table with the pages unusable, and what that cost.

    Raises UsageError where the machine has no such table, or it alone is longer than the budget.
    """
    need_e820(pages, form, _INSTEAD)
    table = _Table(
        [e820.Slot(*slot) for slot in how.table or ()], page_shift(pages.taken_page_size)
    )
    room = (MAX_ENTRIES if how.budget is None else how.budget) - len(table.slots)
    if room < 0:
        raise UsageError(
            f"{option('to', form)}: the machine's own table has {len(table.slots)} entries, over "
            f"a budget of {len(table.slots) + room}; give a larger {option('budget')}"
        )
    everything, left = physical(pages)
    ram, retired = table.frames(e820.RAM), table.frames(e820.UNUSABLE)
    bad = everything & ram
    left += (everything - ram - retired).pages()

    def fits(items: PfnSet) -> bool:
        # Only a run at an edge of RAM adds fewer than two entries.
        if 2 * (len(items.first) - 2 * len(table.slots)) > room:
            return False
        return len(table.marked(items)) - len(table.slots) <= room

    # What is only RAM may be taken along.
    whole = ram - _others(table)
    items = packing.joined(bad, how.max_loss, fits, whole)
    sizes = packing.bad_in(items, bad)
    stays = packing.kept(sizes, _costs(table, items), room)
    return table.marked(packing.chosen(items, stays)), packing.lost(items, sizes, stays, left)


def _others(table: _Table) -> PfnSet:
    """Return the frames that hold anything but RAM, or nothing in part."""
    found = PfnSet()
    for type_ in {slot.type for slot in table.slots} - {e820.RAM}:
        found |= table.frames(type_)
    edges = [
        edge >> table.shift
        for slot in table.slots
        for edge in (slot.start, slot.start + slot.size)
        if edge & (1 << table.shift) - 1
    ]
    return found | pfn_set(array("Q", edges))


def _costs(table: _Table, items: PfnSet) -> list[int]:
    """Return how many entries each run of ``items`` adds."""
    costs = [0] * len(items.first)
    at = 0
    for start, _, more in table.runs(items):
        while items.last[at] < start >> table.shift:
            at += 1
        costs[at] += more
    return costs


class Written(NamedTuple):
    """A form that is the table as bytes.

    Attributes:
        name: See :class:`hwpkho.badpages.registry.ListWriter`, as of all but the next.
        about: Likewise.
        build: How the table becomes bytes.
    """

    name: str
    about: str
    build: Callable[[Sequence[e820.Slot]], bytes]
    extra: None = None
    carries: frozenset[Carried] = frozenset()
    takes: frozenset[str] = frozenset(("max_loss", "budget", "table", "arch"))
    binary: bool = True
    bare: bool = False

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the table; the budget is in entries, by default those of the zero page."""
        slots, lost = marked(pages, how, self.name)
        out.write(self.build(slots))
        return lost
