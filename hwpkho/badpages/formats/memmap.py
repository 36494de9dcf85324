"""``memmap=nn$ss`` on a kernel command line: memory that the kernel must not use.

It is read from a command line, ``/proc/cmdline``, a boot loader's configuration with its escapes,
or the screen of memtest86+; but not from the command line in a kernel log, which is read as a
kernel log. ``@`` (RAM), ``#`` (ACPI), ``%`` (other type) and a size alone name no bad memory. ``!``
makes persistent memory; people mistake it for a reservation, so it is reported.

It is written as one parameter. Source: arch/x86/kernel/e820.c (parse_memmap_opt, parse_memmap_one).
"""

from __future__ import annotations

import re
from itertools import compress
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.abi.params import MAX_LENGTH
from hwpkho.badpages import packing
from hwpkho.badpages.form import BootSetting
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, need_e820, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.late import late
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Writing
    from hwpkho.base.pfnset import PfnSet

_SIGN = Sign(
    (b"memmap=", b"reserve_mem=", b"GRUB_CMDLINE"),
    late(
        rb"(?<![\w.-])(?:memmap=[\"']?[0-9]|reserve_mem=)|^[ \t]*GRUB_CMDLINE_LINUX\w*\+?=",
        re.MULTILINE,
    ),
)
#: A command line, even without bad memory, where it is the whole input, as /proc/cmdline is.
_COMMAND_LINE = Sign(
    (b"memmap=", b"reserve_mem=", b"BOOT_IMAGE=", b"root=", b"console=", b"panic="),
    late(
        rb"(?<![\w.-])(?:memmap=[\"']?[0-9]|reserve_mem=|BOOT_IMAGE=|root=(?:/dev/|[A-Z]+=)"
        rb"|console=(?:tty|hvc|uart)|panic=-?[0-9])"
    ),
)
_NAME = b"memmap="
#: Bytes of the shortest item with its comma.
_SHORTEST = len("4K$0x0,")


class Memmap(BootSetting):
    """The form, see the module."""

    name = "memmap"
    about = "`memmap=nn$ss` on a command line, in GRUB's configuration or on memtest86+'s screen"
    takes = frozenset(("max_loss", "budget", "arch"))
    sign = _SIGN

    def sniff(self, head: bytes, /) -> Sign:
        """Return what to look for: a setting; in an input of one line, any command line."""
        return _SIGN if b"\n" in head.strip() else _COMMAND_LINE

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """See :func:`write`."""
        return write(pages, out, how, self.name, "$")


def write(pages: BadPages, out: BinaryIO, how: Writing, form: str, dollar: str) -> Loss | None:
    """Write one parameter, with ``dollar`` in place of ``$``; return the loss.

    The budget is in bytes as the kernel sees them, by default the length of its command line.
    Raises UsageError where the architecture's kernels have no ``memmap=``.
    """
    need_e820(pages, form, "kernels for {arch} have no memmap=")
    (bad, left), shift = physical(pages), page_shift(pages.taken_page_size)
    room = how.budget if how.budget is not None else MAX_LENGTH - 1
    room -= len(_NAME) - 1  # no comma before the first item

    def fits(items: PfnSet) -> bool:
        count = len(items.first)
        return count * _SHORTEST <= room and sum(map(_cost, _texts(items, shift))) <= room

    def costs(items: PfnSet) -> list[int]:
        return list(map(_cost, _texts(items, shift)))

    items, stays = packing.fitted(packing.joined(bad, how.max_loss, fits), bad, costs, room)
    texts, sizes = list(_texts(items, shift)), packing.bad_in(items, bad)
    before = _NAME
    for part in parts(compress(texts, stays)):
        out.write(before + ",".join(part).replace("$", dollar).encode())
        before = b","
    out.write(b"\n" if any(stays) else b"# " + NOTHING)
    return packing.lost(items, sizes, stays, left)


def _texts(items: PfnSet, shift: int) -> Iterator[str]:
    kib = 1 << (shift - 10)
    return (f"{(last - first + 1) * kib}K$0x{first << shift:x}" for first, last in items)


def _cost(text: str) -> int:
    return len(text) + 1


FORM = Memmap()
