"""Samples of lists in the forms of other programs, and what each of them says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

SAMPLES = ROOT / "fixtures" / "neighbours"
#: Forms that must be named.
_NAMED = {"kpageflags": "kpageflags", "page-types": "page-types", "crash-kmem": "crash-kmem"}


def samples(folder: str) -> list[Path]:
    """Return the truths of a folder of samples."""
    found = sorted((SAMPLES / folder).glob("*.truth.json"))
    assert found, folder
    return found


def pages(runs: Iterable[int | list[int]]) -> set[int]:
    """Return the PFNs of a document's ``pfns``; ends alone of what is longer than 2^20 pages."""
    found: set[int] = set()
    for run in runs:
        first, last = (run, run) if isinstance(run, int) else run
        found.update(range(first, last + 1) if last - first < 1 << 20 else (first, last))
    return found


def check(cli: Cli, truth: Path, form: str | None = None) -> None:
    """Compare what ``hwpkho list`` says of a sample with its truth."""
    want: dict[str, Any] = json.loads(truth.read_text())
    named = ["--from", _NAMED[want["form"]]] if want["form"] in _NAMED else []
    got = cli("list", "--json", "--page-size", 4096, *named, truth.with_name(want["file"]))
    if want.get("refuse"):
        assert (got.code, got.out, len(got.err.splitlines())) == (3, "", 1), got.err
        return
    assert got.code == 0, got.err
    assert form in (None, got.json["form"])
    listed = pages(got.json["pfns"])
    assert listed in [pages(runs) for runs in (want["pfns"], *want.get("may", []))]
    assert pages([[e["first"], e["last"]] for e in got.json["entries"]]) == listed
    kinds = {e["kind"] for e in got.json["entries"]}
    assert set(want.get("kinds", ())) <= kinds
    assert got.json["problems"] or not want.get("warn")


def said(cli: Cli, folder: Path, text: str | bytes, *options: object) -> Result:
    """Return what ``hwpkho list --json`` says of a file with this content."""
    path = folder / "input"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    got = cli("list", "--json", *options, path)
    assert "Traceback" not in got.err
    if got.code == 3:
        assert (got.out, len(got.err.splitlines())) == ("", 1)
    return got
