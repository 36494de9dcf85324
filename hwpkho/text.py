"""Text from a broken machine on its way to a terminal."""

from __future__ import annotations

from unicodedata import category

#: Unicode categories that may move the cursor, colour the screen or hide: controls, formats
#: (bidi overrides), surrogates, private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def printable(text: str | bytes) -> str:
    """Return ``text`` with everything that a terminal could act upon written as an escape.

    Bytes are read as ASCII; other bytes become ``\\xNN``. The result is one line.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) for c in text)


def _escape(char: str) -> str:
    if category(char) not in _UNSAFE:
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
