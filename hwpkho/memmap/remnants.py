"""What damage leaves of a table's line, told from what else may stand between two lines of it.

A line torn by another writer, cut, or with a digit damaged has no shape that could be foreseen, but
something of an address stays: a run of hexadecimal digits that no other message between two lines
of a table has. Whether such a line was one of the table the next line tells
(:meth:`hwpkho.memmap.tables.Tables.suspect`).
"""

from __future__ import annotations

import re

#: What loggers put in front of a line: their digits are no addresses.
_STAMP = re.compile(
    r"\[\s*\d{1,10}\.\d{3,9}\]|\[\s*[TC]\d{1,10}\]|\[[A-Z][a-z]{2} [^\]]{10,30}\]|<\d{1,3}>"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]{8,18}(?:Z|[+-]\d\d:?\d\d)?|[\d:]{5,8}[.,]\d{1,9}"
)
#: Of an address, or of the ``0x`` in front of it.
_DIGITS = re.compile(r"[0-9A-Fa-f]{5,}|0x[0-9A-Fa-f]")
#: Nothing but the beginning of a range.
_BEGUN = re.compile(r"^[\s>|]*(?:0x)?[0-9A-Fa-f]{1,16}\s?-?\s?(?:0x)?[0-9A-Fa-f]*[\s:\])]*$")
#: A person left lines out.
_ELISION = re.compile(
    r"^[\s>|]*(?:[\[(<{]?\s*(?:\.\.\.+|\u2026|snip\w*|cut|skip\w*|trimmed|etc\.?|--More--)\s*[\])>}]?)"
    r"[\s.]*$",
    re.IGNORECASE,
)


def without_stamps(line: str) -> str:
    """Return ``line`` without what loggers and printk put in front of a message."""
    return _STAMP.sub(" ", line)


def is_remnant(line: str) -> bool:
    """Tell whether ``line``, beside lines of a table, has something of an address left."""
    text = without_stamps(line)
    return bool(_DIGITS.search(text) or _BEGUN.match(text) or _ELISION.match(line))
