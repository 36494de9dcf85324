"""Judged runs as they stand in the documents of validate, diff and merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.render import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.model.validation import Ruling, Runs

#: Runs written at once: their text should stay in the processor's cache.
_PIECE = 2048


def array(runs: Runs) -> jsondoc.Array:
    """Return the runs as objects of ``first``, ``last``, ``verdict``, ``code`` and ``region``."""
    return jsondoc.Array(_pieces(runs))


def _pieces(runs: Runs) -> Iterator[str]:
    # A scattered list has as many runs as pages: what those of one ruling share is written once
    # and joins the numbers.
    ends = {ruling: _end(ruling) for ruling in runs.rulings}
    comma = ""
    for part, ruling in runs.stretches():
        end = ends[ruling]
        between = f'{end},{{"first":'
        for at in range(0, len(part), _PIECE):
            pairs = zip(part.first[at : at + _PIECE], part.last[at : at + _PIECE], strict=True)
            numbers = between.join([f'{first},"last":{last}' for first, last in pairs])
            yield f'{comma}{{"first":{numbers}{end}'
            comma = ","


def _end(ruling: Ruling) -> str:
    verdict, code, region = map(jsondoc.text, (ruling.verdict, ruling.code, ruling.region))
    return f',"verdict":{verdict},"code":{code},"region":{region}}}'
