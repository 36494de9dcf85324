"""``efi_poisoned_memory`` of ``hwpkho.decode/1``: EFI tables of poisoned memory as JSON.

A bitmap of 4 MiB may have millions of runs, so units and ranges are written in pieces.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.efi.model import PoisonTable


def field(tables: Sequence[PoisonTable]) -> jsondoc.Array | None:
    """Return the value of the field, None if there is no table."""
    if not tables:
        return None
    return jsondoc.Array(chain.from_iterable(_table(t, n) for n, t in enumerate(tables)))


def _table(table: PoisonTable, number: int) -> Iterator[str]:
    before = "," if number else ""
    head = jsondoc.text(_head(table))
    yield f'{before}{head[:-1]},"units":'
    if table.bitmap is None:
        yield "null"
    else:
        yield "["
        runs = ((a, b - 1) for a, b in table.set_units())
        yield from jsondoc.joined(f"{a}" if a == b else f"[{a},{b}]" for a, b in runs)
        yield "]"
    yield ',"ranges":['
    yield from jsondoc.joined(f"[{a},{b - 1}]" for a, b in table.ranges())
    yield f'],"problems":{jsondoc.text([p.to_json() for p in table.problems])}}}'


def _head(table: PoisonTable) -> dict[str, Any]:
    h = table.header
    return {
        "source": table.source,
        "phys": table.phys,
        "layout": table.layout,
        "layout_sure": table.told.sure if table.layout else None,
        "layout_why": table.told.why,
        "entry": {"phys": table.entry.phys, "beside": list(table.entry.beside)}
        if table.entry
        else None,
        "version": h.version if h else None,
        "unit_size": h.unit_size if h else None,
        "phys_base": table.phys_base,
        "size": h.size if h else None,
        "slack": table.slack,
        "set": table.units(),
        "bytes_lost": table.bad_bytes() if table.readable else None,
        "nodes": None
        if table.nodes is None
        else [
            {"phys": n.phys, "size": n.room, "count": n.used, "next": n.next} for n in table.nodes
        ],
    }
