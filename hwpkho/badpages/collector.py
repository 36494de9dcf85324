"""Collects what a list's reader finds: pages with kind, time and place, and unusable entries."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress, islice, repeat
from operator import ne
from typing import TYPE_CHECKING

from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.badpages.mentions import Mentions, Places, gathered, in_order, is_constant
from hwpkho.badpages.model import BadPages, ListNote, ListProblem, Loss
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import PFN_MAX, pfn_set
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import Unit
    from hwpkho.badpages.registry import Asked
    from hwpkho.codes import Code

#: The most distinct pages or runs that an input may name; no machine has so many bad ones.
MAX_MENTIONS = 1 << 21
#: The most ranges that patterns may expand to, apart from those that are read as columns.
MAX_EXPANDED = 1 << 18
#: The largest plausible error, bytes: firmware reports cache lines, rows and pages.
MAX_EXTENT = 1 << 30
_PLACE = {kind: place for place, kind in enumerate(KINDS)}
#: The most problems that are listed; further ones are counted.
MAX_PROBLEMS = 16


class Collector:
    """Gathers the bad pages of one input.

    Args:
        name: The input, printable.
        form: The form as which it is read, a name in ``LIST_FORMATS``.
        asked: The user's options; the list has their page size, else 4096.
        unit: Whether the input has PFNs or addresses.
    """

    def __init__(self, name: str, form: str, asked: Asked, unit: Unit = "pfn") -> None:
        self.name, self._form, self._asked, self._unit = name, form, asked, unit
        self.arch: str | None = None
        self.page_size = asked.page_size or DEFAULT_PAGE_SIZE
        self._shift = page_shift(self.page_size)
        self._columns = _Columns()
        self._look = MAX_MENTIONS
        self._problems: list[ListProblem] = []
        self._told: Counter[tuple[str, str]] = Counter()
        self._unusable: str | None = None
        self._left_out = False
        self._notes: dict[str, None] = {}
        self._untold = 0
        self._rounded = 0
        self._good = 0
        self._expanded = 0

    def wants(self, kind: Kind) -> bool:
        """Tell whether the user wants pages of this kind."""
        return kind in self._asked.kinds

    def pages(
        self,
        first: int,
        last: int,
        kind: Kind,
        *,
        when: str | None = None,
        where: str | None = None,
        number: int = -1,
    ) -> None:
        """Add PFNs ``first`` to ``last``, inclusive, below 2^64. Repeats keep the first mention.

        ``when`` is ISO 8601 or ``boot+SECONDS``, ``where`` a line, row or offset, both printable;
        ``number`` is appended to ``where`` unless it is negative. Raises InputError for too many.
        """
        if kind not in self._asked.kinds:
            self._left_out |= kind in BAD
            return
        self._columns.add(first, last, kind, when, where, number)
        self._bound()

    def table(
        self,
        kind: Kind,
        pfns: Sequence[int],
        when: Iterable[str | None],
        where: str,
        numbers: Iterable[int],
    ) -> None:
        """Add single pages, like :meth:`pages`, from columns of equal length."""
        if kind not in self._asked.kinds:
            self._left_out |= kind in BAD
            return
        self._columns.extend(pfns, kind, when, where, numbers)
        self._bound()

    def ranges(
        self,
        kind: Kind,
        first: Sequence[int],
        last: Sequence[int],
        where: str,
        numbers: Iterable[int],
    ) -> None:
        """Add ranges, like :meth:`pages`, from columns of equal length."""
        if kind not in self._asked.kinds:
            self._left_out |= kind in BAD
            return
        self._columns.extend(first, kind, repeat(None, len(first)), where, numbers, last)
        self._bound()

    def expand(self, ranges: int) -> None:
        """Count ranges that a pattern of a few bytes expands to.

        Raises InputError for more than ``MAX_EXPANDED`` in all.
        """
        self._expanded += ranges
        if self._expanded > MAX_EXPANDED:
            raise InputError(
                f"{self.name}: its patterns expand to more than {MAX_EXPANDED} ranges, too many "
                "for any machine"
            )

    def _bound(self) -> None:
        """Raise InputError where more pages are named than any machine has."""
        if len(self._columns) > self._look:
            self._columns = self._columns.distinct()
            self._columns.last = self._columns.last[:]  # for single pages it is the same object
            self._look = 2 * MAX_MENTIONS
            self.refuse_more(len(self._columns))

    def refuse_more(self, entries: int, most: int = MAX_MENTIONS) -> None:
        """Raise InputError for more than ``most`` entries; to be called before reading them."""
        if entries > most:
            raise InputError(f"{self.name}: more than {most} entries, too many for any machine")

    def addresses(
        self,
        start: int,
        end: int,
        kind: Kind,
        *,
        when: str | None = None,
        where: str | None = None,
        number: int = -1,
        exact: bool = False,
    ) -> None:
        """Add the pages of the bytes ``start`` to ``end``, inclusive, rounded outward.

        With ``exact`` the input means whole pages, so rounding gets a note. The rest is as for
        :meth:`pages`.
        """
        first, last = start >> self._shift, end >> self._shift
        if exact and (start | (end + 1)) & (self.page_size - 1):
            self._rounded += 1
        self.pages(first, last, kind, when=when, where=where, number=number)

    def lost(self, good_pages: int) -> None:
        """Count good pages that the input names as bad, because it merges patterns."""
        self._good += good_pages

    def unusable(self, message: str, where: str | None = None) -> None:
        """Report an entry that says that memory is bad but names no page.

        If no entry names a page, :meth:`finish` raises it as an error.
        """
        self._unusable = self._unusable or _at(where, message)
        self.problem(ENTRY_UNUSABLE, message, where)

    def problem(self, code: Code, message: str, where: str | None = None) -> None:
        """Report a problem; ``message`` and ``where`` are printable. Repeats are counted."""
        self._told[code.id, message] += 1
        if self._told[code.id, message] > 1:
            return
        if len(self._problems) < MAX_PROBLEMS:
            found = ListProblem(code.id, code.severity, message, self.name, where)
            self._problems.append(found)
        else:
            self._untold += 1

    def note(self, text: str) -> None:
        """Add a note about the whole input; repeats are dropped."""
        self._notes[text] = None

    def finish(self) -> BadPages:
        """Return the list.

        Raises InputError where the input says that memory is bad but names no page.
        """
        columns = self._columns.distinct()
        kinds = {KINDS[kind] for kind in set(columns.kind)}
        if self._unusable is not None and not (self._left_out or kinds & BAD):
            raise InputError(f"{self.name}: {self._unusable}")
        mentions = columns.mentions(self.name)
        listed = mentions.pages()
        if not kinds <= BAD:
            bad = [at for at, kind in enumerate(mentions.kind) if kind in BAD]
            listed = mentions.picked(bad).pages()
        if self._untold:
            more = counted(
                self._untold, "more problem like these is", "more problems like these are"
            )
            self.note(f"{more} not shown")
        if self._rounded:
            ranges = counted(self._rounded, "range is", "ranges are")
            self.note(f"{ranges} rounded outward to whole pages")
        return BadPages(
            self.name,
            pfn_set(listed).listing(),
            self._asked.page_size,
            self.arch,
            self._form,
            self._unit,
            mentions,
            Loss(good_pages=self._good) if self._good else None,
            tuple(map(self._counted, self._problems)),
            tuple(ListNote(note, self.name) for note in self._notes),
        )

    def _counted(self, found: ListProblem) -> ListProblem:
        more = self._told[found.code, found.message] - 1
        return found._replace(message=f"{found.message} (and {more} more)") if more else found


class _Columns:
    """The mentions so far, as columns, in the order of the input."""

    def __init__(self) -> None:
        self.first, self.last, self.kind = array("Q"), array("Q"), array("B")
        self.when: list[str | None] = []
        self.labels: dict[str | None, int] = {}
        self.where = Places([], array("L"), array("q"))

    def __len__(self) -> int:
        return len(self.first)

    def add(
        self, first: int, last: int, kind: Kind, when: str | None, where: str | None, number: int
    ) -> None:
        self.first.append(first)
        self.last.append(last)
        self.kind.append(_PLACE[kind])
        self.when.append(when)
        self.where.label.append(self._label(where))
        self.where.number.append(number)

    def extend(
        self,
        pfns: Sequence[int],
        kind: Kind,
        when: Iterable[str | None],
        where: str,
        numbers: Iterable[int],
        last: Sequence[int] | None = None,
    ) -> None:
        self.first.extend(pfns)
        self.last.extend(pfns if last is None else last)
        self.kind.extend([_PLACE[kind]] * len(pfns))
        self.when.extend(when)
        self.where.label.extend([self._label(where)] * len(pfns))
        self.where.number.extend(numbers)

    def _label(self, where: str | None) -> int:
        found = self.labels.get(where)
        if found is None:
            found = self.labels[where] = len(self.where.labels)
            self.where.labels.append(where)
        return found

    def distinct(self) -> _Columns:
        """Return the mentions in ascending order; of equal pages and kinds only the first."""
        found = _Columns()
        order = in_order(self.first, self.last, self.kind)
        found.first = gathered(self.first, order)
        found.last = found.first if self.last == self.first else gathered(self.last, order)
        found.kind = gathered(self.kind, order)
        keys = [found.first] if found.last is found.first else [found.first, found.last]
        if not is_constant(found.kind):
            keys.append(found.kind)
        changes = [map(ne, column, islice(column, 1, None)) for column in keys]
        other = changes[0] if len(changes) == 1 else map(any, zip(*changes, strict=True))
        kept = [True, *other] if order else []
        if not all(kept):
            single = found.last is found.first
            found.first = array("Q", compress(found.first, kept))
            found.last = found.first if single else array("Q", compress(found.last, kept))
            found.kind = array("B", compress(found.kind, kept))
            order = list(compress(order, kept))
        found.when = list(map(self.when.__getitem__, order))
        found.labels, found.where = self.labels, self.where.picked(order)
        return found

    def mentions(self, source: str) -> Mentions:
        kinds = list(map(KINDS.__getitem__, self.kind))
        return Mentions(self.first, self.last, kinds, self.when, [source] * len(self), self.where)


def _at(where: str | None, message: str) -> str:
    return f"{where}: {message}" if where else message


def in_range(number: int) -> bool:
    """Tell whether a number fits into 64 bits, so that it can be a PFN or an address."""
    return 0 <= number <= PFN_MAX
