"""``/proc/kpageflags``, or a copy: a word of 64 bits for each PFN, in the host's byte order.

Holes of a sparse copy stand for absent memory. Content does not show this form; the user must name
it.

Source: include/uapi/linux/kernel-page-flags.h (KPF_HWPOISON); fs/proc/page.c (kpageflags_read).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import kpageflags
from hwpkho.abi.kpageflags import WORD
from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import Form
from hwpkho.base.counting import counted
from hwpkho.base.ranges import joined
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

#: In how many blocks with the flag the other bits are checked.
_LOOKED_AT = 16
#: Bytes read at once; they fit into a processor's cache.
_BLOCK = 1 << 20


class Kpageflags(Form):
    """The form, see the module."""

    name = "kpageflags"
    about = "`/proc/kpageflags` itself (as root) or a copy of it, sparse or not"

    def sniff(self, _head: bytes, /) -> bool:
        """Return False: content never shows this form."""
        return False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages with KPF_HWPOISON, of kind ``poisoned``.

        Raises InputError where the file ends within a word.
        """
        if file.size % WORD:
            raise InputError(
                f"{file.shown}: {counted(file.size, 'byte is', 'bytes are')} not whole words of "
                f"{WORD}: cut off, or not page flags"
            )
        found = Collector(file.shown, self.name, asked)
        for first, end in joined(_runs(found, file)):
            found.pages(first, end - 1, "poisoned", where=f"offset 0x{first * WORD:x}")
        return found.finish()


def _runs(found: Collector, file: FileBytes) -> Iterator[tuple[int, int]]:
    """Yield ``(first, end)``, end exclusive, of PFNs with the flag, ascending; runs may touch."""
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
