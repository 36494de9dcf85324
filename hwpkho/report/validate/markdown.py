"""Markdown as GitHub and GitLab show it: totals, then a table of the cases that are not fine.

Names and messages are not to be trusted, so nothing in them becomes markup, a link or a mention.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter
from hwpkho.report.validate.findings import NamedFinding, findings_of
from hwpkho.report.validate.many import STATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult, State
    from hwpkho.judging.result import Finding
    from hwpkho.report.parts.screen import Screen

#: Findings of a case, and rows in all: GitHub takes summaries of up to 1 MiB.
MAX_OF_A_CASE = 8
MAX_ROWS = 500
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~$-])")


class _Writer(TextWriter):
    """Holds the rows of all cases until the end, because the worst come first."""

    alone = False

    def __init__(self, out: BinaryIO, screen: Screen) -> None:
        super().__init__(out, screen)
        self._rows: dict[State, list[str]] = {state: [] for state in STATES}
        self._counts: dict[State, int] = dict.fromkeys(STATES, 0)

    def add(self, result: CaseResult) -> None:
        state, most = result.state, self._screen.most(MAX_ROWS)
        self._counts[state] += 1
        listed = state != "fine" or self._screen.everything or self.alone
        if listed and len(self._rows[state]) < most:
            shown = self._screen.most(MAX_OF_A_CASE)
            self._rows[state].append(_row(result, shown, alone=self.alone))

    def finish(self, notes: Sequence[Finding]) -> None:
        total = sum(self._counts.values())
        parts = [f"{n} {STATES[state][2]}" for state, n in self._counts.items() if n]
        lines = ["## hwpkho validate", "", f"{counted(total, 'case')}: {', '.join(parts)}"]
        rows = [row for state in STATES for row in self._rows[state]]
        shown = rows[: self._screen.most(MAX_ROWS)]
        if shown:
            lines += ["", "| case | state | what the next kernel does |", "|---|---|---|", *shown]
        hidden = total - len(shown)
        if hidden > (0 if self._screen.everything or self.alone else self._counts["fine"]):
            lines += ["", f"{counted(hidden, 'case is', 'cases are')} not listed."]
        lines += ["", *(f"- {_finding(NamedFinding.of(note))}" for note in notes)] if notes else []
        self.write_all(f"{line}\n" for line in lines)


class _One(_Writer):
    """The report on a single case: shown even if it is fine, with all errors and warnings."""

    alone = True


REPORT = TextReport("markdown", "Markdown, for summaries and comments", _One, _Writer)


def _row(result: CaseResult, most: int, *, alone: bool) -> str:
    v = result.validation
    said = headline(v)[1] if v else result.accepted or ""
    found = [f for f in findings_of(result) if f.counts or (alone and f.severity != "note")]
    lines = [*([escaped(said)] if said else []), *map(_finding, found[:most])]
    if len(found) > most:
        lines.append(f"and {len(found) - most} more")
    cells = (code_span(result.case), STATES[result.state][1], "<br>".join(lines))
    return f"| {' | '.join(cells)} |"


def _finding(f: NamedFinding) -> str:
    return f"**{f.severity}** {f.code} {escaped(f.name)}: {escaped(f.message)}"


def escaped(text: str) -> str:
    """Return text as itself: without markup, links and mentions, on one line."""
    plain = _MARKUP.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))
    # An empty comment keeps "@name" from becoming a mention, "://" a link.
    return plain.replace("@", "@<!-- -->").replace("://", ":<!-- -->//").replace("www.", "www\\.")


def code_span(text: str) -> str:
    """Return text as a code span for a cell of a table, whatever backticks it has."""
    words = " ".join(text.split()) or " "  # a code span cannot be empty
    fence = "`" * (max((len(x) for x in re.findall("`+", words)), default=0) + 1)
    pad = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{pad}{words}{pad}{fence}".replace("|", "\\|")
