"""What becomes of a list that the next kernel takes: what early boot holds, what is carried on.

Source: the proposed consumer in mm/memory-failure.c (each revision), which replays in a late
initcall and then publishes a list of its own; measured on real kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.ranges import difference, union
from hwpkho.codes import pfnlist
from hwpkho.codes.blob import EMPTY, NOTHING_LEFT
from hwpkho.judging.decision import Decision, spent
from hwpkho.judging.result import finding

if TYPE_CHECKING:
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding
    from hwpkho.judging.rulings import Runs

#: Bytes of the lowest RAM outside scratch in which early boot was seen to hold pages: of 2,500
#: random PFNs the kernel reported 43 as Ignored, all of them there.
EARLY_BOOT = 32 << 20


class Unsure(NamedTuple):
    """PFNs that replay, but that early boot may hold: how many, the first and the last."""

    pfns: int
    first: int
    last: int


def publishes(h: Handover, runs: Runs) -> Decision | None:
    """Return what comes of the list that the consumer publishes itself after the replay.

    None where it has at least one PFN of this list, or where that is unknown.
    """
    w = h.hwpoison
    if w is None or w.pfns is None or spent(h):
        return None
    if not w.pfns:
        why = "the list is empty"
    elif runs.rulings and all(r.verdict == "not-ram" for r in runs.rulings):
        why = "no PFN of the list can be recorded, so the next kernel's list is empty"
    else:
        return None
    from hwpkho.abi.hwpoison import REVISIONS  # loaded with the handover

    if w.revision and REVISIONS[w.revision].EMPTY_PANICS:
        message = f"{why}; the next kernel panics when it publishes that"
        return Decision("crash", finding(NOTHING_LEFT, message, phys=w.phys))
    # The reader has reported a list that is empty itself.
    return Decision("replay", finding(EMPTY, why) if w.pfns else None)


def unsure(runs: Runs, kernel: NextKernel, handover: Handover | None) -> Unsure | None:
    """Return the PFNs that replay in the lowest RAM outside scratch, None for none of them."""
    if kernel.frames is None:
        return None
    limit = _limit(kernel, (handover and handover.scratch and handover.scratch.areas) or ())
    found: Unsure | None = None
    for start, end, ruling in runs.stretches():
        if start > limit:
            break
        if ruling.verdict != "replays":
            continue
        last = end if end <= limit else runs.pfns.preceding(limit)
        if last is None:
            continue
        pages = runs.pfns.pages(start, last)
        found = Unsure(pages + (found.pfns if found else 0), found.first if found else start, last)
    return found


def _limit(kernel: NextKernel, scratch: tuple[tuple[int, int], ...]) -> int:
    """Return the last frame of the lowest RAM, scratch not counted; -1 without any."""
    shift = page_shift(kernel.page_size)
    left, limit = EARLY_BOOT >> shift, -1
    areas = union((a >> shift, ((a + n - 1) >> shift) + 1) for a, n in scratch if n)
    for first, end in difference(((a, b + 1) for a, b in kernel.ram()), areas):
        limit = min(end, first + left) - 1
        left -= limit - first + 1
        if not left:
            break
    return limit


def as_finding(low: Unsure) -> Finding:
    """Return the finding on the PFNs that early boot may hold."""
    pfns = counted(low.pfns, "PFN that is replayed is", "PFNs that are replayed are")
    span = f"0x{low.first:x}" if low.first == low.last else f"0x{low.first:x} to 0x{low.last:x}"
    size = human_bytes(EARLY_BOOT)
    message = f"{pfns} in the lowest {size} of RAM, where early boot allocates: {span}"
    return finding(pfnlist.EARLY_BOOT, message, pfns=(low.first, low.last))
