"""list for people: each run of bad pages, what is known about it, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes, page_shift
from hwpkho.base.listing import MAX_PFNS, parts
from hwpkho.errors import InputError
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
    runs = list(listed.runs())
    plural = "" if count == 1 else "s"
    yield (
        paint("head", f"{pages.name}: {count} bad page{plural}, {human_bytes(count * size)}")
        + f"  ({pages.origin}, {human_bytes(size)} pages)"
    )
    if not runs:
        return
    yield ""
    alone = len(listed.inputs) == 1
    rows = [_row(run, size, listed.frames, alone) for run in runs[:MAX_RUNS]]
    heads = ("PFN", "pages", "physical address", "kind", "when", "memory there", "said in")
    used = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    widths = {i: max(len(heads[i]), *(len(row[i]) for row in rows)) for i in used}
    yield "  " + _line([heads[i].ljust(widths[i]) for i in used])
    for run, row in zip(runs, rows, strict=False):
        cells = [row[i].rjust(widths[i]) if i == 1 else row[i].ljust(widths[i]) for i in used]
        if run.kind in _STYLES:
            at = used.index(3)
            cells[at] = paint(_STYLES[run.kind], cells[at])
        yield "  " + _line(cells)
    if len(runs) > MAX_RUNS:
        yield f"  … and {len(runs) - MAX_RUNS} more runs; --json and --pfns have them all"


def _line(cells: list[str]) -> str:
    return "  ".join(cells).rstrip()


def _row(run: Mention, size: int, frames: Frames | None, alone: bool) -> tuple[str, ...]:
    shift = page_shift(size)
    start, end = run.first << shift, ((run.last + 1) << shift) - 1
    return (
        f"0x{run.first:x}" if run.first == run.last else f"0x{run.first:x}-0x{run.last:x}",
        str(run.last - run.first + 1),
        f"0x{start:x}-0x{end:x}",
        run.kind or "",
        run.when or "",
        _there(run.first, frames),
        run.where or "" if alone else " ".join(word for word in (run.source, run.where) if word),
    )


def _there(pfn: int, frames: Frames | None) -> str:
    if frames is None:
        return ""
    at = frames.find(pfn)
    return "none" if at is None else frames.label[at] or frames.kind[at]


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
