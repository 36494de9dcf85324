"""``hwpkho.encode/1``: the output of encode, and where each structure was placed, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.base.output import STDOUT
from hwpkho.report.parts import efi_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.commands.encode_options import Result
    from hwpkho.encode.layout import Layout

SCHEMA = "hwpkho.encode/1"


def body(result: Result) -> dict[str, Any]:
    """Return the fields of ``hwpkho.encode/1``; one that does not apply is None, never left out."""
    case = result.case
    source = case.handover
    return {
        "source": case.name,
        "source_root": source.root.phys if source and source.root else None,
        "source_role": source.role if source else None,
        "to": result.options.to,
        "output": printable(result.path),
        "dtb": printable(result.dtb_path) if result.dtb_path is not None else None,
        "page_size": result.page_size,
        "count": case.pfns.count,
        "handover": handover(result.layout) if result.layout else None,
        "damage": _damage(result.layout),
        "loss": result.loss._asdict() if result.loss else None,
        "efi_table": efi_table.written(result.table),
        "notes": [printable(note) for note in result.notes],
    }


def of_layout(layout: Layout, source: str, notes: Iterable[str]) -> dict[str, Any]:
    """Return the fields of ``hwpkho.encode/1`` for a layout that no target has written.

    They are those that ``encode --to elf -o -`` prints for a plain list of PFNs.
    """
    return {
        "source": source,
        "source_root": None,
        "source_role": None,
        "to": "elf",
        "output": STDOUT,
        "dtb": None,
        "page_size": layout.page_size,
        "count": layout.blob.count,
        "handover": handover(layout),
        "damage": _damage(layout),
        "loss": None,
        "efi_table": None,
        "notes": list(notes),
    }


def _damage(layout: Layout | None) -> dict[str, Any] | None:
    broken = layout.broken if layout else None
    return {"name": broken.name, "about": broken.about} if broken else None


def handover(layout: Layout) -> dict[str, Any]:
    """Return ``handover`` of ``hwpkho.encode/1`` and ``hwpkho.merge/1``."""
    v = layout.blob.vmalloc
    metadata = layout.metadata
    return {
        "arch": layout.arch,
        "kho_fdt": list(layout.kho_fdt),
        "kho_scratch": list(layout.kho_scratch),
        "root": {
            "phys": layout.root,
            "compatible": layout.version.compatible,
            "totalsize": layout.totalsize,
            "memory_map": layout.memory_map,
            "subtrees": [
                {"name": s.name, "phys": s.phys, "size": s.size} for s in layout.subtrees
            ],
        },
        "tracker": {"pages": layout.tracker, "blocks": layout.blocks},
        "scratch": {
            "array": layout.scratch_array,
            "areas": [list(area) for area in layout.scratch],
        },
        "kexec_metadata": {
            "previous_release": metadata.previous_release,
            "kexec_count": metadata.kexec_count,
        }
        if metadata
        else None,
        "hwpoison": {
            "revision": layout.blob.revision,
            "phys": layout.blob_phys,
            "size": len(layout.raw_blob),
            "version": layout.blob.version,
            "count": layout.blob.count,
            "capacity": v.capacity(layout.page_size),
            "vmalloc": {
                "first": v.first, "total_pages": v.total_pages, "flags": v.flags,
                "order": v.order,
            },
            "chunks": layout.chunks,
            "pages": layout.array,
        },
        "extents": [list(extent) for extent in layout.extents()],
    }  # fmt: skip
