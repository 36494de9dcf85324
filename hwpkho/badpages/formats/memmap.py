"""``memmap=nn$ss`` on a kernel command line: memory that somebody keeps the kernel from using.

Read from a command line, ``/proc/cmdline``, a boot loader's configuration with its escapes, a boot
log, or the screen of memtest86+. ``@`` (RAM), ``#`` (ACPI), ``%`` (other type) and sizes alone name
no bad memory. ``!`` makes persistent memory, which people take for a reservation: it is reported.

Source: arch/x86/kernel/e820.c (parse_memmap_one); Documentation/admin-guide/kernel-parameters.txt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.abi.params import memparse
from hwpkho.badpages.collector import Collector
from hwpkho.badpages.lines import numbered
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.images.files import FileBytes

#: A value ends at a blank or a quote; ``\$`` and ``\\\$`` are what a shell or GRUB leaves of ``$``.
_VALUE = re.compile(r"(?<![\w.-])memmap=([^\s\"'`]*)")
_RESERVE_MEM = re.compile(r"(?<![\w.-])reserve_mem=")
_SIGN = re.compile(rb"(?<![\w.-])(?:memmap=[0-9]|reserve_mem=)")
_EXPECTED = "expected memmap=SIZE$ADDRESS"


class Memmap:
    """The form, see the module."""

    name = "memmap"
    about = "`memmap=nn$ss` on a command line, in GRUB's configuration or on memtest86+'s screen"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()

    def sniff(self, head: bytes, /) -> bool | re.Pattern[bytes]:
        """Tell whether a line has ``memmap=`` with a size, or ``reserve_mem=``."""
        return False if b"\0" in head else _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the ranges behind ``$``, of kind ``excluded``.

        Raises InputError for a damaged value, and where nothing but ``!`` or reserve_mem= is there.
        """
        found = Collector(file.shown, self.name, asked, "address")
        for number, line in numbered(file):
            if line.lstrip().startswith("#"):
                continue
            where = f"line {number}"
            if _RESERVE_MEM.search(line):
                found.unusable("reserve_mem= has no address: the kernel chooses the place", where)
            for match in _VALUE.finditer(line):
                for item in match[1].replace("\\", "").split(","):
                    _item(found, item, where)
        return found.finish()


def _item(found: Collector, item: str, where: str) -> None:
    if not item or item == "exactmap" or item[0].isalpha():
        return
    try:
        size, rest = memparse(item, "memmap=")
        sign = rest[:1]
        if sign not in ("$", "!"):
            return
        start, rest = memparse(rest[1:], "memmap=")
    except UsageError as error:
        raise InputError(f"{found.name}: {where}: {error}; {_EXPECTED}") from error
    if rest or not size or start + size > PHYS_END:
        raise InputError(f"{found.name}: {where}: memmap={printable(item[:60])}: {_EXPECTED}")
    if sign == "!":
        found.unusable(
            f"memmap={printable(item[:60])} makes persistent memory and reserves nothing", where
        )
        return
    found.addresses(start, start + size - 1, "excluded", where=where, exact=True)


FORM = Memmap()
