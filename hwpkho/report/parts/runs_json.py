"""Runs of pages in JSON documents: ``first``, ``last`` and fields that many runs share.

A scattered list has as many runs as pages, so the fields that runs share are encoded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hwpkho.badpages.sets import Histories
    from hwpkho.judging.file_memory import FileMemory
    from hwpkho.judging.rulings import Ruling, Runs

#: Histories written at once; their text should fit in the processor's cache.
_PIECE = 2048


def judged(runs: Runs) -> jsondoc.Array:
    """Return the runs as in ``hwpkho.validate/1``, with verdict, code, region and owner."""
    return jsondoc.Array(_judged(runs))


def _judged(runs: Runs) -> Iterator[str]:
    ends = {ruling: _end(_fields(ruling)) for ruling in runs.rulings}
    before = ""
    for start, stop, ruling in runs.stretches():
        if ruling.owner is not None:
            for item in _owned(runs, start, stop, ruling, ruling.owner):
                yield before + item
                before = ","
            continue
        end = ends[ruling]
        for low, high in runs.pfns.cuts(start, stop):
            columns = zip(*runs.pfns.columns(low, high), strict=True)
            yield before + ",".join([f'{{"first":{a},"last":{b}{end}' for a, b in columns])
            before = ","


def _owned(runs: Runs, start: int, stop: int, ruling: Ruling, owner: FileMemory) -> Iterator[str]:
    """Yield the runs in a preserved file, cut so that each is contiguous in the file, too."""
    for first, last in runs.pfns.runs(start, stop):
        for place in owner.places(first, last):
            fields = {
                "first": place.first,
                "last": place.last,
                **_fields(ruling),
                "owner": {
                    "session": owner.session,
                    "token": owner.token,
                    "compatible": owner.file.compatible,
                    "index": place.page,
                    "order": place.order,
                    "beyond_end": place.beyond_end,
                },
            }
            yield jsondoc.text(fields)


def _fields(ruling: Ruling) -> dict[str, object]:
    return {
        "verdict": ruling.verdict,
        "code": ruling.code,
        "region": ruling.region,
        "owner": None,
    }


def histories(found: Histories, fields: Callable[[int], Mapping[str, object]]) -> jsondoc.Array:
    """Return histories as runs with the fields that ``fields`` returns.

    It gets the cases that list the run: bit i is set for case i.
    """
    return jsondoc.Array(_histories(found, fields))


def _histories(found: Histories, fields: Callable[[int], Mapping[str, object]]) -> Iterator[str]:
    ends = {seen: _end(fields(seen)) for seen in set(found.seen)}
    for at in range(0, len(found), _PIECE):
        part = slice(at, at + _PIECE)
        columns = zip(found.first[part], found.last[part], found.seen[part], strict=True)
        text = ",".join([f'{{"first":{a},"last":{b}{ends[seen]}' for a, b, seen in columns])
        yield f",{text}" if at else text


def _end(fields: Mapping[str, object]) -> str:
    """Return the JSON text after the numbers of a run, closing brace included."""
    return f",{jsondoc.text(fields)[1:]}"
