"""Numbers without ``0x`` that a terminal or mail program broke between two lines.

Lines are joined with a blank (``base.py``), and only behind ``0x`` is it certain that digits at the
end of a line go on in the next.
"""

from __future__ import annotations

import re

#: What the kernel prints with 16 digits (%016llx), broken.
_SIXTEEN = re.compile(
    r"((?:\b(?:MC[0-9]{1,3}|IPID|ADDR|MISC|SYND|physical addr): |/)([0-9a-f]{1,15}))"
    r" ([0-9a-f]{1,15})(?![0-9a-zA-Z])"
)
_DIGITS = 16
#: A field whose value, or ``=``, is in another line.
_APART = re.compile(r"(?<=[a-z]) ?= ?(?=[0-9])")
#: A number with other digits behind it, as no form of an event has them.
_BROKEN = re.compile(
    r"(?:\b(?:MC[0-9]{1,3}|IPID|MISC|physical addr): "
    r"|\b(?:addr|address|pa|pa_mask_lsb|status|misc|dpa_length|grain|grain_bits)(?:=|:) ?"
    r"|(?:\b|(?<=[0-9a-f]{2}))hpa(?:=|:) ?)"
    r"(?:-|(?:0x)?(?![0-9a-f]{16}\b))[0-9a-fA-F]{1,20}\s[0-9a-fA-F]{1,20}(?=[\s,()]|$)"
    r"|=0 x[0-9a-f]|status: - [0-9]"
    r"|\bADDR(?:/MISC(?:/SYND)?)?: (?![0-9a-f]{16}\b)[0-9a-f/]{1,52}\s[0-9a-f/]{1,52}(?=[\s,)]|$)"
)
#: A number with fewer than 16 digits that other fields should follow.
_CUT = re.compile(
    r"(?:\b(?:MC[0-9]{1,3}|IPID|MISC): |\bADDR(?:/MISC(?:/SYND)?)?: (?:[0-9a-f]{16}/)?"
    r"|physical addr: (?:0x)?)[0-9a-f]{1,15}$"
)
#: What readers say about it.
BROKEN = "a number is broken at the end of a line, or cut off"


def mended(text: str) -> str:
    """Return ``text`` without the breaks within numbers that have 16 digits without them."""
    return _SIXTEEN.sub(lambda m: m[1] + m[3] if len(m[2]) + len(m[3]) == _DIGITS else m[0], text)


def fields_together(text: str) -> str:
    """Return ``text`` without breaks around the ``=`` of fields whose values are numbers.

    rasdaemon prints some registers of machine checks with a blank there, in hex.
    """
    return _APART.sub("=", text)


def broken(text: str) -> bool:
    """Tell whether a number that says which pages are bad is broken, or cut off at the end."""
    return _BROKEN.search(text) is not None or _CUT.search(text.rstrip()) is not None
