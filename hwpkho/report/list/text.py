"""list for people: each run of bad pages, what is known about it, and which input says so."""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.listing import MAX_PFNS, parts
from hwpkho.errors import InputError
from hwpkho.report.list.dimms import dimms_text
from hwpkho.report.parts.layout import Column, fold, span, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.model import Mention
    from hwpkho.commands.list import ListReport
    from hwpkho.memmap.view.regions import Frames
    from hwpkho.report.parts.layout import Cell

#: Longer lists are cut; --verbose, --json and --pfns have them whole.
MAX_RUNS = 20

#: How kinds are marked.
STYLES: dict[str, Literal["error", "warning"]] = {
    "poisoned": "error",
    "uncorrected": "error",
    "soft-offlined": "warning",
}


def report(listed: ListReport, screen: Screen | None = None) -> Iterator[str]:
    """Yield the lines of the report."""
    screen = screen or Screen()
    pages, size = listed.pages, listed.pages.taken_page_size
    count = pages.pfns.count
    head = f"{pages.name}: {counted(count, 'bad page')}, {human_bytes(count * size)}"
    origin = f"  ({pages.origin}, {human_bytes(size)} pages)"
    yield from fold(screen.paint("head", head) + origin, screen.prose, "", "  ")
    if screen.detail < 0:
        return
    runs = listed.runs()
    if not runs:
        return
    yield ""
    alone, most = len(listed.inputs) == 1, screen.most(MAX_RUNS)
    parts = chain.from_iterable(by_memory(run, listed.frames) for run in runs)
    rows = [_row(run, there, size, alone) for run, there in islice(parts, most)]
    yield from table(_COLUMNS, rows, screen)
    if next(parts, None) is not None:
        text = f"and more: {counted(len(runs), 'run')} in all"
        text += "; -v shows them, --json and --pfns have them"
        yield from fold(text, screen.prose, "  ")
    if listed.dimms is not None:
        for line in dimms_text(listed.dimms):
            yield from fold(line, screen.prose, "", "    ")


_COLUMNS = (
    Column("PFN"), Column("pages", right=True), Column("physical address"), Column("kind"),
    Column("when"), Column("memory there", wraps=True), Column("said in", wraps=True),
)  # fmt: skip


def _row(run: Mention, there: str, size: int, alone: bool) -> tuple[Cell, ...]:
    shift = page_shift(size)
    start, end = run.first << shift, ((run.last + 1) << shift) - 1
    return (
        span(run.first, run.last),
        str(run.last - run.first + 1),
        f"0x{start:x}-0x{end:x}",
        (STYLES.get(run.kind or "", ""), run.kind or ""),
        run.when or "",
        there,
        said_in(run, alone=alone),
    )


def said_in(run: Mention, *, alone: bool) -> str:
    """Return the place in the input that names a run, after the input's name unless ``alone``."""
    return " ".join(word for word in ("" if alone else run.source, run.where) if word)


def by_memory(run: Mention, frames: Frames | None) -> Iterator[tuple[Mention, str]]:
    """Yield a run in parts, each within memory of one sort, with the sort; empty without a map."""
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
    """Yield last PFN (inclusive) and sort of each stretch of memory in a run, "none" for a hole."""
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
    """Yield the PFNs in hex, one a line, some thousands of lines at a time.

    Raises InputError before the first if there are more than ``MAX_PFNS``: no command would read
    the list back.
    """
    count = listed.pages.pfns.count
    if count > MAX_PFNS:
        raise InputError(
            f"{listed.pages.name}: {count} PFNs, more than the {MAX_PFNS} of the longest list; "
            "--json has them as ranges"
        )
    for part in parts(listed.pages.pfns):
        yield "".join(f"0x{pfn:x}\n" for pfn in part)
