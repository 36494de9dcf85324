"""decode: what a handover, or an EFI table of poisoned memory, says."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.listing import MAX_PFNS
from hwpkho.commands import usage
from hwpkho.errors import InputError
from hwpkho.handover.model import page_size_of
from hwpkho.images.files import FileBytes
from hwpkho.inputs.case import Case, CaseOptions, read_inputs
from hwpkho.inputs.role import which_handover, why_unread
from hwpkho.inputs.tables import check_readable, refuse_ambiguous, which_table

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from hwpkho.base.listing import Listing
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover


class Decoded(NamedTuple):
    """What there is to show of a case.

    Attributes:
        name: The inputs, printable.
        handovers: Oldest generation first.
        tables: EFI tables of poisoned memory.
        page_size: Bytes, as the user gave it; None: not given.
    """

    name: str
    handovers: tuple[Handover, ...]
    tables: tuple[PoisonTable, ...] = ()
    page_size: int | None = None

    @property
    def size(self) -> int:
        """Bytes of a page by which tables are counted: as a handover records it, or assumed."""
        return page_size_of(self.handovers) or self.page_size or DEFAULT_PAGE_SIZE


def decode(
    specs: Sequence[str],
    options: CaseOptions | None = None,
    given: frozenset[str] = frozenset(),
    *,
    tables: bool = False,
) -> Case:
    """Read the handovers in ``specs``, and EFI tables of poisoned memory beside them.

    With ``tables`` each of ``specs`` is a file that is such a table.
    Raises InputError for a list of PFNs, which is no handover; UsageError where nothing reads an
    option among ``given``.
    """
    if options is not None:
        usage.check_pair(options)
    case = _of_files(specs, options) if tables else read_inputs(specs, options, plain=False)
    usage.refuse(given, usage.of_case(case))
    refuse_ambiguous(case.tables)
    return case


def _of_files(specs: Sequence[str], options: CaseOptions | None) -> Case:
    """Read files that are EFI tables. Raises InputError where one is none."""
    from hwpkho.efi.reader import read_file  # for the few files that are tables

    layout = options.layout if options else None
    found = tuple(read_file(FileBytes(spec), layout) for spec in specs)
    return Case(", ".join(t.source for t in found), (), None, None, found)


def exit_code(handovers: Sequence[Handover], tables: Sequence[PoisonTable] = ()) -> int:
    """Return 1 where a handover or a table has errors, else 0."""
    problems = chain(*(h.problems for h in handovers), *(t.problems for t in tables))
    return int(any(p.severity == "error" for p in problems))


def pfns(handovers: Sequence[Handover]) -> tuple[Handover, array[int]]:
    """Return the handover that counts and its list; InputError where it has no readable one."""
    handover = which_handover(handovers)
    where = handover.hwpoison
    if where is None and not handover.unread:
        raise InputError(f"{handover.source}: {handover} has no hwpoison subtree")
    if where is None or where.pfns is None:
        raise InputError(
            f"{handover.source}: the list of {handover} cannot be read{why_unread(handover)}"
        )
    return handover, where.pfns


def table_pfns(tables: Sequence[PoisonTable], page_size: int | None) -> Listing:
    """Return the pages of the table that counts; InputError where it cannot be read."""
    table = which_table(tables)
    check_readable(table, table.source)
    found = table.pages(page_size or DEFAULT_PAGE_SIZE)
    if found.count > MAX_PFNS:
        raise InputError(
            f"{table.source}: {found.count} PFNs, more than the {MAX_PFNS} of the longest list"
        )
    return found
