"""The bad pages of any case: of a handover, a plain list or an EFI table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import said
from hwpkho.badpages.convert import convert
from hwpkho.badpages.formats.efi_table import NAME, of_table
from hwpkho.badpages.model import BadPages, ListNote
from hwpkho.base import kept
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.listing import Listing
from hwpkho.base.options import option
from hwpkho.errors import InputError
from hwpkho.handover.model import page_size_of
from hwpkho.handover.owners import turnover
from hwpkho.inputs import plus
from hwpkho.inputs.case import Case, CaseOptions, read_inputs
from hwpkho.inputs.role import doubts, which_handover, which_of_several, why_unread
from hwpkho.inputs.tables import check_readable, refuse_ambiguous, which_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from hwpkho.abi.role import Role
    from hwpkho.badpages.registry import Asked
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover
    from hwpkho.handover.owners import Turnover
    from hwpkho.images.base import Closed, Source

    #: A case: its inputs, one argument that joins them with ``+``, or a list read before.
    CaseNamed: TypeAlias = "str | Sequence[str] | CaseList"


class CaseList(NamedTuple):
    """The bad pages of one case, and the handover that lists them.

    Attributes:
        pages: The list.
        handover: The handover that it is from, None for a plain list.
        source: The memory of the case, None where there is none. It is closed, as there may be
            thousands of lists, unless :func:`read_list` was to keep it open.
    """

    pages: BadPages
    handover: Handover | None = None
    source: Source | Closed | None = None

    @property
    def name(self) -> str:
        """The name of the case, printable."""
        return self.pages.name

    @property
    def pfns(self) -> Listing:
        """PFNs in the case's order, repeats kept."""
        return self.pages.pfns

    @property
    def page_size(self) -> int:
        """The page size, bytes; 4096 where the case does not record it."""
        return self.pages.taken_page_size

    @property
    def arch(self) -> str | None:
        """The architecture, None where the case does not record it."""
        return self.pages.arch

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, one line each, and the problems of the list."""
        return (*said.notes([self.pages]), *map(str, self.pages.problems))

    @property
    def kexec_count(self) -> int | None:
        """The kexec count of the handover, None where it does not record it."""
        metadata = self.handover.metadata if self.handover else None
        return metadata.kexec_count if metadata else None

    @property
    def table(self) -> PoisonTable | None:
        """The EFI table of poisoned memory that the list is from, None for others."""
        tables = self.pages.tables
        return tables[0] if len(tables) == 1 and self.pages.origin == NAME else None

    def converted(self, page_size: int) -> CaseList:
        """Return the list in pages of ``page_size`` bytes; see :func:`convert`.

        The bytes of an EFI table are rounded outward anew. Raises InputError as ``convert`` does.
        """
        if self.table is None or page_size == self.page_size:
            pages = convert(self.pages, page_size)
            if page_size != self.page_size:
                resized = f"converted from pages of {self.page_size} bytes to {page_size}"
                pages = replace(pages, notes=(*pages.notes, ListNote(resized, self.name)))
            return self._replace(pages=pages)
        pages = of_table(self.table, page_size, self.arch)
        notes = tuple(n for n in self.pages.notes if not n.page_size_assumed)
        more = pages.pfns.count * page_size - self.table.bad_bytes()
        if more > 0:
            rounded = f"rounded out to pages of {page_size} bytes: {more} more bytes count as bad"
            notes = (*notes, ListNote(rounded, self.name))
        return self._replace(pages=replace(pages, name=self.name, notes=notes))


def common_page_size(found: Sequence[CaseList]) -> int:
    """Return the page size (bytes) for comparing or joining lists: the smallest of theirs.

    EFI tables without a recorded page size do not count, unless there is nothing else.
    """
    says = [x for x in found if x.table is None or x.pages.page_size is not None]
    return min(x.page_size for x in says or found)


def _assumed(name: str, what: str) -> ListNote:
    text = f"page size {DEFAULT_PAGE_SIZE} assumed: the {what} does not record it"
    return ListNote(text, name, page_size_assumed=True)


def read_list(
    spec: CaseNamed,
    options: CaseOptions | None = None,
    asked: Asked | None = None,
    role: Role | None = None,
    *,
    empty_ok: bool = True,
    keep_open: bool = False,
) -> CaseList:
    """Read the list of the case ``spec``: its inputs, one argument that joins them with ``+``, or
    a list that was read before.

    Of two handovers, the outgoing one counts if it has a hwpoison subtree, else the incoming one;
    ``role`` chooses instead. A handover without the subtree has an empty list, or, without
    ``empty_ok``, raises InputError. The EFI table of an image counts if no handover has a list, or
    if ``options`` name it. With ``keep_open``, the caller goes on reading the memory of the case.
    Raises InputError where the list cannot be read, or records another page size than ``options``.
    """
    if isinstance(spec, CaseList):
        return spec
    options = options or CaseOptions()
    case = read_inputs(plus.inputs_of(spec), options, asked)
    found = _of_case(case, options, role, empty_ok=empty_ok)
    return found._replace(source=case.source if keep_open else closed(case))


def read_lists(
    specs: Iterable[CaseNamed],
    options: CaseOptions | None = None,
    asked: Asked | None = None,
    role: Role | None = None,
) -> list[CaseList]:
    """Read the lists of several cases, however many; see :func:`read_list`."""
    found = []
    for spec in specs:
        found.append(read_list(spec, options, asked, role))
        kept.let_go()
    return found


def closed(case: Case) -> Closed | None:
    """Close the memory of a case, None where it has none.

    What judging by a memory map asks of it can still be asked: which areas of scratch it holds.
    """
    if case.source is None:
        return None
    scratch = [h.scratch for h in case.handovers if h.scratch and not case.source.to_load]
    return case.source.closed(area for x in scratch for area in x.areas or ())


def _of_case(case: Case, options: CaseOptions, role: Role | None, *, empty_ok: bool) -> CaseList:
    """Return the list of a case, without its memory."""
    if case.tables and (options.efi_table is not None or not _listed(case.handovers)):
        return _of_table(which_table(case.tables), case, options)
    if case.pages is None:
        handover = which_handover(case.handovers, role)
        if handover.hwpoison is None and not handover.unread and not empty_ok:
            raise InputError(f"{case.name}: {handover} has no hwpoison subtree")
        doubtful = (
            ListNote(f"{p.severity}: {p.message} ({p.code})", case.name)
            for p in doubts(case.handovers)
        )
        pages = of_handover(case.name, handover, case.handovers)
        unused = (
            ListNote(
                f"the EFI table at 0x{t.phys or 0:x} is not in the list; choose it by its address "
                "to read it instead",
                case.name,
            )
            for t in case.tables
        )
        pages = replace(pages, notes=(*pages.notes, *doubtful, *unused))
        return CaseList(pages, handover)
    size = case.pages.agreed_page_size(options.page_size)
    taken = () if size or case.pages.unit == "address" else (_assumed(case.name, "list"),)
    pages = replace(case.pages, page_size=size, notes=(*case.pages.notes, *taken))
    return CaseList(pages)


def _listed(handovers: Sequence[Handover]) -> bool:
    """Tell whether a handover has a list, or may have one."""
    return any(h.hwpoison is not None or h.unread for h in handovers)


def _of_table(table: PoisonTable, case: Case, options: CaseOptions) -> CaseList:
    """Return the list of an EFI table. Raises InputError where it cannot be read."""
    page_size = page_size_of(case.handovers) or options.page_size
    arch = options.arch or (case.source.arch if case.source else None)
    refuse_ambiguous([table])
    check_readable(table, case.name)
    pages = of_table(table, page_size, arch)
    note = f"the list is from the EFI table at 0x{table.phys or 0:x}"
    notes = [ListNote(note, case.name)] if case.handovers else []
    if page_size is None:
        notes.append(_assumed(case.name, "table"))
    return CaseList(replace(pages, notes=(*pages.notes, *notes)))


def of_handover(name: str, handover: Handover, among: Sequence[Handover] = ()) -> BadPages:
    """Return the list of a handover; ``name`` is the case's.

    ``among`` are all handovers of the case; if there are several, a note says which was chosen.
    Raises InputError where the list cannot be read, or the page size is unknown.
    """
    choice = which_of_several(among, handover)
    notes = [ListNote(choice, name)] if choice else []
    found = handover.hwpoison
    page_size = handover.page_size
    if page_size is None:
        raise InputError(f"{name}: the page size is unknown; give {option('page_size', 'BYTES')}")
    if handover.unread:
        raise InputError(f"{name}: the list of {handover} cannot be read{why_unread(handover)}")
    if found is None:
        notes.append(ListNote(f"{handover} has no hwpoison subtree: an empty list", name))
    elif found.pfns is None:
        raise InputError(f"{name}: the list of {handover} cannot be read{why_unread(handover)}")
    pfns = Listing(found.pfns or ()) if found else Listing()
    return BadPages(name, pfns, page_size, handover.arch, "handover", notes=tuple(notes))


def owners_turnover(before: CaseList, after: CaseList) -> Turnover | None:
    """Return which owners of preserved memory came and went; None where a case has no account."""
    accounts = [x.handover.account if x.handover else None for x in (before, after)]
    if accounts[0] is None or accounts[1] is None:
        return None
    return turnover(accounts[0], accounts[1])
