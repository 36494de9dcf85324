"""Numbers in text from elsewhere, read strictly.

Python's ``int()`` also accepts signs, blanks, underscores and digits of every script, and raises
beyond 4300 digits.
"""

from __future__ import annotations

import re

from hwpkho.base.late import late

#: Digits of 2^64 in decimal.
_MAX_DIGITS = 20
_SUFFIX = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
_SIZE = late(r"(0[xX][0-9a-fA-F]+|[0-9]+)([KMGTPE]?)(?:i?B)?", re.IGNORECASE)


def unsigned(text: str, base: int = 10) -> int | None:
    """Return ``text`` as a number below 2^64, None where it is not one.

    Hex after ``0x``, else digits of ``base`` (10 or 16); a leading zero does not mean octal.
    """
    digits, radix = (text[2:], 16) if text[:2] in ("0x", "0X") else (text, base)
    if not (digits.isascii() and digits.isalnum() and len(digits) <= _MAX_DIGITS):
        return None
    try:
        number = int(digits, radix)
    except ValueError:
        return None
    return number if number < 1 << 64 else None


def byte_count(text: str) -> int | None:
    """Return an address or size below 2^64 with a suffix as in memparse(), None where it is not.

    Source: lib/cmdline.c, memparse(): K, M, G, T, P, E; here also ``KiB``, ``KB``.
    """
    if not (match := _SIZE.fullmatch(text)) or (found := unsigned(match[1])) is None:
        return None
    number = found << _SUFFIX[match[2].upper()]
    return number if number < 1 << 64 else None
