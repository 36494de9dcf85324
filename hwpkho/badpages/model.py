"""The types of a list of bad pages, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.options import option
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.kinds import Kind
    from hwpkho.base.listing import Listing
    from hwpkho.codes import Severity
    from hwpkho.efi.model import PoisonTable

#: Bytes at the beginning of a file by which a form recognises it.
HEAD = 1 << 16

#: What the numbers of an input are: page frame numbers, or addresses in bytes.
Unit = Literal["pfn", "address"]


class Mention(NamedTuple):
    """One statement of an input about bad pages.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        kind: What is known about the pages, None where the input does not record it.
        when: ISO 8601, or ``boot+SECONDS``; None where the input does not record it.
        source: The input, printable.
        where: Line, row or offset in it, printable.
    """

    first: int
    last: int
    kind: Kind | None = None
    when: str | None = None
    source: str | None = None
    where: str | None = None


class ListProblem(NamedTuple):
    """A part of an input that could not be used, or a note about the input.

    Attributes:
        code: The registered code, ``HP612``.
        severity: ``error``, ``warning`` or ``note``.
        message: One line for people, printable.
        source: The input, printable.
        where: Line, row or offset in it, printable; None for the input as a whole.
    """

    code: str
    severity: Severity
    message: str
    source: str | None = None
    where: str | None = None

    def __str__(self) -> str:
        """Return the line for people."""
        words = (self.severity, self.source, self.placed)
        return f"{': '.join(word for word in words if word)} ({self.code})"

    @property
    def placed(self) -> str:
        """The message, and where in the input it applies."""
        return f"{self.where}: {self.message}" if self.where else self.message


class ListNote(NamedTuple):
    """A note for the user on an input.

    Attributes:
        text: One line, printable.
        source: The input, printable; None where it is about no single one.
        page_size_assumed: Whether it says that a page size was assumed.
    """

    text: str
    source: str | None = None
    page_size_assumed: bool = False

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.source}: {self.text}" if self.source else self.text


class Loss(NamedTuple):
    """What was lost because a form cannot express a list exactly.

    Attributes:
        good_pages: Number of good pages that count as bad, because the form rounds or merges.
        bad_pages_left: Number of bad pages left out, because the form has no room or no way to
            express them.
    """

    good_pages: int = 0
    bad_pages_left: int = 0


@dataclass(frozen=True, slots=True)
class BadPages:
    """Bad pages of one machine.

    Attributes:
        name: The input, printable.
        pfns: In the order of the input, repeats kept.
        page_size: Bytes per page, None where the input does not record it.
        arch: A name of ``ARCHES``, None where the input does not record it.
        origin: The form they were read from, a name in
            :data:`hwpkho.badpages.registry.LIST_FORMATS`; or ``handover``, ``merge``, ``several``.
        unit: Whether the input has PFNs or addresses. Addresses are rounded outward to pages.
        mentions: What the input says about which pages; empty where the form has only PFNs.
        loss: What was lost in reading, such as good pages of a merged pattern; None for nothing.
        problems: Parts of the input that could not be used.
        notes: Notes for the user.
        elsewhere: Another form as which the same input lists further bad pages, else None.
        tables: The EFI tables of poisoned memory that pages came from; a table that is written
            keeps their grid of units.
    """

    name: str
    pfns: Listing
    page_size: int | None = None
    arch: str | None = None
    origin: str = "text"
    unit: Unit = "pfn"
    mentions: Sequence[Mention] = ()
    loss: Loss | None = None
    problems: tuple[ListProblem, ...] = ()
    notes: tuple[ListNote, ...] = ()
    elsewhere: str | None = None
    tables: tuple[PoisonTable, ...] = ()

    @property
    def taken_page_size(self) -> int:
        """The page size (bytes); 4096 where the input does not record it."""
        return self.page_size or DEFAULT_PAGE_SIZE

    def agreed_page_size(self, asked: int | None) -> int | None:
        """Return the page size (bytes), None where neither the list nor the user states it.

        Raises InputError where the two contradict each other.
        """
        if self.page_size and asked and self.page_size != asked:
            raise InputError(
                f"{self.name}: the list says page_size {self.page_size}, "
                f"{option('page_size')} says {asked}; "
                "PFNs of one are not PFNs of the other"
            )
        return self.page_size or asked
