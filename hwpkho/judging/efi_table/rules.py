"""Whether a kernel that has taken a table still has the memory to boot.

Each limit lies between two measurements: x86 boots with 112 reserved ranges and not with 121; no
kernel boots without any RAM left, and all of them do with 237 MiB. See ``Arch.memblock_ranges`` and
``LEAST_RAM``.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from hwpkho.base import arch as arches
from hwpkho.base.counting import counted
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


def applied(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading:
    """Return how boot goes on after the kernel took the table, or hangs in a loop of its nodes.

    In a loop each range is reserved only once, so that only their number can end it.
    """
    for rule in RULES if reading.outcome == "accepted" else (_ranges,):
        decided = rule(reading, generation, kernel)
        if decided is not None:
            return decided
    return reading


def ram(kernel: NextKernel) -> list[Range]:
    """Return the known RAM as byte ranges, ends exclusive; empty without a memory map."""
    size = kernel.page_size
    return [(a * size, (b + 1) * size) for a, b in kernel.ram()]


def withheld(reading: Reading, generation: Generation) -> Iterator[Range]:
    """Yield the byte ranges that the allocator does not get, ends exclusive.

    They are ascending and disjoint, and touching ones are joined.
    """
    own = reading.own if generation.exclusion == "reserved" else []
    return joined(heapq.merge(reading.bad(), union(own)))


def memblock_room(arch: arches.Arch | None) -> int:
    """Return how many ranges memblock has room for; the least of all where ``arch`` is unknown."""
    return arch.memblock_ranges if arch else min(a.memblock_ranges for a in arches.ARCHES)


def _ranges(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Crash where memblock has to reserve more ranges than fit before it may grow its arrays."""
    if not generation.early:
        return None
    arch = arches.known(kernel.arch)
    limit = memblock_room(arch)
    count = sum(1 for _ in withheld(reading, generation))
    if count <= limit:
        return None
    if arch is None:
        return _undecided(reading, f"{count} separate ranges, but the architecture is unknown")
    return reading._replace(
        outcome="crash",
        reason=(
            f"panic: memblock cannot resize its reserved array: {count} separate ranges, it has "
            f"room for about {limit}"
        ),
        code=efi_kernel.PLACES,
    )


def _low_memory(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Crash where no RAM is left below 1 MiB on an architecture that needs some there."""
    arch = arches.known(kernel.arch)
    if not generation.early or arch is None or not arch.trampoline:
        return None
    low = list(intersection(ram(kernel), [(0, _LOW)]))
    if not low or any(difference(low, withheld(reading, generation))):
        return None
    return reading._replace(
        outcome="crash",
        reason="panic: Real mode trampoline was not allocated: no RAM below 1 MiB is left",
        code=efi_kernel.LOW,
    )


def _ram_left(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Crash where too little RAM is left to boot; open where missing bits may take it."""
    memory = ram(kernel)
    if not memory:
        return None
    free = list(difference(memory, withheld(reading, generation)))
    left = sum(b - a for a, b in free)
    if left < LEAST_RAM:
        total = sum(b - a for a, b in memory)
        return reading._replace(
            outcome="crash",
            reason=f"panic in early boot: {left >> 20} of {total >> 20} MiB of RAM left",
            code=efi_kernel.NO_RAM,
        )
    maybe = sum(b - a for a, b in intersection(free, union(reading.unknown)))
    if left - maybe < LEAST_RAM:
        return _undecided(reading, "bits of the table that are not in the image may take all RAM")
    return None


def _missing_bits(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Leave the outcome open where the missing bits may be too many ranges, or take all low RAM."""
    if not generation.early or not reading.hidden:
        return None
    arch = arches.known(kernel.arch)
    # In each run of missing bits every other one may be a range of its own.
    most = sum(1 for _ in withheld(reading, generation))
    most += (reading.hidden + len(reading.unknown)) // 2
    worst = list(union([*withheld(reading, generation), *reading.unknown]))
    low = list(intersection(ram(kernel), [(0, _LOW)]))
    needed = low if arch is None or arch.trampoline else []
    if most <= memblock_room(arch) and (not needed or any(difference(needed, worst))):
        return None
    bits = counted(reading.hidden, "bit of the bitmap is", "bits of the bitmap are")
    why = f"{bits} not in the image; each may be one more range"
    return _undecided(reading, why)


def _without_map(reading: Reading, generation: Generation, kernel: NextKernel) -> Reading | None:
    """Leave the outcome open where the table takes memory and there is no memory map."""
    if kernel.frames is None and (reading.units or reading.hidden or len(reading.own) > 1):
        why = "no memory map: hwpkho cannot tell whether enough RAM is left"
        return _undecided(reading, why)
    del generation
    return None


def _undecided(reading: Reading, why: str) -> Reading:
    return reading._replace(outcome=None, reason=why, code=efi_kernel.UNDECIDED)


RULES: tuple[Callable[[Reading, Generation, NextKernel], Reading | None], ...] = (
    _ranges,
    _low_memory,
    _ram_left,
    _missing_bits,
    _without_map,
)
