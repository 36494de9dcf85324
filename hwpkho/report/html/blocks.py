"""Parts of pages that several commands share: problems, findings, fields, runs of PFNs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.codes import CERTAINTY, SEVERITIES, code_of
from hwpkho.report.html.facts import Cell, Column, Fields, Message, Part, Table, Text
from hwpkho.report.parts.layout import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.codes import Certainty, Problem, Severity
    from hwpkho.report.html.facts import Style

T = TypeVar("T")

#: Rows of a table; a browser takes a second for ten times as many.
MAX_ROWS = 2000
MAX_PROBLEMS = 200


def message(
    code: str,
    severity: Severity,
    message: str,
    certainty: Certainty | None = None,
    where: Sequence[tuple[str, str]] = (),
    *,
    again: bool = False,
    counts: bool | None = None,
) -> Message:
    """Return a problem or finding for a page.

    With ``again``, the code was shown before: leave out what the kernel does, and the advice.
    ``where`` are label and text of rows on its place, ``counts`` whether it makes the exit code 1
    (None: not a finding of validate).
    """
    known = code_of(code)
    how = CERTAINTY[certainty or known.certainty]
    rows = [*where]
    if not again:
        rows += [("The kernel", f"{known.kernel} ({how})"), ("Advice", known.advice)]
    return Message(severity, code, known.name, message, rows, counts)


def problems(found: Iterable[Problem], *, whole: bool = False) -> list[Part]:
    """Return problems, worst first, cut unless ``whole``; a sentence if there are none."""
    worst = sorted(found, key=lambda p: SEVERITIES.index(p.severity))
    if not worst:
        return [Text("No problems.", "good")]
    parts, before = list[Part](), set[str]()
    most = len(worst) if whole else MAX_PROBLEMS
    for p in worst[:most]:
        again = p.code in before
        parts.append(message(p.code, p.severity, p.message, where=_at(p.phys), again=again))
        before.add(p.code)
    if len(worst) > most:
        left = counted(len(worst) - most, "more problem is", "more problems are")
        left += " not shown; --json and -v have all."
        parts.append(Text(left, "warning"))
    return parts


def _at(phys: int | None) -> list[tuple[str, str]]:
    return [] if phys is None else [("Address", f"0x{phys:x}")]


def worst_of(found: Iterable[Problem]) -> Style:
    """Return the severity of the worst problem, ``good`` if there are none."""
    severities = {p.severity for p in found}
    return next((s for s in SEVERITIES if s in severities), "good")


def todo_of(found: Iterable[tuple[str, Severity]]) -> list[str]:
    """Return the advice on each code of an error or warning, worst first, each once.

    ``found`` are code and severity of problems or findings.
    """
    worst = sorted(found, key=lambda pair: SEVERITIES.index(pair[1]))
    codes = dict.fromkeys(code for code, severity in worst if severity != "note")
    return [f"{code_of(code).advice.removesuffix('.')} ({code})" for code in codes]


def fields(rows: Iterable[tuple[str, str]]) -> Fields:
    """Return labels with their lines; a row without a label belongs to the label before."""
    joined: list[tuple[str, list[str]]] = []
    for label, text in rows:
        if label or not joined:
            joined.append((label, []))
        joined[-1][1].append(text)
    return Fields(joined)


def ranges(
    caption: str,
    columns: Sequence[Column],
    count: int,
    rows: Iterable[Sequence[Cell | str]],
    *,
    whole: bool,
    what: str = "range",
) -> Table:
    """Return a table of ``count`` rows, cut unless ``whole``; ``what`` each is."""
    most = count if whole else min(count, MAX_ROWS)
    cut = counted(count - most, f"more {what} is", f"more {what}s are")
    cut += " not shown; --json and -v have all"
    return Table(caption, columns, islice(rows, most), cut if most < count else "")


def run_table(
    caption: str,
    runs: Iterable[tuple[int, int, T]],
    count: int,
    page_size: int,
    columns: Sequence[Column],
    cells: Callable[[int, int, T], Sequence[Cell | str]],
    *,
    whole: bool,
) -> Table:
    """Return a table of ``count`` runs of PFNs, cut unless ``whole``; ``page_size`` in bytes.

    A run is first PFN, last PFN (inclusive) and a value of the caller's. ``cells`` gets the three
    and returns the cells for ``columns``, which follow PFNs, number of pages and size.
    """
    shift = page_shift(page_size)

    def rows() -> Iterator[Sequence[Cell | str]]:
        for first, last, what in runs:
            pages = last - first + 1
            size = Cell(human_bytes(pages << shift), sort=pages << shift)
            yield span(first, last), str(pages), size, *cells(first, last, what)

    head = Column("PFNs", mono=True), Column("Pages", number=True), Column("Size", number=True)
    return ranges(caption, (*head, *columns), count, rows(), whole=whole, what="run")


def pfn_table(caption: str, pfns: PfnSet, page_size: int, *, whole: bool) -> Table:
    """Return a table of the runs of a set of PFNs, cut unless ``whole``; ``page_size`` in bytes."""
    shift, count = page_shift(page_size), pfns.run_count()

    def addresses(first: int, last: int, _: None) -> Sequence[Cell | str]:
        return (span(first << shift, ((last + 1) << shift) - 1),)

    return run_table(
        f"{caption}: {counted(count, 'run')}",
        ((first, last, None) for first, last in pfns),
        count,
        page_size,
        (Column("Addresses", mono=True),),
        addresses,
        whole=whole,
    )
