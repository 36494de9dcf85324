"""diff as an HTML page: what changed between two lists; what became of every page of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.sets import MISSING
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.inputs.lists import owners_turnover
from hwpkho.report.diff import by_unit, drawing, histories, text
from hwpkho.report.html import blocks, figures, page
from hwpkho.report.html.facts import Cell, Column, Figure, Page, Section, Table, Text
from hwpkho.report.parts import turnover
from hwpkho.report.parts.layout import span
from hwpkho.report.parts.memory import of_pages
from hwpkho.report.parts.to_scale import Marks
from hwpkho.report.svg.markup import inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.commands.diff import Comparison
    from hwpkho.judging.rulings import Ruling, Runs
    from hwpkho.report.diff.by_unit import Word
    from hwpkho.report.diff.histories import Chain, PageHistory
    from hwpkho.report.html.facts import Part, Style
    from hwpkho.report.parts.memory import Memory
    from hwpkho.report.registry import Call

#: Lists up to which each has a column; of more, three columns hold their numbers.
MAX_COLUMNS = 8
#: Verdicts of removed pages that mean: bad memory is back in use.
_LOST = (None, "replays", "scratch", "preserved", "handover")
_STATES: dict[histories.State, Cell | str] = {
    "listed": "listed",
    "new": Cell("new", "note"),
    "lost": Cell("lost", "error"),
    "absent": "",
}


class _Html:
    """``--format html`` of diff."""

    name, about = "html", "a page: what was lost and added; of a chain every page's life"

    def pieces(self, result: Comparison, call: Call) -> Iterator[str]:
        """Yield the page, piece by piece."""
        facts = _pair(result, call) if len(result.cases) == 2 else _chain(result, call)
        return page.render(facts)


REPORT = _Html()


def _pair(d: Comparison, call: Call) -> Page:
    (change,) = d.changes
    style: Style = "error" if change.removed.pfns else "warning" if change.added.pfns else "good"
    sentences = [x for x in (text.missed(d), *d.notes()) if x]
    todo = []
    if change.removed.pfns:
        todo = ["Bring the removed pages back into the list: hwpkho merge BEFORE AFTER"]
    sections = [
        Section("lists", "The lists", [_lists(d, ("before", "after"))]),
        Section("removed", "Removed", _changes(d, "removed", change.removed, call)),
        Section("added", "Added", _changes(d, "added", change.added, call)),
    ]
    if picture := figures.memory(_memory(d), "memory-drawing"):
        sections.append(Section("memory", "Memory to scale", picture))
    names = " → ".join(x.name for x in d.cases)
    told: list[Part] = [Text(x, "warning") for x in sentences]
    told += [Text(line) for line in turnover.lines(owners_turnover(*d.cases), d.page_size)]
    sections[0] = sections[0]._replace(parts=[*told, *sections[0].parts])
    return Page("diff", names, style, text.summary(d), todo, sections, call)


def _memory(d: Comparison) -> Memory:
    """Return the newer list on the memory map, with the pages lost from the older one."""
    removed = d.changes[0].removed
    stretches = [(a, b) for a, b, ruling in removed.stretches() if ruling.verdict in _LOST]
    memory = of_pages(pfn_set(d.cases[1].pfns), d.page_size, d.regions)
    if not stretches:
        return memory
    lost = Marks("forgotten", removed.pfns, stretches, d.page_size)
    return memory._replace(bad=[lost, *memory.bad])


def _changes(d: Comparison, word: Word, runs: Runs, call: Call) -> list[Part]:
    count = runs.count()
    if not count:
        return [Text(f"Nothing was {word}.", "good" if word == "removed" else "")]
    by_map = any(ruling.region for ruling in runs.rulings)

    def cells(first: int, last: int, ruling: Ruling) -> Sequence[Cell | str]:
        means = text.meaning(d, word, ruling) + by_unit.units_of(d, word, first, last)
        return (means, ruling.region or "") if by_map else (means,)

    columns = [Column("What that means")]
    if by_map:
        columns.append(Column("Memory there"))
    pages = runs.pfns.pages()
    caption = f"{counted(pages, 'PFN')} {word}, in {counted(count, 'run')}"
    whole = call.everything
    return [blocks.run_table(caption, runs, count, d.page_size, columns, cells, whole=whole)]


def _lists(d: Comparison, labels: Iterable[str]) -> Table:
    """Return a table of the lists, each with what changed from the one before."""

    counted = any(x.kexec_count is not None for x in d.cases)

    def rows() -> Iterator[Sequence[Cell | str]]:
        steps = (None, *d.changes)
        for label, x, pfns, step in zip(labels, d.cases, d.distinct(), steps, strict=True):
            lost = step.removed.pfns.pages() if step else 0
            new = step.added.pfns.pages() if step else 0
            yield (
                label,
                x.name,
                *(["" if x.kexec_count is None else str(x.kexec_count)] if counted else ()),
                str(pfns),
                Cell(str(lost), "error" if lost else "") if step else "",
                str(new) if step else "",
            )

    columns = (
        Column("List"),
        Column("Case"),
        *([Column("kexec_count", number=True)] if counted else ()),
        Column("PFNs", number=True),
        Column("Removed", number=True),
        Column("Added", number=True),
    )
    return Table(f"{len(d.cases)} lists, in pages of {human_bytes(d.page_size)}", columns, rows())


def _chain(c: Comparison, call: Call) -> Page:
    chain = histories.of(c)
    gone = not MISSING.isdisjoint(chain.totals[-1].counts)
    changed = any(not step.empty for step in c.changes)
    style: Style = "error" if gone else "warning" if changed else "good"
    todo = []
    if gone:
        todo = ["Bring the lost pages back into the list: hwpkho merge with all of these lists"]
    numbers = [str(n) for n in range(len(c.cases))]
    told: list[Part] = [Text(note, "warning") for note in c.notes()]
    for n, step in enumerate(zip(c.cases, c.cases[1:], strict=False), 1):
        found = turnover.lines(owners_turnover(*step), c.page_size)
        told += [Text(f"From {n - 1} to {n}: {line}") for line in found]
    sections = [
        Section("lives", "Every page’s life", _histories(chain, call)),
        Section("lists", "The lists", [_lists(c, numbers), *told]),
    ]
    title = f"{c.cases[0].name} → {c.cases[-1].name}, {len(c.cases)} lists"
    sentence = "; ".join(total.words for total in chain.totals)
    return Page("diff", title, style, sentence, todo, sections, call)


def _histories(chain: Chain, call: Call) -> list[Part]:
    found = chain.worst_first(kept=True)
    if not found:
        return [Text("No list has any page.", "good")]
    columns = (
        Column("PFNs", mono=True),
        Column("Pages", number=True),
        Column("Fate"),
        *map(Column, _heads(chain)),
    )
    count = counted(len(found), "run")
    picture = drawing.draw(chain)
    return [
        Figure(inline(picture, "lives-drawing"), picture.about, zoom=chain.lists > MAX_COLUMNS),
        blocks.ranges(
            f"{count} and the lists that have them, losses first",
            columns,
            len(found),
            (_row(chain, run) for run in found),
            whole=call.everything,
            what="run",
        ),
    ]


def _heads(chain: Chain) -> list[str]:
    """Return the heads of the columns on lists: one a list up to ``MAX_COLUMNS``, else three."""
    if chain.lists <= MAX_COLUMNS:
        return [str(n) for n in range(chain.lists)]
    return ["Listed in", "Newly in", "Lost in"]


def _row(chain: Chain, run: PageHistory) -> Sequence[Cell | str]:
    where = span(run.first, run.last) + (f" {run.units}" if run.units else "")
    style: Style = "error" if run.history in MISSING else "note" if run.history != "kept" else ""
    pages = str(run.last - run.first + 1)
    states = chain.states(run.seen)
    said: list[Cell | str] = [_STATES[state] for state in states]
    if chain.lists > MAX_COLUMNS:
        lost, new = _numbers(states, "lost"), _numbers(states, "new")
        said = [_numbers(states, "listed", "new"), new, Cell(lost, "error" if lost else "")]
    return (where, pages, Cell(run.history, style), *said)


def _numbers(states: Sequence[histories.State], *wanted: histories.State) -> str:
    """Return the lists, by number, in which a page has one of the ``wanted`` states: ``0-3, 7``."""
    lists = pfn_set([n for n, state in enumerate(states) if state in wanted])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in lists)
