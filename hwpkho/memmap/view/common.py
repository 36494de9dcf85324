"""Parts that the views of all kernels share: EFI maps, /proc/iomem, comparisons.

Source: drivers/firmware/efi/efi-init.c, kernel/resource.c, arch/arm64/kernel/setup.c
(request_standard_resources), arch/x86/kernel/setup.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hwpkho.base.counting import counted
from hwpkho.base.ranges import difference, union
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import OVERLAP, RUNNING_KERNEL
from hwpkho.memmap import efi, names
from hwpkho.memmap.view import ownership
from hwpkho.memmap.view.spans import Layer, Span, combine, fill, flatten, occupy, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Entry, Map
    from hwpkho.memmap.view.spans import Kind, What

IomemOf = Literal["running", "next"]

#: What is in use by the kernel that printed /proc/iomem.
_IMAGE = ("kernel", "crash-kernel")
_RAM: tuple[Kind, str, What] = ("ram", "System RAM", "memory")
_EFI_WHAT: dict[str, What] = {
    **dict.fromkeys(efi.BOOT_SERVICES, "boot-services"),
    "unaccepted": "unaccepted",
}


class View:
    """Memory as a kernel sees it.

    Attributes:
        spans: Ascending and disjoint.
        names: The maps used, the one that decides what is RAM first.
        checks: Pairs of maps that should agree about RAM: name and spans of each. The first of a
            pair is believed.
    """

    def __init__(self, spans: list[Span], names: list[str]) -> None:
        self.spans, self.names = spans, names
        self.checks: list[tuple[str, list[Span], str, list[Span]]] = []


def is_efi(map_: Map) -> bool:
    """Tell whether a map has EFI descriptors; ESXi's boot loader logs either those or e820."""
    entries = names.of(map_.name).entries
    return entries == "efi" or (
        entries == "e820 or efi" and any("attr" in entry.attributes for entry in map_.entries)
    )


def efi_of(maps: Mapping[str, Map]) -> Map | None:
    """Return the best EFI map of the whole machine."""
    described = names.found(maps, ("efi", "e820 or efi"))
    return next((m for m in described if m.entries and is_efi(m)), None)


def first_of(
    maps: Mapping[str, Map], entries: names.Entries, stage: names.Stage | None = None
) -> Map | None:
    """Return the best map with such ``entries``, and of that ``stage``, that is not empty."""
    return next((m for m in names.found(maps, (entries,), stage) if m.entries), None)


def resources_of(maps: Mapping[str, Map]) -> Map | None:
    """Return the best map of resources, as /proc/iomem has them; an empty one if all are empty."""
    return first_of(maps, "resources") or next(names.found(maps, ("resources",)), None)


def any_of(maps: Mapping[str, Map]) -> Map | None:
    """Return the first map that is not empty and says what RAM there is, of whatever kind."""
    return next((m for m in maps.values() if m.entries and not names.of(m.name).no_ram), None)


def flattened(layers: list[Layer], name: str, problems: list[Problem]) -> list[Span]:
    """Return the layers of map ``name`` as disjoint spans; report overlaps of different kinds."""
    spans, overlaps = flatten(layers)
    if overlaps:
        seen, hidden = overlaps[0]
        start, end = max(seen.start, hidden.start), min(seen.end, hidden.end) - 1
        more = f" (and {len(overlaps) - 1} more)" if len(overlaps) > 1 else ""
        message = f"{name}: 0x{start:x}-0x{end:x} is {seen.label} and {hidden.label}{more}"
        problems.append(problem(OVERLAP, f"{message}: {seen.label} counts", start))
    return spans


def attribute(entry: Entry) -> int:
    """Return the attribute word of an EFI entry; write-back if it has none."""
    attr = entry.attributes.get("attr")
    return attr if isinstance(attr, int) else efi.WB


