"""GRUB's badram: patterns of an address and a mask, on its command line or in its configuration.

A pattern matches address bits, not a range; see :mod:`hwpkho.badpages.patterns`. A later
assignment to ``GRUB_BADRAM`` replaces an earlier one.

It is written as one command with 64-bit masks, because GRUB treats the bits above a shorter mask as
free. Source: grub-core/mmap/mmap.c (fill_mask, badram_iter).
"""

from __future__ import annotations

import re
from itertools import compress
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import blocks as pattern_blocks
from hwpkho.badpages import packing
from hwpkho.badpages.form import BootSetting
from hwpkho.badpages.model import Loss
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, need_budget, physical
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.late import late
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Writing
    from hwpkho.base.pfnset import PfnSet

#: It matches comments, too: /etc/default/grub with only a commented GRUB_BADRAM is an empty list.
_SIGN = Sign(
    (b"BADRAM=", b"badram"),
    late(
        rb"\bGRUB_BADRAM=|(?<![\w.-])badram=[\"']?[0-9a-fA-F]"
        rb"|(?:^|[\s;{&|>#])badram[ \t]+[\"']?(?:0[xX])?[0-9a-fA-F]+,",
        re.MULTILINE,
    ),
)


class Badram(BootSetting):
    """The form, see the module."""

    name = "badram"
    about = "`badram ADDR,MASK,…` of GRUB, or `GRUB_BADRAM=` in /etc/default/grub"
    takes = frozenset(("max_loss", "budget"))
    sign = _SIGN

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write one command; the budget is in pairs of address and mask, by default unlimited."""
        need_budget(how, self.name)
        (bad, left), shift = physical(pages), page_shift(pages.taken_page_size)
        blocks, loss = pattern_blocks.blocks(bad), Loss(0, left)
        if how.budget is not None and _count(blocks) > how.budget:
            blocks, loss = _fitted(bad, how.max_loss, how.budget)
            loss = loss._replace(bad_pages_left=loss.bad_pages_left + left)
        before = "badram "
        for free, firsts in blocks.items():
            mask = f"0x{PHYS_END - 1 & ~(free << shift | (1 << shift) - 1):x}"
            for part in parts(firsts):
                texts = [f"0x{first << shift:x},{mask}" for first in part]
                out.write((before + ",".join(texts)).encode())
                before = ","
        out.write(b"\n" if blocks else b"# " + NOTHING)
        return loss


def _count(blocks: dict[int, list[int]]) -> int:
    return sum(map(len, blocks.values()))


def _fitted(bad: PfnSet, max_loss: int, room: int) -> tuple[dict[int, list[int]], Loss]:
    """Return at most ``room`` blocks, and the loss; joined only if that leaves out fewer pages."""
    items = packing.joined(bad, max_loss, lambda x: _count(pattern_blocks.blocks(x)) <= room)
    tried = [_chosen(x, bad, room) for x in ((bad,) if items is bad else (bad, items))]
    return min(tried, key=lambda found: found[1].bad_pages_left)


def _chosen(items: PfnSet, bad: PfnSet, room: int) -> tuple[dict[int, list[int]], Loss]:
    """Return at most ``room`` blocks of ``items``, and the loss."""
    every = [(x, free) for free, held in pattern_blocks.blocks(items).items() for x in held]
    every.sort()
    runs = (pattern_blocks.block_runs(*block) for block in every)
    sizes = [sum(bad.pages(first, last) for first, last in block) for block in runs]
    stays = packing.kept(sizes, [1] * len(every), room)
    blocks: dict[int, list[int]] = {}
    for first, free in compress(every, stays):
        blocks.setdefault(free, []).append(first)
    written = sum(len(held) << free.bit_count() for free, held in blocks.items())
    held_bad = sum(compress(sizes, stays))
    return blocks, Loss(written - held_bad, sum(sizes) - held_bad)


FORM = Badram()
