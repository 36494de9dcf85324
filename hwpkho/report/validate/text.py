"""validate for people: the sentence that counts, the outcome, verdicts, the picture, findings."""

from __future__ import annotations

from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.codes import registry
from hwpkho.report.explain import CERTAINTY
from hwpkho.report.parts import picture
from hwpkho.report.parts.headline import headline
from hwpkho.report.validate.base import TextReport, TextWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Finding, Ruling, ScratchCost, Validation
    from hwpkho.report.parts.paint import Paint
    from hwpkho.report.validate.base import Context

#: Longer lists of runs and findings are cut; --json has them whole.
MAX_RUNS = 40
MAX_FINDINGS = 40
#: Findings shown under a case of a batch.
MAX_OF_A_CASE = 8

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
_LABEL = 10
_WIDTH = 100


class _One(TextWriter):
    """The report on a single case."""

    def add(self, result: CaseResult) -> None:
        v = result.validation
        if v is None:
            self.write(f"{result.case}: {result.error}\n")
            return
        paint = self._context.paint
        style, sentence = headline(v)
        blocks = [
            [f"{paint('head', result.case)}: {paint(style, sentence)}"],
            list(_facts(v)),
            list(_verdict_table(v, paint)),
            list(_runs(v, paint)),
            _picture(v, paint, blocks=self._context.blocks),
            list(_findings(result, paint)),
        ]
        self.write("\n\n".join("\n".join(block) for block in blocks if block) + "\n")

    def finish(self, _notes: Sequence[Finding]) -> None:
        """Write nothing: what there is to say of one case stands among its findings."""


class _Many(TextWriter):
    """The report on many cases: a line each, findings below those that fail."""

    def __init__(self, out: BinaryIO, context: Context) -> None:
        super().__init__(out, context)
        self._ends = [0, 0, 0, 0]

    def add(self, result: CaseResult) -> None:
        self._ends[result.exit] += 1
        self.write("\n".join(_case(result, self._context.paint)) + "\n")

    def finish(self, notes: Sequence[Finding]) -> None:
        for note in notes:
            self.write("\n".join(_finding(note, self._context.paint)) + "\n")
        fine, found, *unread = self._ends
        total = sum(self._ends)
        parts = [f"{fine} fine", f"{found} with findings", f"{sum(unread)} not judged"]
        self.write(f"\n{total} case{'s' * (total != 1)}: {', '.join(parts)}\n")


REPORT = TextReport("text", "for people", _One, _Many)


def _case(result: CaseResult, paint: Paint) -> Iterator[str]:
    v = result.validation
    if v is None:
        yield f"{paint('error', 'ERROR')} {result.case}: {result.error}"
        return
    word = paint("error", "FAIL ") if result.exit else paint("good", "ok   ")
    yield f"{word} {result.case}: {headline(v)[1]}"
    bad = [f for f in v.findings if result.fails(f)]
    names = registry()
    for f in bad[:MAX_OF_A_CASE]:
        yield f"        {f.code} {names[f.code].name}: {f.message}"
    if len(bad) > MAX_OF_A_CASE:
        yield f"        and {len(bad) - MAX_OF_A_CASE} more"


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _facts(v: Validation) -> Iterator[str]:
    if v.outcome:
        yield _row("outcome", _OUTCOMES[v.outcome])
    if v.decided_by:
        f = v.decided_by
        yield _row("because", f"{f.message} ({f.code}, {CERTAINTY[f.certainty]})")
    if v.efi:
        says = f"{v.efi.outcome or 'not known'}: {v.efi.reason}"
        yield _row("efi table", f"0x{v.efi.phys:x}, read by {v.efi.consumer}: {says}")
    size = human_bytes(v.page_size) if v.page_size else "unknown"
    yield _row("machine", f"{v.arch or 'architecture unknown'}, {size} pages")
    if v.scratch:
        yield _row("scratch", _scratch(v.scratch))
    label = "rests on"
    for line in v.rests_on:
        yield _row(label, line)
        label = ""


def _scratch(cost: ScratchCost) -> str:
    areas, bad = len(cost.areas), cost.bad.pages()
    share = f", {cost.of_ram:.1%} of RAM" if cost.of_ram is not None else ""
    pages = f"; {bad} bad page{'s' * (bad != 1)} in it" if bad else ""
    return f"{human_bytes(cost.size)} in {areas} area{'s' * (areas != 1)}{share}{pages}"


