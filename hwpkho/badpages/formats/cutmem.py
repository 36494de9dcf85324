"""GRUB's ``cutmem FROM TO``: a range of addresses, TO exclusive, that GRUB hides from the kernel.

Source: grub-core/mmap/mmap.c (grub_cmd_cutmem, parsemem). GRUB reads numbers by grub_strtoul(),
which has 32 bits in a 32-bit GRUB. So numbers from 4 GiB on are written in KiB.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import packing
from hwpkho.badpages.form import BootSetting
from hwpkho.badpages.model import Loss
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, need_budget, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.late import late
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Writing
    from hwpkho.base.pfnset import PfnSet

_SIGN = Sign((b"cutmem",), late(rb"(?:^|[\s;{&|>#])cutmem[ \t]+[\"']?[0-9]", re.MULTILINE))


class Cutmem(BootSetting):
    """The form, see the module."""

    name = "cutmem"
    about = "`cutmem FROM TO` of GRUB, TO exclusive, with K, M, G or T"
    takes = frozenset(("max_loss", "budget"))
    sign = _SIGN

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write a command for each range; the budget is in commands, by default unlimited."""
        need_budget(how, self.name)
        (bad, left), shift = physical(pages), page_shift(pages.taken_page_size)
        written, loss = bad, Loss(0, left)
        if how.budget is not None:
            room = how.budget

            def fits(items: PfnSet) -> bool:
                return len(items.first) <= room

            items = packing.joined(bad, how.max_loss, fits)
            sizes = packing.bad_in(items, bad)
            stays = packing.kept(sizes, [1] * len(sizes), room)
            written, loss = packing.runs_kept(items, stays), packing.lost(items, sizes, stays, left)
        for part in parts(written):
            lines = (f"cutmem {_number(a << shift)} {_number(b + 1 << shift)}\n" for a, b in part)
            out.write("".join(lines).encode())
        if not written:
            out.write(b"# " + NOTHING)
        return loss


def _number(value: int) -> str:
    return f"0x{value:x}" if value < 1 << 32 else f"0x{value >> 10:x}K"


FORM = Cutmem()
