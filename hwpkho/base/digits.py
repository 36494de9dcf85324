"""Numbers in text from elsewhere, read strictly.

Python's ``int()`` also accepts signs, blanks, underscores and digits of every script, and raises
beyond 4300 digits.
"""

from __future__ import annotations

#: Digits of 2^64 in decimal.
_MAX_DIGITS = 20


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
