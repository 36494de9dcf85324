"""Memfds of sessions that LUO has not written yet: preserved pages that hold what they must.

LUO preserves a file's memory when it is asked to, and tells of it inside reboot(KEXEC). Until then
the structure of each memfd is complete, in a preserved page of its own that nothing points to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import memfd as abi
from hwpkho.abi.luo import File
from hwpkho.abi.vmalloc import KNOWN_FLAGS
from hwpkho.handover.luo import memfd
from hwpkho.handover.luo.ground import Ground
from hwpkho.handover.luo.model import unwritten
from hwpkho.handover.problems import Report
from hwpkho.images.base import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.abi.tracker.preserved import Preserved
    from hwpkho.handover.luo.model import LuoFile
    from hwpkho.handover.reach import Reach

_COMPATIBLE = abi.COMPATIBLE.encode()


def search(reach: Reach, ground: Ground) -> Iterator[LuoFile]:
    """Yield the memfds whose structure, array and folios are all there and preserved."""
    if reach.walk is None:
        return
    preserved = reach.walk.preserved
    for phys in preserved.starts(0):
        raw = reach.source.peek(phys, abi.SIZE)
        if raw is None or not any(raw) or ground.taken((phys,)):
            continue
        if not _may_be(abi.MemfdSer.parse(raw), preserved, ground.page_size):
            continue
        source = _Looked(reach.source)
        tried = Ground(reach._replace(source=source, report=Report()), ground.page_size)
        tried.chunks = ground.chunks  # no chunk is walked over twice
        found = memfd.read(File(_COMPATIBLE, phys, 0), unwritten(phys), tried)
        if found.folios and found.folios.page[0] == 0 and not tried.report.problems():
            source.keep_all()
            for page in tried.pages:
                ground.take(*page)
            yield found


class _Looked(Source):
    """Memory that may be a guest's, whatever it looks like: a capture has no use for that."""

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
        """Say that all that was read is what it seemed to be."""
        for phys, size in self._reads:
            self._inner.keep(phys, size)

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        return self._inner.find_pages(*magics)

    def extents(self) -> Iterator[tuple[int, int]]:
        """See :meth:`Source.extents`."""
        return self._inner.extents()

    def close(self) -> None:
        """Leave the memory to its owner."""


def _may_be(ser: abi.MemfdSer, preserved: Preserved, page_size: int) -> bool:
    area = ser.folios
    return (
        ser.flags == 0
        and ser.flaw(page_size) is None
        and ser.nr_folios > 0
        and area.total_pages == -(-ser.nr_folios * abi.FOLIO // page_size)
        and area.order == 0
        and not area.flags & ~KNOWN_FLAGS
        and preserved.has(area.first, 0)
    )
