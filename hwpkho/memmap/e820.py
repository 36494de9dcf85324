"""The x86 e820 table: type numbers, their names, and what the kernel makes of overlaps.

Source: arch/x86/include/asm/e820/types.h, arch/x86/include/uapi/asm/setup_data.h and
arch/x86/kernel/e820.c (e820__update_table, e820__range_update, e820__range_remove).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.ranges import paint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RAM, RESERVED, ACPI, NVS, UNUSABLE, PMEM, PRAM = 1, 2, 3, 4, 5, 7, 12
SOFT_RESERVED = 0xEFFFFFFF

#: Types have 32 bits, those of EFI descriptors, too.
MAX_TYPE = (1 << 32) - 1

#: Type number → type of hwpkho.memmap/1.
NAMES = {
    RAM: "usable",
    RESERVED: "reserved",
    ACPI: "acpi_data",
    NVS: "acpi_nvs",
    UNUSABLE: "unusable",
    PMEM: "pmem",
    PRAM: "pram",
    SOFT_RESERVED: "soft_reserved",
}
_NUMBERS = {name: number for number, name in NAMES.items()} | {"unknown": MAX_TYPE}
_NUMBERED = re.compile(r"type_([0-9]{1,10})")

#: Neighbours of these types are never merged (e820_type_mergeable).
_KEPT_APART = frozenset((PRAM, SOFT_RESERVED))

#: What the kernel computes with: u64 overflow is cut to this (ULLONG_MAX).
_U64_MAX = (1 << 64) - 1


def type_name(number: int) -> str:
    """Return the type of hwpkho.memmap/1 of an e820 type number."""
    return NAMES.get(number) or f"type_{number}"


def type_in_text(number: str) -> str | None:
    """Return the type that a text's decimal number means, None where it has more than 32 bits."""
    return type_name(int(number)) if int(number) <= MAX_TYPE else None


def type_number(name: str) -> int | None:
    """Return the e820 type number of a type of hwpkho.memmap/1, None if it is not an e820 type.

    ``unknown`` (sysfs does not print the number) is the highest of all: it never turns into RAM.
    Nor does ``type_1``, which no form has: that is ``usable``.
    """
    number = _NUMBERS.get(name)
    if number is None and (match := _NUMBERED.fullmatch(name)) and type_in_text(match[1]) == name:
        number = int(match[1])
    return number


class Slot(NamedTuple):
    """One e820 entry: first byte, length in bytes (0: an empty slot), type number."""

    start: int
    size: int
    type: int


class E820Table:
    """An e820 table that early parameters change in place, as the kernel's does.

    Not sanitised between the changes: an entry that ``memmap=`` added may overlap others, and the
    next parameter sees them all.
    """

    def __init__(self, slots: Iterable[Slot] = ()) -> None:
        self.slots = list(slots)

    def clear(self) -> None:
        """Empty the table (``memmap=exactmap``)."""
        self.slots.clear()

    def add(self, start: int, size: int, type_: int) -> None:
        """Append an entry (e820__range_add); bytes."""
        self.slots.append(Slot(start, size, type_))

    def update(self, start: int, size: int, old: int, new: int) -> None:
        """Turn type ``old`` into ``new`` within a range of bytes (e820__range_update)."""
        self._change(start, size, old, new)

    def remove(self, start: int, size: int, only: int) -> None:
        """Remove type ``only`` (0: any) within a range of bytes (e820__range_remove)."""
        self._change(start, size, only, None)

    def _change(self, start: int, size: int, old: int, new: int | None) -> None:
        end = min(start + size, _U64_MAX)  # the kernel never reaches the very last byte
        # Entries appended on the way are seen too, as in the kernel: of type ``new`` or outside
        # the range, so they are not changed again.
        for at, slot in enumerate(self.slots):
            if (old and slot.type != old) or not slot.size:
                continue
            slot_end = slot.start + slot.size
            if slot.start >= end or slot_end <= start:
                continue
            first, last = max(start, slot.start), min(end, slot_end)
            if slot.start >= start and slot_end <= end:
                self.slots[at] = Slot(slot.start, slot.size, new) if new else Slot(slot.start, 0, 0)
                continue
            if new:
                self.slots.append(Slot(first, last - first, new))
            if slot_end > last:
                after = Slot(last, slot_end - last, slot.type)
                if slot.start >= first:
                    self.slots[at] = after
                    continue
                self.slots.append(after)
            self.slots[at] = Slot(slot.start, first - slot.start, slot.type)

    def sanitized(self) -> list[Slot]:
        """Return the table sorted and without overlaps: the highest type number wins.

        See :func:`sanitize`.
        """
        return sanitize(self.slots)


def disjoint(slots: Sequence[Slot]) -> bool:
    """Tell whether slots ascend without overlaps, as those of nearly all maps do."""
    return all(a.start + a.size <= b.start for a, b in pairwise(slots))


def _joined(slots: Iterable[Slot]) -> list[Slot]:
    """Return disjoint slots, neighbours of one type merged where the kernel does."""
    out: list[Slot] = []
    for slot in slots:
        last = out[-1] if out else None
        alike = last is not None and last.type == slot.type and slot.type not in _KEPT_APART
        if last is not None and alike and last.start + last.size == slot.start:
            out[-1] = Slot(last.start, last.size + slot.size, slot.type)
        else:
            out.append(slot)
    return out


def sanitize(slots: Iterable[Slot]) -> list[Slot]:
    """Return ``slots`` sorted and disjoint; where they overlap the highest type number wins.

    Neighbours of one type are merged, except types 12 and soft-reserved (e820__update_table).
    O(n log n).
    """
    slots = [slot for slot in slots if slot.size > 0 and slot.type]
    if disjoint(slots):
        return _joined(slots)
    layers = [(slot.start, slot.start + slot.size, slot.type) for slot in slots]
    return _joined(Slot(start, end - start, slots[i].type) for start, end, i in paint(layers))
