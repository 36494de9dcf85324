"""Which case names which pages, as what kind and when, and where cases disagree."""

from __future__ import annotations

import heapq
from array import array
from itertools import chain, combinations
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import mentions as columns
from hwpkho.badpages.kinds import BAD
from hwpkho.badpages.model import ListProblem
from hwpkho.badpages.sets import known_by
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import PfnSet, in_any, in_at_least, pfn_set
from hwpkho.base.ranges import paint
from hwpkho.codes.pfnlist import KINDS_DIFFER, SOURCES_DISAGREE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.mentions import Mentions
    from hwpkho.badpages.model import BadPages, Mention
    from hwpkho.badpages.sets import Histories
    from hwpkho.codes import Code

#: Kinds that exclude each other: sources that differ in them know less, or of another time.
_STATES: tuple[Kind, ...] = ("poisoned", "soft-offlined", "uncorrected")
#: With more ranges in all lists together, pages without mentions get none.
_MANY = 1 << 21
#: The most ranges that a message names.
_SHOWN = 5


class Entries(NamedTuple):
    """The mentions of several cases.

    Attributes:
        mentions: Case by case.
        case: Index of the case of each mention, from 0.
    """

    mentions: Mentions
    case: array[int]


def entries(cases: Sequence[BadPages], pfns: PfnSet | None) -> Entries:
    """Return the mentions of all cases, limited to the pages of ``pfns``; None for all pages.

    A plain list has no mentions; its pages get one each, unless there are too many.
    """
    many = sum(len(x.pfns.first) for x in cases) > _MANY
    found = [columns.of(x.mentions) if many else columns.mentioned(x) for x in cases]
    if pfns is not None:
        found = [_within(x, pfns) for x in found]
    numbers = chain.from_iterable([n] * len(m) for n, m in enumerate(found))
    return Entries(columns.joined(found), array("L", numbers))


def _within(mentions: Mentions, pfns: PfnSet) -> Mentions:
    pages = mentions.pages()
    if pages.last is pages.first:
        return mentions.picked([at for at, pfn in enumerate(pages.first) if pfn in pfns])
    order: list[int] = []
    first, last = array("Q"), array("Q")
    for at, (low, high) in enumerate(pages.runs()):
        for a, b in pfns.runs(low, high):
            order.append(at)
            first.append(a)
            last.append(b)
    found = mentions.picked(order)
    found.first, found.last = first, last
    return found


def commented(histories: Histories, known: Entries) -> Iterator[tuple[int, int, str]]:
    """Yield ``(first, last, comment)``, ascending, last inclusive.

    A comment has the numbers of the cases that list the pages, then any kind and time that a case
    records: ``0 1; 0 poisoned boot+12.5``. Of several mentions in one case the last counts.
    """
    following = iter(heapq.merge(*_by_case(known)))
    entry = next(following, None)
    active: list[tuple[int, int, str]] = []  # last, case, words
    numbered: dict[int, str] = {}  # a million runs are known by few groups of cases
    for run in histories:
        numbers = numbered.get(run.seen)
        if numbers is None:
            numbers = numbered[run.seen] = " ".join(map(str, known_by(run.seen)))
        if not active and (entry is None or entry[0] > run.last):
            yield run.first, run.last, numbers
            continue
        at = run.first
        while at <= run.last:
            while entry is not None and entry[0] <= at:
                active.append(entry[1:])
                entry = next(following, None)
            active = [x for x in active if x[0] >= at]
            ends = [x[0] for x in active] + ([entry[0] - 1] if entry else [])
            end = min(run.last, *ends) if ends else run.last
            shown = [f"; {words}" for _, _, words in sorted(active, key=lambda x: x[1])]
            yield at, end, numbers + "".join(shown)
            at = end + 1


def _by_case(known: Entries) -> Iterator[Iterator[tuple[int, int, int, str]]]:
    """Yield for each case its ``(first, last, case, words)``, ascending and disjoint."""
    rows: dict[int, list[Mention]] = {}
    mentions = known.mentions
    for at, words in enumerate(zip(mentions.kind, mentions.when, strict=True)):
        if words != (None, None):
            rows.setdefault(known.case[at], []).append(mentions[at])
    for case, said in rows.items():
        yield _painted(case, said)


def _painted(case: int, said: Sequence[Mention]) -> Iterator[tuple[int, int, int, str]]:
    for start, end, number in paint([(m.first, m.last + 1, 0) for m in said]):
        words = (said[number].kind, said[number].when)
        yield start, end - 1, case, " ".join([str(case), *(word for word in words if word)])


def disagreements(cases: Sequence[BadPages]) -> tuple[ListProblem, ...]:
    """Return problems about pages of which cases with mentions disagree."""
    recorded = [x for x in cases if x.mentions]
    if len(recorded) < 2:
        return ()
    kinds = [_by_kind(columns.of(x.mentions)) for x in recorded]
    found = []
    works = PfnSet()
    for n, case in enumerate(kinds):
        others = in_any(k[kind] for m, k in enumerate(kinds) if m != n for kind in k if kind in BAD)
        works |= case.get("corrected", PfnSet()) & others
    if works:
        say = "one source calls the memory of {} bad, another only reports corrected errors there"
        found.append(_problem(SOURCES_DISAGREE, say, works))
    several = in_at_least(2, [in_any(k.get(state, PfnSet()) for state in _STATES) for k in kinds])
    differ = PfnSet()
    for one, other in combinations(_STATES, 2):
        differ |= in_any(k.get(one, PfnSet()) for k in kinds) & in_any(
            k.get(other, PfnSet()) for k in kinds
        )
    if differ := differ & several:
        say = "sources give {} different kinds; the entries have them all"
        found.append(_problem(KINDS_DIFFER, say, differ))
    return tuple(found)


def _by_kind(mentions: Mentions) -> dict[Kind, PfnSet]:
    found: dict[Kind, list[int]] = {}
    for at, kind in enumerate(mentions.kind):
        if kind is not None:
            found.setdefault(kind, []).append(at)
    return {kind: pfn_set(mentions.picked(at).pages()) for kind, at in found.items()}


def _problem(code: Code, say: str, pages: PfnSet) -> ListProblem:
    count, runs = pages.pages(), list(zip(pages.first, pages.last, strict=True))
    shown = [f"0x{a:x}" if a == b else f"0x{a:x}-0x{b:x}" for a, b in runs[:_SHOWN]]
    more = ", …" if len(runs) > _SHOWN else ""
    what = counted(count, "page")
    return ListProblem(code.id, code.severity, f"{say.format(what)}: {', '.join(shown)}{more}")
