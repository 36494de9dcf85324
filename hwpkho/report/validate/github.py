"""Annotations for GitHub Actions: a workflow command for each finding, the worst first.

GitHub shows only ten errors, ten warnings and ten notices of a step, so the worst come first. The
Markdown report is appended to the step's summary.
Source: GitHub, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import code_of
from hwpkho.images.raw import split_base
from hwpkho.report.validate.base import Summary, TextReport, TextWriter
from hwpkho.report.validate.findings import NamedFinding, findings_of
from hwpkho.report.validate.many import STATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.codes import Severity
    from hwpkho.judging.case_result import CaseResult, State
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

#: Annotations of one severity, as many as GitHub shows.
MAX_OF_A_KIND = 10
_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


class _Writer(TextWriter):
    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._lines: dict[Severity, list[str]] = {severity: [] for severity in _COMMANDS}
        self._found: dict[Severity, int] = dict.fromkeys(_COMMANDS, 0)
        self._counts: dict[State, int] = dict.fromkeys(STATES, 0)

    def add(self, result: CaseResult) -> None:
        self._counts[result.state] += 1
        for f in findings_of(result):
            if f.counts or f.severity != "note":
                self._take(f, result)

    def finish(self, notes: Sequence[Finding]) -> None:
        for note in notes:
            self._take(NamedFinding.of(note), None)
        self.write_all(line for lines in self._lines.values() for line in lines)
        parts = [f"{n} {STATES[state][2]}" for state, n in self._counts.items() if n]
        cut = [
            counted(self._found[severity], severity)
            for severity, lines in self._lines.items()
            if self._found[severity] > len(lines)
        ]
        of = f"; not all shown of {', '.join(cut)}" if cut else ""
        text = f"{counted(sum(self._counts.values()), 'case')}: {', '.join(parts)}{of}"
        self.write(f"::notice title=hwpkho validate::{_data(text)}\n")

    def _take(self, f: NamedFinding, result: CaseResult | None) -> None:
        self._found[f.severity] += 1
        lines = self._lines[f.severity]
        if len(lines) < self._screen.most(MAX_OF_A_KIND):
            lines.append(_annotation(f, result))


REPORT = TextReport(
    "github",
    "annotations of GitHub Actions, and a step summary",
    _Writer,
    _Writer,
    summary=Summary("markdown", "GITHUB_STEP_SUMMARY"),
)


def _annotation(f: NamedFinding, result: CaseResult | None) -> str:
    where = {"title": f"{f.code} {f.name}"}
    text = f.message
    if result is not None:
        path = _file(f, result)
        where = {"file": path, **where} if path else where
        text = f"{result.case}: {f.message}"
    given = ",".join(f"{key}={_property(value)}" for key, value in where.items())
    return f"::{_COMMANDS[f.severity]} {given}::{_data(text)}\n"


def _file(f: NamedFinding, result: CaseResult) -> str | None:
    """Return the file that a finding is about, as the user named it; None for standard input."""
    about_map = code_of(f.code).subject == "map"
    files = (result.memmaps if about_map else ()) or result.inputs
    if not files or files[0] == "-":
        return None
    based = split_base(files[0])
    return printable(based[0] if based else files[0])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
