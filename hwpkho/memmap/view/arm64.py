"""The view of a kernel without an e820 table (arm64): memblock, filled from EFI or device tree.

Source: drivers/firmware/efi/efi-init.c, drivers/of/fdt.c, drivers/of/of_reserved_mem.c,
mm/memblock.c (memblock_mem_limit_remove_map), arch/arm64/mm/init.c, arch/arm64/kernel/setup.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.params import memparse
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.memmap import names
from hwpkho.memmap.view import ownership
from hwpkho.memmap.view.common import (
    IomemOf,
    View,
    add_iomem,
    any_of,
    efi_spans,
    first_of,
    flattened,
    iomem_spans,
    is_efi,
    resources_of,
)
from hwpkho.memmap.view.spans import Layer, Span, combine, fill, flatten, keep_ram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Entry, Map
    from hwpkho.memmap.view import Parameter
    from hwpkho.memmap.view.cmdline import Cmdline
    from hwpkho.memmap.view.spans import Kind


def _mem(line: Cmdline, value: str) -> None:
    size, rest = memparse(value, "mem=")
    if rest or not size:
        raise UsageError(f"mem=: {printable(value)} is not a size above 0")
    line.limit = size


def parameters() -> dict[str, Parameter]:
    """See :class:`hwpkho.memmap.view.Kernel`."""
    return {"mem": _mem}


def build(
    maps: Mapping[str, Map],
    line: Cmdline | None,
    iomem_of: IomemOf,
    problems: list[Problem],
) -> View | None:
    """See :class:`hwpkho.memmap.view.Kernel`."""
    soft_reserve = line is None or line.soft_reserve
    iomem, tree = resources_of(maps), first_of(maps, "banks", "firmware")
    base = (
        first_of(maps, "efi")
        or tree
        or first_of(maps, "resources")
        or first_of(maps, "banks")
        or any_of(maps)
    )
    if base is None:
        return None
    if is_efi(base):
        spans = efi_spans(base, "memblock", soft_reserve, problems)
    elif base is iomem:
        spans = iomem_spans(base, "memblock", iomem_of, problems)
    else:
        spans = _plain_spans(base, problems)
    view = View(spans, [base.name])
    for limits in names.beside(maps, "limit"):
        view.spans = _usable_ranges(view, limits)
    if line is not None and line.limit is not None:
        view.spans = _limited(view.spans, line.limit)
    reserved = _reservations(maps)
    view.names += [m.name for m in names.beside(maps, "reservations")]
    view.spans = combine(view.spans, reserved, _reserve)
    if iomem is not None and iomem is not base:
        resources = add_iomem(view, iomem, "memblock", iomem_of, problems)
        view.checks.append((base.name, spans, iomem.name, resources))
    if tree is not None and tree is not base:
        view.checks.append((base.name, spans, tree.name, _plain_spans(tree, [])))
    return view


def _plain_spans(map_: Map, problems: list[Problem]) -> list[Span]:
    layers: list[Layer] = []
    for entry in map_.entries:
        kind = ownership.kind_by(map_.name, entry.type, entry.attributes, "memblock")
        if kind != "none":
            label = "System RAM" if kind == "ram" else entry.type
            span = Span(entry.start, entry.end + 1, kind, label, map_.name)
            layers.append(Layer(span, 0 if kind == "ram" else 1))
    return flattened(layers, map_.name, problems)


def _reservations(maps: Mapping[str, Map]) -> list[Span]:
    """Return what a device tree withholds from the page allocator; CMA areas stay RAM.

    Of U-Boot's reservations only those with no-map outlast U-Boot.
    """
    layers: list[Layer] = []
    for name, map_ in ((m.name, m) for m in names.beside(maps, "reservations")):
        for entry in map_.entries:
            node = entry.attributes.get("node")
            label = f"{entry.type} {node}" if node else entry.type
            kind: Kind = "in-use"
            priority = 1
            flags = str(entry.attributes.get("flags"))
            if entry.attributes.get("no-map", "no-map" in flags):
                kind, priority = "firmware", 2
            elif names.of(name).temporary:
                continue
            elif entry.attributes.get("reusable") and _is_cma(entry):
                kind, priority = "ram", 0
            layers.append(Layer(Span(entry.start, entry.end + 1, kind, label, name), priority))
    return flatten(layers)[0]


def _is_cma(entry: Entry) -> bool:
    """Tell whether the allocator gets it: only a shared-dma-pool is CMA (rmem_cma_setup)."""
    return entry.attributes.get("compatible") == "shared-dma-pool"


def _reserve(below: Span | None, above: Span | None) -> Span | None:
    if below is None:
        # Reserved, and not RAM: it belongs to firmware or a device.
        return above._replace(kind="firmware") if above is not None else None
    return above if above is not None and below.kind == "ram" else below


def _usable_ranges(view: View, limits: Map) -> list[Span]:
    """Apply linux,usable-memory-range: the first range limits RAM, a second one is added."""
    if not limits.entries:
        return view.spans
    view.names.append(limits.name)
    ranges = [(e.start, e.end + 1) for e in limits.entries]
    spans = keep_ram(view.spans, ranges)
    added = [Layer(Span(a, b, "ram", "System RAM", limits.name), 0) for a, b in ranges[1:]]
    return combine(spans, flatten(added)[0], fill)


def limit_end(backed: Iterable[tuple[int, int]], limit: int) -> int | None:
    """Return the address at which ``mem=`` cuts off memblock, None where there is less RAM.

    ``limit`` in bytes; ``backed`` are memblock's ranges ``(start, size)``, ascending and disjoint,
    those without a mapping included: they count, but are not removed.
    """
    left = limit
    for start, size in backed:
        if left <= size:
            return start + left
        left -= size
    return None


def _limited(spans: list[Span], limit: int) -> list[Span]:
    """Apply ``mem=``: it counts all of memblock, mapped or not, and cuts off mapped RAM beyond."""
    limit &= ~0xFFF
    counted = [(s.start, s.end - s.start) for s in spans if _in_memblock(s)]
    end = limit_end(counted, limit) if limit else None
    return spans if end is None else keep_ram(spans, [(0, end)])


def _in_memblock(span: Span) -> bool:
    if names.of(span.source).entries in ("efi", "e820 or efi"):
        return span.what != "uncached"
    return span.kind in ("ram", "in-use") or span.what == "not-mapped"
