"""The verdicts on PFNs: what becomes of each when the list is replayed, and why."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.judging.file_memory import FileMemory

#: In order of precedence: where several fit a PFN, the first counts.
Verdict = Literal[
    "handover",
    "preserved",
    "in-use",
    "scratch",
    "retired",
    "firmware",
    "device",
    "replays",
    "reserved",
    "not-ram",
]

Fact = Literal["gap", "idle"]

#: The verdicts in that order.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on a run of PFNs, and why.

    Attributes:
        verdict: None where it is unknown.
        code: Id of the code of the finding that reports it; None: nothing to report.
        region: What the map or the handover has there, None where neither has anything.
        fact: ``gap``: the map's lines about it are lost; ``idle``: no RAM, but with a struct page,
            so that flagging it has no effect.
        owner: The file that is preserved there, None for anything else.
    """

    verdict: Verdict | None
    code: str | None
    region: str | None
    fact: Fact | None = None
    owner: FileMemory | None = None


class Extent:
    """All runs of one ruling together: how many PFNs, and the first and last of them."""

    def __init__(self, pfns: int, first: int, last: int) -> None:
        self.pfns, self.first, self.last = pfns, first, last


class Runs:
    """The runs of a set of PFNs, cut where the ruling changes.

    A million single pages must not be a million objects: only stretches of the set under one
    ruling are kept; their runs are made on iteration.

    Args:
        pfns: The set.

    Attributes:
        pfns: The set.
        rulings: The distinct rulings.
        extents: What the runs of each ruling have together.
    """

    def __init__(self, pfns: PfnSet) -> None:
        self.pfns = pfns
        self.rulings: list[Ruling] = []
        self.extents: list[Extent] = []
        self._numbers: dict[Ruling, int] = {}
        # Of each stretch: its first and last PFN, both of the set, and the number of its ruling.
        self._first, self._last, self._of = array("Q"), array("Q"), array("Q")

    def __iter__(self) -> Iterator[tuple[int, int, Ruling]]:
        for start, end, ruling in self.stretches():
            for first, last in self.pfns.runs(start, end):
                yield first, last, ruling

    def stretches(self) -> Iterator[tuple[int, int, Ruling]]:
        """Yield first and last PFN (inclusive) of each stretch, ascending, and its ruling."""
        for first, last, number in zip(self._first, self._last, self._of, strict=True):
            yield first, last, self.rulings[number]

    def count(self) -> int:
        """Return how many runs there are; they are counted each time."""
        ends = zip(self._first, self._last, strict=True)
        return sum(self.pfns.run_count(first, last) for first, last in ends)

    def add(self, low: int, high: int, ruling: Ruling) -> None:
        """Put what the set has between ``low`` and ``high`` (inclusive) under one ruling.

        ``low`` must be above everything added before. Where the set has nothing there, nothing
        is added.
        """
        first = self.pfns.following(low) if low <= high else None
        if first is None or first > high:
            return
        last = self.pfns.preceding(high) or first  # there is one, for `first` is
        pages = self.pfns.pages(first, last)
        number = self._numbers.setdefault(ruling, len(self.rulings))
        if number < len(self.rulings):
            extent = self.extents[number]
            extent.pfns, extent.last = extent.pfns + pages, last
        else:
            self.rulings.append(ruling)
            self.extents.append(Extent(pages, first, last))
        goes_on = bool(self._of) and self._of[-1] == number
        if goes_on and self.pfns.following(self._last[-1] + 1) == first:
            self._last[-1] = last
            return
        self._first.append(first)
        self._last.append(last)
        self._of.append(number)

    def of_fact(self, fact: Fact) -> int:
        """Return how many PFNs have a ruling with ``fact``."""
        pairs = zip(self.rulings, self.extents, strict=True)
        return sum(extent.pfns for ruling, extent in pairs if ruling.fact == fact)

    def counts(self) -> dict[str, int]:
        """Return how many PFNs have each verdict, in the order of ``VERDICTS``."""
        found: dict[str | None, int] = {}
        for ruling, extent in zip(self.rulings, self.extents, strict=True):
            found[ruling.verdict] = found.get(ruling.verdict, 0) + extent.pfns
        return {verdict: found[verdict] for verdict in VERDICTS if found.get(verdict)}
