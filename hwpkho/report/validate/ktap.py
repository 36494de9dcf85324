"""KTAP version 1, for kernel CI. Source: the kernel's Documentation/dev-tools/ktap.rst.

Each case is a test, each check of it a subtest. Findings are diagnostic lines before the result
line of their check.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.report.parts.checks import checks
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

VERSION = "KTAP version 1"
#: A "#" before a word that KTAP reads as a directive (ktap.rst).
_DIRECTIVE = re.compile(r"#(?=\s*(?:SKIP|TODO|XFAIL|TIMEOUT|ERROR))", re.IGNORECASE)


class _Writer(TextWriter):
    """Holds the lines of all cases until the end, because the plan comes first."""

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._cases: list[str] = []

    def add(self, result: CaseResult) -> None:
        self._cases.append("\n".join(_case(len(self._cases) + 1, result)) + "\n")

    def finish(self, notes: Sequence[Finding]) -> None:
        self.write(f"{VERSION}\n1..{len(self._cases)}\n")
        self.write_all(f"# {note.code}: {note.message}\n" for note in notes)
        self.write_all(self._cases)


REPORT = TextReport(
    "ktap", "KTAP version 1, a test for each case, a subtest for each code", _Writer, _Writer
)


def _case(number: int, result: CaseResult) -> Iterator[str]:
    name = _name(result.case)
    v = result.validation
    if v is None and result.accepted is not None:
        yield f"ok {number} {name} # SKIP {_words(f'accepted: {result.accepted}')}"
        return
    if v is None:
        yield f"not ok {number} {name} # ERROR {_words(result.error or '')}"
        return
    all_checks = list(checks(result))
    yield f"  {VERSION}"
    yield f"  1..{len(all_checks)}"
    for at, check in enumerate(all_checks, 1):
        for message in check.messages:
            yield f"  # {check.code}: {message}"
        ok = "not ok" if check.status == "fail" else "ok"
        skip = f" # SKIP {_words(check.why)}" if check.status == "skip" else ""
        yield f"  {ok} {at} {check.name}{skip}"
    yield f"# {name}: {headline(v)[1]}"
    yield f"{'not ok' if result.exit else 'ok'} {number} {name}"


def _words(text: str) -> str:
    """Return the text after a directive, without another one: some readers take the last."""
    return _DIRECTIVE.sub(r"\\x23", text)


def _name(case: str) -> str:
    """Return a case's name as a description: no ``#``, and no blanks, where some readers end it."""
    return "_".join(case.split()).replace("#", "_").lstrip("-") or "_"
