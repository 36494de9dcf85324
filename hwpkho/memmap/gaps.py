"""Lost and damaged lines of a map, and which memory they described.

A form reports the line (:func:`lose`); this module derives the addresses from the entries around
it. In an ascending map a lost line is between the end of the entry before and the start of the
entry after; it starts at 0 if the head is lost, and ends with physical memory if the tail is. In a
map without order the place is unknown.
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
from hwpkho.memmap.table import LostLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code
    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.table import Table

#: The last byte that any architecture can address: a lost tail ends there.
TOP = (1 << phys_bits(None)) - 1

#: Every e820 list starts below this address: the real mode vectors are in the first page.
LOWEST = 0x10000

#: Of a tree of resources: the level of a line that has lost its indentation.
ANY_LEVEL = 1 << 16

#: Gaps kept for each map; further ones are merged into the last, with what lies between.
MAX_GAPS = 64

#: A map in which more than one line in so many descends counts as unordered.
_DISORDER = 4

Place = tuple[int, int]


def lose(
    table: Table,
    code: Code,
    message: str,
    *,
    at: int | None = None,
    span: Place | None = None,
    replaced: int = 0,
    depth: int = 0,
    named: Place | None = None,
) -> None:
    """Record that a line of ``table`` is lost or damaged.

    Args:
        table: Its entries may still be incomplete: the place is found when all are there.
        code: What happened.
        message: Names the line (``line 17: ...``) and what was expected; the place is added.
        at: How many entries are before the line, default all that are there now.
        span: First and last byte concerned, if known without the entries around it.
        replaced: How many entries from ``at`` on are themselves doubtful.
        depth: Of a tree of resources: the level of the line, or ``ANY_LEVEL``.
        named: First and last byte that the damaged line still names.
    """
    where = len(table.entries) if at is None else at
    lost = LostLine(where, problem(code, message, severity="warning"), span, replaced, depth, named)
    if len(table.lost_lines) < MAX_GAPS:
        table.lost_lines.append(lost)
    else:
        table.lost_lines[-1] = _merged(table.lost_lines[-1], lost)


def _merged(last: LostLine, new: LostLine) -> LostLine:
    """Return a lost line that stands for two: their places, and what lies between, are doubtful."""
    known = [place for loss in (last, new) for place in (loss.span, loss.named) if place]
    hull = (min(a for a, _ in known), max(b for _, b in known)) if known else None
    if last.span and new.span:
        return last._replace(span=hull, named=None)
    placed = [loss for loss in (last, new) if not loss.span]  # by the entries around them
    at = min(loss.at for loss in placed)
    end = max(loss.at + loss.replaced for loss in placed)
    depth = min(loss.depth for loss in placed)
    return LostLine(at, last.problem, None, end - at, depth, hull)


def places(table: Table) -> list[Place]:
    """Return where the lines known to be lost so far may have been; ends inclusive."""
    out: list[Place] = []
    disorder = _disorder(table.entries) if table.lost_lines else False
    for loss in table.lost_lines:
        place = loss.span or _place(table.entries, loss, disorder=disorder) or (0, TOP)
        out.append(_hull(place, loss.named) if loss.named else place)
    return [(a, b) for a, b in out if a <= b]


def settle(table: Table) -> None:
    """Turn the lost lines of a table into gaps, each with its problem. The table must be complete.

    The problem is a warning where the place is known and an error where it is not. Where the
    entries around a line leave no room, they describe its memory: the problem is kept, without a
    gap.
    """
    if not table.entries:  # nothing is left of it
        table.unusable = [loss.problem for loss in table.lost_lines]
        table.lost_lines.clear()
    disorder = _disorder(table.entries) if table.lost_lines else False
    for loss in table.lost_lines:
        place = loss.span or _place(table.entries, loss, disorder=disorder)
        if loss.named and place:
            place = _hull(place, loss.named)
        found = loss.problem
        if place is None:
            message = (
                f"{found.message}; the map is not in ascending order, so where they were is unknown"
            )
            found = found._replace(message=message, severity="error")
            table.gaps.append(Gap(None, None, found))
        elif place[0] > place[1]:
            message = f"{found.message}; the lines around it leave no room for anything else"
            table.problems.append(found._replace(message=message, phys=place[0]))
        else:
            message = f"{found.message}; what is at {shown(place)} is unknown"
            table.gaps.append(Gap(*place, found._replace(message=message, phys=place[0])))
    table.lost_lines.clear()


def _hull(room: Place, named: Place) -> Place:
    """Return ``room``, extended to include what the line names; that alone if there is no room."""
    if room[0] > room[1]:
        return named
    return min(room[0], named[0]), max(room[1], named[1])


def shown(place: Place) -> str:
    """Return a range as messages name it."""
    return f"0x{place[0]:x}-0x{place[1]:x}"


def _place(entries: Sequence[Entry], loss: LostLine, *, disorder: bool) -> Place | None:
    """Return what is between the neighbours; None if they are not in order.

    The place may be empty: its end before its start.
    """
    start, end = 0, TOP
    before = _neighbour(entries[: loss.at][::-1], loss.depth)
    after = _neighbour(entries[loss.at + loss.replaced :], loss.depth)
    parent = _neighbour(entries[: loss.at][::-1], loss.depth - 1)
    if loss.depth == ANY_LEVEL and not (before and after and after.start <= before.end):
        parent = None
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
    """Tell whether all of three or more ranges descend: the log is in reverse order."""
    return len(entries) > 2 and all(b.start < a.start for a, b in pairwise(entries))


def overlapping(
    entries: Sequence[Entry], alike: Callable[[Entry, Entry], bool] | None = None
) -> list[Place]:
    """Return where entries overlap, one place for each group that overlaps or touches.

    Two entries for which ``alike`` returns True may overlap.
    """
    found: list[Range] = []
    last: Entry | None = None
    for entry in sorted(entries, key=lambda e: (e.start, e.end, e.type)):
        if last is not None and entry.start <= last.end and not (alike and alike(last, entry)):
            found.append((last.start, max(last.end, entry.end) + 1))
        if last is None or entry.end > last.end:
            last = entry
    return [(start, past - 1) for start, past in union(found)]


def lose_overlaps(table: Table, places: Sequence[Place]) -> None:
    """Record the overlaps at ``places`` of a map whose writer never prints overlaps."""
    where = f"line {table.line}: " if table.line else ""
    for place in places:
        message = f"{where}ranges of {table.name} overlap, which no kernel prints: {shown(place)}"
        lose(table, OVERLAPPING, message, span=place)


def check_head(table: Table) -> None:
    """Record that an e820 list has lost its head, in silence: it begins above low memory."""
    lowest = min((e.start for e in table.entries), default=0)
    if lowest > LOWEST and not any(line.at == 0 for line in table.lost_lines):
        message = (
            f"line {table.line}: {table.name} begins at 0x{lowest:x}: the lines before it are lost"
        )
        lose(table, HEAD_LOST, message, span=(0, lowest - 1))


def check_between(table: Table, named: Sequence[Place]) -> None:
    """Record addresses that neither a range nor a ``[gap ...]`` line covers.

    ``named`` are the ranges of the gap lines (first and last byte). Kernels that print them at all
    (e820__print_table() since 7.0) print a line for every address below the last range.
    """
    if not named or any(a.start >= b.start for a, b in pairwise(table.entries)):
        return
    lost = union((first, last + 1) for first, last in places(table))
    spoken = union((a, b + 1) for a, b in [*((e.start, e.end) for e in table.entries), *named])
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
    """Return the union of the gaps whose place is known; ends exclusive."""
    return union((g.start, g.end + 1) for g in gaps if g.start is not None and g.end is not None)


def unplaced(gaps: Iterable[Gap]) -> Gap | None:
    """Return the first gap whose place is not known, None for none."""
    return next((g for g in gaps if g.start is None), None)


def agree(one: Table, other: Table) -> bool:
    """Tell whether two maps can be copies of one map with lines lost in either or both.

    They can if their entries outside of all gaps are the same, at least one.
    """
    both = [*one.gaps, *other.gaps]
    if not both or unplaced(both):
        return False
    places = known(both)

    def sound(table: Table) -> list[tuple[int, int, str]]:
        outside = (
            (e.start, e.end, e.type)
            for e in table.entries
            if not any(intersection([(e.start, e.end + 1)], places))
        )
        return sorted(outside)

    left = sound(one)
    return bool(left) and left == sound(other)
