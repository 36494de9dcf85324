"""``/proc/kpageflags``, or a copy: a word of 64 bits for each PFN, the host's byte order.

Holes of a sparse copy are memory that is not there. Nothing in it tells what it is: it must be
named.

Source: include/uapi/linux/kernel-page-flags.h (KPF_HWPOISON); fs/proc/page.c (kpageflags_read).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import kpageflags
from hwpkho.abi.kpageflags import WORD
from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import Form
from hwpkho.base.ranges import joined
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

#: In so many blocks with the flag the other bits are looked at, too.
_LOOKED_AT = 16
#: What is read at once, bytes: 1 MiB stays in a processor's cache.
_BLOCK = 1 << 20


class Kpageflags(Form):
    """The form, see the module."""

    name = "kpageflags"
    about = "`/proc/kpageflags` itself (as root) or a copy of it, sparse or not"

    def sniff(self, _head: bytes, /) -> bool:
        """Claim nothing: content never shows this form."""
        return False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages with the flag, of kind ``poisoned``.

        Raises InputError where the file ends within a word.
        """
        if file.size % WORD:
            raise InputError(
                f"{file.shown}: {file.size} bytes are not whole words of {WORD}: cut off, or not "
                "page flags"
            )
        found = Collector(file.shown, self.name, asked)
        for first, end in joined(_runs(found, file)):
            found.pages(first, end - 1, "poisoned", where=f"offset 0x{first * WORD:x}")
        return found.finish()


def _runs(found: Collector, file: FileBytes) -> Iterator[tuple[int, int]]:
    """Yield PFNs ``(first, end)`` with the flag, ascending; a run may go on in the next."""
    looked_at = 0
    for start, end in file.data_ranges():
        for at in range(start - start % WORD, end, _BLOCK):
            data = bytes(file.read(at, min(_BLOCK, end + -end % WORD - at)))
            pfn, here = at // WORD, False
            for first, last in kpageflags.poisoned(data):
                here = True
                yield pfn + first, pfn + last + 1
            if here and looked_at < _LOOKED_AT:
                looked_at += 1
                if kpageflags.odd(data):
                    found.note(
                        "bits are set that no kernel has in page flags: is it a copy of kpageflags?"
                    )


FORM = Kpageflags()
