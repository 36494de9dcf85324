"""What rasdaemon prints, and the journal has of it.

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
    (b"_event: ", b"_record: ", b"_poison: ", b"rasdaemon", b"offlining page at", b"ras_mc_event_"),
    re.compile(
        rb"(?:memory_failure_event|mc_event|mce_record|extlog_mem_event|cxl_poison):\s+"
        rb"(?:<[A-Z]+> )?\d{4}-\d\d-\d\d "
        rb"|rasdaemon(?:\[\d{1,10}\])?: |offlining page at 0x[0-9a-f]+: |Calling ras_mc_event_"
    ),
)


class RasdaemonLog:
    """The form, see the module."""

    name = "rasdaemon-log"
    about = "rasdaemon's messages, in the foreground or in the journal"
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


FORM = RasdaemonLog()
