"""Runs as they stand in documents: ``first``, ``last``, and what several runs share.

A scattered list has as many runs as pages, so what runs share becomes text once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hwpkho import forked
from hwpkho.pfnset import BLOCK
from hwpkho.render import jsondoc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hwpkho.model.comparison import Lives
    from hwpkho.model.validation import Ruling, Runs
    from hwpkho.pfnset import PfnSet

#: Lives written at once: their text should stay in the processor's cache.
_PIECE = 2048

#: PFNs of one block share all decimal digits but the last four. These are looked up, which takes
#: half the time of writing numbers, where there are so many parts that a table is worth it.
_MANY = 50


def judged(runs: Runs) -> jsondoc.Array:
    """Return the runs with ``verdict``, ``code`` and ``region``, as in ``hwpkho.validate/1``."""
    return jsondoc.Array(_judged(runs))


def _judged(runs: Runs) -> Iterator[str]:
    ends = {ruling: _end(_fields(ruling)) for ruling in runs.rulings}
    parts = [
        (low, high, ends[ruling])
        for start, stop, ruling in runs.stretches()
        for low, high in runs.pfns.cuts(start, stop)
    ]
    digits = [f"{i:04}" for i in range(BLOCK)] if len(parts) > _MANY else []
    written = partial(_written, runs.pfns, digits)
    texts = forked.mapped(written, parts)
    yield next(texts, "")[1:]
    yield from texts


def _written(pfns: PfnSet, digits: Sequence[str], part: tuple[int, int, str]) -> str:
    """Return the runs from PFN ``low`` to ``high``, each with ``end`` behind its numbers."""
    low, high, end = part
    head = low // BLOCK
    if digits and 0 < head == high // BLOCK:
        columns = pfns.columns(low, high, head * BLOCK)
        first, last = f'{{"first":{head}', f',"last":{head}'
        numbers = [f"{digits[a]}{last}{digits[b]}" for a, b in zip(*columns, strict=True)]
    else:
        columns = pfns.columns(low, high)
        first, last = '{"first":', ',"last":'
        numbers = [f"{a}{last}{b}" for a, b in zip(*columns, strict=True)]
    return f",{first}{f'{end},{first}'.join(numbers)}{end}"


def _fields(ruling: Ruling) -> dict[str, object]:
    return {"verdict": ruling.verdict, "code": ruling.code, "region": ruling.region}


def lives(found: Lives, fields: Callable[[int], Mapping[str, object]]) -> jsondoc.Array:
    """Return the lives with what ``fields`` says of the cases that had them (a bit for each)."""
    return jsondoc.Array(_lives(found, fields))


def _lives(found: Lives, fields: Callable[[int], Mapping[str, object]]) -> Iterator[str]:
    ends = {seen: _end(fields(seen)) for seen in set(found.seen)}
    for at in range(0, len(found), _PIECE):
        part = slice(at, at + _PIECE)
        columns = zip(found.first[part], found.last[part], found.seen[part], strict=True)
        text = ",".join([f'{{"first":{a},"last":{b}{ends[seen]}' for a, b, seen in columns])
        yield f",{text}" if at else text


def _end(fields: Mapping[str, object]) -> str:
    """Return what stands behind the numbers of a run, up to the closing brace."""
    return f",{jsondoc.text(fields)[1:]}"
