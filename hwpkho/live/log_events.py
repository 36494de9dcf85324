"""Finds new bad pages in a kernel log that grows: each once, in bounded memory.

One expression finds the messages that a kernel writes most. The rest goes to the readers of whole
logs (:mod:`hwpkho.badpages.logs`), which need context: with each piece they get again the last
lines before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.kinds import BAD, Kind
from hwpkho.badpages.logs import reader
from hwpkho.badpages.logs.hwpoison import UNPOISONED
from hwpkho.badpages.logs.timeline import Timeline
from hwpkho.badpages.registry import Asked
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.badpages.logs.when import Place
    from hwpkho.badpages.model import Mention
    from hwpkho.codes import Code

#: ``Memory failure: 0x12: recovery action for free buddy page: Recovered``, whole, with its stamp.
_PLAIN = re.compile(
    rb"^\[ {0,8}([0-9]{1,9}\.[0-9]{3,9})\] Memory failure: 0x([0-9a-f]{1,16}): "
    rb"(?:recovery action for (?!non struct)[a-z -]{1,60}: (?:Recovered|Ignored|Failed|Delayed)"
    rb"|already hardware poisoned)\n",
    re.MULTILINE,
)
#: With one of these in a piece the order of messages matters, which the readers of logs respect.
_ORDERED = re.compile(rb"npoison|non struct page|Linux version ")
#: A record as /dev/kmsg has it: priority, sequence number, microseconds, flags.
_RECORD = re.compile(rb"^[0-9]{1,4},([0-9]{1,18}),([0-9]{1,18}),[^;\n]{0,64};", re.MULTILINE)
#: The fields below its text (SUBSYSTEM=, DEVICE=), a line each.
_FIELD = re.compile(rb"^ [A-Z_]{1,32}=[^\n]*\n", re.MULTILINE)
_UNPOISONED = re.compile(rb"(?:Unpoison|MCE):(?:%s)" % UNPOISONED.encode(), re.IGNORECASE)
#: The kernel says so of a page that was not bad: news only where hwpkho takes it for bad.
_ALREADY = b"already unpoisoned"
_LOST = re.compile(
    rb"\*\* *([0-9]{1,9}) printk messages dropped \*\*|Missed ([0-9]{1,9}) kernel messages"
    rb"|\b([0-9]{1,9}) messages lost\b"
)
#: Lines that the readers get again: the record of an error has no more.
_AGAIN = 48
#: A line longer than that is cut: no kernel writes one.
_MAX_LINE = 1 << 16
#: A mention of more pages counts as one run, not page by page.
MAX_SINGLE = 1 << 12
#: Blocks that a set of pages keeps: 64 MiB of bits, for bad pages all over 2 TiB; bits of a block.
_MAX_BLOCKS, _BLOCK_BITS = 1 << 14, 15


class Named(NamedTuple):
    """A page, or a long run of them, that was not bad before.

    Attributes:
        first: First PFN.
        last: Last PFN, inclusive; more than the first only of a run of more than ``MAX_SINGLE``.
        kind: What is known about it.
        when: ISO 8601, or ``boot+SECONDS``; None where the log has no time.
    """

    first: int
    last: int
    kind: Kind
    when: str | None


class Found(NamedTuple):
    """What a piece of a log reports.

    Attributes:
        pages: New bad pages.
        unpoisoned: PFNs that were put back into use.
        missed: How many records the log lost, as far as it counts them; None for none.
        unclear: Messages about errors that name no page.
    """

    pages: list[Named]
    unpoisoned: list[int]
    missed: int | None = None
    unclear: tuple[str, ...] = ()


class Pages:
    """A set of PFNs in blocks of bits; where these get too many, the oldest is forgotten."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, pfn: int) -> bool:
        """Add a PFN; return whether it is new."""
        block = self._blocks.get(pfn >> _BLOCK_BITS)
        if block is None:
            if len(self._blocks) >= _MAX_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            block = self._blocks[pfn >> _BLOCK_BITS] = bytearray(1 << _BLOCK_BITS - 3)
        at, bit = pfn >> 3 & (1 << _BLOCK_BITS - 3) - 1, 1 << (pfn & 7)
        new = not block[at] & bit
        block[at] |= bit
        return new

    def discard(self, pfn: int) -> None:
        """Take a PFN out, if it is there."""
        if pfn in self:
            self._blocks[pfn >> _BLOCK_BITS][pfn >> 3 & (1 << _BLOCK_BITS - 3) - 1] ^= 1 << (
                pfn & 7
            )

    def __contains__(self, pfn: int) -> bool:
        block = self._blocks.get(pfn >> _BLOCK_BITS)
        at = pfn >> 3 & (1 << _BLOCK_BITS - 3) - 1
        return block is not None and bool(block[at] >> (pfn & 7) & 1)


