"""list for people: each run of bad pages, what is known about it, and who says so."""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.listing import MAX_PFNS, parts
from hwpkho.errors import InputError
from hwpkho.report.list.dimms import dimms_text
from hwpkho.report.parts.paint import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import Mention
    from hwpkho.commands.list import ListReport
    from hwpkho.memmap.view.regions import Frames

#: Longer lists are cut; --json and --pfns have them whole.
MAX_RUNS = 60

_STYLES = {"poisoned": "error", "uncorrected": "error", "soft-offlined": "warning"}


def report(listed: ListReport, paint: Paint | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    paint = paint or Paint()
    pages, size = listed.pages, listed.pages.taken_page_size
    count = pages.pfns.count
    runs = listed.runs()
    plural = "" if count == 1 else "s"
    yield (
        paint("head", f"{pages.name}: {count} bad page{plural}, {human_bytes(count * size)}")
        + f"  ({pages.origin}, {human_bytes(size)} pages)"
    )
    if not runs:
        return
    yield ""
    alone = len(listed.inputs) == 1
    parts = chain.from_iterable(_by_memory(run, listed.frames) for run in runs)
    shown = list(islice(parts, MAX_RUNS))
    rows = [_row(run, there, size, alone) for run, there in shown]
    heads = ("PFN", "pages", "physical address", "kind", "when", "memory there", "said in")
    used = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    widths = {i: max(len(heads[i]), *(len(row[i]) for row in rows)) for i in used}
    yield "  " + _line([heads[i].ljust(widths[i]) for i in used])
    for (run, _), row in zip(shown, rows, strict=True):
        cells = [row[i].rjust(widths[i]) if i == 1 else row[i].ljust(widths[i]) for i in used]
        if run.kind in _STYLES:
            at = used.index(3)
            cells[at] = paint(_STYLES[run.kind], cells[at])
        yield "  " + _line(cells)
    if next(parts, None) is not None:
        yield f"  … and more: {len(runs)} runs in all; --json and --pfns have them"
    if listed.dimms is not None:
        yield from dimms_text(listed.dimms)


def _line(cells: list[str]) -> str:
    return "  ".join(cells).rstrip()


def _row(run: Mention, there: str, size: int, alone: bool) -> tuple[str, ...]:
    shift = page_shift(size)
    start, end = run.first << shift, ((run.last + 1) << shift) - 1
    return (
        f"0x{run.first:x}" if run.first == run.last else f"0x{run.first:x}-0x{run.last:x}",
        str(run.last - run.first + 1),
        f"0x{start:x}-0x{end:x}",
        run.kind or "",
        run.when or "",
        there,
        run.where or "" if alone else " ".join(word for word in (run.source, run.where) if word),
    )


def _by_memory(run: Mention, frames: Frames | None) -> Iterator[tuple[Mention, str]]:
    """Yield a run in parts, each of which lies in memory of one sort, and what that is."""
    if frames is None:
        yield run, ""
        return
    first, last, there = run.first, run.first - 1, ""
    for end, sort in _sorts(run, frames):
        if sort != there and last >= first:
            yield run._replace(first=first, last=last), there
            first = last + 1
        last, there = end, sort
    yield run._replace(first=first, last=last), there


def _sorts(run: Mention, frames: Frames) -> Iterator[tuple[int, str]]:
    """Yield the last PFN (inclusive) of each stretch of memory in a run, and what it is."""
    at = bisect_left(frames.last, run.first)
    here = run.first
    while here <= run.last:
        if at == len(frames.first) or frames.first[at] > run.last:
            yield run.last, "none"
            return
        if here < frames.first[at]:
            yield frames.first[at] - 1, "none"
        here = min(frames.last[at], run.last)
        yield here, frames.label[at] or frames.kind[at]
        here, at = here + 1, at + 1


def pfns(listed: ListReport) -> Iterator[str]:
    """Yield one PFN a line, some thousands at a time.

    Raises InputError for more than any command reads back, before the first.
    """
    count = listed.pages.pfns.count
    if count > MAX_PFNS:
        raise InputError(
            f"{listed.pages.name}: {count} PFNs, more than the {MAX_PFNS} of the longest list; "
            "--json has them as ranges"
        )
    for part in parts(listed.pages.pfns):
        yield "".join(f"0x{pfn:x}\n" for pfn in part)
