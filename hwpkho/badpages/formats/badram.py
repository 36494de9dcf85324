"""GRUB's badram: patterns of an address and a mask, on its command line or in its configuration.

Patterns match bits, they are no ranges; see :mod:`hwpkho.badpages.patterns`. A line that sets
``GRUB_BADRAM`` replaces the one before it.

Written as one command, with masks of 64 bits: GRUB treats the bits that a shorter mask lacks as
free. Source: grub-core/mmap/mmap.c (fill_mask, badram_iter).
"""

from __future__ import annotations

import re
from itertools import compress
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import blocks as pattern_blocks
from hwpkho.badpages import packing
from hwpkho.badpages.boot_settings import BootSetting
from hwpkho.badpages.model import Loss
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, need_budget, physical
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Writing
    from hwpkho.base.pfnset import PfnSet

#: Also where a line is a comment, as GRUB_BADRAM is in /etc/default/grub: that is an empty list.
_SIGN = Sign(
    (b"BADRAM=", b"badram"),
    re.compile(
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
        """Write one command; the budget is in pairs of address and mask, by default none."""
        need_budget(how, self.name)
        (bad, left), shift = physical(pages), page_shift(pages.taken_page_size)
        blocks, loss = pattern_blocks.blocks(bad), Loss(0, left)
        if how.budget is not None and len(blocks) > how.budget:
            room = how.budget

            def fits(items: PfnSet) -> bool:
                return len(pattern_blocks.blocks(items)) <= room

            items = packing.joined(bad, how.max_loss, fits)
            blocks = pattern_blocks.blocks(items)
            sizes = [_bad(block, bad) for block in blocks.items()]
            stays = packing.kept(sizes, [1] * len(blocks), room)
            blocks, held = dict(compress(blocks.items(), stays)), sum(compress(sizes, stays))
            written = sum(1 << free.bit_count() for free in blocks.values())
            loss = Loss(written - held, left + sum(sizes) - held)
        before = "badram "
        for part in parts(_texts(blocks, shift)):
            out.write((before + ",".join(part)).encode())
            before = ","
        out.write(b"\n" if blocks else b"# " + NOTHING)
        return loss


def _bad(block: tuple[int, int], bad: PfnSet) -> int:
    return sum(bad.pages(first, last) for first, last in pattern_blocks.block_runs(*block))


def _texts(blocks: dict[int, int], shift: int) -> Iterator[str]:
    page = (1 << shift) - 1
    masks = {x: f"0x{PHYS_END - 1 & ~(x << shift | page):x}" for x in set(blocks.values())}
    return (f"0x{first << shift:x},{masks[free]}" for first, free in blocks.items())


FORM = Badram()
