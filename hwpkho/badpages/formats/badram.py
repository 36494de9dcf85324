"""GRUB's badram: patterns of an address and a mask, on its command line or in its configuration.

Patterns match bits, they are no ranges; see :mod:`hwpkho.badpages.patterns`. A line that sets
``GRUB_BADRAM`` replaces the one before it.
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

    def sniff(self, _head: bytes, /) -> Sign:
        """Tell whether a line has the command with a pattern, or sets ``GRUB_BADRAM``."""
        return _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages that match, of kind ``excluded``; see :mod:`..boot_settings`."""
        return boot_settings.read(file, self.name, asked)


FORM = Badram()
