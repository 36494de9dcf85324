"""list --dimms: the DIMM and NUMA node of each run of bad pages."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.report.parts.layout import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.dimms.model import Run

#: Longer lists are cut; --json has them whole.
_MAX_RUNS = 60


def dimms_json(runs: Sequence[Run] | None) -> list[dict[str, object]] | None:
    """Return ``dimms`` of the list document; None without --dimms."""
    if runs is None:
        return None
    return [
        {
            "first": run.first,
            "last": run.last,
            "dimm": run.place.dimm,
            "dimm_serial": run.place.serial,
            "dimm_confidence": run.place.confidence,
            "node": run.place.node,
        }
        for run in runs
    ]


def dimms_text(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the table for people, a line for each of the first runs; nothing for no runs."""
    if not runs:
        return
    yield ""
    rows = [_row(run) for run in islice(runs, _MAX_RUNS)]
    heads = ("PFN", "DIMM", "serial", "node", "known by")
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
    if len(runs) > _MAX_RUNS:
        yield f"  … and more: {len(runs)} runs in all; --json has them"


def _row(run: Run) -> tuple[str, ...]:
    return span(run.first, run.last), *place(run)


def place(run: Run) -> tuple[str, str, str, str]:
    """Return DIMM, serial number, node, and what they are known by, for people."""
    at = run.place
    return (
        at.dimm or "unknown",
        at.serial or "-",
        "-" if at.node is None else str(at.node),
        "-" if at.confidence == "unknown" else at.confidence,
    )
