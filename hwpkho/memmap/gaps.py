"""Lines of a map that are lost or damaged: where the memory lies that they described.

A form says which line (:func:`lose`); here the neighbours in the map tell the place. A map that
ascends has its lost lines where the addresses leave room for them: from the end of the entry before
to the start of the entry after, from 0 where the head is lost, and up to the end of physical memory
where the tail is. In a map without order that says nothing: the place is not known.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.arch import phys_bits
from hwpkho.base.ranges import difference, intersection, union
from hwpkho.codes import problem
from hwpkho.codes.memmap_gaps import HEAD_LOST, LINE_MISSING, OVERLAPPING
from hwpkho.memmap.model import Gap
from hwpkho.memmap.rawmap import Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code
    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.rawmap import RawMap

#: The last byte that any architecture can address: a lost tail reaches no further.
TOP = (1 << phys_bits(None)) - 1

#: Every e820 list begins with the first page, or near it: where real mode keeps its vectors.
LOWEST = 0x10000

#: Gaps kept for each map; more are one from the first to the last.
MAX_GAPS = 64

#: A map with a descent in every fourth line has no order at all.
_DISORDER = 4

Place = tuple[int, int]


def lose(
    table: RawMap,
    code: Code,
    message: str,
    *,
    at: int | None = None,
    span: Place | None = None,
    replaced: int = 0,
    depth: int = 0,
    told: Place | None = None,
) -> None:
    """Record that a line of ``table`` is lost or damaged.

    Args:
        table: Its entries may still be incomplete: the place is found when all are there.
        code: What happened.
        message: Names the line (``line 17: ...``) and what was expected; the place is added.
        at: How many entries stand before the line, default all that are there now.
        span: First and last byte concerned, where that is sure without the neighbours.
        replaced: How many entries from ``at`` on are themselves doubtful.
        depth: Of a tree of resources: the level of the line.
        told: First and last byte that the damaged line itself names.
    """
    if len(table.losses) < MAX_GAPS:
        where = len(table.entries) if at is None else at
        found = problem(code, message, severity="warning")
        table.losses.append(Loss(where, found, span, replaced, depth, told))
    else:  # what lies between is doubtful as well
        last, now = table.losses[-1], len(table.entries) if at is None else at
        table.losses[-1] = last._replace(replaced=max(last.replaced, now + replaced - last.at))


def places(table: RawMap) -> list[Place]:
    """Return where the lines may lie that are known to be lost so far; ends inclusive."""
    out: list[Place] = []
    disorder = _disorder(table.entries) if table.losses else False
    for loss in table.losses:
        place = loss.span or _place(table.entries, loss, disorder=disorder) or (0, TOP)
        out.append(_hull(place, loss.told) if loss.told else place)
    return [(a, b) for a, b in out if a <= b]


def settle(table: RawMap) -> None:
    """Turn the losses of a table into gaps, each with its problem. The table must be complete.

    A warning where the place is known, an error where it is not. A line of which the neighbours
    leave no room described nothing that they do not: it is told, and makes no gap.
    """
    if not table.entries:  # nothing is left of it
        table.problems += [loss.problem._replace(severity="error") for loss in table.losses]
        table.losses.clear()
    disorder = _disorder(table.entries) if table.losses else False
    for loss in table.losses:
        place = loss.span or _place(table.entries, loss, disorder=disorder)
        if loss.told and place:
            place = _hull(place, loss.told)
        found = loss.problem
        if place is None:
            message = f"{found.message}; the map is in no order that tells where that is"
            found = found._replace(message=message, severity="error")
            table.gaps.append(Gap(None, None, found))
        elif place[0] > place[1]:
            message = f"{found.message}; the lines around it leave no room for anything else"
            table.problems.append(found._replace(message=message, phys=place[0]))
        else:
            message = f"{found.message}; what is at {shown(place)} is not known"
            table.gaps.append(Gap(*place, found._replace(message=message, phys=place[0])))
    table.losses.clear()


def _hull(room: Place, told: Place) -> Place:
    """Return ``room``, extended by what a line says that does not fit into it."""
    if room[0] > room[1]:
        return told
    return min(room[0], told[0]), max(room[1], told[1])


def shown(place: Place) -> str:
    """Return a range as messages name it."""
    return f"0x{place[0]:x}-0x{place[1]:x}"


def _place(entries: Sequence[Entry], loss: Loss, *, disorder: bool) -> Place | None:
    """Return what lies between the neighbours; None where they are in no order.

    The place may be empty: its end before its start.
    """
    start, end = 0, TOP
    before = _neighbour(entries[: loss.at][::-1], loss.depth)
    after = _neighbour(entries[loss.at + loss.replaced :], loss.depth)
    parent = _neighbour(entries[: loss.at][::-1], loss.depth - 1)
    if before is None and after is None:
        return (0, TOP) if loss.replaced else None
    if parent is not None:
        start, end = parent.start, parent.end
    if before is not None and before is not parent:
        start = max(start, before.end + 1)
    if after is not None:
        end = min(end, after.start - 1)
    elif start > end:
        end = PHYS_END - 1
    if disorder or (before is not None and after is not None and after.start < before.start):
        return None
    return start, end


def _neighbour(entries: Iterable[Entry], depth: int) -> Entry | None:
    """Return the nearest entry of the level of the lost line, or of one above it."""
    return next((e for e in entries if _depth(e) <= depth), None)


def _depth(entry: Entry) -> int:
    depth = entry.attributes.get("depth")
    return depth if isinstance(depth, int) else 0


def _disorder(entries: Sequence[Entry]) -> bool:
    starts = [e.start for e in entries if not _depth(e)]
    descents = sum(b < a for a, b in pairwise(starts))
    return descents * _DISORDER > len(starts)


def falls(entries: Sequence[Entry]) -> bool:
    """Tell whether three ranges or more go down, all of them: the log stands upside down."""
    return len(entries) > 2 and all(b.start < a.start for a, b in pairwise(entries))


def overlapping(
    entries: Sequence[Entry], alike: Callable[[Entry, Entry], bool] | None = None
) -> list[Place]:
    """Return where entries overlap: each place holds all of the entries that hang together.

    Two of which ``alike`` is true may.
    """
    out: list[Place] = []
    last: Entry | None = None
    for entry in sorted(entries, key=lambda e: (e.start, e.end, e.type)):
        if last is not None and entry.start <= last.end and not (alike and alike(last, entry)):
            end = max(last.end, entry.end)
            if out and out[-1][1] >= last.start:
                out[-1] = (out[-1][0], max(out[-1][1], end))
            else:
                out.append((last.start, end))
        if last is None or entry.end > last.end:
            last = entry
    return out


def lose_overlaps(table: RawMap, places: Sequence[Place]) -> None:
    """Record that ranges overlap in ``places``, in a map whose writer leaves no overlaps."""
    where = f"line {table.line}: " if table.line else ""
    for place in places:
        message = f"{where}ranges of {table.name} overlap, which no kernel prints: {shown(place)}"
        lose(table, OVERLAPPING, message, span=place)


def check_head(table: RawMap) -> None:
    """Notice an e820 list without heading that does not begin with the lowest memory."""
    lowest = min((e.start for e in table.entries), default=0)
    if lowest > LOWEST:
        message = (
            f"line {table.line}: {table.name} begins at 0x{lowest:x} and without its heading: "
            "the lines before are lost"
        )
        lose(table, HEAD_LOST, message, span=(0, lowest - 1))


def check_between(table: RawMap, told: Sequence[Place]) -> None:
    """Notice addresses of which neither a range nor a ``[gap ...]`` line speaks.

    ``told`` is what the gap lines say, bytes, inclusive. Kernels that print them at all
    (e820__print_table() since 7.0) print a line for every address below the last range.
    """
    if not told or any(a.start >= b.start for a, b in pairwise(table.entries)):
        return
    lost = union((first, last + 1) for first, last in places(table))
    spoken = union((a, b + 1) for a, b in [*((e.start, e.end) for e in table.entries), *told])
    end = spoken[-1][1]
    holes = list(difference([(spoken[0][0], end)], spoken))
    if end > max(e.end for e in table.entries) + 1:
        holes.append((end, TOP + 1))  # a range follows each gap
    where = f"line {table.line}: " if table.line else ""
    for start, past in holes:
        if any(intersection([(start, past)], lost)):
            continue
        hole = start, past - 1
        message = (
            f"{where}{table.name} has no line for {shown(hole)}, neither of a range nor of a gap"
        )
        lose(table, LINE_MISSING, message, span=hole)


def known(gaps: Iterable[Gap]) -> list[Range]:
    """Return the places that are known, ascending, those that touch joined; ends exclusive."""
    return union((g.start, g.end + 1) for g in gaps if g.start is not None and g.end)


def unplaced(gaps: Iterable[Gap]) -> Gap | None:
    """Return the first gap whose place is not known, None for none."""
    return next((g for g in gaps if g.start is None), None)


def agree(one: RawMap, other: RawMap) -> bool:
    """Tell whether two maps may be the same one, of which lines are lost in either or both.

    They are where they have the same entries outside of the gaps, and at least one of those.
    """
    both = [*one.gaps, *other.gaps]
    if not both or unplaced(both):
        return False
    places = known(both)

    def sound(table: RawMap) -> list[tuple[int, int, str]]:
        outside = (
            (e.start, e.end, e.type)
            for e in table.entries
            if not any(intersection([(e.start, e.end + 1)], places))
        )
        return sorted(outside)

    left = sound(one)
    return bool(left) and left == sound(other)
