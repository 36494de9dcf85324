"""Damages of the scratch array and of its areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import align_down
from hwpkho.base.ranges import holding, union
from hwpkho.encode.damage.base import POPULATE, SCRATCH, TWO_PAGES, Damages

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

DAMAGES = Damages()
_damage = DAMAGES.damage

#: Bytes of scratch array, more than the kernel maps: that is 256 KiB and a page.
_TOO_LONG = 512 << 10
#: Bytes of scratch, less than struct pages and early allocations take.
_TOO_SMALL = 4800 << 10


@_damage("scratch-length-0", "0 bytes of scratch array are handed over", POPULATE, SCRATCH)
def _(d: Draft) -> None:
    d.kho_scratch = d.kho_scratch[0], 0


@_damage("scratch-length-8", "half an entry of scratch array is handed over", POPULATE, SCRATCH)
def _(d: Draft) -> None:
    d.kho_scratch = d.kho_scratch[0], 8


@_damage("scratch-length-24", "an entry and a half of scratch array are handed over", POPULATE,
         SCRATCH)  # fmt: skip
def _(d: Draft) -> None:
    d.kho_scratch = d.kho_scratch[0], 24


@_damage("scratch-outside-ram", "the first scratch area lies outside RAM", POPULATE, SCRATCH)
def _(d: Draft) -> None:
    d.poke(d.kho_scratch[0], "<Q", d.nowhere())


@_damage("scratch-two-areas", "the first scratch area is two that touch", POPULATE, SCRATCH,
         TWO_PAGES)  # fmt: skip
def _(d: Draft) -> None:
    (start, size), *others = d.request.scratch
    half = align_down(size // 2, d.page)
    d.scratch((start, half), (start + half, size - half), *others)


@_damage("scratch-length-too-long", "512 KiB of scratch array are handed over", POPULATE, SCRATCH)
def _(d: Draft) -> None:
    d.kho_scratch = d.kho_scratch[0], _TOO_LONG


@_damage("scratch-ends-inside-a-page", "the first scratch area ends inside a page", POPULATE,
         SCRATCH)  # fmt: skip
def _(d: Draft) -> None:
    (start, size), *others = d.request.scratch
    d.scratch((start, size - d.page // 2), *others)


@_damage("scratch-holds-no-page-structs", "there is less scratch than a booting kernel takes",
         POPULATE, SCRATCH)  # fmt: skip
def _(d: Draft) -> None:
    start, size = d.request.scratch[0]
    d.scratch((start, min(size, _TOO_SMALL)))


@_damage("scratch-over-the-handover", "the scratch area covers the handover", POPULATE, SCRATCH)
def _(d: Draft) -> None:
    size = sum(n for _, n in d.request.scratch)
    ram = holding(union((a, a + n) for a, n in d.request.ram), d.root)
    if ram is not None:
        size = min(size, align_down(ram[1], d.page) - d.root)
    d.scratch((d.root, size))
