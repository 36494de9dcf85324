"""What scratch costs: memory kept for the next kernel, until then for movable pages only."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union
from hwpkho.codes.limits import MAX_SCRATCH, SKIPPED
from hwpkho.codes.preserved import NEVER_PRESERVED
from hwpkho.handover.luo import luo_of
from hwpkho.judging.limits import no_share
from hwpkho.judging.result import ScratchCost, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding


def of(handover: Handover, pfns: PfnSet, kernel: NextKernel) -> ScratchCost | None:
    """Return what scratch costs, with the bad PFNs in it; None where the input does not show it."""
    areas = handover.scratch.areas if handover.scratch else None
    if not areas:
        return None
    shift, ranges = page_shift(kernel.page_size), union((a, a + n) for a, n in areas if n)
    size = sum(end - start for start, end in ranges)
    first = array("Q", (start >> shift for start, _ in ranges))
    last = array("Q", ((end - 1) >> shift for _, end in ranges))
    of_ram = None if no_share(kernel) else min(size / (kernel.ram_pages() << shift), 1.0)
    bad = pfns & pfn_set(Listing(first, last))
    return ScratchCost(areas, size, of_ram, bad)


def check(
    handover: Handover, cost: ScratchCost | None, limit: float | None, kernel: NextKernel
) -> Iterator[Finding]:
    """Yield findings where scratch exceeds ``limit``, and where LUO would use bad pages in it.

    ``limit`` is a share of RAM, 0 to 1, None for none.
    """
    if limit is not None:
        if cost is None:
            yield finding(SKIPPED, "the limit on scratch: the input does not show where it is")
        elif cost.of_ram is None:
            yield finding(SKIPPED, f"the limit on scratch: {no_share(kernel)}")
        elif cost.of_ram > limit:
            yield finding(
                MAX_SCRATCH,
                f"scratch has {human_bytes(cost.size)}, {cost.of_ram:.2%} of RAM, more than the "
                f"limit of {limit:.2%}",
            )
    if cost is not None and cost.bad and luo_of(handover) is not None:
        bad = cost.bad
        n = bad.pages()
        message = f"{counted(n, 'PFN is', 'PFNs are')} in scratch, from which LUO moves a file"
        ends = bad.first[0], bad.last[-1]
        yield finding(NEVER_PRESERVED, f"{message}'s pages first: 0x{ends[0]:x}", pfns=ends)
