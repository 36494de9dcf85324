"""Limits that the user sets on a list.

Findings name the limit, not the option: a library call and the command line give the same document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.codes.limits import MAX_FRACTION, MAX_PAGES, MAX_PER_GIB, SKIPPED
from hwpkho.judging.result import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.options import Limits


def check(
    pfns: PfnSet, limits: Limits, kernel: NextKernel, *, unread: bool = False
) -> Iterator[Finding]:
    """Yield a finding for each limit that the list exceeds, and for each that cannot be checked.

    ``unread``: there is a list, but it cannot be read. The limit on scratch is checked in
    :mod:`hwpkho.judging.scratch_cost`.
    """
    if unread:
        for name, limit in (
            ("pages", limits.pages),
            ("the share of RAM", limits.fraction),
            ("pages in one GiB", limits.per_gib),
        ):
            if limit is not None:
                yield finding(SKIPPED, f"the limit on {name}: the list cannot be read")
        return
    wanted = limits.pages is not None or limits.fraction is not None
    pages = pfns.pages() if wanted else 0
    if limits.pages is not None and pages > limits.pages:
        distinct = counted(pages, "distinct PFN")
        yield finding(MAX_PAGES, f"{distinct}, more than the limit of {limits.pages}")
    if limits.fraction is not None:
        ram, unknown = kernel.ram_pages(), no_share(kernel)
        if unknown and (not ram or pages > limits.fraction * ram):
            yield finding(SKIPPED, f"the limit on the share of RAM: {unknown}")
        elif pages > limits.fraction * ram:
            of = f"of {ram} pages of RAM"
            yield finding(
                MAX_FRACTION,
                f"{counted(pages, f'{of} is', f'{of} are')} {pages / ram:.4%}, more than the limit "
                f"of {limits.fraction:.4%}",
            )
    if limits.per_gib is not None:
        yield from _per_gib(pfns, limits.per_gib, 30 - page_shift(kernel.page_size))


def no_share(kernel: NextKernel) -> str | None:
    """Return why nothing can be a share of the RAM: its amount is unknown, or 0; else None."""
    if kernel.frames is None:
        return "no memory map, so the amount of RAM is unknown"
    if kernel.gaps:
        return "the map has lost lines, so the amount of RAM is unknown"
    return None if kernel.ram_pages() else "the map has no whole page of RAM"


def _per_gib(pfns: PfnSet, limit: int, bits: int) -> Iterator[Finding]:
    at = pfns.following(0)
    while at is not None:
        gib = at >> bits
        end = (gib + 1) << bits
        pages = pfns.pages(at, end - 1)
        if pages > limit:
            yield finding(
                MAX_PER_GIB,
                f"{counted(pages, 'PFN')} in the GiB at 0x{gib << 30:x}, more than the limit of "
                f"{limit}",
                pfns=(at, pfns.preceding(end - 1) or at),
            )
        at = pfns.following(end)
