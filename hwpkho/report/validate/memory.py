"""What pictures of a judgement show: the map, on it bad pages by their verdicts, and owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.efi.model import MAX_RUNS
from hwpkho.report.parts import to_scale
from hwpkho.report.parts.memory import Memory, of_bytes, with_handover

if TYPE_CHECKING:
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.result import EfiJudged, Validation, Verdict

#: The smallest page there is: what an EFI table calls bad need not be whole pages of the kernel.
_UNIT = 4096
#: What becomes of bad pages, by their verdicts.
_MARKS: dict[str, tuple[Verdict | None, ...]] = {
    "forgotten": ("not-ram",),
    "stays": ("handover", "preserved", "in-use", "firmware"),
    "in-scratch": ("scratch",),
    "replays": ("replays",),
    "reserved": ("reserved",),
    "left": ("device", "retired"),
}


def of(v: Validation) -> Memory:
    """Return all that is to be seen of a case; bad pages without a verdict, too."""
    size = v.page_size or _UNIT
    kinds = _MARKS | {"bad": (None,)}
    found = with_handover(Memory(runs(v), marks(v, kinds)), v.handover, size)
    if v.efi is None or (v.basis.table and v.pfns):  # then its pages are the bad ones
        return found
    units, name = _units(v.efi)
    ends = [(units.first[0], units.last[-1])] if units else []
    return found._replace(
        units=[to_scale.Marks("efi", units, ends, _UNIT)] if units else (),
        names={**found.names, "efi": name},
    )


def _units(efi: EfiJudged) -> tuple[PfnSet, str]:
    """Return what the table calls bad, in units of ``_UNIT``, and what that is called.

    Of a table that the next kernel does not take that is what the table itself says.
    """
    name = "called bad by the EFI table"
    if efi.outcome == "accepted":
        return of_bytes(efi.bad(), _UNIT), name
    comes = "which is ignored" if efi.unread else f"outcome: {efi.outcome or 'cannot be told'}"
    drawn = efi.table.readable and efi.table.run_count() <= MAX_RUNS
    return of_bytes(efi.table.ranges() if drawn else (), _UNIT), f"{name}, {comes}"


def runs(v: Validation) -> list[to_scale.Run]:
    """Return the memory map that the case was judged by, in bytes; empty without one."""
    size = v.page_size or 0
    frames = ((a * size, (b + 1) * size - 1, kind) for a, b, kind, _ in v.frames or ())
    return to_scale.joined(frames)


def marks(
    v: Validation, kinds: dict[str, tuple[Verdict | None, ...]] = _MARKS
) -> list[to_scale.Marks]:
    """Return the bad pages by what becomes of them."""
    found = []
    for kind, verdicts in kinds.items():
        stretches = [(a, b) for a, b, r in v.runs.stretches() if r.verdict in verdicts]
        if stretches:
            found.append(to_scale.Marks(kind, v.runs.pfns, stretches, v.page_size or _UNIT))
    return found
