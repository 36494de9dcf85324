"""What the set units of a table do to the machine's memory, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.ranges import difference, intersection, union
from hwpkho.codes import efi_kernel
from hwpkho.judging.efi_table.rules import ram
from hwpkho.judging.result import finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.base.ranges import Range
    from hwpkho.efi.model import PoisonTable
    from hwpkho.judging.efi_table.model import Reading
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding

#: Ranges that a message names; more are counted.
_NAMED = 3


def findings(table: PoisonTable, reading: Reading, kernel: NextKernel) -> Iterator[Finding]:
    """Yield findings on the bad ranges that a kernel reads: where they are, and what they cost.

    Without a memory map only a table inside its own bad ranges is found.
    """
    phys = table.phys or 0
    held = next(((a, b) for a, b in reading.bad() if a <= phys < b), None)
    if held is not None:
        message = f"the table at 0x{phys:x} is in the bad range 0x{held[0]:x}-0x{held[1] - 1:x}"
        yield finding(efi_kernel.OWN_PAGES, message, phys=phys)
    if kernel.frames is None or kernel.memory is None:
        return
    memory = ram(kernel)
    images = union((r.start, r.end + 1) for r in kernel.memory.images)
    over = list(intersection(reading.bad(), images))
    if over:
        message = (
            f"{_shown(over)} overlap the kernel image of the memory map "
            f"(0x{images[0][0]:x}-0x{images[-1][1] - 1:x})"
        )
        yield finding(efi_kernel.OVER_KERNEL, message, phys=over[0][0])
    outside = list(difference(reading.bad(), memory))
    if outside:
        message = f"{_size(outside)} of the bad memory is outside RAM: {_shown(outside)}"
        yield finding(efi_kernel.OUTSIDE, message, phys=outside[0][0])
    if reading.covers is not None:
        left = list(difference(memory, [reading.covers]))
        if left:
            message = f"{_size(left)} of RAM is not in the bitmap: {_shown(left)}"
            yield finding(efi_kernel.UNCOVERED, message, phys=left[0][0])
    lost = sum(b - a for a, b in intersection(reading.bad(), memory))
    if lost:
        total = sum(b - a for a, b in memory)
        message = (
            f"{counted(reading.units, 'unit or entry takes', 'units or entries take')} "
            f"{human_bytes(lost)} of RAM, {lost * 100 / total:.2g} %: "
            f"{counted(lost // kernel.page_size, 'page')}"
        )
        yield finding(efi_kernel.COST, message, phys=table.phys)


def _size(ranges: Iterable[Range]) -> str:
    return human_bytes(sum(b - a for a, b in ranges))


def _shown(ranges: list[Range]) -> str:
    shown = ", ".join(f"0x{a:x}-0x{b - 1:x}" for a, b in ranges[:_NAMED])
    more = len(ranges) - _NAMED
    return f"{shown}{f' and {more} more' if more > 0 else ''}"
