"""The EFI tables of poisoned memory of a case: finds them, and chooses which one counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.options import option
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import efi, problem
from hwpkho.efi import find
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.codes import Problem
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover
    from hwpkho.handover.stated import CaseOptions
    from hwpkho.images.base import Source

#: The most tables of one image that are read; a machine has one.
MAX_TABLES = 16


def of_memory(source: Source, options: CaseOptions) -> tuple[PoisonTable, ...]:
    """Return the tables in a memory image, or the one whose address ``options`` give.

    Tables whose configuration entry is among other entries of the firmware come first.
    """
    layout, page_size = options.layout, options.page_size
    found = [] if options.efi_table is not None else list(find.entries(source))
    if options.efi_table is None and not found:
        return ()
    found.sort(key=lambda e: not e.beside)
    from hwpkho.efi import reader  # few images have a table

    if options.efi_table is not None:
        return (reader.read_at(source, options.efi_table, layout=layout, page_size=page_size),)
    tables = tuple(
        reader.read_at(source, e.table, layout=layout, entry=e, page_size=page_size)
        for e in found[:MAX_TABLES]
    )
    if len(found) > 1:
        where = ", ".join(f"0x{e.table:x} (entry 0x{e.phys:x})" for e in found[:MAX_TABLES])
        several = problem(efi.SEVERAL, f"{len(found)} tables: {where}", found[0].table)
        tables = (
            replace(tables[0], problems=(*tables[0].problems, several)),
            *tables[1:],
        )
    return tables


def beside_handovers(
    tables: Sequence[PoisonTable], handovers: Sequence[Handover]
) -> tuple[PoisonTable, ...]:
    """Return the tables, with problems added where they and the lists of ``handovers`` differ."""
    found = []
    for table in tables:
        problems = list(table.problems)
        for h in handovers if table.readable else ():
            if h.hwpoison is not None and h.hwpoison.pfns is not None and h.page_size:
                problems += _differences(table, h, pfn_set(h.hwpoison.pfns), h.page_size)
        found.append(replace(table, problems=tuple(problems)))
    return tuple(found)


def _differences(
    table: PoisonTable, handover: Handover, listed: PfnSet, page_size: int
) -> Iterator[Problem]:
    from hwpkho.efi import compare, model

    if table.run_count() > model.MAX_RUNS:
        return  # no real machine has such a table, and comparing it would take long
    found = compare.against(table, listed, page_size)
    n = found.uncovered.pages()
    if n:
        first = found.uncovered.first[0]
        pfns = f"of the PFNs that {handover} lists"
        pfns = counted(n, f"{pfns} has", f"{pfns} have")
        message = f"{pfns} no bit in the table: 0x{first:x}"
        more = " and more" if n > 1 else ""
        yield problem(efi.DISAGREE, message + more, first * page_size)
    if found.unlisted:
        what = "entry of the table holds", "entries of the table hold"
        if table.header is not None:
            what = "set unit of the table holds", "set units of the table hold"
        message = f"{counted(found.unlisted, *what)} no PFN that {handover} lists"
        yield problem(efi.UNLISTED, message, found.first)


def refuse_ambiguous(tables: Sequence[PoisonTable]) -> None:
    """Raise AmbiguousLayoutError for a table that two layouts fit."""
    for table in tables:
        if table.told.between:
            from hwpkho.efi import reader

            where = f"{table.source}: the table at 0x{table.phys or 0:x}"
            raise reader.AmbiguousLayoutError(where, table.told)


def check_readable(table: PoisonTable, where: str) -> None:
    """Raise InputError for a table that cannot be read; ``where`` begins the message."""
    why = table.unread_because
    if why is not None:
        what = "the EFI table of poisoned memory cannot be read"
        raise InputError(f"{where}: {what}: {why.code} {why.message}")


class SeveralTablesError(InputError):
    """Several tables, and the user has to choose.

    Attributes:
        said: The message without the option that chooses.
    """

    def __init__(self, tables: Sequence[PoisonTable]) -> None:
        where = ", ".join(f"0x{t.phys or 0:x}" for t in tables)
        self.said = f"{tables[0].source}: several EFI tables of poisoned memory ({where})"
        super().__init__(f"{self.said}; choose with {option('efi_table')}")


def which_table(tables: Sequence[PoisonTable]) -> PoisonTable:
    """Return the table that counts; ``tables`` are all of a case, at least one.

    Of several, it is the only one whose configuration entry is among other entries of the firmware.
    Raises SeveralTablesError where there is not exactly one such table.
    """
    if len(tables) == 1:
        return tables[0]
    likely = [t for t in tables if t.entry is not None and t.entry.beside]
    if len(likely) == 1:
        return likely[0]
    raise SeveralTablesError(tables)
