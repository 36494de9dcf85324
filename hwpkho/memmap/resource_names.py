"""Names of resources as they may stand in a text that is read again.

A kernel's names are plain words. A map of ours that somebody else wrote can hold any: one with a
line of its own in it, or with what another form of map would be recognised by.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.logs.boot_marks import BootMarks
from hwpkho.logs.scanner import Scanner
from hwpkho.logs.text import blocks
from hwpkho.memmap import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What a kernel calls things; no line of any map fits into it.
_PLAIN = re.compile(
    r"(?!.*(?:[0-9A-Fa-f]{6}|Linux|  ))[\w./:()+#-](?:[\w ./:()+#-]{,38}[\w./:()+#-])?", re.ASCII
)
_ODD = re.compile(r"[^A-Za-z0-9 ]|^ | $|  ")
_STEP = 1 << 20


def plain(names: Iterable[str]) -> dict[str, str]:
    """Return how each name is written, so that its line reads as that resource and nothing else.

    What a terminal could act upon is escaped, and whatever else is needed. Raises UsageError for a
    name that would be read as something else all the same.
    """
    written = {name: name for name in dict.fromkeys(names)}
    doubtful = [name for name in written if not _PLAIN.fullmatch(name)]
    written.update((name, printable(name)) for name in doubtful)
    if not _read_back([written[name] for name in doubtful]):
        written.update((name, _ODD.sub(_escape, name)) for name in doubtful)
        if not _read_back([written[name] for name in doubtful]):
            raise UsageError("--to iomem: the names would be read as lines of their own")
    return written


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\x{ord(c):02x}" if ord(c) <= 0xFF else f"\\u{ord(c):04x}" for c in match[0])


def _read_back(names: Iterable[str]) -> bool:
    """Tell whether a reader of every form finds these names in a text, and only these."""
    expected = list(dict.fromkeys(names))
    if not expected:
        return True
    text = "".join(
        f"{number * _STEP:08x}-{(number + 1) * _STEP - 1:08x} : {name}\n"
        for number, name in enumerate(expected, 1)
    ).encode()
    try:
        if any(form.sniff(Path("-"), text[: 1 << 16]) for form in registry.file_forms()):
            return False
        forms, marks = registry.line_forms(), BootMarks()
        log = Scanner([*forms, marks])
        for block in blocks([text]):
            log.feed(block)
        found = [table for form in forms for table in form.finish()]
    except InputError:
        return False
    return not marks.marks and [[e.type for e in table.entries] for table in found] == [expected]
