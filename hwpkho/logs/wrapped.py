"""Joins the lines of a log that a terminal wrapped at its last column: copied off a screen.

Nothing else breaks lines within a word. It is plain only where lines of a log begin with a time: a
line as wide as the screen is then followed by one that does not.
"""

from __future__ import annotations

from itertools import pairwise

from hwpkho.base.late import late

#: How the lines of a log begin: level, seconds, date.
_FRESH = late(
    rb"(?:<[0-9]{1,3}>)?\[ {0,8}[0-9]{1,9}\.[0-9]{3,9}\]|\[?[A-Z][a-z]{2} (?:[A-Z][a-z]{2} )?[ 0-9]"
    rb"[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]"
)
#: Columns of a screen: mail programs, which break lines at blanks, use fewer.
_NARROWEST, _WIDEST = 80, 400
#: A number that is broken at a line's end; nothing but a screen does that.
_NUMBER = late(rb"0x[0-9A-Fa-f]{0,15}\n(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{1,16}[^0-9A-Za-z]")
#: Letters and digits; and how many lines that differ in more than them must be as wide as the
#: screen: rows of a table that were broken at a blank are all of one width, too.
_LETTER = late(rb"[0-9A-Za-z_]")
_FEWEST = 4
#: Bytes of the longest line that is put together.
_LONGEST = 4096


class Unwrapping:
    """Joins wrapped lines, block by block; the first block shows whether there are any."""

    def __init__(self) -> None:
        self._width: int | None = None  # 0: nothing is wrapped
        self._text: bytes | None = None  # the last line
        self._goes_on = False

    @property
    def columns(self) -> int:
        """Columns of the screen that wrapped the lines; 0 where nothing is wrapped."""
        return self._width or 0

    def feed(self, block: bytes) -> bytes:
        """Return a block of whole lines with wrapped ones joined, except the last line."""
        if self._width is None:
            self._width = _width(block)
        if not self._width:
            return block
        whole: list[bytes] = []
        text = self._text
        for line in block.removesuffix(b"\n").split(b"\n"):
            if text and self._goes_on and len(text) < _LONGEST and not _FRESH.match(line):
                text += line
            else:
                whole += [] if text is None else [text]
                text = line
            self._goes_on = len(line) == self._width
        self._text = text
        return b"".join(line + b"\n" for line in whole)

    def rest(self) -> bytes:
        """Return the last line, ended by LF; empty where nothing is wrapped."""
        return b"" if self._text is None else self._text + b"\n"


def _width(block: bytes) -> int:
    """Return the columns of the screen at which the lines of a block are wrapped; 0 for none."""
    lines = block.removesuffix(b"\n").split(b"\n")
    width = max(map(len, lines))
    if not _NARROWEST <= width <= _WIDEST or sum(len(x) == width for x in lines) < _FEWEST:
        return 0
    wrapped: set[bytes] = set()
    whole = odd = 0  # lines of that width, and other lines, whose next line is not as expected
    narrow = 0
    for line, below in pairwise(lines):
        fresh = _FRESH.match(below) is not None
        if len(line) < width:
            narrow, odd = narrow + fresh, odd + (not fresh)
        elif fresh:
            whole += 1
        else:
            broken = _NUMBER.search(line[-18:] + b"\n" + below[:18])
            wrapped.add(line if broken else _LETTER.sub(b"a", line))
    return width if len(wrapped) >= max(_FEWEST, whole) and narrow > 3 * odd else 0
