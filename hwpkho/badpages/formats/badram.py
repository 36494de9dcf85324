"""GRUB's badram: patterns of an address and a mask, on its command line or in its configuration.

Patterns match bits, they are no ranges; see :mod:`hwpkho.badpages.patterns`. A line that sets
``GRUB_BADRAM`` replaces the one before it.

Written as one command, with masks of 64 bits: GRUB takes what a shorter one does not say for free.
Source: grub-core/mmap/mmap.c (fill_mask, badram_iter).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import boot_settings, packing, patterns
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, physical
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.listing import of_runs, parts
from hwpkho.base.pfnset import pfn_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.patterns import Block
    from hwpkho.badpages.registry import Asked, Carried, Writing
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.images.files import FileBytes

#: Also where a line is a comment, as GRUB_BADRAM is in /etc/default/grub: that is an empty list.
_SIGN = Sign(
    (b"BADRAM=", b"badram"),
    re.compile(
        rb"\bGRUB_BADRAM=|(?<![\w.-])badram=[\"']?[0-9a-fA-F]"
        rb"|(?:^|[\s;{&|>#])badram[ \t]+[\"']?(?:0[xX])?[0-9a-fA-F]+,",
        re.MULTILINE,
    ),
)


class Badram:
    """The form, see the module."""

    name = "badram"
    about = "`badram ADDR,MASK,…` of GRUB, or `GRUB_BADRAM=` in /etc/default/grub"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()
    takes = frozenset(("max_loss", "budget"))
    binary = False
    bare = False

    def sniff(self, _head: bytes, /) -> Sign:
        """Tell whether a line has the command with a pattern, or sets ``GRUB_BADRAM``."""
        return _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages that match, of kind ``excluded``; see :mod:`..boot_settings`."""
        return boot_settings.read(file, self.name, asked)

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write one command; the budget is in pairs of address and mask, by default none."""
        bad, shift = physical(pages), page_shift(pages.taken_page_size)
        items, blocks = bad, patterns.blocks(bad)
        if how.budget is not None and len(blocks) > how.budget:
            room = how.budget

            def fits(items: PfnSet) -> bool:
                return len(patterns.blocks(items)) <= room

            items = packing.joined(bad, how.max_loss, fits)
            blocks = patterns.blocks(items)
            sizes = [_bad(block, bad) for block in blocks]
            stays = packing.kept(sizes, [1] * len(blocks), room)
            blocks = [block for block, byte in zip(blocks, stays, strict=True) if byte]
            items = pfn_set(of_runs(run for block in blocks for run in block.runs()))
        before = "badram "
        for part in parts(_texts(blocks, shift)):
            out.write((before + ",".join(part)).encode())
            before = ","
        out.write(b"\n" if blocks else b"# " + NOTHING)
        return packing.loss(pfn_set(pages.pfns), items)


def _bad(block: Block, bad: PfnSet) -> int:
    return sum(bad.pages(first, last) for first, last in block.runs())


def _texts(blocks: list[Block], shift: int) -> Iterator[str]:
    masks = {free: f"0x{-(free + 1 << shift) % PHYS_END:x}" for free in {b.free for b in blocks}}
    return (f"0x{block.first << shift:x},{masks[block.free]}" for block in blocks)


FORM = Badram()
