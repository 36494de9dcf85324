"""What pictures of a judgement show: the map, bad pages by their verdicts, owners, EFI units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.parts import to_scale
from hwpkho.report.parts.memory import Memory, of_bytes, with_handover

if TYPE_CHECKING:
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.result import EfiJudged, Validation
    from hwpkho.judging.rulings import Verdict

#: Bytes: the smallest page size, as an EFI table's units may be smaller than the kernel's pages.
_UNIT = 4096
#: Kinds of ``to_scale.BAD`` → the verdicts of their pages.
_MARKS: dict[str, tuple[Verdict | None, ...]] = {
    "forgotten": ("not-ram",),
    "stays": ("handover", "preserved", "in-use", "firmware"),
    "in-scratch": ("scratch",),
    "replays": ("replays",),
    "reserved": ("reserved",),
    "left": ("device", "retired"),
}


def of(v: Validation) -> Memory:
    """Return all that a picture of the case shows, with bad pages that have no verdict, too."""
    size = v.page_size or _UNIT
    kinds = _MARKS | {"bad": (None,)}
    found = with_handover(Memory(runs(v), marks(v, kinds)), v.handover, size)
    # Where the table itself is the list, its pages are drawn as bad pages already.
    if v.efi is None or (v.basis.table and v.pfns):
        return found
    units, name = _units(v.efi)
    ends = [(units.first[0], units.last[-1])] if units else []
    return found._replace(
        units=[to_scale.Marks("efi", units, ends, _UNIT)] if units else (),
        names={**found.names, "efi": name},
    )


def _units(efi: EfiJudged) -> tuple[PfnSet, str]:
    """Return what the table calls bad, in units of ``_UNIT`` bytes, and its name in the legend.

    If the next kernel takes the table, it is what that kernel reads in it; else what hwpkho reads.
    """
    from hwpkho.efi.model import MAX_RUNS  # loaded with the table

    name = "called bad by the EFI table"
    if efi.outcome == "accepted":
        return of_bytes(efi.bad(), _UNIT), name
    comes = "which is ignored" if efi.unread else f"outcome: {efi.outcome or 'not known'}"
    drawn = efi.table.readable and efi.table.run_count() <= MAX_RUNS
    return of_bytes(efi.table.ranges() if drawn else (), _UNIT), f"{name}, {comes}"


def runs(v: Validation) -> list[to_scale.Run]:
    """Return the memory map that the case was judged by, as runs in bytes; empty without one."""
    size = v.page_size or 0
    frames = ((a * size, (b + 1) * size - 1, kind) for a, b, kind, _ in v.frames or ())
    return to_scale.joined(frames)


def marks(
    v: Validation, kinds: dict[str, tuple[Verdict | None, ...]] = _MARKS
) -> list[to_scale.Marks]:
    """Return the bad pages as marks, one for each of ``kinds`` that has any, in that order."""
    found = []
    for kind, verdicts in kinds.items():
        stretches = [(a, b) for a, b, r in v.runs.stretches() if r.verdict in verdicts]
        if stretches:
            found.append(to_scale.Marks(kind, v.runs.pfns, stretches, v.page_size or _UNIT))
    return found
