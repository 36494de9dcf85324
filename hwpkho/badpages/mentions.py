"""Mentions (who named which pages) stored as columns, as a database may have a million."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, compress, islice, repeat
from operator import add, eq, le
from typing import TYPE_CHECKING, TypeVar, overload

from hwpkho.badpages.model import Mention
from hwpkho.base.listing import Listing
from hwpkho.base.pfnset import pfn_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import BadPages

T = TypeVar("T")


class Places(Sequence["str | None"]):
    """Places in an input, each a label and a number, such as ``line 12``; places share labels.

    Attributes:
        labels: The distinct labels: ``line ``, ``memory_failure_event row ``, or a whole place;
            None for an unknown place.
        label: Index in ``labels`` for each place, ``array('L')``.
        number: Number behind the label, ``array('q')``; negative for none.
    """

    __slots__ = ("label", "labels", "number")

    def __init__(self, labels: list[str | None], label: array[int], number: array[int]) -> None:
        self.labels, self.label, self.number = labels, label, number

    def __len__(self) -> int:
        return len(self.label)

    @overload
    def __getitem__(self, at: int) -> str | None: ...
    @overload
    def __getitem__(self, at: slice) -> Places: ...
    def __getitem__(self, at: int | slice) -> str | Places | None:
        if isinstance(at, slice):
            return Places(self.labels, self.label[at], self.number[at])
        label, number = self.labels[self.label[at]], self.number[at]
        return label if number < 0 else f"{label}{number}"

    def picked(self, order: Sequence[int]) -> Places:
        """Return the places with the indices ``order``, in that order."""
        return Places(self.labels, gathered(self.label, order), gathered(self.number, order))


class Mentions(Sequence[Mention]):
    """A sequence of :class:`Mention`, stored as columns of equal length.

    Attributes:
        first: First PFN of each, ``array('Q')``.
        last: Last PFN of each, inclusive, ``array('Q')``.
        kind: See :class:`Mention`, as for the others.
        when: See there.
        source: See there.
        where: See there.
    """

    __slots__ = ("first", "kind", "last", "source", "when", "where")

    def __init__(
        self,
        first: array[int],
        last: array[int],
        kind: Sequence[Kind | None],
        when: Sequence[str | None],
        source: Sequence[str | None],
        where: Sequence[str | None],
    ) -> None:
        self.first, self.last = first, last
        self.kind, self.when, self.source, self.where = kind, when, source, where

    def __len__(self) -> int:
        return len(self.first)

    @overload
    def __getitem__(self, at: int) -> Mention: ...
    @overload
    def __getitem__(self, at: slice) -> Mentions: ...
    def __getitem__(self, at: int | slice) -> Mention | Mentions:
        if isinstance(at, slice):
            return Mentions(
                self.first[at], self.last[at], self.kind[at], self.when[at], self.source[at],
                self.where[at],
            )  # fmt: skip
        return Mention(
            self.first[at], self.last[at], self.kind[at], self.when[at], self.source[at],
            self.where[at],
        )  # fmt: skip

    def __iter__(self) -> Iterator[Mention]:
        return map(Mention, self.first, self.last, self.kind, self.when, self.source, self.where)

    def pages(self) -> Listing:
        """Return the PFNs of all mentions, in order."""
        return Listing(self.first, self.last)

    def picked(self, order: Sequence[int]) -> Mentions:
        """Return the mentions with the indices ``order``, in that order."""
        where = self.where
        return Mentions(
            gathered(self.first, order),
            gathered(self.last, order),
            _picked(self.kind, order),
            _picked(self.when, order),
            _picked(self.source, order),
            where.picked(order) if isinstance(where, Places) else _picked(where, order),
        )

    def ascending(self) -> Mentions:
        """Return the mentions sorted by first and last PFN; the sort is stable."""
        ranges = (zip(self.first, self.last, strict=True) for _ in range(2))
        if all(map(le, next(ranges), islice(next(ranges), 1, None))):
            return self
        return self.picked(in_order(self.first, self.last))

    def run_starts(self) -> array[int]:
        """Return the indices at which runs begin.

        A run is a range, or successive single pages of which everything else is equal.
        """
        first, places = self.first, range(len(self.first))
        follows = bytes(map(eq, islice(first, 1, None), map(add, first, repeat(1))))
        starts = bytearray(b"\1") * len(first)
        for at in compress(islice(places, 1, None), follows):
            starts[at] = not self._goes_on(at)
        return array("Q", compress(places, starts))

    def _goes_on(self, at: int) -> bool:
        """Tell whether mention ``at`` and the one before are single pages, otherwise equal."""
        before, here = self[at - 1], self[at]
        return before[2:] == here[2:] and before.first == before.last and here.first == here.last


def is_constant(column: array[int]) -> bool:
    """Tell whether all items are the same."""
    return not column or column.count(column[0]) == len(column)


def gathered(column: array[int], order: Sequence[int]) -> array[int]:
    """Return the items with the indices ``order``."""
    if is_constant(column):
        return array(column.typecode, column[:1] * len(order))
    return array(column.typecode, map(column.__getitem__, order))


def _picked(column: Sequence[T], order: Sequence[int]) -> list[T]:
    return list(map(column.__getitem__, order))


def of(mentions: Iterable[Mention]) -> Mentions:
    """Return mentions as columns."""
    if isinstance(mentions, Mentions):
        return mentions
    rows = list(mentions)
    return Mentions(
        array("Q", (m.first for m in rows)),
        array("Q", (m.last for m in rows)),
        [m.kind for m in rows],
        [m.when for m in rows],
        [m.source for m in rows],
        [m.where for m in rows],
    )


def mentioned(pages: BadPages) -> Mentions:
    """Return the mentions of a list; pages without any get one, without time or place.

    These are all pages of a form without mentions, or PFNs that somebody added to a document.
    """
    said = of(pages.mentions)
    named = pfn_set(said.pages())
    listed = pfn_set(pages.pfns)
    if (named.first, named.last) == (listed.first, listed.last):
        return said
    rest = (listed - named).listing() if named else pages.pfns
    kind: Kind | None = "poisoned" if pages.origin == "handover" else None
    count = len(rest.first)
    nothing: list[str | None] = [None] * count
    found = Mentions(rest.first, rest.last, [kind] * count, nothing, [pages.name] * count, nothing)
    return joined([said, found])


def joined(several: Sequence[Mentions]) -> Mentions:
    """Return the mentions of several lists, one after the other."""
    several = [m for m in several if m]
    if len(several) == 1:
        return several[0]
    return Mentions(
        array("Q", chain.from_iterable(m.first for m in several)),
        array("Q", chain.from_iterable(m.last for m in several)),
        list(chain.from_iterable(m.kind for m in several)),
        list(chain.from_iterable(m.when for m in several)),
        list(chain.from_iterable(m.source for m in several)),
        list(chain.from_iterable(m.where for m in several)),
    )


def in_order(first: array[int], last: array[int], kind: Sequence[int] = ()) -> list[int]:
    """Return the indices of ranges sorted by first PFN, last PFN and kind; the sort is stable."""
    order = list(range(len(first)))
    # Sort by one column after the other, the least important first: a combined key would be one
    # more object for each range.
    for column in (kind, () if last == first else last, first):
        if column:
            order.sort(key=column.__getitem__)
    return order
