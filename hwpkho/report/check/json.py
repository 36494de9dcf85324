"""check as ``hwpkho.check/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.live import counters
from hwpkho.report.check import words
from hwpkho.report.parts import jsondoc, runs_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.commands.check_result import Checked, Since

SCHEMA = "hwpkho.check/1"


def pieces(checked: Checked) -> Iterator[str]:
    """Yield ``hwpkho.check/1`` in pieces."""
    return jsondoc.pieces(SCHEMA, body(checked).items())


def body(checked: Checked) -> dict[str, Any]:
    """Return the fields of ``hwpkho.check/1``; unknown ones are None."""
    facts, v = checked.facts, checked.validation
    return {
        "status": checked.status,
        "summary": words.summary(checked),
        "bad_pages": checked.bad_pages,
        **{words.NAMES[then]: n for then, n in checked.after_kexec.items()},
        "because": checked.because,
        "not_seen": checked.not_seen,
        "root": printable(str(facts.tree.root)) if facts.tree.copied else None,
        "release": facts.tree.release,
        "arch": facts.arch,
        "page_size": facts.page_size,
        "flagged": None if facts.flags is None else facts.flags.single.pages(),
        "huge_pages_flagged": None if facts.flags is None else len(facts.flags.folios.first),
        "hardware_corrupted": facts.corrupted,
        "nodes": [
            {"node": n.node, **{name: n.counts.get(name) for name in counters.RESULTS}}
            for n in facts.nodes
        ],
        "hands_over": checked.hands_over,
        "outcome": checked.outcome,
        "listed": None if checked.listed is None else checked.listed.pages(),
        "kernel_loaded": checked.kernel_loaded,
        "scratch": None if v is None or v.scratch is None else v.scratch.to_json(),
        "efi": None if v is None or v.efi is None else v.efi.to_json(),
        "memmap": _memmap(checked),
        "since": None if checked.since is None else _since(checked.since),
        "findings": [f.to_json() for f in checked.findings],
        "runs": runs_json.judged(checked.runs),
        "forgotten_pages": _pairs(checked.lost),
        "notes": facts.notes,
    }


def _memmap(checked: Checked) -> dict[str, Any] | None:
    if checked.memmap is None:
        return None
    good, left = checked.memmap_lost
    return {"parameter": checked.memmap, "good_pages": good, "bad_pages_left": left}


def _since(since: Since) -> dict[str, Any]:
    before = since.before
    return {
        "name": before.name,
        "when": before.when,
        "bad_pages": since.pages.pages(),
        "lost": None if since.lost is None else since.lost.pages(),
        "lost_pages": None if since.lost is None else _pairs(since.lost),
        "foreseen": None
        if since.lost is None or before.foreseen is None
        else (since.lost & before.foreseen).pages(),
        "excluded": since.excluded.pages(),
    }


def _pairs(pages: PfnSet) -> list[list[int]]:
    return [[first, last] for first, last in pages]
