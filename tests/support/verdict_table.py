"""The table of docs/verdicts.md: verdicts against what the kernels' page flags and logs say.

``python -m tests.support.verdict_table`` writes it anew.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hwpkho.commands.validate import validate
from hwpkho.errors import InputError
from hwpkho.judging.options import ValidateOptions
from tests.support import ROOT, captures

PAGE = ROOT / "docs" / "verdicts.md"
BEGIN, END = "<!-- table: tests/support/verdict_table.py -->", "<!-- end of table -->"
MAPS = ("iomem.txt", "sys-firmware-memmap", "dmesg.txt")

_ACTION = re.compile(r"Memory failure: 0x([0-9a-f]+): recovery action for (.*): (\w+)")
#: Verdicts that a result in the log supports.
_SUPPORTS = {
    "Recovered": {"replays", "scratch"},
    "Ignored": {"in-use", "handover", "preserved", "firmware", "scratch"},
}


@dataclass
class Row:
    """One capture judged by one set of maps."""

    capture: str
    maps: tuple[str, ...]
    refused: str | None = None
    outcome: str | None = None
    verdicts: dict[str, int] = field(default_factory=dict)
    #: PFN → verdict and result, where page flags or log say otherwise.
    flags: dict[int, str] = field(default_factory=dict)
    log: dict[int, tuple[str, str]] = field(default_factory=dict)
    logged: Counter[str] = field(default_factory=Counter)


def logged(name: str) -> dict[int, str]:
    """Return the last result that the capture's log tells of each PFN."""
    path = captures.CAPTURES / name / "dmesg.txt"
    if not path.exists():
        return {}
    found = _ACTION.findall(path.read_text(errors="replace"))
    return {int(p, 16): result for p, kind, result in found if kind != "already poisoned page"}


def rows(folder: Path) -> list[Row]:
    """Judge every capture by each of its own maps, and by all of them; ``folder`` is for files."""
    found = []
    for name in captures.NAMES:
        memory = folder / f"{name}.elf"
        memory.write_bytes(captures.elf(name))
        having = [m for m in MAPS if (captures.CAPTURES / name / m).exists()]
        alone = [_judge(name, memory, (m,)) for m in having]
        together = tuple(m for row in alone if not row.refused for m in row.maps)
        if len(together) > 1 or not having:
            alone.append(_judge(name, memory, together))
        found += alone
    return found


def _judge(name: str, memory: Path, maps: tuple[str, ...]) -> Row:
    row = Row(name, maps)
    copy = captures.CAPTURES / name / "debugfs-kho"
    inputs = [str(memory)] + ([str(copy)] if copy.is_dir() else [])
    paths = tuple(str(captures.CAPTURES / name / m) for m in maps)
    try:
        judged = validate(inputs, ValidateOptions(memmaps=paths))
    except InputError as error:
        row.refused = str(error)
        return row
    row.outcome, row.verdicts = judged.outcome, judged.runs.counts()
    flagged, log = set(captures.truth(name)["hwpoison_pfns"]), logged(name)
    for first, last, ruling in judged.runs:
        if ruling.verdict is None:
            continue
        for pfn in range(first, last + 1):
            if (pfn in flagged) == (ruling.verdict == "not-ram"):
                row.flags[pfn] = ruling.verdict
            result = log.get(pfn, "not logged")
            row.logged[result] += 1
            if ruling.verdict not in _SUPPORTS.get(result, {ruling.verdict}):
                row.log[pfn] = (ruling.verdict, result)
    return row


def table(found: list[Row]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| capture | maps | outcome | verdicts | page flags | log |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        maps = ", ".join(row.maps) or "none"
        if row.refused:
            lines.append(f"| {row.capture} | {maps} | | no map in it | | |")
            continue
        verdicts = ", ".join(f"{n} {v}" for v, n in row.verdicts.items()) or "none"
        flags = f"{len(row.flags)} differ" if row.flags else ("agree" if row.verdicts else "")
        log = ", ".join(f"{n} {what}" for what, n in sorted(row.logged.items()))
        if row.log:
            log += "; differs: " + ", ".join(
                f"0x{pfn:x} {verdict}, {result}" for pfn, (verdict, result) in row.log.items()
            )
        lines.append(f"| {row.capture} | {maps} | {row.outcome} | {verdicts} | {flags} | {log} |")
    return "\n".join(lines)


def page(found: list[Row]) -> str:
    """Return docs/verdicts.md with this table in it."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table(found)}\n\n{END}{tail}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        new = page(rows(Path(scratch)))
    PAGE.write_text(new)
    sys.stdout.write(new)
