"""A memory map as a list: the ranges that the map has as unusable.

Firmware marks memory that it has retired as ``unusable`` in an e820 map, EfiUnusableMemory in an
EFI map, ``Unusable memory`` in /proc/iomem. Reserved ranges are not bad pages. It is written as the
machine's e820 table with the list's pages unusable, see :mod:`hwpkho.badpages.e820_table`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import Form
from hwpkho.base import arch as arches
from hwpkho.base import lending, temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Asked, Writing
    from hwpkho.images.files import FileBytes

_PIECE = 1 << 20


class MapList(Form):
    """The form, see the module."""

    name = "e820"
    about = "a memory map of any form: what it calls unusable; written: the machine's e820 table"
    options = frozenset(("boot",))
    takes = frozenset(("max_loss", "budget", "table", "arch"))

    def sniff(self, _head: bytes, /) -> bool:
        """Return False: the formats of memory maps recognise one, see ``registry.of_map``."""
        return False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the unusable ranges, of kind ``excluded``.

        Raises InputError where it is not a memory map, and UsageError for an unknown boot.
        """
        from hwpkho.memmap import reader
        from hwpkho.memmap.view import ownership

        with _named(file) as path:
            map_ = reader.read_memmap([path], boot=asked.boot)
        found = Collector(file.shown, self.name, asked, "address")
        found.arch = map_.arch if map_.arch_from == "input" and map_.arch in arches.ARCHES else None
        for part in map_.maps:
            for entry in part.entries:
                kind = ownership.kind(part.name, entry.type, entry.attributes, map_.arch)
                if kind == "retired":
                    found.addresses(entry.start, entry.end, "excluded", where=part.name, exact=True)
        found.note("a memory map: what it calls unusable is listed, reserved ranges are not")
        return found.finish()

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the machine's table with the pages unusable, as a kernel prints it.

        The budget is in entries, by default what the zero page holds. Raises UsageError where the
        machine has no e820 table, or its own table exceeds the budget.
        """
        from hwpkho.badpages.e820_table import marked
        from hwpkho.memmap import e820, e820_names
        from hwpkho.memmap.model import Entry

        slots, lost = marked(pages, how, self.name)
        table = (Entry(s.start, s.start + s.size - 1, e820.type_name(s.type)) for s in slots)
        out.write(e820_names.write(table).encode())
        return lost


@contextmanager
def _named(file: FileBytes) -> Iterator[str]:
    """Yield a name under which the file can be opened again, copying it if it came by a pipe."""
    if file.lies_at(file.path):
        yield file.path
        return
    with temporary.file() as copy:
        for start, end in file.data_ranges():
            for at in range(start, end, _PIECE):
                copy.seek(at)
                copy.write(file.read(at, min(_PIECE, end - at)))
        with lending.lent(copy) as name:
            yield name


FORM = MapList()
