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
from hwpkho.handover.problems import Report

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
        tried = Ground(reach._replace(report=Report()), ground.page_size)
        tried.chunks = ground.chunks  # no chunk is walked over twice
        found = memfd.read(File(_COMPATIBLE, phys, 0), "", tried)
        if found.folios and found.folios.page[0] == 0 and not tried.report.problems():
            for page in tried.pages:
                ground.take(*page)
            yield found


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
