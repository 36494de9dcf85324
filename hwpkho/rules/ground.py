"""What a handover is judged against: the next kernel, and the memory it will have."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwpkho.pages import page_shift

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.maps.regions import Frames, Regions

#: SECTION_SIZE_BITS by page size: arch/arm64/include/asm/sparsemem.h,
#: arch/x86/include/asm/sparsemem.h.
_SECTION_BITS = {4096: 27, 16384: 27, 65536: 29}
#: sizeof(struct page) on both architectures, bytes.
_PAGE_STRUCT = 64


@dataclass(slots=True)
class Ground:
    """The next kernel as far as it is known.

    Attributes:
        page_size: Bytes.
        consumer: KHO version that it speaks, 4 for kho-v4.
        regions: What its memory is, None where no map was given.
        frames: The same in page frames.
    """

    page_size: int
    consumer: int = 4
    regions: Regions | None = None
    frames: Frames | None = None
    _ram: tuple[array[int], array[int]] = field(
        default_factory=lambda: (array("Q"), array("Q")), repr=False
    )

    def __post_init__(self) -> None:
        if self.regions is None:
            return
        self.frames = frames = self.regions.frames(self.page_size)
        first, last = self._ram
        for a, b, kind in zip(frames.first, frames.last, frames.kind, strict=True):
            if kind not in ("ram", "in-use"):
                continue
            if last and last[-1] + 1 == a:
                last[-1] = b
            else:
                first.append(a)
                last.append(b)

    @property
    def kho_off(self) -> bool:
        """Whether the next kernel is told to ignore any handover (kho=off)."""
        return self.regions is not None and self.regions.kho is False

    def ram_pages(self) -> int:
        """Return how many frames are RAM, those in use included."""
        return sum(b - a + 1 for a, b in zip(*self._ram, strict=True))

    def page_structs(self) -> int:
        """Return how many bytes of struct page the next kernel allocates before all else.

        0 where that is not known: without a map.
        """
        return _PAGE_STRUCT * sum(b - a + 1 for a, b in self.section_holes())

    def outside(self, phys: int, size: int = 1) -> bool:
        """Tell whether ``size`` bytes from ``phys`` are known not to be all RAM."""
        if self.frames is None:
            return False
        shift = page_shift(self.page_size)
        first, last = self._ram
        i = bisect_right(first, phys >> shift) - 1
        return i < 0 or (phys + size - 1) >> shift > last[i]

    def parts(self, bits: int) -> Iterator[int]:
        """Yield the starts (bytes) of the naturally aligned ``1 << bits`` bytes that hold RAM."""
        step, following = bits - page_shift(self.page_size), 0
        for a, b in zip(*self._ram, strict=True):
            for part in range(max(a >> step, following), (b >> step) + 1):
                yield part << bits
            following = (b >> step) + 1

    def section_holes(self) -> Iterator[tuple[int, int]]:
        """Yield frames, inclusive, of the memory sections that RAM fills at least in part.

        Every frame of such a section has a struct page, RAM or not.
        """
        pages = _SECTION_BITS[self.page_size] - page_shift(self.page_size)
        start = end = -1
        for a, b in zip(*self._ram, strict=True):
            low, high = a >> pages << pages, ((b >> pages) + 1 << pages) - 1
            if low > end + 1:
                if end >= 0:
                    yield start, end
                start, end = low, high
            else:
                end = max(end, high)
        if end >= 0:
            yield start, end
