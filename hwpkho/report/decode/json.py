"""``hwpkho.decode/1``: handovers as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.report.decode import luo_json, table_json
from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover, HwpoisonList, Root, Scratch

SCHEMA = "hwpkho.decode/1"


def body(handovers: Sequence[Handover], tables: Sequence[PoisonTable] = ()) -> dict[str, Any]:
    """Return the fields of ``hwpkho.decode/1``, for :func:`jsondoc.pieces`; unknown: None."""
    return {
        "handovers": jsondoc.Array(_handovers(handovers)),
        "efi_poisoned_memory": table_json.field(tables),
    }


def _handovers(handovers: Sequence[Handover]) -> Iterator[str]:
    for number, h in enumerate(handovers):
        yield f'{"," if number else ""}{jsondoc.text(_head(h))[:-1]},"hwpoison":'
        yield from _hwpoison(h.hwpoison, h.page_size) if h.hwpoison else ("null",)
        yield f',"problems":{jsondoc.text([p.to_json() for p in h.problems])}'
        yield from jsondoc.gathered(luo_json.fields(h))
        yield "}"


def _head(h: Handover) -> dict[str, Any]:
    return {
        "source": h.source,
        "page_size": h.page_size,
        "arch": h.arch,
        "role": h.role,
        "root": _root(h.root) if h.root else None,
        "unread": h.unread,
        "tracker": h.tracker,
        "scratch": _scratch(h.scratch) if h.scratch else None,
        "kexec_metadata": {
            "previous_release": printable(h.metadata.previous_release),
            "kexec_count": h.metadata.kexec_count,
        }
        if h.metadata
        else None,
    }


def _root(root: Root) -> dict[str, Any]:
    return {
        "phys": root.phys,
        "compatible": root.compatible,
        "totalsize": root.totalsize,
        "memory_map": root.memory_map,
        "subtrees": [
            {"name": s.name, "phys": s.phys, "size": s.size, "kind": s.kind, "details": s.details}
            for s in root.subtrees
        ],
    }


def _scratch(scratch: Scratch) -> dict[str, Any]:
    areas = None if scratch.areas is None else [list(a) for a in scratch.areas]
    return {"array": scratch.array, "length": scratch.length, "areas": areas}


def _hwpoison(w: HwpoisonList, page_size: int | None) -> Iterator[str]:
    blob = w.blob
    v = blob.vmalloc if blob else None
    head = {
        "revision": w.revision,
        "phys": w.phys,
        "size": w.size,
        "version": w.version,
        "count": blob.count if blob else None,
        "capacity": v.capacity(page_size) if v and page_size else None,
        "vmalloc": {
            "first": v.first, "total_pages": v.total_pages, "flags": v.flags, "order": v.order,
        } if v else None,
        "chunks": w.chunks,
    }  # fmt: skip
    yield jsondoc.text(head)[:-1]
    for name, column in (("pages", w.pages), ("pfns", w.pfns)):
        yield f',"{name}":'
        if column is None:
            yield "null"
        else:
            yield "["
            yield from jsondoc.numbers(column).pieces
            yield "]"
    yield "}"
