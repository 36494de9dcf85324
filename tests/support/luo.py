"""Makes what LUO preserves: sessions, files and their folios, sound ones and others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hwpkho.abi import kho, luo, memfd, vmalloc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.handovers import Machine, Made

#: A folio: its first PFN, its page of the file, its order.
Folio = tuple[int, int, int]
Entry = luo.Session | luo.File | luo.Flb
_FLAGS = memfd.DIRTY | memfd.UPTODATE


@dataclass
class Orchestrator:
    """LUO in the memory of a machine.

    Attributes:
        machine: The machine.
        blocks: What the tracker has to mark: address and order.
        places: Where things were put, by what they are.
    """

    machine: Machine
    blocks: list[tuple[int, int]] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=dict)

    def page(self, what: str, data: bytes = b"") -> int:
        """Put a page; return its address."""
        phys = self.machine.put(data)
        self.blocks.append((phys, 0))
        self.places.setdefault(what, []).append(phys)
        return phys

    def memfd(self, folios: Sequence[Folio], size: int | None = None, **changes: Any) -> int:
        """Put a memfd of these folios; return the address of its structure.

        ``changes`` are fields of the structure.
        """
        page_size = self.machine.page_size
        self.blocks += [(pfn * page_size, order) for pfn, _, order in folios]
        raw = memfd.build_folios((pfn, page, _FLAGS) for pfn, page, _ in folios)
        at = range(0, len(raw), page_size)
        pages = [self.page("array", raw[i : i + page_size]) for i in at]
        first = 0
        for part in reversed(vmalloc.split(pages, page_size) if pages else []):
            first = self.page("chunk", vmalloc.Chunk(first, part).build(page_size))
        area = vmalloc.KhoVmalloc(first, len(pages), int(bool(pages)))
        if size is None:
            size = sum(page_size << order for _, _, order in folios)
        ser = memfd.MemfdSer(0, size, 0, 0, len(folios), area)._replace(**changes)
        return self.page("memfd", ser.build())

    def chain(self, what: str, entries: Sequence[Entry], per_page: int) -> int:
        """Put blocks of entries, the last one first; return the address of the first."""
        size, first = self.machine.page_size, 0
        for i in reversed(range(0, len(entries), per_page)):
            part = entries[i : i + per_page]
            first = self.page(what, luo.build_page(luo.Head(first, len(part)), part, size))
        return first

    def session(self, name: str | bytes, files: Iterable[tuple[int, int]]) -> luo.Session:
        """Put the blocks of a session's memfds, ``(token, address)``; return the session."""
        entries = [luo.File(b"memfd-v2", data, token) for token, data in files]
        at = self.chain("files", entries, luo.room(self.machine.page_size, luo.FILE))
        raw = name.encode() if isinstance(name, str) else name
        return luo.Session(raw, at, len(entries))

    def blob(
        self, sessions: Sequence[luo.Session], flbs: Sequence[luo.Flb] = (), **changes: Any
    ) -> bytes:
        """Put sessions and FLBs; return the blob. ``changes`` are fields of it."""
        size = self.machine.page_size
        at = self.chain("sessions", sessions, luo.room(size, luo.SESSION))
        shared = self.page("flbs", luo.build_page(luo.Head(1, len(flbs)), flbs, size))
        return luo.Luo(luo.COMPATIBLE, 1, at, shared)._replace(**changes).build()

    def handover(self, blob: bytes, **options: Any) -> Made:
        """Put the handover; see :meth:`tests.support.handovers.Machine.handover`."""
        return self.machine.handover(
            subtrees=[(kho.LUO, blob)], mark=lambda blocks: blocks + self.blocks, **options
        )
