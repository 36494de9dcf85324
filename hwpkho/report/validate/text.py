"""validate for people: the sentence that counts, findings, verdicts, the list, the picture."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.codes import SEVERITIES, registry
from hwpkho.report.explain import CERTAINTY
from hwpkho.report.parts import picture
from hwpkho.report.parts.headline import headline
from hwpkho.report.parts.layout import Column, field, flow, fold, span, table
from hwpkho.report.validate.base import TextReport, TextWriter
from hwpkho.report.validate.findings import counted, finding_lines, is_routine
from hwpkho.report.validate.many import Many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding, Ruling, ScratchCost, Validation
    from hwpkho.report.parts.layout import Cell
    from hwpkho.report.parts.screen import Screen

#: Longer lists of runs and findings are cut unless --all is given.
MAX_RUNS = 20
MAX_FINDINGS = 40

_OUTCOMES = {
    "replay": "replay: the next kernel takes the list and goes through it",
    "dropped": "dropped: the machine boots, but the list is ignored",
    "refused": "refused: the next kernel disables KHO revival and ignores the whole handover",
    "crash": "crash: the next kernel panics",
    "absent": "absent: no list for the next kernel",
}
#: What becomes of a page, by verdict; in the order of the table.
_VERDICTS = {
    "not-ram": ("error", "no memory there: ignored and forgotten"),
    "handover": ("error", "a page of the handover itself: read, and stays in use"),
    "preserved": ("warning", "a guest's memory or another file's: flagged, and stays with it"),
    "in-use": ("warning", "something occupies it: the bad page stays in use"),
    "scratch": ("warning", "early boot may use it before the replay"),
    "firmware": ("warning", "firmware memory, or beside RAM: the kernel cannot take it out of use"),
    "device": ("note", "left to the device's driver"),
    "retired": ("note", "the map excludes it already"),
    "replays": ("good", "taken out of use"),
    "reserved": ("good", "kept out of use, the rest of its unit with it"),
}
#: How they are marked on the picture; of several in a cell the first is seen.
_MARKS = (
    (("not-ram",), picture.Glyphs("?", "?", "error", "forgotten")),
    (
        ("handover", "preserved", "in-use", "firmware"),
        picture.Glyphs("!", "!", "error", "bad, stays in use"),
    ),
    (("scratch",), picture.Glyphs("s", "s", "warning", "bad, in scratch")),
    (("replays",), picture.Glyphs("*", "*", "good", "bad, replays")),
    (("reserved",), picture.Glyphs("*", "*", "good", "bad, kept out of use")),
    (("device", "retired"), picture.Glyphs("o", "o", "note", "bad, not the kernel's")),
)
#: Before PFNs that no map judges.
_LIST = "  PFNs      "
_NOT_JUDGED = "not judged"


class _One(TextWriter):
    """The report on a single case."""

    def add(self, result: CaseResult) -> None:
        v, screen = result.validation, self._screen
        if v is None:
            self.write(f"{result.case}: {result.error}\n")
            return
        style, sentence = headline(v)
        if style != "error" and (failing := _failing(result, style)):
            style, sentence = "error", f"{sentence}; {failing}"
        paint = screen.paint
        title = f"{paint('head', result.case)}: {paint(style, sentence)}"
        blocks = [fold(title, screen.prose, "", "  ")]
        if screen.detail >= 0:
            blocks += [
                list(_outcome(v, screen)),
                list(_findings(result, screen)),
                list(_verdict_table(v, screen)),
                list(_runs(v, screen)),
                _picture(v, screen),
                list(_basis(v, screen)),
            ]
        self.write("\n\n".join("\n".join(block) for block in blocks if block) + "\n")

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: what there is to say of one case stands among its findings."""


REPORT = TextReport("text", "for people", _One, Many)


def _failing(result: CaseResult, style: str) -> str:
    """Name what makes the exit code 1 and is not in the sentence: with -q nothing else does.

    No sentence speaks of the user's own limits, and a good one of no finding at all.
    """
    v, names = result.validation, registry()
    codes = dict.fromkeys(f.code for f in v.findings if result.fails(f)) if v else {}
    silent = [code for code in codes if style in ("good", "note") or code.startswith("HP7")]
    return ", ".join(f"{code} {names[code].name}" for code in silent)


def _outcome(v: Validation, screen: Screen) -> Iterator[str]:
    if v.outcome:
        yield from field("outcome", _OUTCOMES[v.outcome], screen)
    if v.decided_by:
        f = v.decided_by
        yield from field("because", f"{f.message} ({f.code}, {CERTAINTY[f.certainty]})", screen)
    if v.efi:
        says = f"{v.efi.outcome or 'not known'}: {v.efi.reason}"
        text = f"0x{v.efi.phys:x}, read by {v.efi.consumer}: {says}"
        yield from field("efi table", text, screen)


def _basis(v: Validation, screen: Screen) -> Iterator[str]:
    size = human_bytes(v.page_size) if v.page_size else "unknown"
    yield from field("machine", f"{v.arch or 'architecture unknown'}, {size} pages", screen)
    if v.scratch:
        yield from field("scratch", _scratch(v.scratch), screen)
    label = "rests on"
    for line in v.rests_on:
        yield from field(label, line, screen)
        label = ""


def _scratch(cost: ScratchCost) -> str:
    areas, bad = len(cost.areas), cost.bad.pages()
    share = f", {cost.of_ram:.1%} of RAM" if cost.of_ram is not None else ""
    pages = f"; {bad} bad page{'s' * (bad != 1)} in it" if bad else ""
    return f"{human_bytes(cost.size)} in {areas} area{'s' * (areas != 1)}{share}{pages}"


