"""The EFI table of poisoned memory as a list: a header and its bitmap, or one node of a list.

A unit of a bitmap that is set holds at least one bad page; which of them, it cannot tell: all are
``excluded``. An entry of the layout ``list`` is a page that failed: ``poisoned``. Unaccepted memory
has the same form as the layout ``bitmap-base``, so that a file is none of them by its content: it
must be named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.model import BadPages, ListProblem, Mention
from hwpkho.base.addresses import page_shift
from hwpkho.efi import reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.registry import Asked, Carried
    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.files import FileBytes

_NAME = "efi-table"
#: Runs that are named one by one; of more only the pages are kept.
MAX_NAMED = 1 << 16


class EfiTable:
    """The form, see the module."""

    name = _NAME
    about = "a copy of the EFI table LINUX_EFI_POISONED_MEMORY, of any layout"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset({"layout"})

    def sniff(self, _head: bytes, /) -> bool:
        """Claim nothing: content never shows this form."""
        return False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages of set units or of entries; see :func:`hwpkho.efi.reader.read_file`."""
        return of_table(reader.read_file(file, asked.layout), asked.page_size)


def of_table(table: PoisonTable, page_size: int | None, arch: str | None = None) -> BadPages:
    """Return the list of a table that was read, in pages of ``page_size`` bytes (None: 4096)."""
    where = table.source if table.phys is None else f"{table.source}: table 0x{table.phys:x}"
    pfns = table.pages(page_size or 4096)
    named = list(_mentions(table, page_size or 4096)) if table.run_count() <= MAX_NAMED else []
    told = "" if table.told.sure else ", which its bytes do not prove"
    note = f"{where}: layout {table.layout}{told}"
    told_of = tuple(
        ListProblem(p.code, p.severity, p.message, table.source, _address(p.phys))
        for p in table.problems
    )
    return BadPages(
        table.source, pfns, page_size, arch, _NAME, "address", named, None, told_of, (note,)
    )


def _address(phys: int | None) -> str | None:
    return None if phys is None else f"address 0x{phys:x}"


def _mentions(table: PoisonTable, page_size: int) -> Iterator[Mention]:
    shift = page_shift(page_size)
    if table.header is None:
        pairs = zip(table.entries[::2], table.entries[1::2], strict=True)
        for number, (base, size) in enumerate(pairs):
            if size:
                last = min(base + size, 1 << 64) - 1 >> shift
                yield Mention(
                    base >> shift, last, "poisoned", None, table.source, f"entry {number}"
                )
        return
    base, unit = table.header.phys_base, table.header.unit_size
    for first, end in table.set_units():
        start = base + first * unit
        if start >> 64:
            return
        where = f"unit {first}" if end == first + 1 else f"units {first}-{end - 1}"
        last = min(base + end * unit, 1 << 64) - 1 >> shift
        yield Mention(start >> shift, last, "excluded", None, table.source, where)


FORM = EfiTable()
