"""validate as HTML: a page on one case, or an index of many with a folder of pages."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import SEVERITIES, code_of
from hwpkho.inputs import hashes
from hwpkho.report.html import blocks
from hwpkho.report.html.facts import Cell, Column, Page, Section, Table, Text
from hwpkho.report.html.page import render
from hwpkho.report.registry import Call
from hwpkho.report.validate import page, words
from hwpkho.report.validate.base import Pages, TextWriter
from hwpkho.report.validate.many import STATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult, State
    from hwpkho.judging.result import Finding
    from hwpkho.report.html.facts import Style
    from hwpkho.report.parts.screen import Screen
    from hwpkho.report.validate.base import Folder, Writer

#: Cases in the index; with more a browser takes seconds to show it.
MAX_CASES = 20_000
#: Inputs that the index names for each case.
_MAX_INPUTS = 6
_NAME = re.compile(r"[0-9]{5,}-[a-z0-9-]*\.html")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


class _One(TextWriter):
    """The page on a single case."""

    def add(self, result: CaseResult) -> None:
        screen = self._screen
        self.write_all(render(_page(result, screen.command, screen.everything, screen.beside)))

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: a page is complete."""


def _page(result: CaseResult, command: str, everything: bool, beside: tuple[str, ...]) -> Page:
    inputs = hashes.of((*result.inputs, *result.memmaps, *beside))
    call = Call(command, inputs, everything)
    if result.validation is None:
        return page.not_judged(result, call)
    return page.page(result, result.validation, call)


def draw(
    result: CaseResult, *, command: str, everything: bool, index: str, beside: tuple[str, ...] = ()
) -> bytes | None:
    """Return the page on a case of a batch as UTF-8; None for one that is fine, without --all.

    ``index`` is the file name of the index, in the folder above.
    """
    if result.state == "fine" and not everything:
        return None
    made = _page(result, command, everything, beside)._replace(up=f"../{index}")
    return "".join(render(made)).encode("utf-8", "backslashreplace")


class _Many(TextWriter):
    """The index: holds a row for each case, and writes the page of each as it comes."""

    def __init__(self, out: BinaryIO, screen: Screen, folder: Folder | None) -> None:
        super().__init__(out, screen)
        self._folder = folder
        self._number = 0
        self._counts: dict[State, int] = dict.fromkeys(STATES, 0)
        self._rows: dict[State, list[Sequence[Cell | str]]] = {state: [] for state in STATES}
        self._codes: Counter[str] = Counter()

    def add(self, result: CaseResult) -> None:
        self._number += 1
        self._counts[result.state] += 1
        v = result.validation
        if v is not None:
            self._codes.update({f.code for f in v.findings if result.fails(f)})
        if result.state == "fine" and not self._screen.everything:
            return
        href = ""
        if result.drawn is not None and self._folder is not None:
            name = f"{self._number:05}-{_slug(result.case)}.html"
            (self._folder.path / name).write_bytes(result.drawn)
            href = f"{self._folder.href}/{name}"
        style, _, state = STATES[result.state]
        said = words.case_headline(result, v)[1] if v else result.accepted or result.error or ""
        pages = Cell(str(v.pfns), sort=v.pfns) if v else ""
        row = (
            Cell(result.case, href=href), Cell(state, _STYLES[style]), pages, said,
            _inputs(result),
        )  # fmt: skip
        self._rows[result.state].append(row)

    def finish(self, notes: Sequence[Finding]) -> None:
        counts = [f"{n} {STATES[state][2]}" for state, n in self._counts.items() if n]
        worst = next((STATES[s][0] for s in STATES if self._counts[s]), "good")
        rows = [row for state in STATES for row in self._rows[state]]
        sections = [Section("cases", "Cases", [self._table(rows), Text(self._hashes())])]
        if self._codes:
            sections.append(Section("findings", "What makes cases fail", [self._findings()]))
        if notes:
            found = [blocks.message(f.code, f.severity, f.message, f.certainty) for f in notes]
            sections.append(Section("notes", "On all cases together", found))
        total = counted(self._number, "case")
        beside = hashes.of(self._screen.beside)
        call = Call(self._screen.command, beside, self._screen.everything)
        sentence = ", ".join(counts)
        self.write_all(
            render(Page("validate --batch", total, _STYLES[worst], sentence, [], sections, call))
        )

    def _table(self, rows: Sequence[Sequence[Cell | str]]) -> Table | Text:
        fine = self._counts["fine"]
        if not rows:
            return Text("All cases are fine; --all lists them.", "good")
        columns = (
            Column("Case"), Column("State"), Column("Bad pages", number=True),
            Column("What the next kernel does"), Column("Inputs"),
        )  # fmt: skip
        also = ""
        if fine and not self._screen.everything:
            are, them = ("is", "it") if fine == 1 else ("are", "them")
            also = f"; {fine} that {are} fine {are} not listed (--all lists {them})"
        cut = len(rows) - MAX_CASES
        return Table(
            f"{counted(len(rows), 'case')}{also}",
            columns,
            rows[:MAX_CASES],
            f"{counted(cut, 'more case is', 'more cases are')} not listed; their pages are in the "
            "folder"
            if cut > 0
            else "",
        )

    def _hashes(self) -> str:
        """Return a sentence on where the inputs' SHA-256 are.

        They are on the cases' pages: the process that judges a case reads and hashes its inputs.
        """
        if self._folder is None:
            return (
                "In a file (-o FILE) the index has a page for each case beside it, which ends with "
                "the SHA-256 of its inputs."
            )
        return (
            "The page on a case ends with the SHA-256 of its inputs; with --all every case has one."
        )

    def _findings(self) -> Table:
        by_severity = sorted(
            self._codes.items(),
            key=lambda pair: (SEVERITIES.index(code_of(pair[0]).severity), -pair[1]),
        )
        rows = [(code, code_of(code).name, str(n), code_of(code).advice) for code, n in by_severity]
        heads = ("Code", "Finding", "Cases", "Advice")
        columns = [Column(head, number=head == "Cases") for head in heads]
        return Table("Findings that count, by code", columns, rows)


_STYLES: dict[str, Style] = {"error": "error", "warning": "warning", "good": "good"}


def _inputs(result: CaseResult) -> str:
    """Return the names of a case's inputs, without the case's folder before them."""
    names = [printable(spec) for spec in dict.fromkeys((*result.inputs, *result.memmaps))]
    shown = [name.rpartition(f"/{result.case}/")[2] for name in names[:_MAX_INPUTS]]
    shown += [f"and {len(names) - _MAX_INPUTS} more"] * (len(names) > _MAX_INPUTS)
    return ", ".join(shown)


def _slug(case: str) -> str:
    """Return the name of a case as part of a file name: only a-z, 0-9 and -, at most 40."""
    return _NO_SLUG.sub("-", case.lower()).strip("-")[-40:].strip("-")


class Report:
    """``--format html`` of validate."""

    name = "html"
    about = "a page, of many cases an index and a folder of pages"
    binary = False
    summary = None
    pages = Pages(draw, lambda name: _NAME.fullmatch(name) is not None)

    def open(
        self, out: BinaryIO, screen: Screen, *, batch: bool, folder: Folder | None = None
    ) -> Writer:
        """Begin a report in ``out``; pages on the cases of a batch go to ``folder``, if any."""
        return _Many(out, screen, folder) if batch else _One(out, screen)


REPORT = Report()
