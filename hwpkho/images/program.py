"""Physical memory that a program reads itself, such as a debugger of kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.ranges import joined
from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

#: Bytes that a search reads at once.
WINDOW = 1 << 20


class PhysicalMemory(Protocol):
    """What a program gives so that hwpkho reads memory through it."""

    def read(self, phys: int, size: int, /) -> bytes | bytearray | memoryview | None:
        """Return the ``size`` bytes at physical address ``phys``, None where any is absent.

        ``size`` is 1 to 1 MiB. What it raises ends the call that needs the bytes.
        """


class ProgramSource(Source):
    """The memory that a program shows."""

    def __init__(
        self,
        memory: PhysicalMemory,
        name: str,
        extents: Iterable[tuple[int, int]],
        roots: Collection[int] | None = None,
    ) -> None:
        """Take ``memory``, of which ``extents``, ``(phys, size)`` in bytes, are there.

        With ``roots``, physical addresses, nothing is searched: those pages are all that can be a
        root FDT.
        """
        self._memory, self.name = memory, name
        found = joined(sorted((start, start + size) for start, size in extents if size))
        self._extents = list(found)
        self._roots = None if roots is None else sorted({*roots})

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`. Raises InputError where the program gives another number."""
        if not size:
            return memoryview(b"")
        data = self._memory.read(phys, size)
        if data is None:
            return None
        if len(data) != size:
            raise InputError(f"{self.name}: {len(data)} of {size} bytes were read at 0x{phys:x}")
        return memoryview(data)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`; of pages that are known only those are looked at."""
        if self._roots is not None:
            yield from (phys for phys in self._roots if self._begins(phys, magics))
            return
        for start, end in self._extents:
            first = -(-start // MIN_PAGE) * MIN_PAGE
            for at in range(first, end, WINDOW):
                yield from self._pages(at, min(WINDOW, end - at), magics)

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`; of pages that are known nothing else is looked at."""
        return iter(()) if self._roots is not None else super().find_words(word)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return ((start, end - start) for start, end in self._extents)

    def close(self) -> None:
        """Leave the memory to its program."""

    def _begins(self, phys: int, magics: tuple[bytes, ...]) -> bool:
        head = self.read(phys, 8)
        return head is not None and bytes(head).startswith(magics)

    def _pages(self, start: int, size: int, magics: tuple[bytes, ...]) -> Iterator[int]:
        """Yield the pages of a window; where it cannot be read whole, those that can be."""
        data = self.read(start, size)
        for at in range(0, size - 7, MIN_PAGE):
            if data is None:
                if self._begins(start + at, magics):
                    yield start + at
            elif bytes(data[at : at + 8]).startswith(magics):
                yield start + at
