"""The boxes in pictures of a judgement: the handover's and the EFI table's, with findings.

A finding about pages is shown at each box that holds one of them, any other at the box that holds
its address. Problems of decoding are placed by :mod:`hwpkho.report.parts.structure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.counting import counted
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import Problem
from hwpkho.report.parts import structure
from hwpkho.report.parts.memory import of_bytes
from hwpkho.report.parts.structure import Box, Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.result import EfiJudged, Validation
    from hwpkho.judging.rulings import Ruling


def of(v: Validation) -> Structure | None:
    """Return the boxes of a case, None if it has neither a handover nor an EFI table."""
    if v.handover is None and v.efi is None:
        return None
    found = Structure((), (), "The EFI table of poisoned memory")
    if v.handover is not None:
        found = structure.of_handover(v.handover)
    boxes = [*found.boxes, *([_table(v.efi)] if v.efi else [])]
    shown = set(v.handover.problems if v.handover else ())
    pages = [(box, _pages(box, v)) for box in boxes]
    under = _under(pages, v)
    rulings = zip(v.runs.rulings, v.runs.extents, strict=True)
    by_place = {(r.code, e.first, e.last): under.get(r, []) for r, e in rulings}
    places_of = structure.Places(boxes)
    for f in v.findings:
        if f.severity == "note" or f.problem in shown:
            continue
        if f.first is None or f.last is None:
            at = places_of.at(f.phys)
            places = [at] if at else []
        else:
            ends = (f.first, f.last)
            held = [box for box, within in pages if any(pfn in within for pfn in ends)]
            places = by_place.get((f.code, *ends), held)
        for box in places:
            box.problems.append(Problem(f.code, f.severity, f.message, f.phys))
    return Structure(tuple(boxes), found.elsewhere, found.title)


def _table(efi: EfiJudged) -> Box:
    """Return the box of the table: its size, and what the next kernel does with it."""
    table = efi.table
    lines = [f"0x{efi.phys:x}", efi.layout or "layout unknown"]
    units = table.units()
    if units is not None:
        lines.append(counted(units, "entry" if table.header is None else "unit"))
    size = 1
    if table.layout is not None and table.bitmap is not None:
        size = LAYOUTS[table.layout].HEAD + len(table.bitmap)
    spans = [(node.phys, 1) for node in table.nodes or () if node.phys is not None]
    spans.append((efi.phys, size))
    if efi.outcome == "accepted":
        return Box(0, "EFI table", [*lines, f"accepted by {efi.consumer}"], spans)
    comes = "ignored" if efi.unread else efi.outcome or "not known"
    return Box(
        0, "EFI table", lines, spans, "ignored" if efi.unread else "read",
        why=f"{comes}: {efi.reason}",
    )  # fmt: skip


def _under(pages: Sequence[tuple[Box, PfnSet]], v: Validation) -> dict[Ruling, list[Box]]:
    """Return for each ruling with a code the boxes that hold bad pages under it."""
    found: dict[Ruling, list[Box]] = {r: [] for r in v.runs.rulings if r.code}
    owners = {id(file): box for box, _ in pages for file in box.files}
    for ruling, places in found.items():
        if ruling.owner is not None and id(ruling.owner.file) in owners:
            places.append(owners[id(ruling.owner.file)])
    bad = v.runs.pfns
    held = ((b, pfn_set(of_runs(run for x in p for run in bad.runs(*x)))) for b, p in pages)
    hits = [(box, hit) for box, hit in held if hit]
    for first, last, ruling in v.runs.stretches() if hits else ():
        places = found.get(ruling, [])
        for box, hit in hits if ruling.code else ():
            at = hit.following(first)
            if at is not None and at <= last and box not in places:
                places.append(box)
    return found


def _pages(box: Box, v: Validation) -> PfnSet:
    """Return the pages that a box occupies, wholly or in part."""
    return of_bytes(((at, at + size) for at, size in box.spans), v.page_size or DEFAULT_PAGE_SIZE)
