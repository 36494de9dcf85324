"""Findings as CSV (RFC 4180), a row each; a case without findings has one row, too."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from hwpkho.report.validate.base import TextReport, TextWriter
from hwpkho.report.validate.findings import NamedFinding, findings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

COLUMNS = (
    "case", "state", "exit", "outcome", "severity", "code", "name", "first", "last", "phys",
    "certainty", "message",
)  # fmt: skip
#: A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Writer(TextWriter):
    """Writes the rows of each case as it comes."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._rows([COLUMNS])

    def add(self, result: CaseResult) -> None:
        v = result.validation
        own = [_plain(result.case), result.state, str(result.exit), (v and v.outcome) or ""]
        found = findings_of(result)
        self._rows([*own, *_cells(f)] for f in found)
        if not found:
            self._rows([[*own, *[""] * (len(COLUMNS) - len(own))]])

    def finish(self, notes: Sequence[Finding]) -> None:
        self._rows(["", "", "", "", *_cells(NamedFinding.of(note))] for note in notes)

    def _rows(self, rows: Iterable[Sequence[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self.write(text.getvalue())


REPORT = TextReport("csv", "CSV, a row for each finding", _Writer, _Writer)


def _cells(f: NamedFinding) -> list[str]:
    places = ["" if x is None else f"0x{x:x}" for x in (f.first, f.last, f.phys)]
    return [f.severity, f.code, f.name, *places, f.certainty, _plain(f.message)]


def _plain(text: str) -> str:
    """Return text with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
