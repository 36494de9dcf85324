"""Lists of PFNs out of any case: a handover's, or a bare one; and in another page size."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.sets import first_seen
from hwpkho.badpages.text import DEFAULT_PAGE_SIZE
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import MAX_PFNS, Listing
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import InputError
from hwpkho.inputs import plus
from hwpkho.inputs.case import CaseOptions, doubts, pick, read_case, why_unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.text import PfnList
    from hwpkho.handover.model import Handover, Role
    from hwpkho.images.base import Source


class Listed(NamedTuple):
    """The list of one case.

    Attributes:
        name: The case, printable.
        pfns: In the case's order, repeats kept.
        page_size: Bytes.
        handover: What it was taken from, None for a bare list.
        source: The memory of that handover, None where there is none.
        notes: What a user should know about the choice, one line each.
        told_arch: The architecture that a bare list tells of itself.
        text: Whether it was read as text, in which numbers have a base.
    """

    name: str
    pfns: Listing
    page_size: int
    handover: Handover | None = None
    source: Source | None = None
    notes: tuple[str, ...] = ()
    told_arch: str | None = None
    text: bool = False

    @property
    def kexec_count(self) -> int | None:
        """The generation of the handover, None where it tells none."""
        metadata = self.handover.metadata if self.handover else None
        return metadata.kexec_count if metadata else None

    @property
    def arch(self) -> str | None:
        """The architecture, None where the case does not tell."""
        return self.handover.arch if self.handover else self.told_arch


def read_list(
    spec: str,
    options: CaseOptions | None = None,
    base: int = 10,
    role: Role | None = None,
    *,
    empty_ok: bool = True,
) -> Listed:
    """Read the list of the case ``spec``, pieces joined with ``+``.

    Of two handovers the outgoing counts if it has a hwpoison subtree, else the incoming. A
    handover without the subtree has an empty list, unless ``empty_ok`` is not set. Raises
    InputError where a list cannot be read, or states another page size than ``options``.
    """
    options = options or CaseOptions()
    case = read_case(plus.split(spec), options, base)
    if case.pfns is None:
        chosen = pick(case.handovers, role)
        if chosen.hwpoison is None and not chosen.unread and not empty_ok:
            raise InputError(f"{case.name}: {chosen} has no hwpoison subtree")
        listed = of_handover(case.name, chosen, len(case.handovers))
        said = doubts(case.handovers)
        doubtful = (f"{case.name}: {p.severity}: {p.message} ({p.code})" for p in said)
        return listed._replace(source=case.source, notes=(*listed.notes, *doubtful))
    size = told_page_size(case.pfns, options.page_size)
    notes = () if size else (f"{case.name}: page size {DEFAULT_PAGE_SIZE} taken",)
    bare = case.pfns
    return Listed(
        case.name,
        bare.pfns,
        size or DEFAULT_PAGE_SIZE,
        notes=notes,
        told_arch=bare.arch,
        text=bare.text,
    )


def told_page_size(bare: PfnList, asked: int | None) -> int | None:
    """Return the page size (bytes) of a bare list, None where neither it nor ``asked`` tells.

    Raises InputError where the two contradict each other.
    """
    if bare.page_size and asked and bare.page_size != asked:
        raise InputError(
            f"{bare.source}: the list says page_size {bare.page_size}, --page-size says {asked}; "
            "PFNs of one are not PFNs of the other"
        )
    return bare.page_size or asked


def of_handover(name: str, handover: Handover, among: int = 1) -> Listed:
    """Return the list of a handover that was read; InputError where it cannot be told."""
    notes = [f"{name}: of {among} handovers this is {handover}"] if among > 1 else []
    found = handover.hwpoison
    page_size = handover.page_size
    if page_size is None:
        raise InputError(f"{name}: the page size is not told; give --page-size BYTES")
    if handover.unread:
        raise InputError(f"{name}: the list of {handover} cannot be read{why_unread(handover)}")
    if found is None:
        notes.append(f"{name}: {handover} has no hwpoison subtree: an empty list")
        return Listed(name, Listing(), page_size, handover, notes=tuple(notes))
    if found.pfns is None:
        raise InputError(f"{name}: the list of {handover} cannot be read{why_unread(handover)}")
    return Listed(name, Listing(found.pfns), page_size, handover, notes=tuple(notes))


def common_page_size(lists: Sequence[Listed]) -> int:
    """Return the smallest page size among the lists, to which all convert without loss."""
    return min(x.page_size for x in lists)


def convert(listed: Listed, page_size: int) -> Listed:
    """Return the list in frames of ``page_size`` bytes.

    A larger page becomes all the smaller ones in it, in order. Smaller pages become larger ones
    only where every one of them is listed. Raises InputError where that would call good memory bad,
    or makes the list too long.
    """
    if listed.page_size == page_size:
        return listed
    shift = page_shift(listed.page_size) - page_shift(page_size)
    small, large = listed.pfns, listed.pfns
    if shift > 0:
        if large.count << shift > MAX_PFNS:
            raise InputError(f"{listed.name}: in pages of {page_size} bytes the list is too long")
        high = next((pfn for pfn in large.last if pfn >> (64 - shift)), None)
        if high is not None:
            raise InputError(f"{listed.name}: PFN 0x{high:x} has no place below 2^64 bytes")
        first = array("Q", (pfn << shift for pfn in large.first))
        last = array("Q", (((pfn + 1) << shift) - 1 for pfn in large.last))
        return listed._replace(pfns=Listing(first, last), page_size=page_size)
    there, pages = pfn_set(small), 1 << -shift
    for first_pfn, last_pfn in there:
        for pfn in (first_pfn, last_pfn):
            frame = pfn >> -shift
            listed_there = there.pages(frame << -shift, (frame << -shift) + pages - 1)
            if listed_there != pages:
                raise InputError(
                    f"{listed.name}: only {listed_there} of the {pages} pages in frame "
                    f"0x{frame:x} of {page_size} bytes are listed; converting would lose good "
                    "memory"
                )
    frames = (array("Q", (pfn >> -shift for pfn in side)) for side in (small.first, small.last))
    return listed._replace(pfns=first_seen([Listing(*frames)]), page_size=page_size)
