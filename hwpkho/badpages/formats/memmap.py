"""``memmap=nn$ss`` on a kernel command line: memory that somebody keeps the kernel from using.

Read from a command line, ``/proc/cmdline``, a boot loader's configuration with its escapes, or the
screen of memtest86+. The command line in a kernel log is not read: that file is a kernel log.
``@`` (RAM), ``#`` (ACPI), ``%`` (other type) and sizes alone name no bad memory. ``!`` makes
persistent memory, which people take for a reservation: it is reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages import boot_settings
from hwpkho.badpages.signs import Sign

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.images.files import FileBytes

_SIGN = Sign(
    (b"memmap=", b"reserve_mem="), re.compile(rb"(?<![\w.-])(?:memmap=[\"']?[0-9]|reserve_mem=)")
)


class Memmap:
    """The form, see the module."""

    name = "memmap"
    about = "`memmap=nn$ss` on a command line, in GRUB's configuration or on memtest86+'s screen"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()

    def sniff(self, _head: bytes, /) -> Sign:
        """Tell whether a line has ``memmap=`` with a size, or ``reserve_mem=``."""
        return _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the ranges behind ``$``, of kind ``excluded``; see :mod:`..boot_settings`."""
        return boot_settings.read(file, self.name, asked)


FORM = Memmap()
