"""Numbers in text from elsewhere, strictly: Python's own ``int()`` takes more than anyone means.

It takes signs, blanks, underscores, digits of every script, and fails beyond 4300 of them.
"""

from __future__ import annotations

#: Digits of 2^64 in decimal.
_MAX_DIGITS = 20


def unsigned(text: str, base: int = 10) -> int | None:
    """Return the number below 2^64 that ``text`` is, None for anything else.

    Hex with ``0x`` in front, or digits of ``base`` (10 or 16); leading zeros are no octal.
    """
    digits, radix = (text[2:], 16) if text[:2] in ("0x", "0X") else (text, base)
    if not (digits.isascii() and digits.isalnum() and len(digits) <= _MAX_DIGITS):
        return None
    try:
        number = int(digits, radix)
    except ValueError:
        return None
    return number if number < 1 << 64 else None
