"""Reports of validate as text, of results that a test made itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hwpkho.report.parts.screen import Screen
from hwpkho.report.validate.registry import REPORTS

#: Reports of many cases; a picture is of one.
OF_MANY = [name for name in REPORTS.names() if name != "svg"]

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding


def written(
    name: str,
    results: Iterable[CaseResult],
    screen: Screen | None = None,
    notes: Sequence[Finding] = (),
    *,
    batch: bool = True,
) -> str:
    """Return what the report ``name`` says of ``results``."""
    out = io.BytesIO()
    writer = REPORTS[name].open(out, screen or Screen(), batch=batch)
    for result in results:
        writer.add(result)
    writer.finish(notes)
    return out.getvalue().decode()
