"""Memory as the next kernel reads it in early boot, addresses without RAM included.

No input records the width of the processor's physical addresses: the power of two above the memory
map's last address is assumed, at least 2^40. A read beyond that faults. Below, an address where
nothing responds reads as zeros (measured under QEMU); memory that the image lacks is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import arch as arches
from hwpkho.base.counting import counted
from hwpkho.base.ranges import difference, intersection, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.ranges import Range
    from hwpkho.images.base import Source
    from hwpkho.judging.next_kernel import NextKernel

#: Bits of a physical address: no processor with EFI has fewer.
_LEAST_BITS = 40
#: Bytes of a bitmap that are read from the image at most; the rest counts as missing.
_MOST = 256 << 20


class FaultError(Exception):
    """A read at ``phys`` faults."""

    def __init__(self, phys: int) -> None:
        super().__init__(f"no memory can be at 0x{phys:x}: the first read faults")
        self.phys = phys


class AbsentError(Exception):
    """The image lacks what the kernel reads at ``phys``."""

    def __init__(self, phys: int, size: int) -> None:
        said = counted(size, f"byte at 0x{phys:x} is", f"bytes at 0x{phys:x} are")
        super().__init__(f"the {said} not in the image")
        self.phys = phys


class Pieces(NamedTuple):
    """Bytes of a range as far as they are known; what is in neither list reads as zeros.

    Attributes:
        known: ``(offset in the range, bytes)``, ascending.
        missing: ``(start, end)``, offsets of what the image lacks.
    """

    known: list[tuple[int, bytes]]
    missing: list[Range]


class EarlyMemory:
    """What the next kernel finds at a physical address.

    Attributes:
        limit: One past the highest address that can be read; None where that is not known.
    """

    def __init__(self, source: Source, kernel: NextKernel) -> None:
        self._source, self._kernel = source, kernel
        self._widest = 1 << arches.phys_bits(kernel.arch)
        self.limit: int | None = None
        if kernel.memory is not None:
            top = max((region.end for region in kernel.memory.regions), default=0)
            self.limit = min(self._widest, max(1 << _LEAST_BITS, 1 << top.bit_length()))

    def check(self, phys: int) -> None:
        """Raise FaultError if no memory can be at ``phys`` (bytes), AbsentError if unknown."""
        if phys >= (self._widest if self.limit is None else self.limit):
            raise FaultError(phys)
        if self.limit is None and phys >> _LEAST_BITS:
            raise AbsentError(phys, 1)

    def read(self, phys: int, size: int) -> bytes:
        """Return ``size`` bytes at ``phys``; for more than a page or two see :meth:`pieces`.

        Raises FaultError where the read faults, AbsentError where the image lacks some of them.
        """
        self.check(phys)
        self.check(phys + max(size, 1) - 1)
        data = self._source.read(phys, size)
        if data is not None:
            return bytes(data)
        found = self.pieces(phys, size)
        if found.missing:
            raise AbsentError(phys, size)
        raw = bytearray(size)
        for offset, part in found.known:
            raw[offset : offset + len(part)] = part
        return bytes(raw)

    def pieces(self, phys: int, size: int) -> Pieces:
        """Return what is known of ``size`` bytes at ``phys``, of any ``size``, however large."""
        wanted = [(phys, phys + size)]
        held = union((start, start + n) for start, n in self._source.extents())
        known: list[tuple[int, bytes]] = []
        missing = list(self._answered(difference(wanted, held)))
        budget = _MOST
        for start, end in intersection(wanted, held):
            data = self._source.read(start, end - start) if end - start <= budget else None
            if data is None:
                missing.append((start, end))
                continue
            budget -= end - start
            known.append((start - phys, bytes(data)))
        return Pieces(known, union((a - phys, b - phys) for a, b in missing))

    def _answered(self, ranges: Iterator[Range]) -> Iterator[Range]:
        """Yield the parts of ``ranges`` where the map has memory; without a map, all of them."""
        if self._kernel.memory is None:
            yield from ranges
            return
        there = union(
            (r.start, r.end + 1)
            for r in self._kernel.memory.regions
            if r.kind != "device" and r.what != "window"
        )
        yield from intersection(list(ranges), there)
