"""Physical memory that the calling program provides, such as a kernel debugger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.counting import counted
from hwpkho.base.ranges import joined
from hwpkho.errors import InputError
from hwpkho.images.base import MIN_PAGE, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

#: Bytes read at once.
WINDOW = 1 << 20


class PhysicalMemory(Protocol):
    """What a program must provide so that hwpkho can read memory through it."""

    def read(self, phys: int, size: int, /) -> bytes | bytearray | memoryview | None:
        """Return the ``size`` bytes at physical address ``phys``, None where any is absent.

        ``size`` is 1 to 1 MiB. Exceptions are passed through to whoever called hwpkho.
        """


class ProgramSource(Source):
    """Physical memory behind a :class:`PhysicalMemory`."""

    def __init__(
        self,
        memory: PhysicalMemory,
        name: str,
        extents: Iterable[tuple[int, int]],
        roots: Collection[int] | None = None,
    ) -> None:
        """Take ``memory``, whose present ranges are ``extents``, ``(phys, size)`` in bytes.

        With ``roots``, physical addresses, memory is not searched: only these pages can be root
        FDTs.
        """
        self._memory, self.name = memory, name
        found = joined(sorted((start, start + size) for start, size in extents if size))
        self._extents = list(found)
        self._roots = None if roots is None else sorted({*roots})

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.read`.

        Raises InputError where the program returns another length, TypeError where it returns no
        bytes.
        """
        if not size:
            return memoryview(b"")
        if size > WINDOW:
            found = bytearray()
            for at in range(phys, phys + size, WINDOW):
                part = self.read(at, min(WINDOW, phys + size - at))
                if part is None:
                    return None
                found += part
            return memoryview(found)
        data = self._memory.read(phys, size)
        if data is None:
            return None
        try:
            view = memoryview(data).cast("B")
        except TypeError:
            given = type(data).__name__
            raise TypeError(f"{self.name}: read() gives {given}, expected bytes") from None
        if len(view) != size:
            raise InputError(
                f"{self.name}: {len(view)} of {counted(size, 'byte was', 'bytes were')} read at "
                f"0x{phys:x}"
            )
        return view

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`; with ``roots``, only these pages are looked at."""
        if self._roots is not None:
            yield from (phys for phys in self._roots if self._begins(phys, magics))
            return
        for start, end in self._extents:
            first = -(-start // MIN_PAGE) * MIN_PAGE
            for at in range(first, end, WINDOW):
                yield from self._pages(at, min(WINDOW, end - at), magics)

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`; with ``roots``, nothing is searched."""
        return iter(()) if self._roots is not None else super().find_words(word)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return ((start, end - start) for start, end in self._extents)

    def close(self) -> None:
        """Do nothing: the memory is the program's."""

    def _begins(self, phys: int, magics: tuple[bytes, ...]) -> bool:
        head = self.read(phys, 8)
        return head is not None and bytes(head).startswith(magics)

    def _pages(self, start: int, size: int, magics: tuple[bytes, ...]) -> Iterator[int]:
        """Yield the pages of a window that begin with a magic; if absent in part, page by page."""
        data = self.read(start, size)
        for at in range(0, size - 7, MIN_PAGE):
            if data is None:
                if self._begins(start + at, magics):
                    yield start + at
            elif bytes(data[at : at + 8]).startswith(magics):
                yield start + at
