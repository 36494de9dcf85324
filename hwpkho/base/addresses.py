"""Page and frame arithmetic, and runs of PFNs.

PFN: page frame number, physical address >> page shift. All run ends are inclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The page sizes (bytes) of the kernels that have KHO: arm64 has all three, x86-64 the first.
PAGE_SIZES = (4096, 16384, 65536)

#: One past the largest physical address.
PHYS_END = 1 << 64

#: Bits of a physical address that arm64 looks at.
ARM64_BITS = 52


def linear(phys: int, arch: str | None) -> int:
    """Return the physical address that a kernel reads when it is told ``phys``.

    arm64's __phys_to_virt() ORs the page offset in, so that the highest bits do not matter. All
    three kernels of the rig were seen to read through such addresses; one built for 48 bits of
    virtual address forgets four bits more.
    """
    return phys & ((1 << ARM64_BITS) - 1) if arch == "arm64" else phys


def page_shift(page_size: int) -> int:
    """Return log2 of a page size in bytes."""
    return page_size.bit_length() - 1


def align_down(value: int, size: int) -> int:
    """Return the largest multiple of ``size`` (a power of two) not above ``value``."""
    return value & ~(size - 1)


def align_up(value: int, size: int) -> int:
    """Return the smallest multiple of ``size`` (a power of two) not below ``value``."""
    return (value + size - 1) & ~(size - 1)


def runs(sorted_pfns: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield ``(first, last)``, last inclusive, of an ascending sequence; repeats are folded."""
    it = iter(sorted_pfns)
    first = last = next(it, -1)
    if first < 0:
        return
    for pfn in it:
        if pfn <= last + 1:
            last = max(last, pfn)
        else:
            yield first, last
            first = last = pfn
    yield first, last


def union_of(areas: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the starts and the ends (exclusive) of the union of ``(start, size)``, ascending."""
    starts: list[int] = []
    ends: list[int] = []
    for start, size in sorted(areas):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], start + size)
        else:
            starts.append(start)
            ends.append(start + size)
    return starts, ends


def human_bytes(size: int) -> str:
    """Return a size in bytes as the kernel would say it, e.g. ``16 MiB`` or ``353 B``."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >> shift:
            value = size / (1 << shift)
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
    return f"{size} B"
