"""Text from a broken machine on its way to a terminal."""

from __future__ import annotations

import re

from hwpkho.base.counting import counted
from hwpkho.base.late import late

#: Unicode categories that may move the cursor, colour the screen or hide: controls, formats
#: (bidi overrides), surrogates, private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

_NOT_PLAIN = re.compile(r"[^ -~]")

#: A number, or a range of two, of plausible length, with at most one letter that is no hex digit.
_NUMBER = late(
    r"(?=[0-9a-fA-FxX-]*[^\W_]?[0-9a-fA-FxX-]*$)(?=.*[0-9])-?[0-9a-zA-Z]{1,20}(?:-[0-9a-zA-Z]{0,20})?"
)


def printable(text: str | bytes) -> str:
    """Return ``text`` as one line, with everything that a terminal could act upon escaped.

    Bytes are decoded as ASCII; bytes above 0x7f become ``\\xNN``.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return _NOT_PLAIN.sub(lambda match: _escape(match[0]), text)


def quoted(word: str) -> str:
    """Return a word of an input in quotes where it looks like a mistyped number.

    Of any other word only the length is told: the file may not be a list but something private.
    """
    return (
        f"'{word}'" if _NUMBER.fullmatch(word) else f"a word of {counted(len(word), 'character')}"
    )


def _escape(char: str) -> str:
    from unicodedata import category  # imported late: nearly all text is ASCII

    if category(char) not in _UNSAFE:
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
