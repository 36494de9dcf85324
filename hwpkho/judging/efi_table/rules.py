"""What becomes of a kernel that has taken a table: whether it still has the memory to boot.

The limits are measured: 112 places boot on x86 and 121 do not; no RAM left never boots, 237 MiB of
it always do. Between them the line is drawn at what is said beside each.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.base import arch as arches
from hwpkho.base.ranges import difference, intersection, joined, union
from hwpkho.codes import efi_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.base.ranges import Range
    from hwpkho.judging.efi_table.model import Generation, Reading
    from hwpkho.judging.next_kernel import NextKernel

#: With less RAM than this no kernel of today boots, bytes.
LEAST_RAM = 32 << 20
_LOW = 1 << 20


def after(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading:
    """Return what a table comes to that the kernel takes, or that keeps it reading for ever.

    In a loop each place is reserved once, so that only their number can end it.
    """
    for rule in RULES if reading.outcome == "accepted" else (_places,):
        decided = rule(reading, generation, kernel)
        if decided is not None:
            return decided
    return reading


def ram(kernel: NextKernel) -> list[Range]:
    """Return the RAM that is known, in bytes, ends exclusive."""
    size = kernel.page_size
    return [(a * size, (b + 1) * size) for a, b in kernel.ram()]


def taken(reading: Reading, generation: Generation) -> Iterator[Range]:
    """Yield all that is taken from the allocator: ascending, disjoint, those that touch joined."""
    own = reading.own if generation.fate == "reserved" else []
    return joined(heapq.merge(reading.bad(), union(own)))


def room(arch: arches.Arch | None) -> int:
    """Return how many places memblock has room for."""
    return arch.places if arch else min(a.places for a in arches.ARCHES)


def _places(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    if not generation.early:
        return None
    arch = arches.known(kernel.arch)
    limit = room(arch)
    count = sum(1 for _ in taken(reading, generation))
    if count <= limit:
        return None
    if arch is None:
        return _open(reading, f"{count} separate ranges, but the architecture is unknown")
    return replace(
        reading,
        outcome="crash",
        reason=(
            f"panic: memblock cannot resize its reserved array: {count} separate ranges, it has "
            f"room for about {limit}"
        ),
        code=efi_kernel.PLACES,
    )


def _low(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    arch = arches.known(kernel.arch)
    if not generation.early or arch is None or not arch.trampoline:
        return None
    low = list(intersection(ram(kernel), [(0, _LOW)]))
    if not low or any(difference(low, taken(reading, generation))):
        return None
    return replace(
        reading,
        outcome="crash",
        reason="panic: Real mode trampoline was not allocated: no RAM below 1 MiB is left",
        code=efi_kernel.LOW,
    )


def _left(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    memory = ram(kernel)
    if not memory:
        return None
    free = list(difference(memory, taken(reading, generation)))
    left = sum(b - a for a, b in free)
    if left < LEAST_RAM:
        total = sum(b - a for a, b in memory)
        return replace(
            reading,
            outcome="crash",
            reason=f"panic in early boot: {left >> 20} of {total >> 20} MiB of RAM are left",
            code=efi_kernel.NO_RAM,
        )
    maybe = sum(b - a for a, b in intersection(free, union(reading.unknown)))
    if left - maybe < LEAST_RAM:
        return _open(reading, "bits of the table that are not in the image may take all RAM")
    return None


def _seen(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Tell whether bits that the image lacks could be too many places, or all low RAM."""
    if not generation.early or not reading.hidden:
        return None
    arch = arches.known(kernel.arch)
    # Of each run of bits every other one may be a place.
    most = sum(1 for _ in taken(reading, generation))
    most += (reading.hidden + len(reading.unknown)) // 2
    worst = list(union([*taken(reading, generation), *reading.unknown]))
    low = list(intersection(ram(kernel), [(0, _LOW)]))
    needed = low if arch is None or arch.trampoline else []
    if most <= room(arch) and (not needed or any(difference(needed, worst))):
        return None
    why = f"{reading.hidden} bits of the bitmap are not in the image; each may be one more range"
    return _open(reading, why)


def _mapped(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    if kernel.frames is None and (reading.units or reading.hidden or len(reading.own) > 1):
        why = "no memory map: hwpkho cannot tell whether enough RAM is left"
        return _open(reading, why)
    del generation
    return None


def _open(reading: Reading, why: str) -> Reading:
    return replace(reading, outcome=None, reason=why, code=efi_kernel.UNDECIDED)


RULES: tuple[Callable[[Reading, Generation, NextKernel], Reading | None], ...] = (
    _places,
    _low,
    _left,
    _seen,
    _mapped,
)
