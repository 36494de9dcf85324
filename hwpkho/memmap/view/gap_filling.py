"""Fills the gaps of the deciding map from another map, or marks them as unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.ranges import intersection
from hwpkho.codes import problem
from hwpkho.codes.memmap_gaps import GAP_FILLED
from hwpkho.errors import InputError
from hwpkho.memmap import extended, gaps, names
from hwpkho.memmap.view.spans import Span, combine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.memmap.model import Map
    from hwpkho.memmap.view.common import View


def fill(
    built: View,
    maps: Mapping[str, Map],
    alone: Callable[[Mapping[str, Map]], View | None],
    source: str,
    problems: list[Problem],
) -> list[Span]:
    """Return the view's spans with the gaps of the deciding map filled, or painted as unknown.

    ``alone`` builds the view of a single map. A gap that another map of the machine describes
    completely is filled from that, with a note; the rest is ``unknown``, whatever else is there.
    Raises InputError for a gap whose place is unknown: every frame might be in it.
    """
    base = maps.get(built.names[0])
    if base is None or not base.gaps:
        return _taken(built, built.spans, maps, source)
    nowhere = gaps.unplaced(base.gaps)
    if nowhere is not None:
        raise InputError(f"{printable(source)}: {base.name}: {nowhere.problem.message}")
    spans, left = built.spans, gaps.known(base.gaps)
    for name in _fillers(base.name, maps):
        other = maps[name]
        if not left or not other.entries:
            continue
        if gaps.unplaced(other.gaps):
            continue
        view = alone({name: other})
        if view is None or not any(span.kind == "ram" for span in view.spans):
            continue  # not the machine's map, only the rest of one
        open_ = gaps.known(other.gaps)
        closed = [g for g in left if not any(intersection([g], open_))]
        if not closed:
            continue
        left = [g for g in left if g not in closed]
        spans = combine(spans, _cut(view.spans, closed), lambda old, new: new or old)
        if name not in built.names:
            built.names.append(name)
        shown = ", ".join(_shown(g) for g in closed[:3])
        more = f" and {len(closed) - 3} more" if len(closed) > 3 else ""
        message = f"{shown}{more}: lines of {base.name} are lost; {name} is used there"
        problems.append(problem(GAP_FILLED, message, closed[0][0]))
    label = f"lost lines of {base.name}"
    unknown = [Span(a, b, "unknown", f"{label}, {_shown((a, b))}", base.name) for a, b in left]
    return _taken(built, combine(spans, unknown, lambda old, new: new or old), maps, source)


def _fillers(base: str, maps: Collection[str]) -> list[str]:
    """Return the names of the maps that may fill the gaps of the map ``base``, best first.

    What a command line has changed is filled only from what the kernel made of it.
    """
    changed = extended.NAME if extended.CHANGED in maps else None
    rows = [row for name in maps if (row := names.of(name)).fills and name not in (base, changed)]
    if names.of(base).stage in ("cmdline", "kernel"):
        rows = [row for row in rows if row.stage == "kernel"]
    return [row.name for row in sorted(rows, key=lambda row: row.fills)]


def _taken(built: View, spans: list[Span], maps: Mapping[str, Map], source: str) -> list[Span]:
    """Return ``spans`` with RAM marked as unknown where a lost line may have reserved it."""
    for name, other in ((m.name, m) for m in names.beside(maps, "reservations")):
        if name not in built.names or not other.gaps:
            continue
        nowhere = gaps.unplaced(other.gaps)
        if nowhere is not None:
            raise InputError(f"{printable(source)}: {name}: {nowhere.problem.message}")
        unknown = [
            Span(a, b, "unknown", f"lost lines of {name}, {_shown((a, b))}", name)
            for a, b in gaps.known(other.gaps)
        ]
        spans = combine(
            spans, unknown, lambda old, new: new if new and old and old.kind == "ram" else old
        )
    return spans


def _shown(place: Range) -> str:
    return gaps.shown((place[0], place[1] - 1))


def _cut(spans: Sequence[Span], places: Sequence[Range]) -> list[Span]:
    """Return the parts of ``spans`` that are in ``places``."""
    windows = [Span(a, b, "unknown", "", "") for a, b in places]
    return combine(spans, windows, lambda span, window: span if window else None)
