"""Writes resource names so that the text is read back as the same resources.

Kernels use plain words. A hwpkho.memmap/1 document from elsewhere can hold any name: one with a
line end and another resource in it, or with text that another form of map is recognised by.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import InputError, UsageError
from hwpkho.logs.boot_marks import BootMarks
from hwpkho.logs.scanner import Scanner
from hwpkho.logs.text import blocks
from hwpkho.memmap import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names that kernels use; no line of a map looks like one.
_PLAIN = re.compile(
    r"(?!.*(?:[0-9A-Fa-f]{6}|Linux|  ))[\w./:()+#-](?:[\w ./:()+#-]{,38}[\w./:()+#-])?", re.ASCII
)
_ODD = re.compile(r"[^A-Za-z0-9 ]|^ | $|  ")
_STEP = 1 << 20


def plain(names: Iterable[str]) -> dict[str, str]:
    """Return how to write each name so that its line is read as that resource and as nothing else.

    Control characters are escaped, and more where needed. Raises UsageError for names that would
    still be read as something else.
    """
    written = {name: name for name in dict.fromkeys(names)}
    doubtful = [name for name in written if not _PLAIN.fullmatch(name)]
    written.update((name, printable(name)) for name in doubtful)
    if not _read_back([written[name] for name in doubtful]):
        written.update((name, _ODD.sub(_escape, name)) for name in doubtful)
        if not _read_back([written[name] for name in doubtful]):
            raise UsageError(
                f"{option('to', 'iomem')}: the names would be read as lines of their own"
            )
    return written


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\x{ord(c):02x}" if ord(c) <= 0xFF else f"\\u{ord(c):04x}" for c in match[0])


def _read_back(names: Iterable[str]) -> bool:
    """Tell whether all forms of maps together read exactly these names from a text."""
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
