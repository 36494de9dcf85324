"""Runs as they stand in documents: ``first``, ``last``, and what several runs share.

A scattered list has as many runs as pages, so what runs share becomes text once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hwpkho.badpages.sets import Histories
    from hwpkho.judging.result import Ruling, Runs

#: Histories written at once: their text should stay in the processor's cache.
_PIECE = 2048


def judged(runs: Runs) -> jsondoc.Array:
    """Return the runs with ``verdict``, ``code`` and ``region``, as in ``hwpkho.validate/1``."""
    return jsondoc.Array(_judged(runs))


def _judged(runs: Runs) -> Iterator[str]:
    ends = {ruling: _end(_fields(ruling)) for ruling in runs.rulings}
    before = ""
    for start, stop, ruling in runs.stretches():
        end = ends[ruling]
        for low, high in runs.pfns.cuts(start, stop):
            columns = zip(*runs.pfns.columns(low, high), strict=True)
            yield before + ",".join([f'{{"first":{a},"last":{b}{end}' for a, b in columns])
            before = ","


def _fields(ruling: Ruling) -> dict[str, object]:
    return {"verdict": ruling.verdict, "code": ruling.code, "region": ruling.region}


def histories(found: Histories, fields: Callable[[int], Mapping[str, object]]) -> jsondoc.Array:
    """Return histories with what ``fields`` says of the cases that had them (a bit for each)."""
    return jsondoc.Array(_histories(found, fields))


def _histories(found: Histories, fields: Callable[[int], Mapping[str, object]]) -> Iterator[str]:
    ends = {seen: _end(fields(seen)) for seen in set(found.seen)}
    for at in range(0, len(found), _PIECE):
        part = slice(at, at + _PIECE)
        columns = zip(found.first[part], found.last[part], found.seen[part], strict=True)
        text = ",".join([f'{{"first":{a},"last":{b}{ends[seen]}' for a, b, seen in columns])
        yield f",{text}" if at else text


def _end(fields: Mapping[str, object]) -> str:
    """Return what stands behind the numbers of a run, up to the closing brace."""
    return f",{jsondoc.text(fields)[1:]}"
