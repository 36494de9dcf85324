"""mcelog: what it decodes, what it takes offline, and ``mcelog --client``.

What its lines say is read by :mod:`hwpkho.badpages.logs`, as in every log: the lines of several
programs stand in one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.signs import Sign

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.images.files import FileBytes

_SIGN = Sign(
    (
        b"Hardware event.",
        b"HARDWARE ERROR.",
        b"Per page corrected",
        b" total ",
        b"BANK ",
        b"mcelog",
        b"Offlining page ",
    ),
    re.compile(
        rb"Hardware event\. This is not a software error|HARDWARE ERROR\. This is \*NOT\*"
        rb"|Per page corrected memory statistics"
        rb"|(?<![0-9a-z])[0-9a-f]{1,16}: total \d+ seen \"|CPU \d+[ \n](?:\d+ )?BANK \d"
        rb"|mcelog(?:\[\d{1,10}\])?: |Offlining page [0-9a-f]"
    ),
)


class Mcelog:
    """The form, see the module."""

    name = "mcelog"
    about = "`mcelog`, `mcelog --client` and what its daemon logs"
    extra = None
    carries: frozenset[Carried] = frozenset(("kind", "when", "where"))
    options: frozenset[str] = frozenset(("boot",))

    def sniff(self, head: bytes, /) -> bool | Sign:
        """Tell whether a line is one of this form."""
        from hwpkho.logs.text import utf16_of

        return False if b"\0" in head and utf16_of(head) is None else _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """See :func:`hwpkho.badpages.logs.reader.read`."""
        from hwpkho.badpages.logs import reader

        return reader.read(file, asked, self.name)


FORM = Mcelog()
