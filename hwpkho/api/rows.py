"""Rows of the library's results: named tuples, whose fields are the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.kinds import Kind
    from hwpkho.base.listing import Listing
    from hwpkho.judging.rulings import Runs, Verdict


class PageRow(NamedTuple):
    """A run of bad pages: PFNs ``first`` to ``last``, inclusive."""

    first: int
    last: int
    pages: int


class EntryRow(NamedTuple):
    """One place of an input that names bad pages.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        kind: What is known about them, such as ``poisoned``; None where the input does not say.
        when: ISO 8601, or ``boot+SECONDS``; None where the input does not record it.
        source: The input, printable.
        where: Line, row or offset in it, printable.
    """

    first: int
    last: int
    kind: Kind | None
    when: str | None
    source: str | None
    where: str | None


class JudgedRow(NamedTuple):
    """A run of bad pages under one verdict.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive.
        pages: How many.
        verdict: None where the map does not show it, or there is no map.
        code: Of the finding, None where there is nothing to report.
        region: The memory there, as the map names it.
        session: Of the preserved file there, None for other memory, here and below.
        token: Of that file.
        file_page: Of that file, from 0, at ``first``.
    """

    first: int
    last: int
    pages: int
    verdict: Verdict | None
    code: str | None
    region: str | None
    session: str | None = None
    token: int | None = None
    file_page: int | None = None


class ChangeRow(NamedTuple):
    """A run of PFNs that a list has and its neighbour lacks.

    Attributes:
        step: 0 from the first list to the second, and so on.
        change: ``removed`` or ``added``.
        first: First PFN.
        last: Last PFN, inclusive.
        pages: How many.
        verdict: With a memory map; else None.
    """

    step: int
    change: str
    first: int
    last: int
    pages: int
    verdict: Verdict | None


class RangeRow(NamedTuple):
    """A range of a memory map: first and last byte, inclusive, map and type."""

    start: int
    end: int
    map: str
    type: str


def page_rows(pfns: Listing) -> list[PageRow]:
    """Return a list as runs, in its order."""
    return [PageRow(first, last, last - first + 1) for first, last in pfns.runs()]


def judged_rows(runs: Runs) -> list[JudgedRow]:
    """Return judged PFNs as runs, ascending."""
    return list(_judged(runs))


def _judged(runs: Runs) -> Iterator[JudgedRow]:
    for first, last, ruling in runs:
        said, owner = (ruling.verdict, ruling.code, ruling.region), ruling.owner
        if owner is None:
            yield JudgedRow(first, last, last - first + 1, *said)
            continue
        for place in owner.places(first, last):
            a, b = place.first, place.last
            yield JudgedRow(a, b, b - a + 1, *said, owner.session, owner.token, place.page)