def efi_spans(map_: Map, memory: str, soft_reserve: bool, problems: list[Problem]) -> list[Span]:
    """Return an EFI map as seen by a kernel that builds its memory from ``memory``.

    With memblock, a later descriptor may add RAM, what is marked not to be mapped stays so, and a
    descriptor that is not memory hides nothing.
    """
    layers: list[Layer] = []
    for entry in map_.entries:
        kind = _efi_kind(entry, memory, soft_reserve)
        label, what = f"EFI {entry.type}", _EFI_WHAT.get(entry.type, "memory")
        if memory == "memblock":
            priority = {"ram": 1, "device": 2}.get(kind, 3)
            if not attribute(entry) & efi.MEMORY:
                priority = 0
                label, what = f"{label}, no memory", "uncached"
        else:
            priority = efi.to_e820(entry.type, attribute(entry), soft_reserve=soft_reserve) or 0
        span = Span(entry.start, entry.end + 1, kind, label, map_.name, what)
        layers.append(Layer(span, priority))
    return flattened(layers, map_.name, problems)


def _efi_kind(entry: Entry, memory: str, soft_reserve: bool) -> Kind:
    attr = attribute(entry)
    if entry.type in efi.USABLE or entry.type in ("persistent", "unaccepted"):
        return ownership.efi_kind(entry.type, attr, memory, soft_reserve=soft_reserve)
    return "retired" if entry.type == "unusable" else "firmware"


def iomem_spans(map_: Map, memory: str, iomem_of: IomemOf, problems: list[Problem]) -> list[Span]:
    """Return the resources as spans: the innermost one counts, except inside RAM.

    Inside RAM only the kernel image, memblock's reservations and a crash kernel count, and only in
    the /proc/iomem of the kernel that is judged.
    """
    spans: list[Span] = []
    parents: list[tuple[int, int, Kind, What]] = []
    images = 0
    known: dict[str, tuple[Kind, What]] = {}  # of each name
    for start, end, name, attributes in map_.entries:
        depth = attributes.get("depth")
        del parents[depth if isinstance(depth, int) and depth >= 0 else 0 :]
        outer = parents[-1] if parents else None
        inside = outer is not None and outer[0] <= start and end <= outer[1]
        if name not in known:
            known[name] = ownership.of_resource(name)
        (kind, what), label = known[name], name
        used = what in _IMAGE
        if kind != "ram" and inside and outer is not None:
            if outer[2] in ("ram", "in-use"):
                used = used or name == "reserved"
                if not used:
                    kind, label, what = _RAM
            else:
                if outer[2] == "device" and kind == "firmware":
                    kind = "device"
                if outer[3] == "memory" and what == "resource":
                    what = "memory"  # a driver's part of it
        if used and kind == "firmware":  # also in a fragment without its System RAM
            images += 1
            kind, label, what = ("in-use", name, what) if iomem_of == "next" else _RAM
        elif kind == "firmware" and name == "reserved" and memory == "memblock":
            label, what = "reserved (not mapped)", "not-mapped"
        parents.append((start, end, kind, what))
        spans.append(Span(start, end + 1, kind, label, map_.name, what))
    if images and iomem_of == "running":
        message = counted(
            images,
            "range in use by the running kernel is RAM for the next one",
            "ranges in use by the running kernel are RAM for the next one",
        )
        problems.append(problem(RUNNING_KERNEL, message))
    return stacked(spans)


def add_iomem(
    view: View, iomem: Map, memory: str, iomem_of: IomemOf, problems: list[Problem]
) -> list[Span]:
    """Add to the view the users of RAM and the ranges it lacks; return the spans of iomem."""
    spans = iomem_spans(iomem, memory, iomem_of, problems)
    taken = [s for s in spans if s.kind == "in-use"]
    described = [s for s in spans if s.kind not in ("ram", "in-use")]
    if taken:
        view.spans = combine(view.spans, taken, occupy)
    view.spans = combine(view.spans, described, fill)
    if iomem.name != view.names[0]:
        view.names.append(iomem.name)
    return spans


def subtract(left: Sequence[Range], right: Sequence[Range], floor: int) -> list[Range]:
    """Return the whole 4 KiB pages above ``floor`` that are in ``left`` and not in ``right``."""
    out: list[Range] = []
    for first, past in difference(union(left), union(right)):
        start = -(-max(first, floor) // efi.PAGE) * efi.PAGE
        end = past // efi.PAGE * efi.PAGE
        if start < end:
            out.append((start, end))
    return out
