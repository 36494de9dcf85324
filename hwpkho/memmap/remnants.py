"""Recognises what damage leaves of a table's line.

A line that is cut, overwritten by another message or has a wrong digit can look like anything, but
part of an address is left: a run of hex digits, which no other message between two lines of a table
has. It counts as a damaged line if the table continues below it
(:meth:`hwpkho.memmap.tables.Tables.suspect`).
"""

from __future__ import annotations

import re

from hwpkho.base.late import late

#: Time stamps and prefixes of loggers, whose digits are not addresses.
_STAMP = late(
    r"\[\s*[0-9]{1,10}\.[0-9]{3,9}\]|\[\s*[TC][0-9]{1,10}\]|\[[A-Z][a-z]{2} [^\]]{10,30}\]"
    r"|<[0-9]{1,3}>|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{8,18}(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|[0-9:]{5,8}[.,][0-9]{1,9}"
)
#: memblock=debug prints between the lines of arm64's EFI list, whole lines at a time
#: (mm/memblock.c: memblock_dbg, __memblock_dump_all and memblock_dump).
_MEMBLOCK = late(
    r"(?:^|[\]:]\s)[\s>|]*+(?:memblock_[a-z_]+: |MEMBLOCK configuration:|memory size = 0x"
    r"|(?:memory|reserved|physmem)(?:\.cnt\s+=|\[0x[0-9a-f]+\]\s+\[0x))"
)
#: The host in front of a message, whose name may be hex digits, and the number of a process.
_HOST = late(
    r"(?:^|\s)(?:[\w.-]{1,255}(?=\s+kernel:\s)"
    r"|(?:[\w.-]{1,255}\s+)?[\w./@-]{1,60}\[[0-9]{1,10}\]:)"
)
#: A field of a journal's entry beside its message, in any of its forms of many lines.
_FIELD = late(r"^[\s>|]*+\"?(?!MESSAGE\b)_{0,2}[A-Z][A-Z_]+(?:=|\"\s*:)")
#: What an entry says in JSON of one line: the journal's, a container's, that of other loggers.
_MESSAGE = late(
    r"^[\s>|]*+\[?\{(?:.*[{,])?\s*\"(?:MESSAGE|[Mm]essage|msg|log)\"\s*:\s*\""
    r"((?:[^\"\\]|\\.)*)"
)
#: How the journal and syslog end what they put in front of a message.
_SYSLOG = ("kernel:", "]:", "- -")
#: An offset in a function, as stack dumps have it: not an address of memory.
_OFFSET = late(r"\+0x[0-9a-f]+/0x[0-9a-f]+\b")
#: Digits of an address, or its ``0x``.
_DIGITS = late(r"[0-9A-Fa-f]{5,}|0x[0-9A-Fa-f]")
#: A line that holds only the start of a range.
_BEGUN = late(r"^[\s>|]*+(?:0x)?[0-9A-Fa-f]{1,16}\s?-?\s?(?:0x)?[0-9A-Fa-f]*[\s:\])]*$")
_DIGIT = late(r"[0-9]")
#: Somebody left lines out: ``...``, ``[snip]``.
_ELISION = late(
    r"^[\s>|]*+(?:[\[(<{]?\s*+(?:\.\.\.+|\u2026|snip\w*|cut|skip\w*|trimmed|etc\.?)\s*[\])>}]?)"
    r"[\s.]*$",
    re.IGNORECASE,
)


def is_cut(line: str, row: str, *, last: bool = False) -> bool:
    """Tell whether ``line`` is the beginning of a table's line ``row`` or of one like it.

    Cut off within time stamp and prefix, it may have been anything; next to a table it is doubtful.
    Digits count as equal: time goes on. A whole stamp or prefix alone is a message without text,
    but not where the input ends within it (``last``).
    """
    text = line.rstrip()
    if len(text) >= len(row):
        return False
    said = without_stamps(text).rstrip()
    if not text or (not last and (not said or said.endswith(_SYSLOG))):
        return False
    return _DIGIT.sub("0", row).startswith(_DIGIT.sub("0", text))


def without_stamps(line: str) -> str:
    """Return ``line`` without what loggers and printk put in front of a message."""
    return _STAMP.sub(" ", line)


def message_of(line: str) -> str:
    """Return the message of an entry in JSON, also of its beginning; any other line as it is."""
    found = _MESSAGE.match(line) if "{" in line else None
    return line if found is None else found[1]


def is_remnant(line: str) -> bool:
    """Tell whether ``line``, next to lines of a table, still has part of an address.

    Other fields of a journal's entry have digits of their own.
    """
    if _FIELD.match(line):
        return False
    text = _HOST.sub(" ", _OFFSET.sub("", without_stamps(message_of(line))), count=1)
    if debug := _MEMBLOCK.search(text):
        text = text[: debug.start()]
    return bool(_DIGITS.search(text) or _BEGUN.match(text) or _ELISION.match(line))
