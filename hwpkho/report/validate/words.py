"""Words for a judgement, shared by the reports for people: text and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.codes import CERTAINTY, code_of
from hwpkho.report.parts.headline import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import ScratchCost, Validation
    from hwpkho.judging.rulings import Ruling

_OUTCOMES = {
    "replay": "replay: the next kernel takes the list and goes through it",
    "dropped": "dropped: the machine boots, but the list is ignored",
    "refused": "refused: the next kernel disables KHO revival and ignores the whole handover",
    "crash": "crash: the next kernel panics",
    "absent": "absent: no list for the next kernel",
}
#: Verdict → style and what becomes of the page; in the order of the table.
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
_NOT_JUDGED = "not judged"


def case_headline(result: CaseResult, v: Validation) -> tuple[str, str]:
    """Return the style of a case (error, warning, note or good) and its headline.

    The codes that make the exit code 1 are added if the headline does not speak of them.
    """
    style, sentence = headline(v)
    if style != "error" and (failing := _failing(result, style)):
        return "error", f"{sentence}; {failing}"
    return style, sentence


def _failing(result: CaseResult, style: str) -> str:
    """Return the codes that make the exit code 1 and that the headline does not speak of.

    With --quiet nothing else would name them. No headline speaks of the user's own limits, and a
    good one speaks of no finding at all.
    """
    v = result.validation
    codes = dict.fromkeys(f.code for f in v.findings if result.fails(f)) if v else {}
    silent = [
        code
        for code in map(code_of, codes)
        if style in ("good", "note") or code.subject == "limits"
    ]
    return ", ".join(f"{code.id} {code.name}" for code in silent)


def outcome(v: Validation) -> Iterator[tuple[str, str]]:
    """Yield label and text of the rows on the outcome, what decides it, and the EFI table."""
    if v.outcome:
        yield "outcome", _OUTCOMES[v.outcome]
    elif v.basis.handover and v.basis.memmap != "set-aside" and not v.basis.table:
        yield "outcome", "not known: the input does not hold what decides it"
    if v.decided_by:
        f = v.decided_by
        yield "because", f"{f.message} ({f.code}, {CERTAINTY[f.certainty]})"
    if v.efi:
        says = f"{v.efi.outcome or 'not known'}: {v.efi.reason}"
        yield "efi table", f"0x{v.efi.phys:x}, read by {v.efi.consumer}: {says}"


def basis(v: Validation) -> Iterator[tuple[str, str]]:
    """Yield label and text of the rows on the machine, scratch, and what the judgement rests on."""
    size = human_bytes(v.page_size) if v.page_size else "unknown"
    yield "machine", f"{v.arch or 'architecture unknown'}, {size} pages"
    if v.scratch:
        yield "scratch", _scratch(v.scratch)
    label = "rests on"
    for line in v.rests_on:
        yield label, line
        label = ""


def _scratch(cost: ScratchCost) -> str:
    areas, bad = len(cost.areas), cost.bad.pages()
    share = f", {cost.of_ram:.1%} of RAM" if cost.of_ram is not None else ""
    pages = f"; {counted(bad, 'bad page')} in it" if bad else ""
    return f"{human_bytes(cost.size)} in {counted(areas, 'area')}{share}{pages}"


def verdicts_heading(v: Validation) -> str:
    """Return the heading of the last column of :func:`verdicts`."""
    certain = v.basis.table or v.outcome == "replay" or not v.basis.handover
    return "what the next kernel does" if certain else "if it were replayed"


def verdicts(v: Validation) -> Iterator[tuple[str, str, int, str]]:
    """Yield style, verdict, number of pages, and what becomes of them, worst verdict first."""
    counts = v.runs.counts()
    for verdict, (style, text) in _VERDICTS.items():
        if verdict in counts:
            more = f"; early boot may hold {v.unsure}" if verdict == "replays" and v.unsure else ""
            yield style, verdict, counts[verdict], f"{text}{more}"
    unjudged = v.runs.of_fact("gap")
    if unjudged:
        yield "error", _NOT_JUDGED, unjudged, "lines of the map are lost there"


def verdict_of(r: Ruling) -> tuple[str, str]:
    """Return style and verdict of a ruling."""
    return (_VERDICTS[r.verdict][0], r.verdict) if r.verdict else ("error", _NOT_JUDGED)


def simply_taken_out(r: Ruling) -> bool:
    """Tell whether pages with this ruling are taken out of use, without any finding."""
    return not r.code and r.verdict in ("replays", "reserved")


def runs_where(
    v: Validation, wanted: Callable[[Ruling], bool]
) -> Iterator[tuple[int, int, Ruling]]:
    """Yield first PFN, last PFN (inclusive) and ruling of each run whose ruling is ``wanted``."""
    for start, end, r in v.runs.stretches():
        if wanted(r):
            for a, b in v.runs.pfns.runs(start, end):
                yield a, b, r


def where(r: Ruling, pfn: int) -> str:
    """Return the memory at a page by the map, and its place in a preserved file if it is in one."""
    return f"{r.region or 'nothing'}{_in_file(r, pfn)}"


def _in_file(ruling: Ruling, pfn: int) -> str:
    """Return offset (bytes) and folio order of a page in its preserved file, "" without a file."""
    if ruling.owner is None:
        return ""
    place = next(ruling.owner.places(pfn, pfn))
    order = "unknown order" if place.order is None else f"order {place.order}"
    return f", offset 0x{place.page * ruling.owner.page_size:x}, folio of {order}"
