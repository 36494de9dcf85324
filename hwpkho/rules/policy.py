"""Limits that the user sets on a list."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwpkho.codes import policy as codes
from hwpkho.model.validation import Finding, finding
from hwpkho.pages import page_shift

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from hwpkho.rules.ground import Ground


@dataclass(frozen=True, slots=True)
class Limits:
    """What a list may at most hold; None: no limit.

    Attributes:
        pages: Distinct PFNs.
        fraction: Part of RAM, 0 to 1; needs a memory map.
        per_gib: Distinct PFNs in one naturally aligned GiB.
    """

    pages: int | None = None
    fraction: float | None = None
    per_gib: int | None = None


def judge(pfns: array[int], limits: Limits, ground: Ground) -> Iterator[Finding]:
    """Yield what exceeds the limits; ``pfns`` are ascending and distinct."""
    if limits.pages is not None and len(pfns) > limits.pages:
        yield finding(
            codes.MAX_PAGES,
            f"{len(pfns)} distinct PFN{'s' * (len(pfns) != 1)}, --max-pages allows {limits.pages}",
        )
    if limits.fraction is not None:
        ram = ground.ram_pages()
        if not ram:
            yield finding(codes.SKIPPED, "--max-fraction needs --memmap to know how much RAM is")
        elif len(pfns) > limits.fraction * ram:
            yield finding(
                codes.MAX_FRACTION,
                f"{len(pfns)} of {ram} pages of RAM are {len(pfns) / ram:.4%}, --max-fraction "
                f"allows {limits.fraction:.4%}",
            )
    if limits.per_gib is not None:
        yield from _per_gib(pfns, limits.per_gib, 30 - page_shift(ground.page_size))


def _per_gib(pfns: array[int], limit: int, bits: int) -> Iterator[Finding]:
    at = 0
    while at < len(pfns):
        gib = pfns[at] >> bits
        stop = bisect_right(pfns, ((gib + 1) << bits) - 1, at)
        if stop - at > limit:
            yield finding(
                codes.MAX_PER_GIB,
                f"{stop - at} PFNs in the GiB at 0x{gib << 30:x}, --max-per-gib allows {limit}",
                pfns=(pfns[at], pfns[stop - 1]),
            )
        at = stop
