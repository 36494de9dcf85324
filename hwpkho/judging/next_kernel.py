"""What a handover is judged against: the next kernel, and the memory that it will have."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from hwpkho.abi.kho import DEFAULT, Version
from hwpkho.base import arch as arches
from hwpkho.base.addresses import page_shift

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Problem
    from hwpkho.memmap.view.cmdline import Cmdline
    from hwpkho.memmap.view.regions import Frames, Regions


#: First and last frames of runs, ascending.
_Frames = tuple["array[int]", "array[int]"]


class NextKernel:
    """The next kernel as far as it is known.

    Attributes:
        page_size: Bytes.
        version: KHO version that it speaks.
        arch: A name of ``ARCHES``, None where unknown.
        cmdline: Its command line, None where that is not known.
        memory: Its memory, None where no map was given.
        frames: Its memory in page frames, None without a map.
    """

    def __init__(
        self,
        page_size: int,
        version: Version = DEFAULT,
        arch: str | None = None,
        cmdline: Cmdline | None = None,
        memory: Regions | None = None,
    ) -> None:
        self.page_size, self.version, self.arch = page_size, version, arch
        self.cmdline, self.memory = cmdline, memory
        self.frames: Frames | None = None
        self._ram: _Frames = array("Q"), array("Q")
        self._possible = self._ram
        if memory is None:
            return
        self.frames = memory.frames(page_size)
        self._ram = self.frames.of_kinds(("ram", "in-use"))
        self._possible = self.frames.of_kinds(("ram", "in-use", "unknown"))

    @property
    def problems(self) -> Sequence[Problem]:
        """Problems of its memory map and command line."""
        if self.memory is not None:
            return self.memory.problems
        return self.cmdline.problems if self.cmdline else ()

    @property
    def early_pages(self) -> int:
        """How many pages early_memremap() maps at most (NR_FIX_BTMAPS)."""
        return arches.pages(self.arch, self.page_size).early_pages

    @property
    def early_scratch(self) -> int:
        """Bytes of scratch that are too few however little memory the machine has (measured)."""
        return arches.pages(self.arch, self.page_size).early_scratch

    @property
    def whole_pages(self) -> bool:
        """Whether map_mem() leaves out a page that RAM fills only in part; False if unknown."""
        arch = arches.known(self.arch)
        return arch is not None and arch.whole_pages

    def removes(self, phys: int) -> bool:
        """Tell whether it removes memory at address ``phys`` before it uses any of it."""
        return arches.removes(phys, self.arch)

    def without_cmdline(self) -> NextKernel:
        """Return the kernel on the machine as it is: no command line has changed its memory."""
        memory = self.memory and (self.memory.before or self.memory)
        return NextKernel(self.page_size, self.version, self.arch, memory=memory)

    def without_memory(self) -> NextKernel:
        """Return the kernel as far as the handover alone shows it."""
        return NextKernel(self.page_size, self.version, self.arch)

    @property
    def gaps(self) -> bool:
        """Whether lines of the map are lost, so that more than is known may be RAM."""
        return self.frames is not None and "unknown" in self.frames.kind

    @property
    def kho_off(self) -> bool:
        """Whether the next kernel is told to ignore any handover (kho=off)."""
        return self.cmdline is not None and self.cmdline.kho is False

    def ram(self) -> Iterator[tuple[int, int]]:
        """Yield runs of frames that are RAM, those in use included: first and last PFN, ascending.

        Nothing without a memory map.
        """
        return zip(*self._ram, strict=True)

    def ram_pages(self) -> int:
        """Return how many frames are RAM, those in use included; 0 without a memory map."""
        return sum(b - a + 1 for a, b in zip(*self._ram, strict=True))

    def possible_pages(self) -> int:
        """Return how many frames may be RAM: also those whose lines of the map are lost."""
        return sum(b - a + 1 for a, b in zip(*self._possible, strict=True))

    @property
    def struct_page(self) -> int:
        """Bytes of a struct page."""
        row = arches.known(self.arch)
        return row.page_struct if row else arches.ARCHES[arches.DEFAULT].page_struct

    def page_structs(self) -> int:
        """Return how many bytes of struct pages the next kernel allocates before all else.

        0 where that is unknown, as without a map.
        """
        row = self.memory and arches.known(self.memory.arch)
        return (row.page_struct if row else 0) * sum(b - a + 1 for a, b in self.sections())

    def outside(self, phys: int, size: int = 1) -> bool:
        """Tell whether ``size`` bytes from ``phys`` are known not to be all RAM.

        False without a map, and in a gap of the map: there may be RAM.
        """
        return self.frames is not None and not self._within(self._possible, phys, size)

    def in_gap(self, phys: int, size: int = 1) -> bool:
        """Tell whether the map has lost lines about some of ``size`` bytes from ``phys``."""
        return not self.outside(phys, size) and not self._within(self._ram, phys, size)

    def _within(self, frames: _Frames, phys: int, size: int) -> bool:
        shift = page_shift(self.page_size)
        first, last = frames
        i = bisect_right(first, phys >> shift) - 1
        return i >= 0 and (phys + size - 1) >> shift <= last[i]

    def parts(self, bits: int) -> Iterator[int]:
        """Yield the addresses of naturally aligned blocks of ``1 << bits`` bytes that may hold RAM.

        They are ascending; ``bits`` is no less than those of a page.
        """
        step, following = bits - page_shift(self.page_size), 0
        for a, b in zip(*self._possible, strict=True):
            for part in range(max(a >> step, following), (b >> step) + 1):
                yield part << bits
            following = (b >> step) + 1

    def sections(
        self, *, possible: bool = False, unmapped: bool = False
    ) -> Iterator[tuple[int, int]]:
        """Yield runs of memory sections with RAM in them: first and last PFN, ascending.

        Every frame of such a section has a struct page, RAM or not (SPARSEMEM). ``possible``:
        also sections of which the map has lost lines. ``unmapped``: also sections with memory that
        is not mapped (arm64: the firmware's flash).
        """
        if self.memory is None or self.frames is None:
            return
        filled = self._possible if possible else self._ram
        if unmapped:
            filled = self.frames.of_kinds(("ram", "in-use"), "not-mapped")
        bits = arches.pages(self.memory.arch, self.page_size).section_bits
        pages = bits - page_shift(self.page_size)
        start = end = -1
        for a, b in zip(*filled, strict=True):
            low, high = a >> pages << pages, ((b >> pages) + 1 << pages) - 1
            if low > end + 1:
                if end >= 0:
                    yield start, end
                start, end = low, high
            else:
                end = max(end, high)
        if end >= 0:
            yield start, end
