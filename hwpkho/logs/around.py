"""What is around a line of a log: the lines above it, and the entry of a journal it is in.

Apart from the scanner, which holds the readers that ask: together they would be a cycle, which
keeps two blocks of each log until Python's collector comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.late import late

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Bytes to which longer lines are cut; no line that a reader wants is nearly as long.
MAX_LINE = 4096

#: Lines above the current one that a reader can look at.
MAX_ABOVE = 3

#: Bytes above and below a line that may belong to the same entry of a journal, each way.
MAX_ENTRY = 4096

#: The cursor of a journal's entry, which ends its first line in the verbose form.
_CURSOR = late(rb"\[s=[0-9a-f]{0,32};i=[0-9a-f]{1,16};b=[0-9a-f]{1,32};m=")
#: What an entry has in every form: its time.
_TIMED = late(rb"__REALTIME_TIMESTAMP|;t=[0-9a-f]")


class Around:
    """What is around the line that is being shown.

    ``backwards``: the log's last line comes first.

    Attributes:
        block: The block of whole lines that the line is in.
        below: The beginning of the next block, as far as it is known.
        parts: The parts of the line above the one being shown, where carriage returns divide it;
            nearest first.
    """

    def __init__(self, *, backwards: bool = False) -> None:
        self.block = self.below = self._before = b""
        self.parts: Sequence[str] = ()
        self._start = self._number = 0
        self._backwards = backwards

    def show(self, number: int, start: int) -> None:
        """Go to line ``number`` of the log, at offset ``start`` of the block."""
        self._number, self._start, self.parts = number, start, ()

    def remember(self, block: bytes, lines: int) -> None:
        """Keep a block of so many lines, which was read, for the lines below it to look at."""
        few = lines < MAX_ABOVE  # a pipe may give line by line
        self._before = _last_lines(self._before + block) if few else block

    def above(self) -> list[tuple[int, str]]:
        """See :attr:`hwpkho.logs.scanner.LineReader.above`."""
        above = [(self._number, part) for part in self.parts]
        lines = self._lines_above()
        while len(above) < MAX_ABOVE and (text := next(lines, None)) is not None:
            above.append((max(1, self._number - 1 - len(above) + len(self.parts)), text))
        return above

    def beneath(self) -> str:
        """See :attr:`hwpkho.logs.scanner.LineReader.beneath`."""
        if self._backwards:
            return next(self._lines_above(), "")
        start = self.block.find(b"\n", self._start) + 1
        text, start = (self.block, start) if start < len(self.block) else (self.below, 0)
        end = text.find(b"\n", start)
        return line_of(text, start, len(text) if end < 0 else end)

    def entry(self) -> str:
        """See :attr:`hwpkho.logs.scanner.LineReader.entry`."""
        begin, end = max(0, self._start - MAX_ENTRY), self._start + MAX_ENTRY
        text = self.block[begin:end]
        at = self._start - begin
        if not begin:
            above = self._before[-MAX_ENTRY:]
            text, at = above + text, at + len(above)
        if end > len(self.block):
            text += self.below[:MAX_ENTRY]
        entry = self._verbose(text, at) if text[at : at + 1] in b" \t>|" else b""
        if not entry:
            between = b"\n}" if text[at : at + 1] in b" \t" else b"\n\n"
            blank, below = text.rfind(between, 0, at), text.find(between, at)
            entry = text[0 if blank < 0 else blank + 2 : len(text) if below < 0 else below]
        # Most lines are in no entry, and decoding is slow: a hostile file would make it count.
        return entry.decode("utf-8", "replace") if _TIMED.search(entry) else ""

    def _verbose(self, text: bytes, at: int) -> bytes:
        """Return the entry around a place, of journal's verbose form; empty where it is none."""
        cursors = [match.start() for match in _CURSOR.finditer(text)]
        above = [place for place in cursors if place < at]
        below = cursors[len(above) :]
        if not (below if self._backwards else above):
            return b""
        if self._backwards:  # the first line of the entry comes last, that of another one before
            begin = text.find(b"\n", above[-1]) + 1 if above else 0
            end = text.find(b"\n", below[0])
            return text[begin : end if end >= 0 else len(text)]
        begin = text.rfind(b"\n", 0, above[-1]) + 1
        return text[begin : text.rfind(b"\n", at, below[0]) if below else len(text)]

    def _lines_above(self) -> Iterator[str]:
        for text, end in ((self.block, self._start), (self._before, len(self._before))):
            while end:
                begin = text.rfind(b"\n", 0, end - 1) + 1
                yield line_of(text, begin, end - 1)
                end = begin


def line_of(block: bytes, start: int, end: int) -> str:
    """Return a line of a block, from offset ``start`` to ``end`` (exclusive), cut to MAX_LINE."""
    raw = block[start : min(end, start + MAX_LINE)]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _last_lines(text: bytes) -> bytes:
    return b"\n".join(text.rsplit(b"\n", MAX_ABOVE + 1)[-MAX_ABOVE - 1 :])