class _Window(Timeline):
    """The timeline of the last lines of a log.

    Attributes:
        last: Message about an entry that cannot be used → the last line that has it.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__("the log", "kernel-log", asked)
        self.last: dict[str, int] = {}

    def unusable(self, place: Place, message: str) -> None:
        """See :meth:`Timeline.unusable`."""
        super().unusable(place, message)
        self.last[message] = max(place.number, self.last.get(message, 0))

    def doubt(self, place: Place, code: Code, message: str) -> None:
        """See :meth:`Timeline.doubt`."""
        super().doubt(place, code, message)
        self.last[message] = max(place.number, self.last.get(message, 0))


class LogEvents:
    """Finds new bad pages in a log, piece by piece.

    Args:
        page_size: Of the kernel, bytes; messages that name addresses need it.
        known: Runs of pages that are known to be bad: first and last PFN, inclusive.
    """

    def __init__(self, page_size: int | None, known: Iterable[tuple[int, int]] = ()) -> None:
        self._asked = Asked(page_size=page_size)
        #: Pages that were taken out of use, and those of which only an error was reported.
        self._taken, self._suspected = Pages(), Pages()
        self._rest, self._above = b"", b""
        self._sequence: int | None = None
        for first, last in known:
            self.learn(first, last)

    def learn(self, first: int, last: int) -> list[Named]:
        """Note that the PFNs ``first`` to ``last`` (inclusive) are bad; return the new ones.

        This is for pages that something else than the log shows to be bad.
        """
        return list(self._new_pages(first, last, "poisoned", None))

    def feed(self, piece: bytes, *, ended: bool = False) -> Found:
        """Take the next piece of the log and return what it reports.

        The rest of a line waits for the next piece, unless the log has ``ended``.
        """
        text = self._rest + piece
        end = len(text) if ended else text.rfind(b"\n") + 1
        text, self._rest = text[:end], text[end:][:_MAX_LINE]
        if not text:
            return Found([], [])
        if not text.endswith(b"\n"):
            text += b"\n"
        text, missed = self._records(text)
        for lost in _LOST.finditer(text):
            missed = (missed or 0) + int(next(n for n in lost.groups() if n))
        unpoisoned = []
        for match in _UNPOISONED.finditer(text):
            pfn = int(match[1] or match[2], 16)
            if pfn in self._taken or _ALREADY not in match[0].lower():
                unpoisoned.append(pfn)
            self._taken.discard(pfn)
            self._suspected.discard(pfn)
        pages: list[Named] = []
        if not _ORDERED.search(text):
            for stamp, number in _PLAIN.findall(text):
                pfn = int(number, 16)
                if self._taken.add(pfn):
                    pages.append(Named(pfn, pfn, "poisoned", f"boot+{stamp.decode()}"))
            text = _PLAIN.sub(b"", text)
        unclear = self._read(text, pages)
        return Found(pages, unpoisoned, missed, unclear)

    def _records(self, text: bytes) -> tuple[bytes, int | None]:
        """Return records of /dev/kmsg as lines with printk's stamp, and how many are missing."""
        if not _RECORD.search(text):
            return text, None
        missed = 0

        def line(match: re.Match[bytes]) -> bytes:
            nonlocal missed
            number, micros = int(match[1]), int(match[2])
            if self._sequence is not None and number > self._sequence + 1:
                missed += number - self._sequence - 1
            self._sequence = number
            return b"[%5d.%06d] " % divmod(micros, 1_000_000)

        text = _RECORD.sub(line, text)
        return _FIELD.sub(b"", text), missed or None

    def _read(self, text: bytes, pages: list[Named]) -> tuple[str, ...]:
        """Add what the readers of whole logs find to ``pages``; return messages without a page.

        Those of lines that were read before are not returned again.
        """
        lines = self._above.count(b"\n")
        whole = self._above + text
        self._above = b"".join(whole[-_MAX_LINE:].splitlines(keepends=True)[-_AGAIN:])
        log = _Window(self._asked)
        try:
            mentions: Iterable[Mention] = reader.of_text(whole, log).mentions
        except InputError as error:
            if not log.last:
                return (str(error),)
            mentions = ()  # memory is bad, and no page is named
        for m in mentions:
            if m.kind in BAD and m.kind is not None:
                pages += self._new_pages(m.first, m.last, m.kind, m.when)
        return tuple(message for message, number in log.last.items() if number > lines)

    def _new_pages(self, first: int, last: int, kind: Kind, when: str | None) -> Iterator[Named]:
        if last - first >= MAX_SINGLE:
            if kind == "uncorrected" or self._taken.add(last):
                yield Named(first, last, kind, when)
            return
        for pfn in range(first, last + 1):
            if pfn in self._taken:
                continue
            pages = self._suspected if kind == "uncorrected" else self._taken
            if pages.add(pfn):
                yield Named(pfn, pfn, kind, when)
