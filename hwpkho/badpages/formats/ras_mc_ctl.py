"""``ras-mc-ctl --errors``: rasdaemon's database as text.

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
    (b" errors.", b" events", b" records", b" summary", b"error: ", b"error(s): "),
    re.compile(
        rb"(?m)^(?:No (?:Memory|MCE|Extlog|PCIe AER|CXL [\w ]+) errors\.$"
        rb"|(?:Memory (?:controller|failure)|MCE|Extlog|CXL [\w ]{1,40}) "
        rb"(?:events|records|summary)\b[\w ]{0,10}:$"
        rb"|\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} (?:error: |\d+ \w+ error\(s\): ))"
    ),
)


class RasMcCtl:
    """The form, see the module."""

    name = "ras-mc-ctl"
    about = "`ras-mc-ctl --errors`"
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


FORM = RasMcCtl()
