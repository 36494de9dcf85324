"""Finds codes by what a user writes: ``HP301``, ``count-beyond-array``, a prefix ``HP3``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.codes import Code, registry
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX = re.compile(r"HP[0-9]{0,3}", re.IGNORECASE)


#: Codes that are suggested for an unknown one, at most.
_MEANT = 5


def find(text: str) -> Code:
    """Return the code with this id or name. Raises UsageError for an unknown one."""
    known = registry()
    wanted = text.strip()
    for code in known.values():
        if wanted.upper() == code.id or wanted.lower() == code.name:
            return code
    near = [c.id for c in known.values() if c.id.startswith(wanted.upper()[:4])]
    hint = f"; there are {', '.join(near)};" if _PREFIX.fullmatch(wanted) and near else ""
    meant = hint or _meant(wanted) or ";"
    raise UsageError(f"no code '{printable(text)}'{meant} hwpkho explain lists all")


def _meant(wanted: str) -> str:
    """Return a question with the codes that a number alone, or a part of a name, may mean."""
    known = registry().values()
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
        ids: list[str] = []
        if _PREFIX.fullmatch(part):
            ids = [id_ for id_ in registry() if id_.startswith(part.upper())]
        found.update(ids or (find(part).id,))
    return frozenset(found)
