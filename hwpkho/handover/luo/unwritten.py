"""Finds the memfds of sessions that LUO has not written yet.

LUO preserves a file's memory on request, but writes its sessions only inside reboot(KEXEC). Until
then the structure of each memfd is complete, in a preserved page of its own that nothing points to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import memfd as abi
from hwpkho.abi.luo import File
from hwpkho.base.ranges import touches, union
from hwpkho.codes.preserved import NOT_SERIALIZED
from hwpkho.handover.luo import memfd
from hwpkho.handover.luo.model import unwritten_name
from hwpkho.images.base import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.abi.tracker.preserved import Preserved
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFile
    from hwpkho.handover.reach import Reach

_COMPATIBLE = abi.COMPATIBLE.encode()
#: Bytes read at once.
_WINDOW = 1 << 20
#: The most pages that look like a memfd's structure and are not: a guest's memory may have any
#: number of such pages on purpose, but not by chance.
MAX_FALSE = 1 << 13


def search(reach: Reach, memory: LuoMemory) -> Iterator[LuoFile]:
    """Yield the memfds whose structure, array and folios are all present and preserved."""
    if reach.walk is None:
        return
    preserved, left = reach.walk.preserved, MAX_FALSE
    for phys in _candidates(reach.source, preserved, memory.page_size):
        if memory.taken((phys,)):
            continue
        source = _Looked(reach.source)
        tried = memory.trial(source)
        found = memfd.read(File(_COMPATIBLE, phys, 0), unwritten_name(phys), tried)
        if _is_whole(found) and not tried.report.problems():
            source.keep_all()
            for page in tried.pages:
                memory.take(*page)
            yield found
            continue
        left -= 1
        if not left:
            message = (
                f"LUO: {MAX_FALSE} pages look like the structure of a memfd and are none; from "
                f"0x{phys:x} on memory is not searched for those of sessions not written yet"
            )
            memory.note(NOT_SERIALIZED, message, phys)
            return


def _is_whole(file: LuoFile) -> bool:
    """Tell whether every entry of the array is a folio; no kernel leaves gaps."""
    folios, ser = file.folios, file.memfd
    return folios is not None and ser is not None and sum(folios.folios) == ser.nr_folios


def _candidates(source: Source, preserved: Preserved, page_size: int) -> Iterator[int]:
    """Yield the addresses of preserved pages that may hold a memfd's structure.

    Holes of the image are skipped. Most preserved pages are a guest's memory.
    """
    held = union((at, at + size) for at, size in source.data())
    for start, pages in _windows(preserved.starts(0, held), page_size):
        if not touches(held, start, start + pages * page_size):
            continue
        data = source.peek(start, pages * page_size)
        for phys in range(start, start + pages * page_size, page_size):
            if data is None:  # the image lacks a part of the window
                raw, at = source.peek(phys, abi.SIZE), 0
            else:
                raw, at = data, phys - start
            first = None if raw is None else abi.array_of(raw, at, page_size)
            if first is not None and preserved.has(first, 0):
                yield phys


def _windows(starts: Iterable[int], page_size: int) -> Iterator[tuple[int, int]]:
    """Yield ``(phys, number of pages)`` of contiguous pages, up to ``_WINDOW`` bytes at once."""
    first, end = 0, 0
    for phys in starts:
        if phys != end or end - first >= _WINDOW:
            if end > first:
                yield first, (end - first) // page_size
            first = phys
        end = phys + page_size
    if end > first:
        yield first, (end - first) // page_size


class _Looked(Source):
    """Reads by :meth:`Source.look`, so that a capture does not keep what is a guest's memory."""

    def __init__(self, inner: Source) -> None:
        self._inner, self._reads = inner, list[tuple[int, int]]()
        self.name, self.arch = inner.name, inner.arch

    def read(self, phys: int, size: int) -> memoryview | None:
        """See :meth:`Source.look`."""
        data = self._inner.look(phys, size)
        if data is not None and size:
            self._reads.append((phys, size))
        return data

    def keep_all(self) -> None:
        """Confirm that everything read so far belongs to LUO."""
        for phys, size in self._reads:
            self._inner.keep(phys, size)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        return self._inner.find_pages(*magics)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return self._inner.extents()

    def close(self) -> None:
        """Do nothing: the inner source stays open."""
