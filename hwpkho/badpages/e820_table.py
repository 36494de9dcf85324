"""Writes a list as the machine's e820 table, in which the bad pages are unusable.

A boot loader or virtual machine monitor passes that table to the next kernel. Only RAM is changed
to unusable: the kernel does not use other memory anyway. A bad page that is not RAM counts as left
out, unless the table has it as unusable already. Of a page that is RAM in part, that part becomes
unusable.

Source: arch/x86/kernel/e820.c (e820__memory_setup_default, e820__memory_setup_extended);
arch/x86/include/uapi/asm/setup_data.h (struct boot_e820_entry, struct setup_data).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import packing
from hwpkho.badpages.writing import need_e820, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.base.listing import Listing
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.errors import UsageError
from hwpkho.memmap import e820

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Writing

#: E820_MAX_ENTRIES_ZEROPAGE (asm/bootparam.h): the entries for which the zero page has room.
MAX_ENTRIES = 128
_INSTEAD = "{arch} kernels have no e820 table"


class _Table(NamedTuple):
    """The machine's table.

    Attributes:
        slots: Its entries, sorted, without overlaps.
        shift: log2 of the page size.
    """

    slots: Sequence[e820.Slot]
    shift: int

    def frames(self, type_: int) -> PfnSet:
        """Return the PFNs that contain memory of a type, at least in part."""
        ends = [(s.start, s.start + s.size - 1) for s in self.slots if s.type == type_]
        columns = (array("Q", (e[side] >> self.shift for e in ends)) for side in (0, 1))
        return pfn_set(Listing(*columns))

    def runs(self, bad: PfnSet) -> list[tuple[int, int, int]]:
        """Return ``(start, end, entries)`` of all RAM in ``bad``, ascending; end exclusive, bytes.

        ``entries`` is how many more entries the table has if that range is unusable.
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
        """Return the table with the RAM of ``bad`` unusable."""
        marks = [e820.Slot(a, b - a, e820.UNUSABLE) for a, b, _ in self.runs(bad)]
        return e820.sanitize([*self.slots, *marks])


def _unusable_at(slot: e820.Slot | None, edge: int) -> bool:
    """Tell whether an entry is unusable and touches ``edge``: a bad page there joins it."""
    if slot is None or slot.type != e820.UNUSABLE:
        return False
    return edge in (slot.start, slot.start + slot.size)


def marked(pages: BadPages, how: Writing, form: str) -> tuple[list[e820.Slot], Loss]:
    """Return the machine's table with the pages unusable, and the loss.

    Raises UsageError where the machine has no e820 table, or its own table exceeds the budget.
    """
    need_e820(pages, form, _INSTEAD)
    table = _Table(
        [e820.Slot(*slot) for slot in how.table or ()], page_shift(pages.taken_page_size)
    )
    room = (MAX_ENTRIES if how.budget is None else how.budget) - len(table.slots)
    if room < 0:
        raise UsageError(
            f"{option('to', form)}: the machine's own table has "
            f"{counted(len(table.slots), 'entry')}, over a budget of {len(table.slots) + room}; "
            f"give a larger {option('budget')}"
        )
    everything, left = physical(pages)
    ram, retired = table.frames(e820.RAM), table.frames(e820.UNUSABLE)
    bad = everything & ram
    left += (everything - ram - retired).pages()

    def fits(items: PfnSet) -> bool:
        # A cheap lower bound: only a run at an edge of RAM adds fewer than two entries.
        if 2 * (len(items.first) - 2 * len(table.slots)) > room:
            return False
        return len(table.marked(items)) - len(table.slots) <= room

    # Only good pages that are nothing but RAM may be joined.
    whole = ram - _others(table)
    joined = packing.joined(bad, how.max_loss, fits, whole)
    items, stays = packing.fitted(joined, bad, lambda x: _costs(table, x), room)
    sizes = packing.bad_in(items, bad)
    return table.marked(packing.runs_kept(items, stays)), packing.lost(items, sizes, stays, left)


def _others(table: _Table) -> PfnSet:
    """Return the PFNs that are not RAM throughout: other memory, or an entry ends inside."""
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
