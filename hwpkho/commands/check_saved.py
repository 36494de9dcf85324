"""check: the bad pages saved before a kexec, and which of them are in use again after it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.formats import json as json_list
from hwpkho.badpages.model import BadPages
from hwpkho.base import jsontext, opening, output
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.codes import live
from hwpkho.commands.check_result import Before, Since
from hwpkho.errors import InputError
from hwpkho.inputs import recognise
from hwpkho.inputs.case import CaseOptions
from hwpkho.inputs.lists import read_list
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.commands.check_result import Checked

#: A saved file is at most this long, bytes.
_MAX_SIZE = 1 << 29


def check_place(path: str, *, force: bool) -> None:
    """Raise UsageError where saving to ``path`` would overwrite what no check saved."""
    output.check_file(path, force=force or _ours(path))


def _ours(path: str) -> bool:
    """Tell whether a file is one that a check saved: the next one takes its place."""
    if path == output.STDOUT or not Path(path).is_file():
        return False
    try:
        answers = recognise.of_path(Path(path), {Kind.LIST})
        head = opening.small(path, recognise.HEAD)
    except InputError:
        return False
    is_list = any(answer.form == json_list.FORM.name for answer in answers)
    return is_list and json_list.form_in(head) == "check"


def save(checked: Checked, path: str, *, force: bool) -> None:
    """Write the bad pages as a ``hwpkho.list/1``, with what ``--since`` has to know beside them.

    Raises InputError where no bad page could be looked for, or the file cannot be written.
    """
    facts = checked.facts
    if facts.flags is None and checked.listed is None and facts.log is None:
        raise InputError(f"{printable(path)}: not saved: which pages are bad could not be seen")
    listed = checked.listed or PfnSet()
    folios = facts.flags.folios.runs() if facts.flags else ()
    said = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "release": facts.tree.release,
        "boot_id": facts.tree.boot_id,
        "status": checked.status,
        "bad_pages": checked.bad_pages,
        "complete": facts.flags is not None,
        "forgotten": _pairs(checked.lost),
        "huge": [[a, b] for a, b in folios if not listed.pages(a, b)],
    }
    pages = BadPages("check", checked.bad.listing(), facts.page_size, facts.arch, "check")
    text = "".join(json_list.build(pages)).removesuffix("}\n")
    with output.file(path, force=force or _ours(path)) as out:
        out.write(f'{text},"check":{json.dumps(said, separators=(",", ":"))}}}\n'.encode())


def _pairs(pages: PfnSet) -> list[list[int]]:
    return [[a, b] for a, b in pages]


def read_before(path: str, page_size: int | None = None) -> Before:
    """Read what was saved, or any list of bad pages.

    ``page_size`` (bytes) is taken where a handover does not record its own. Raises InputError where
    it cannot be read.
    """
    try:
        found = read_list(path)
    except InputError:
        if page_size is None:
            raise
        found = read_list(path, CaseOptions(page_size=page_size))
    pages, size = pfn_set(found.pfns), found.page_size
    said = _said(path) if found.pages.origin in ("json", "check") else {}
    name = printable(path)
    try:
        foreseen = said.get("forgotten")
        return Before(
            name,
            pages,
            size,
            said.get("complete", True) is True and not said.get("huge"),
            _word(said, "boot_id"),
            _word(said, "when"),
            None if foreseen is None else pfn_set(of_runs((a, b) for a, b in foreseen)),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: this is not what check --save writes (field check)") from error


def _said(path: str) -> dict[str, Any]:
    document = jsontext.load(opening.small(path, _MAX_SIZE), printable(path))
    said = document.get("check") if isinstance(document, dict) else None
    return said if isinstance(said, dict) else {}


def _word(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return printable(value[:80]) if isinstance(value, str) else None


def compare(checked: Checked, before: Before) -> Since:
    """Return which pages of ``before`` are in use again, and add what is to be said of that."""
    facts = checked.facts
    if facts.page_size is None:
        return Since(before, PfnSet(), None, PfnSet())
    pages = pfn_set(of_runs(_moved(before.pages, before.page_size, facts.page_size)))
    excluded = pages - _memory(checked) if facts.regions is not None else PfnSet()
    if before.boot_id is not None and before.boot_id == facts.tree.boot_id:
        facts.miss(f"{before.name}: saved by this very boot", "there was no kexec to look back at")
    if not before.complete:
        facts.miss(f"{before.name}: not all bad pages were seen then", "more may have been lost")
    if facts.flags is None:
        facts.miss(f"{before.name}: not compared", "which of its pages are in use again")
        return Since(before, pages, None, excluded)
    flagged = facts.flags.flagged
    excluded -= flagged
    lost = pages - flagged - excluded
    since = Since(before, pages, lost, excluded)
    if excluded:
        n = excluded.pages()
        message = f"{counted(n, 'page is', 'pages are')} no longer memory of this kernel"
        checked.tell(live.MOVED_OUT, message, excluded)
    if lost:
        n = lost.pages()
        foreseen = (lost & before.foreseen).pages() if before.foreseen else 0
        told = f", {foreseen} of them as foreseen" if foreseen else ""
        runs = ", ".join(f"0x{a:x}" if a == b else f"0x{a:x}-0x{b:x}" for a, b in _some(lost))
        are = "is" if n == 1 else "are"
        message = (
            f"{n} of {counted(pages.pages(), 'earlier bad page')} {are} in use again{told}: {runs}"
        )
        checked.tell(live.PAGES_LOST, message, lost)
    return since


def _some(pages: PfnSet) -> Iterable[tuple[int, int]]:
    """Yield the first runs: as many as one line holds."""
    return list(pages)[:8]


def _moved(pages: PfnSet, before: int, now: int) -> Iterable[tuple[int, int]]:
    """Yield the frames of ``now`` bytes that hold frames of ``before`` bytes."""
    for first, last in pages:
        yield first * before // now, ((last + 1) * before - 1) // now


def _memory(checked: Checked) -> PfnSet:
    """Return the frames that this kernel may use."""
    regions, size = checked.facts.regions, checked.facts.page_size
    if regions is None or size is None:
        return PfnSet()
    frames = regions.frames(size)
    kinds = ("ram", "in-use", "unknown", "device")
    return pfn_set(of_runs((a, b) for a, b, kind, _ in frames.runs() if kind in kinds))
