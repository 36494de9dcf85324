"""GRUB's ``cutmem FROM TO``: a range of addresses, TO exclusive, that no kernel is to see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages import boot_settings
from hwpkho.badpages.signs import Sign

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.images.files import FileBytes

_SIGN = Sign((b"cutmem",), re.compile(rb"(?:^|[\s;{&|>#])cutmem[ \t]+[\"']?[0-9]", re.MULTILINE))


class Cutmem:
    """The form, see the module."""

    name = "cutmem"
    about = "`cutmem FROM TO` of GRUB, TO exclusive, with K, M, G or T"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset()

    def sniff(self, _head: bytes, /) -> Sign:
        """Tell whether a line has the command with a number."""
        return _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the ranges, of kind ``excluded``; see :mod:`..boot_settings`."""
        return boot_settings.read(file, self.name, asked)


FORM = Cutmem()
