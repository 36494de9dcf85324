"""Finds codes by what a user writes: ``HP301``, ``count-beyond-array``, a prefix ``HP3``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.codes import Code, registry
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: ``HP``, ``HP3`` or ``HP30``, also as listings write them: ``HP3xx``.
_PREFIX = re.compile(r"HP[0-9]{0,2}|HP[0-9]xx|HP[0-9]{2}x", re.IGNORECASE)

#: Codes that are suggested for an unknown one, at most.
_MEANT = 5


def find(text: str) -> Code:
    """Return the code with this id or name. Raises UsageError for an unknown one."""
    known = registry()
    wanted = text.strip()
    for code in known.values():
        if wanted.upper() == code.id or wanted.lower() == code.name:
            return code
    meant = _meant(wanted) or ";"
    raise UsageError(f"no code '{printable(text)}'{meant} hwpkho explain lists all")


def starting(text: str) -> list[Code]:
    """Return the codes that a prefix stands for, none if it is no prefix of a code."""
    if not _PREFIX.fullmatch(text.strip()):
        return []
    prefix = text.strip().upper().rstrip("X")
    return [code for code in registry().values() if code.id.startswith(prefix)]


def _meant(wanted: str) -> str:
    """Return the codes that a wrong id, a number alone, or a part of a name, may mean."""
    known = registry().values()
    if re.fullmatch("HP[0-9]{3}", wanted, re.IGNORECASE) and (near := starting(wanted[:4])):
        return f"; there are {', '.join(c.id for c in near)};"
    found = [c.id for c in known if c.id == f"HP{wanted}"]
    if not found and len(wanted) > 2:
        found = [f"{c.id} {c.name}" for c in known if wanted.lower() in c.name]
    return f"; did you mean {', '.join(found[:_MEANT])}?" if found else ""


def matching(texts: Iterable[str]) -> frozenset[str]:
    """Return the ids that comma separated lists of ids, names and prefixes stand for.

    Raises UsageError for an unknown one.
    """
    found: set[str] = set()
    for part in (p.strip() for text in texts for p in text.split(",")):
        if not part:
            continue
        found.update(code.id for code in starting(part) or [find(part)])
    return frozenset(found)