def _verdict_table(v: Validation, screen: Screen) -> Iterator[str]:
    counts = v.runs.counts()
    unjudged = v.runs.of_fact("gap")
    if not counts and not unjudged:
        return
    certain = v.basis.table or v.outcome in ("replay", None)
    will = "what the next kernel does" if certain else "if it were replayed"
    rows: list[tuple[Cell, ...]] = []
    for verdict, (style, text) in _VERDICTS.items():
        if verdict == "replays" and v.unsure:
            text = f"{text}; early boot may hold {v.unsure}"
        if verdict in counts:
            rows.append(((style, verdict), str(counts[verdict]), text))
    if unjudged:
        text = "lines of the map are lost there"
        rows.append((("error", _NOT_JUDGED), str(unjudged), text))
    columns = (Column("verdict"), Column("pages", right=True), Column(will, wraps=True))
    yield from table(columns, rows, screen)


def _runs(v: Validation, screen: Screen) -> Iterator[str]:
    """Yield the runs; of more than fit, those that are not simply replayed come first."""
    if not v.runs.rulings or v.page_size is None:
        return
    count, most = v.runs.count(), screen.most(MAX_RUNS)
    every = count <= most
    shown = list(islice(_pieces(v, lambda r: every or not _well(r)), most))
    if len(shown) < min(count, most):
        shown += islice(_pieces(v, _well), most - len(shown))
    if any(r.verdict or r.fact for r in v.runs.rulings):
        yield from _judged(shown, page_shift(v.page_size), screen)
    elif shown:
        listed = [span(a, b) for a, b, _ in shown]
        yield from flow([f"{s}," for s in listed[:-1]] + listed[-1:], screen.width, _LIST, " ")
    rest = count - len(shown)
    if rest:
        yield f"  and {rest} more run{'s' * (rest != 1)}; --all shows all"


def _well(r: Ruling) -> bool:
    """Tell whether there is nothing to say of pages but that they are taken out of use."""
    return not r.code and r.verdict in ("replays", "reserved")


def _pieces(v: Validation, wanted: Callable[[Ruling], bool]) -> Iterator[tuple[int, int, Ruling]]:
    """Yield the runs of some rulings."""
    for start, end, r in v.runs.stretches():
        if wanted(r):
            for a, b in v.runs.pfns.runs(start, end):
                yield a, b, r


def _judged(shown: Sequence[tuple[int, int, Ruling]], shift: int, screen: Screen) -> Iterator[str]:
    columns = (
        Column("PFN"), Column("pages", right=True), Column("verdict"), Column("address"),
        Column("memory there", wraps=True),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for a, b, r in shown:
        style = _VERDICTS[r.verdict][0] if r.verdict else "error"
        code = f" ({r.code})" if r.code else ""
        where = f"{r.region or 'nothing'}{_in_file(r, a)}{code}"
        verdict = (style, r.verdict or _NOT_JUDGED)
        rows.append((span(a, b), str(b - a + 1), verdict, ("dim", f"0x{a << shift:x}"), where))
    yield from table(columns, rows, screen)


def _in_file(ruling: Ruling, pfn: int) -> str:
    """Return where in a preserved file a page is."""
    if ruling.owner is None:
        return ""
    place = next(ruling.owner.places(pfn, pfn))
    order = "unknown order" if place.order is None else f"order {place.order}"
    return f", offset 0x{place.page * ruling.owner.page_size:x}, folio of {order}"


def _picture(v: Validation, screen: Screen) -> list[str]:
    """Return the picture; one without a bad page would tell nothing of the list."""
    if not v.frames or v.page_size is None or not v.pfns:
        return []
    ranges: list[picture.Run] = []
    for first, last, kind, _ in v.frames:
        start, end = first * v.page_size, (last + 1) * v.page_size - 1
        if ranges and ranges[-1].kind == kind and ranges[-1].end + 1 == start:
            ranges[-1] = ranges[-1]._replace(end=end)
        else:
            ranges.append(picture.Run(start, end, kind))
    return picture.draw(ranges, screen, marks=list(_marks(v, v.page_size)), ram=True)


def _marks(v: Validation, page_size: int) -> Iterator[picture.Marks]:
    for verdicts, glyphs in _MARKS:
        stretches = [(a, b) for a, b, r in v.runs.stretches() if r.verdict in verdicts]
        if stretches:
            yield picture.Marks(glyphs, v.runs.pfns, stretches, page_size)


def _findings(result: CaseResult, screen: Screen) -> Iterator[str]:
    v = result.validation
    every = v.findings if v else ()
    findings = [f for f in every if screen.detail > 0 or not is_routine(f) or result.fails(f)]
    yield from field("findings", _summary(result, every, findings), screen)
    most, told = screen.most(MAX_FINDINGS), set[str]()
    for f in findings[:most]:
        yield from finding_lines(f, screen, advice=f.code not in told)
        told.add(f.code)
    if len(findings) > most:
        yield f"  and {len(findings) - most} more findings; --all shows all"


def _summary(result: CaseResult, every: Sequence[Finding], shown: Sequence[Finding]) -> str:
    """Say how many findings there are, and which are not shown."""
    parts = [counted(n, s) for s in SEVERITIES if (n := sum(f.severity == s for f in shown))]
    if not parts:
        parts = ["none"]
    if len(every) > len(shown):
        parts.append(f"{counted(len(every) - len(shown), 'routine note')} (-v shows them)")
    if result.suppressed:
        known = sum(s.by == "baseline" for s in result.suppressed)
        accepted = f", {known} of them accepted by the baseline" if known else ""
        parts.append(f"{len(result.suppressed)} more not counted{accepted}")
    return ", ".join(parts)
