"""The view of a kernel with an e820 table (x86), and what an EFI map adds to it.

Source: arch/x86/kernel/e820.c, arch/x86/kernel/setup.c, arch/x86/platform/efi/quirks.c
(efi_reserve_boot_services), drivers/firmware/efi/libstub/x86-stub.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.ranges import paint
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import BOOT_SERVICES, CMDLINE_NOTE
from hwpkho.memmap import e820, efi, names
from hwpkho.memmap.formats.sysfs_memmap import TYPES as _RESOURCE_TYPES
from hwpkho.memmap.view import VIEWS, ownership
from hwpkho.memmap.view.common import (
    IomemOf,
    View,
    add_iomem,
    any_of,
    attribute,
    efi_of,
    efi_spans,
    first_of,
    flattened,
    is_efi,
    resources_of,
)
from hwpkho.memmap.view.spans import Layer, Span, combine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view import Parameter
    from hwpkho.memmap.view.cmdline import Cmdline
    from hwpkho.memmap.view.spans import Kind


_E820_LABELS = {
    e820.RAM: "System RAM",
    e820.RESERVED: "reserved",
    e820.ACPI: "ACPI data",
    e820.NVS: "ACPI NVS",
    e820.UNUSABLE: "unusable",
    e820.PMEM: "persistent memory",
    e820.PRAM: "persistent memory (type 12)",
    e820.SOFT_RESERVED: "soft reserved",
}
_E820_KINDS: dict[int, Kind] = {
    e820.RAM: "ram",
    e820.UNUSABLE: "retired",
    e820.PMEM: "device",
    e820.PRAM: "device",
    e820.SOFT_RESERVED: "device",
}


def parameters() -> Mapping[str, Parameter]:
    """See :class:`hwpkho.memmap.view.Kernel`."""
    from hwpkho.memmap.view.e820_cmdline import PARAMETERS  # few calls have a command line

    return PARAMETERS


def build(
    maps: Mapping[str, Map],
    line: Cmdline | None,
    iomem_of: IomemOf,
    problems: list[Problem],
) -> View | None:
    """See :class:`hwpkho.memmap.view.Kernel`."""
    firmware, final = first_of(maps, "e820", "firmware"), first_of(maps, "e820", "cmdline")
    if line is not None and firmware is not None:
        final = None  # kexec passes on the firmware's
    efi_map, iomem = efi_of(maps), resources_of(maps)
    base = final or firmware or efi_map or iomem or first_of(maps, "e820") or any_of(maps)
    if base is None:
        return None
    if names.of(base.name).entries == "banks":
        return VIEWS["memblock"].build(maps, line, iomem_of, problems)
    if line is not None and base is final:
        message = (
            f"the command line is applied to {base.name}, which the command line of "
            "the running kernel has changed already"
        )
        line.problems.append(problem(CMDLINE_NOTE, message))
    soft_reserve = line is None or line.soft_reserve
    slots = _slots(base, soft_reserve)
    if not e820.disjoint(slots):  # only overlaps are reported here
        layers = [Layer(_e820_span(s, base.name), s.type) for s in slots]
        flattened(layers, base.name, problems)
    before = e820.sanitize(slots)
    after = before
    if line is not None:
        from hwpkho.memmap.view.e820_cmdline import apply

        after = apply(before, line)
    view = View(_e820_spans(after, base.name), [base.name])
    if efi_map is not None:
        # mem= and the like took RAM away from the final map: the firmware's own is compared.
        own = firmware or base
        known = _e820_spans(e820.sanitize(_slots(own, soft_reserve)), own.name)
        theirs = _refine(view, efi_map, line, problems)
        if efi_map is not base:
            view.checks.append((own.name, known, efi_map.name, theirs))
    if iomem is not None:
        resources = add_iomem(view, iomem, "e820", iomem_of, problems)
        if iomem is not base:
            ours = _e820_spans(before, base.name)
            view.checks.append((base.name, ours, iomem.name, resources))
    return view


def _slots(map_: Map, soft_reserve: bool) -> list[e820.Slot]:
    """Return a map as an e820 table; what has no e820 type is left out."""
    if names.of(map_.name).entries == "resources":
        return _resource_slots(map_)
    slots: list[e820.Slot] = []
    for entry in map_.entries:
        number: int | None
        if is_efi(map_):
            number = efi.to_e820(entry.type, attribute(entry), soft_reserve=soft_reserve)
        else:
            number = e820.type_number(entry.type)
            if ownership.kind_by(map_.name, entry.type, entry.attributes, "e820") == "ram":
                number = e820.RAM
            number = e820.RESERVED if number is None else number
        if number:
            slots.append(e820.Slot(entry.start, entry.end + 1 - entry.start, number))
    return slots


def _resource_slots(iomem: Map) -> list[e820.Slot]:
    """Return /proc/iomem as an e820 table.

    RAM that a driver has handed over (kmem, virtio_mem) is inside what it was before.
    """
    slots: list[e820.Slot] = []
    handed_over: list[tuple[int, int]] = []
    parents: list[bool] = []  # of each open level: whether it or one above is something else
    numbers: dict[str, int | None] = {}  # of each name
    for start, end, name, attributes in iomem.entries:
        depth = attributes.get("depth")
        del parents[depth if isinstance(depth, int) and depth >= 0 else 0 :]
        if name not in numbers:
            ram = ownership.iomem_kind(name) == "ram"
            number = e820.type_number(_RESOURCE_TYPES.get(name, ""))
            numbers[name] = e820.RAM if ram else number
        number = numbers[name]
        inside = bool(parents) and parents[-1]
        if inside and ownership.iomem_kind(name) == "ram":
            handed_over.append((start, end + 1))
        parents.append(inside or number not in (None, e820.RAM))
        if number:
            slots.append(e820.Slot(start, end + 1 - start, number))
    if not handed_over:
        return slots
    layers = [  # what was handed over lies above the rest
        *e820.sanitize(slots),
        *(e820.Slot(a, b - a, e820.RAM) for a, b in handed_over),
    ]
    seen = paint([(s.start, s.start + s.size, n) for n, s in enumerate(layers)])
    return [e820.Slot(a, b - a, layers[n].type) for a, b, n in seen]


def _e820_span(slot: e820.Slot, source: str) -> Span:
    kind = _E820_KINDS.get(slot.type, "firmware")
    label = _E820_LABELS.get(slot.type) or f"type {slot.type}"
    return Span(slot.start, slot.start + slot.size, kind, label, source)


def _e820_spans(slots: Iterable[e820.Slot], source: str) -> list[Span]:
    return [_e820_span(slot, source) for slot in slots]


def _refine(view: View, efi_map: Map, line: Cmdline | None, problems: list[Problem]) -> list[Span]:
    """Add what only an EFI map shows: names, specific-purpose memory, what efi=debug reserves.

    Returns the EFI map's own view.
    """
    soft_reserve = line is None or line.soft_reserve
    spans = efi_spans(efi_map, "e820", soft_reserve, problems)
    keep = line is not None and line.efi_debug

    def choose(base: Span | None, other: Span | None) -> Span | None:
        if base is None:
            # RAM of the EFI map alone is not RAM: mem= removed it, or the stub dropped it.
            return other if other is not None and other.kind != "ram" else None
        if other is None:
            return base
        if base.kind == "ram":
            if other.kind == "device":
                return other
            if other.kind != "ram":
                return base  # reported as a disagreement
            if keep and other.what == "boot-services":
                return other._replace(kind="in-use")
            return other if other.what in ("boot-services", "unaccepted") else base
        return other if other.kind == base.kind else base

    view.spans = combine(view.spans, spans, choose)
    if efi_map.name != view.names[0]:
        view.names.append(efi_map.name)
    boot_services = sum(
        s.end - s.start for s in view.spans if s.kind == "ram" and s.what == "boot-services"
    )
    if line is None and boot_services:
        message = (
            f"0x{boot_services:x} bytes of EFI boot services memory are taken for RAM; the kernel "
            "keeps them reserved when it is booted with efi=debug"
        )
        problems.append(problem(BOOT_SERVICES, message))
    return spans
