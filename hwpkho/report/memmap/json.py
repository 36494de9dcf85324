"""``hwpkho.memmap/1``: a memory map as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.memmap.view.ownership import each_is_ram

if TYPE_CHECKING:
    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.regions import Regions

SCHEMA = "hwpkho.memmap/1"


def body(shown: MemmapReport) -> dict[str, Any]:
    """Return the fields of ``hwpkho.memmap/1``; unknown ones are None, never left out."""
    memmap = shown.memmap
    return {
        "source": memmap.source,
        "form": memmap.form,
        "arch": memmap.arch,
        "arch_from": memmap.arch_from,
        "maps": [_map(m, memmap.arch) for m in memmap.maps],
        "next": _next(shown.regions, shown.next_cmdline) if shown.regions else None,
        "problems": [p.to_json() for p in shown.problems],
    }


def _map(map_: Map, arch: str) -> dict[str, Any]:
    is_ram = each_is_ram(map_.name, map_.entries, arch)
    return {
        "name": map_.name,
        "boot": map_.boot,
        "primary": map_.primary,
        "entries": [
            {
                "start": e.start,
                "end": e.end,
                "type": e.type,
                "attributes": dict(e.attributes),
                "ram": ram,
            }
            for e, ram in zip(map_.entries, is_ram, strict=True)
        ],
        "gaps": [{"start": g.start, "end": g.end, "code": g.problem.code} for g in map_.gaps],
    }


def _next(regions: Regions, cmdline: str | None) -> dict[str, Any]:
    return {
        "cmdline": cmdline,
        "by": list(regions.maps),
        "regions": [
            {"start": r.start, "end": r.end, "kind": r.kind, "label": r.label}
            for r in regions.regions
        ],
    }
