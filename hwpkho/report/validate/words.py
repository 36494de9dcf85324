"""What reports for people say of a judgement, whatever they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.codes import registry
from hwpkho.report.explain import CERTAINTY
from hwpkho.report.parts.headline import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.judging.case_result import CaseResult
    from hwpkho.judging.result import Ruling, ScratchCost, Validation

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
_NOT_JUDGED = "not judged"


def said(result: CaseResult, v: Validation) -> tuple[str, str]:
    """Return how bad a case is (error, warning, note or good) and the sentence that counts."""
    style, sentence = headline(v)
    if style != "error" and (failing := _failing(result, style)):
        return "error", f"{sentence}; {failing}"
    return style, sentence


def _failing(result: CaseResult, style: str) -> str:
    """Name what makes the exit code 1 and is not in the sentence: with -q nothing else does.

    No sentence speaks of the user's own limits, and a good one of no finding at all.
    """
    v, names = result.validation, registry()
    codes = dict.fromkeys(f.code for f in v.findings if result.fails(f)) if v else {}
    silent = [
        code
        for code in map(names.__getitem__, codes)
        if style in ("good", "note") or code.subject == "limits"
    ]
    return ", ".join(f"{code.id} {code.name}" for code in silent)


def outcome(v: Validation) -> Iterator[tuple[str, str]]:
    """Yield label and text of what becomes of the handover and of an EFI table."""
    if v.outcome:
        yield "outcome", _OUTCOMES[v.outcome]
    if v.decided_by:
        f = v.decided_by
        yield "because", f"{f.message} ({f.code}, {CERTAINTY[f.certainty]})"
    if v.efi:
        says = f"{v.efi.outcome or 'not known'}: {v.efi.reason}"
        yield "efi table", f"0x{v.efi.phys:x}, read by {v.efi.consumer}: {says}"


def basis(v: Validation) -> Iterator[tuple[str, str]]:
    """Yield label and text of what the judgement rests on."""
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
    pages = f"; {bad} bad page{'s' * (bad != 1)} in it" if bad else ""
    return f"{human_bytes(cost.size)} in {areas} area{'s' * (areas != 1)}{share}{pages}"


def will(v: Validation) -> str:
    """Return what stands above :func:`verdicts`."""
    certain = v.basis.table or v.outcome in ("replay", None)
    return "what the next kernel does" if certain else "if it were replayed"


def verdicts(v: Validation) -> Iterator[tuple[str, str, int, str]]:
    """Yield style, verdict, how many pages have it, and what becomes of these."""
    counts = v.runs.counts()
    for verdict, (style, text) in _VERDICTS.items():
        if verdict in counts:
            more = f"; early boot may hold {v.unsure}" if verdict == "replays" and v.unsure else ""
            yield style, verdict, counts[verdict], f"{text}{more}"
    unjudged = v.runs.of_fact("gap")
    if unjudged:
        yield "error", _NOT_JUDGED, unjudged, "lines of the map are lost there"


def look(r: Ruling) -> tuple[str, str]:
    """Return style and words of the verdict of a ruling."""
    return (_VERDICTS[r.verdict][0], r.verdict) if r.verdict else ("error", _NOT_JUDGED)


def well(r: Ruling) -> bool:
    """Tell whether there is nothing to say of pages but that they are taken out of use."""
    return not r.code and r.verdict in ("replays", "reserved")


def pieces(v: Validation, wanted: Callable[[Ruling], bool]) -> Iterator[tuple[int, int, Ruling]]:
    """Yield the runs of some rulings."""
    for start, end, r in v.runs.stretches():
        if wanted(r):
            for a, b in v.runs.pfns.runs(start, end):
                yield a, b, r


def where(r: Ruling, pfn: int) -> str:
    """Return what the map has at a page, and where in a preserved file it is."""
    return f"{r.region or 'nothing'}{_in_file(r, pfn)}"


def _in_file(ruling: Ruling, pfn: int) -> str:
    """Return where in a preserved file a page is."""
    if ruling.owner is None:
        return ""
    place = next(ruling.owner.places(pfn, pfn))
    order = "unknown order" if place.order is None else f"order {place.order}"
    return f", offset 0x{place.page * ruling.owner.page_size:x}, folio of {order}"
