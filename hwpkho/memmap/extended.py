"""x86's extended map against the firmware's of the same boot: they describe the same memory.

Source: arch/x86/kernel/e820.c, e820__reserve_setup_data(): the second is the first, split where
the boot loader's setup_data lies. e820__memory_setup_extended() adds entries past the 128th.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes.memmap_gaps import FIRMWARE_DISAGREES
from hwpkho.memmap import gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.rawmap import RawMap

#: Entries of the zero page: behind so many the extended map has more than the firmware's.
_MOST = 128

Runs = list[tuple[int, int, bool]]


def compare(firmware: RawMap | None, extended: RawMap | None) -> None:
    """Record lost lines where only one of two maps describes memory, or they differ about RAM.

    Places that are in a gap of either already are no news. The maps' gaps must be settled; those
    that are found here are, too.
    """
    if firmware is None or extended is None or len(firmware.entries) >= _MOST:
        return
    told = gaps.known([*firmware.gaps, *extended.gaps])
    for one, other in ((firmware, extended), (extended, firmware)):
        for start, end in _differing(_runs(other), _runs(one)):
            if any(a <= end and start <= b for a, b in told):
                continue
            message = (
                f"line {one.line}: {one.name} does not have {gaps.shown((start, end))} as "
                f"{other.name} at line {other.line} has it: lines of one of them are lost"
            )
            gaps.lose(one, FIRMWARE_DISAGREES, message, span=(start, end))
    for table in (firmware, extended):
        gaps.settle(table)


def _runs(table: RawMap) -> Runs:
    """Return merged ranges of whole pages: first byte, last byte, and whether it is RAM."""
    out: Runs = []
    for entry in sorted(table.entries, key=_start):
        ram = entry.type == "usable"
        if out and out[-1][2] == ram and entry.start <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], entry.end), ram)
        else:
            out.append((entry.start, entry.end, ram))
    return out


def _start(entry: Entry) -> int:
    return entry.start


def _differing(these: Runs, others: Runs) -> Iterator[tuple[int, int]]:
    """Yield what ``these`` have, a page at least, that ``others`` do not have of the same kind."""
    k = 0
    for start, end, ram in these:
        while k < len(others) and others[k][1] < start:
            k += 1
        at = k
        while start <= end and at < len(others) and others[at][0] <= end:
            first, last, kind = others[at]
            if kind == ram:
                yield from _pages(start, min(end, first - 1))
                start = max(start, last + 1)
            at += 1
        yield from _pages(start, end)


def _pages(start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start + 1 >= 4096:
        yield start, end
