"""The pages that an EFI table of poisoned memory calls bad, and what becomes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import PFN_MAX, pfn_set
from hwpkho.codes import efi_kernel
from hwpkho.codes.memmap_gaps import IN_GAP
from hwpkho.judging.rulings import Ruling, Runs

if TYPE_CHECKING:
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import EfiJudged, Exclusion
    from hwpkho.judging.rulings import Verdict

_TAKEN: dict[Exclusion, Verdict] = {"reserved": "reserved", "flagged": "replays"}


def listed(judged: EfiJudged, page_size: int) -> PfnSet:
    """Return the PFNs that the table calls bad: each page that a bad range touches."""
    return pfn_set(of_runs((a // page_size, (b - 1) // page_size) for a, b in judged.bad()))


def runs(judged: EfiJudged, pfns: PfnSet, kernel: NextKernel) -> Runs:
    """Return ``pfns``, cut where the ruling changes, with their rulings.

    Where the kernel does not read the table, all of them stay in use. Where it crashes on the
    table, the verdicts are those of a kernel that did not. Without a memory map every verdict is
    None.
    """
    found = Runs(pfns)
    frames = kernel.frames
    if frames is None:
        found.add(0, PFN_MAX, Ruling(None, None, None))
        return found
    nowhere = Ruling("not-ram", efi_kernel.OUTSIDE.id, None)
    above = 0
    for (first, last, kind, label), what in zip(frames.runs(), frames.what, strict=True):
        found.add(above, first - 1, nowhere)
        where, above = printable(label), last + 1
        if kind == "unknown":
            ruling = Ruling(None, IN_GAP.id, where, "gap")
        elif kind == "ram" and not judged.unread:
            ruling = Ruling(_TAKEN[judged.fate], None, where)
        elif kind in ("ram", "in-use"):
            code = efi_kernel.OVER_KERNEL.id if what == "kernel" else None
            ruling = Ruling("in-use", code, where)
        else:
            ruling = Ruling("not-ram", efi_kernel.OUTSIDE.id, where)
        found.add(first, last, ruling)
    found.add(above, PFN_MAX, nowhere)
    return found
