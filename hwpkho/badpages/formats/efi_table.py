"""The EFI table of poisoned memory as a list: a header with its bitmap, or a node of a list.

A set bit of a bitmap means at least one bad page in its unit, but not which, so all pages of the
unit are ``excluded``. An entry of layout ``list`` is a page that failed: ``poisoned``. A table of
unaccepted memory has the same form as layout ``bitmap-base``, so content never shows this form; the
user must name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from hwpkho.badpages.model import BadPages, ListNote, ListProblem, Loss, Mention
from hwpkho.badpages.writing import bounded, physical
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, PHYS_END, page_shift
from hwpkho.base.options import option
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.abi.efi_poisoned import Header
    from hwpkho.badpages.registry import Asked, Carried, Writing
    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.files import FileBytes

NAME = "efi-table"
#: The most runs that are kept as mentions; of more, only the pages are kept.
MAX_NAMED = 1 << 16
#: The layout that is written by default.
DEFAULT = "bitmap-base"


class Plan(NamedTuple):
    """The layout and geometry of a table to be written.

    Attributes:
        layout: A name in ``LAYOUTS``.
        phys: Its physical address, None for a bare table.
        header: The header of a bitmap, None for a list.
    """

    layout: str
    phys: int | None
    header: Header | None

    def units(self, pages: BadPages, loss: Loss | None) -> int:
        """Return how many units the table of ``pages`` sets, or how many entries it has."""
        bad, _ = physical(pages)
        if self.header is None:
            return pfn_set(pages.pfns).pages() - (loss.bad_pages_left if loss else 0)
        from hwpkho.efi import write

        return write.units_of(bad, self.header, pages.taken_page_size).pages()


def plan(pages: BadPages, how: Writing) -> Plan:
    """Choose the layout and geometry of the table of ``pages``.

    Raises UsageError for a geometry that no kernel accepts, and for options that contradict it.
    """
    from hwpkho.abi.efi_poisoned import LAYOUTS, has_bitmap, linked_list
    from hwpkho.efi import write

    bad, _ = physical(pages)
    size, layout = pages.taken_page_size, how.layout or DEFAULT
    if how.at is not None and how.at % 8:
        raise UsageError(f"{option('at', how.at)} is not a multiple of 8")
    if has_bitmap(LAYOUTS[layout]):
        grids = tuple(t.header for t in pages.tables if t.header is not None and t.readable)
        wanted = write.TableOptions(layout, how.unit, how.phys_base, how.memory, grids)
        return Plan(layout, how.at, write.geometry(wanted, bad, size))
    if (how.unit, how.phys_base) != (None, None):
        raise UsageError(f"{option('layout', layout)} has no units: it names single pages")
    if how.at is not None and how.at % size > size - linked_list.HEAD:
        raise UsageError(f"{option('at', how.at)}: the root would lie across two pages")
    return Plan(layout, how.at, None)


class EfiTable:
    """The form, see the module.

    All forms are imported to recognise a list: what reads and writes this one is imported when
    asked for.
    """

    name = NAME
    about = "a copy of the EFI table LINUX_EFI_POISONED_MEMORY, of any layout"
    extra = None
    carries: frozenset[Carried] = frozenset()
    options: frozenset[str] = frozenset({"layout"})
    takes = frozenset(("layout", "unit", "phys_base", "at", "memory", "arch"))
    binary = True
    bare = False
    names_dimms = False

    def sniff(self, _head: bytes, /) -> bool:
        """Return False: content never shows this form."""
        return False

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the pages of set units or of entries; see :func:`hwpkho.efi.reader.read_file`."""
        from hwpkho.efi import reader

        return of_table(reader.read_file(file, asked.layout), asked.page_size)

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the bare table; or, at an address, an ELF core of it and its configuration entry.

        In a core, a bitmap is followed by the firmware's pool tail, which proves its length to
        decode. Layout ``list`` without an address is a single node, as nodes point to each other by
        address. Raises UsageError for a geometry that no kernel accepts.
        """
        from hwpkho.abi import efi_pool
        from hwpkho.efi import write

        (bad, past), size = physical(pages), pages.taken_page_size
        planned = plan(pages, how)
        if planned.header is None and how.at is not None:
            bounded(pages, bad.pages(), self.name)
            self._core(write.memory_of_list(bad, how.at, size), pages, out, how.at)
            return Loss(0, past) if past else None
        if planned.header is None:
            made = write.one_node(bad, size)
        else:
            made = write.bitmap(bad, planned.header, planned.layout, size, how.memory)
        if how.at is None:
            out.write(made.raw)
        else:
            length = len(made.raw)
            padded = made.raw.ljust(efi_pool.tail_at(length), b"\0")
            self._core([(how.at, padded + efi_pool.build_tail(length))], pages, out, how.at)
        left = made.left + past
        return Loss(made.good_pages, left) if made.good_pages or left else None

    @staticmethod
    def _core(pieces: Iterable[tuple[int, bytes]], pages: BadPages, out: BinaryIO, at: int) -> None:
        from hwpkho.efi import write
        from hwpkho.images import elf

        size = pages.taken_page_size
        extents = write.with_entry(pieces, at, size)
        if extents[-1][0] + size * len(extents[-1][1]) > PHYS_END:
            raise UsageError(f"{option('at', at)}: the table reaches past the end of memory")
        elf.write_core(out, extents, page_size=size, arch=pages.arch, note=b"")


def of_table(table: PoisonTable, page_size: int | None, arch: str | None = None) -> BadPages:
    """Return a table as a list in pages of ``page_size`` bytes, 4096 if None."""
    where = "" if table.phys is None else f"table 0x{table.phys:x}: "
    size = page_size or DEFAULT_PAGE_SIZE
    pfns = table.pages(size)
    named = list(_mentions(table, size)) if table.run_count() <= MAX_NAMED else []
    told = "" if table.told.sure else ", which its bytes do not prove"
    note = ListNote(f"{where}layout {table.layout}{told}", table.source)
    told_of = tuple(
        ListProblem(p.code, p.severity, p.message, table.source, _address(p.phys))
        for p in table.problems
    )
    return BadPages(
        table.source, pfns, page_size, arch, NAME, "address", named, None, told_of, (note,),
        tables=(table,),
    )  # fmt: skip


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
