"""Kernel logs: dmesg, journal, syslog, pstore, node-problem-detector, mails; see the modules there.

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

#: What is said of bad pages, and what tells a kernel log that says nothing of them.
_SIGN = Sign(
    (
        b"Memory failure:",
        b"MCE 0x",
        b"Hardware Error]:",
        b"EDAC ",
        b"ffline: 0x",
        b"Unpoison: ",
        b"Linux version ",
        b"] ",
        b"][",
        b">[",
        b"kernel: ",
        b"_TRANSPORT",
    ),
    re.compile(
        rb"Memory failure: *0x|(?<![\w:])MCE 0x[0-9a-fA-F]|\[Hardware Error\]:"
        rb"|EDAC (?:[\w-]{1,16} )?MC\d|[Ss]oft[ _]offline: 0x|Unpoison: "
        rb"|Linux version \d+\.\d+\S* ?\(|\[ {0,8}\d{1,9}\.\d{6}\][ \[]|(?m:^)<\d{1,3}>\["
        rb"|\d\d:\d\d(?::\d\d)?\S{0,20} (?:\S{1,64} )?kernel: |\"_TRANSPORT\"\s*:\s*\"kernel\""
    ),
)


class KernelLog:
    """The form, see the module."""

    name = "kernel-log"
    about = "dmesg, journal, syslog, pstore, node-problem-detector, mails"
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


FORM = KernelLog()