def _verdict_table(v: Validation, paint: Paint) -> Iterator[str]:
    counts = v.runs.counts()
    unjudged = v.runs.of_fact("gap")
    if not counts and not unjudged:
        return
    certain = v.basis.table or v.outcome in ("replay", None)
    will = "what the next kernel does" if certain else "if it were replayed"
    yield f"  {'verdict':<{_LABEL}}{'pages':>8}  {will}"
    for verdict, (style, text) in _VERDICTS.items():
        if verdict == "replays" and v.unsure:
            text = f"{text}; early boot may hold {v.unsure}"
        if verdict in counts:
            yield f"  {paint(style, f'{verdict:<{_LABEL}}')}{counts[verdict]:>8}  {text}"
    if unjudged:
        label = paint("error", f"{'-':<{_LABEL}}")
        yield f"  {label}{unjudged:>8}  not judged: lines of the map are lost"


def _runs(v: Validation, paint: Paint) -> Iterator[str]:
    """Yield the runs; of more than fit, those that are not simply replayed come first."""
    if not v.runs.rulings or v.page_size is None:
        return
    count = v.runs.count()
    everything = count <= MAX_RUNS
    shown: list[tuple[int, int, Ruling]] = []
    for start, end, r in v.runs.stretches():
        if everything or r.code or r.verdict not in ("replays", "reserved"):
            part = v.runs.pfns.runs(start, end)
            shown += [(a, b, r) for a, b in islice(part, MAX_RUNS - len(shown))]
            if len(shown) == MAX_RUNS:
                break
    shift = page_shift(v.page_size)
    texts = [f"0x{a:x}" if a == b else f"0x{a:x}-0x{b:x}" for a, b, _ in shown]
    width = max([3, *map(len, texts)])
    words = max([8, *(len(r.verdict or "") for _, _, r in shown)])
    yield f"  {'PFN':<{width}}  {'pages':>6}  {'verdict':<{words}}  memory there"
    for text, (a, b, r) in zip(texts, shown, strict=True):
        style = _VERDICTS[r.verdict][0] if r.verdict else "dim"
        word = paint(style, f"{r.verdict or '-':<{words}}")
        where = f"{r.region or '-'}{_in_file(r, a)}{f' ({r.code})' if r.code else ''}"
        phys = paint("dim", f"at 0x{a << shift:x}")
        yield f"  {text:<{width}}  {b - a + 1:>6}  {word}  {where}  {phys}"
    rest = count - len(shown)
    if rest:
        kinds = "" if everything or len(shown) == MAX_RUNS else " that replay"
        yield f"  and {rest} more run{'s' * (rest != 1)}{kinds}; --json has all"


def _in_file(ruling: Ruling, pfn: int) -> str:
    """Return where in a preserved file a page is."""
    if ruling.owner is None:
        return ""
    place = next(ruling.owner.places(pfn, pfn))
    order = "unknown order" if place.order is None else f"order {place.order}"
    return f", offset 0x{place.page * ruling.owner.page_size:x}, folio of {order}"


def _picture(v: Validation, paint: Paint, *, blocks: bool) -> list[str]:
    if not v.frames or v.page_size is None:
        return []
    ranges: list[picture.Run] = []
    for first, last, kind, _ in v.frames:
        start, end = first * v.page_size, (last + 1) * v.page_size - 1
        if ranges and ranges[-1].kind == kind and ranges[-1].end + 1 == start:
            ranges[-1] = ranges[-1]._replace(end=end)
        else:
            ranges.append(picture.Run(start, end, kind))
    return picture.draw(ranges, paint, blocks=blocks, marks=list(_marks(v, v.page_size)))


def _marks(v: Validation, page_size: int) -> Iterator[picture.Marks]:
    for verdicts, glyphs in _MARKS:
        stretches = [(a, b) for a, b, r in v.runs.stretches() if r.verdict in verdicts]
        if stretches:
            yield picture.Marks(glyphs, v.runs.pfns, stretches, page_size)


def _findings(result: CaseResult, paint: Paint) -> Iterator[str]:
    v = result.validation
    findings = v.findings if v else ()
    if not findings:
        yield f"  findings  {paint('good', 'none')}"
    for f in findings[:MAX_FINDINGS]:
        yield from _finding(f, paint)
    if len(findings) > MAX_FINDINGS:
        yield f"  and {len(findings) - MAX_FINDINGS} more findings; --json has all"
    if result.suppressed:
        n = len(result.suppressed)
        known = sum(s.by == "baseline" for s in result.suppressed)
        yield f"  {n} more not counted, {known} of them accepted by the baseline"


def _finding(f: Finding, paint: Paint) -> Iterator[str]:
    code = registry()[f.code]
    yield f"  {paint(f.severity, f'{f.severity:<8}')}{f.code} {code.name}: {f.message}"
    if f.severity == "note":
        return
    yield from _wrapped("kernel", f"{code.kernel} ({CERTAINTY[f.certainty]})")
    yield from _wrapped("advice", code.advice)


def _wrapped(label: str, text: str) -> list[str]:
    indent = " " * 10
    first = f"{indent}{label}: "
    rest = " " * len(first)
    return wrap(text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
