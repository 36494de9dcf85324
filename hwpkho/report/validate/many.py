"""validate of a batch for people: cases that failed or were not judged, and the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.codes import code_of
from hwpkho.report.parts.headline import headline
from hwpkho.report.parts.layout import fold
from hwpkho.report.validate.base import TextWriter
from hwpkho.report.validate.findings import finding_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult, State
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

#: Findings shown for each case.
MAX_OF_A_CASE = 8
#: State → style, mark of a case, words after the number of cases; in the order of the report.
STATES: dict[State, tuple[str, str, str]] = {
    "findings": ("error", "FAIL", "with findings"),
    "not-judged": ("error", "not judged", "not judged"),
    "accepted": ("warning", "accepted", "not judged, accepted by the baseline"),
    "no-kho": ("warning", "no KHO", "without KHO"),
    "no-map": ("warning", "no map", "without a memory map"),
    "fine": ("good", "ok", "ok"),
}
_LABEL = 12


class Many(TextWriter):
    """The report on a batch. Holds the lines of all cases until the end: failures come first.

    Of cases that are fine it holds nothing without --all.
    """

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._lines: dict[State, list[str]] = {state: [] for state in STATES}
        self._counts: dict[State, int] = dict.fromkeys(STATES, 0)

    def add(self, result: CaseResult) -> None:
        """Take the result of the next case."""
        state, screen = result.state, self._screen
        self._counts[state] += 1
        if screen.detail >= 0 and (state != "fine" or screen.everything):
            self._lines[state] += _case(result, screen)

    def finish(self, notes: Sequence[Finding]) -> None:
        """Write the cases in the order of :data:`STATES`, then how many there are of each state."""
        lines = [line for state in STATES for line in self._lines[state]]
        if self._screen.detail >= 0:
            lines += [line for note in notes for line in finding_lines(note, self._screen)]
        lines += [""] * bool(lines) + self._total()
        self.write_all(f"{line}\n" for line in lines)

    def _total(self) -> list[str]:
        total = sum(self._counts.values())
        parts = []
        for state, (style, _, words) in STATES.items():
            n = self._counts[state]
            if n:
                parts.append(self._screen.paint(style, f"{n} {words}"))
        hidden = self._counts["fine"] and not self._screen.everything
        more = " (--all lists them)" if hidden and self._counts["fine"] < total else ""
        text = f"{counted(total, 'case')}: {', '.join(parts)}{more}"
        return fold(text, self._screen.prose, "", "  ")


def _case(result: CaseResult, screen: Screen) -> Iterator[str]:
    style, word, _ = STATES[result.state]
    v = result.validation
    said = headline(v)[1] if v else result.accepted or result.error or ""
    head = screen.paint(style, f"{word:<{_LABEL}}")
    yield from fold(f"{screen.paint('head', result.case)}: {said}", screen.prose, head)
    bad = [f for f in v.findings if result.fails(f)] if v else []
    most = screen.most(MAX_OF_A_CASE)
    for f in bad[:most]:
        text = f"{f.code} {code_of(f.code).name}: {f.message}"
        yield from fold(text, screen.prose, " " * _LABEL, " " * (_LABEL + 2))
    if len(bad) > most:
        yield f"{'':<{_LABEL}}and {len(bad) - most} more; --all shows all"
