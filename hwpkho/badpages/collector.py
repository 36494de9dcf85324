"""What a reader gathers: which pages an input names, as what, and where; and what it cannot use."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING

from hwpkho.badpages.model import BAD, BadPages, Loss, Mention
from hwpkho.base import garbage
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import PFN_MAX, pfn_set
from hwpkho.codes import problem
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.badpages.model import Kind, Unit
    from hwpkho.badpages.registry import Asked
    from hwpkho.codes import Code, Problem

#: Distinct pages or runs that are named; nobody has as many bad ones.
MAX_MENTIONS = 1 << 21
#: An error larger than this is a damaged number: firmware tells of lines, rows and pages. Bytes.
MAX_EXTENT = 1 << 30
#: Problems told one by one; more are counted.
MAX_PROBLEMS = 16


class Collector:
    """Gathers the bad pages of one input.

    Args:
        name: The input, printable.
        form: The form that reads it, a name in ``LIST_FORMATS``.
        asked: What the user says; its page size is that of the list.
        unit: Whether the input has PFNs or addresses.
    """

    def __init__(self, name: str, form: str, asked: Asked, unit: Unit = "pfn") -> None:
        self.name, self._form, self._asked, self._unit = name, form, asked, unit
        self.arch: str | None = None
        self.page_size = asked.page_size or 4096
        self._shift = page_shift(self.page_size)
        self._said: dict[tuple[int, int, Kind], tuple[str | None, str | None]] = {}
        self._problems: list[Problem] = []
        self._told: Counter[tuple[str, str]] = Counter()
        self._unusable: str | None = None
        self._left_out = False
        self._notes: dict[str, None] = {}
        self._untold = 0
        self._rounded = 0
        self._good = 0

    def wants(self, kind: Kind) -> bool:
        """Tell whether pages of a kind are gathered: the user may not ask for them."""
        return kind in self._asked.kinds

    def pages(
        self,
        first: int,
        last: int,
        kind: Kind,
        *,
        when: str | None = None,
        where: str | None = None,
    ) -> None:
        """Name PFNs ``first`` to ``last``, inclusive, below 2^64. What was named first stays.

        ``when`` is ISO 8601 or ``boot+SECONDS``, ``where`` a line, row or offset, both printable.
        """
        if kind not in self._asked.kinds:
            self._left_out |= kind in BAD
            return
        self._said.setdefault((first, last, kind), (when, where))
        if len(self._said) > MAX_MENTIONS:
            raise InputError(f"{self.name}: more than {MAX_MENTIONS} entries, as no machine has")

    def addresses(
        self,
        start: int,
        end: int,
        kind: Kind,
        *,
        when: str | None = None,
        where: str | None = None,
        exact: bool = False,
    ) -> None:
        """Name the pages of the bytes ``start`` to ``end``, inclusive: rounded outward.

        ``exact``: the input means whole pages; that they are rounded is worth a note.
        """
        first, last = start >> self._shift, end >> self._shift
        if exact and (start | (end + 1)) & (self.page_size - 1):
            self._rounded += 1
        self.pages(first, last, kind, when=when, where=where)

    def withdraw(self, first: int, last: int, kinds: Iterable[Kind]) -> None:
        """Forget that exactly these PFNs were named as one of ``kinds``: they are well again."""
        for kind in kinds:
            self._said.pop((first, last, kind), None)

    def lost(self, good_pages: int) -> None:
        """Count good pages that the input names among bad ones, as merged patterns do."""
        self._good += good_pages

    def unusable(self, message: str, where: str | None = None) -> None:
        """Report what says that something is bad and names no page. Alone it is an error."""
        self._unusable = self._unusable or _at(where, message)
        self.problem(ENTRY_UNUSABLE, message, where)

    def problem(self, code: Code, message: str, where: str | None = None) -> None:
        """Report what a user should know; ``message`` is printable."""
        self._told[code.id, message] += 1
        if self._told[code.id, message] > 1:
            return
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(problem(code, _at(where, message)))
        else:
            self._untold += 1

    def note(self, text: str) -> None:
        """Say something about the whole input, once."""
        self._notes[text] = None

    def finish(self) -> BadPages:
        """Return the list.

        Raises InputError where the input says that something is bad and names no page.
        """
        named = self._left_out or any(kind in BAD for _, _, kind in self._said)
        if self._unusable is not None and not named:
            raise InputError(f"{self.name}: {self._unusable}")
        keys = sorted(self._said)
        counted = keys if {kind for _, _, kind in keys} <= BAD else [k for k in keys if k[2] in BAD]
        runs = (array("Q", map(itemgetter(side), counted)) for side in (0, 1))
        bad = pfn_set(Listing(*runs))
        with garbage.kept():
            mentions = self._mentions(keys)
        if self._untold:
            self.note(f"{self._untold} more problems like these are not shown")
        if self._rounded:
            more = "s are" if self._rounded > 1 else " is"
            self.note(f"{self._rounded} range{more} rounded outward to whole pages")
        return BadPages(
            self.name,
            bad.listing(),
            self._asked.page_size,
            self.arch,
            self._form,
            self._unit,
            mentions,
            Loss(good_pages=self._good) if self._good else None,
            tuple(self._problems),
            tuple(f"{self.name}: {note}" for note in self._notes),
        )

    def _mentions(self, keys: Sequence[tuple[int, int, Kind]]) -> list[Mention]:
        """Return who named what: there may be a million, so columns are joined."""
        first, last, kind = (map(itemgetter(n), keys) for n in range(3))
        said = list(map(self._said.__getitem__, keys))
        when, where = (map(itemgetter(n), said) for n in range(2))
        return list(map(Mention._make, zip(first, last, kind, when, repeat(self.name), where)))


def _at(where: str | None, message: str) -> str:
    return f"{where}: {message}" if where else message


def in_range(number: int) -> bool:
    """Tell whether a number can be a PFN or an address: 64 bits."""
    return 0 <= number <= PFN_MAX
