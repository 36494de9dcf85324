"""Logs as line forms read them: clean text, the few lines that matter, numbered.

A log is what a machine wrote, then what terminals, loggers, mail programs and editors made of it:
UTF-16 from the EFI shell or PowerShell, CR CR LF and cursor movements from a serial console, NULs
from a crash, NO-BREAK SPACEs from a web page. Nothing here knows a form.
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.maps.forms.base import LineForm

#: A line is cut after so many characters; no form's lines come near it.
MAX_LINE = 4096

#: So many lines before one are joined to it at most, for a form that asks.
MAX_JOINED = 3

#: A byte is rare in a block if a sample of one byte in so many has it so many times at most.
_SAMPLED = 32
_RARE = 2

#: What triggers may have for their second byte, besides a literal, and what would make it optional.
_HEX_DIGITS = b"[0-9A-Fa-f]"
_OPTIONAL = (b"*", b"?", b"{0")

#: A block without any line end is taken for a line when it reaches this size, bytes.
_MAX_UNBROKEN = 1 << 20
#: So many blocks are kept back before their lines are counted.
_MAX_UNCOUNTED = 64

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

#: Cursor positioning begins a new piece of a line; every other escape sequence is dropped
#: (ECMA-48: CSI, OSC up to BEL or ST, two-character escapes).
_CURSOR = re.compile(rb"\x1b\[[0-9;]*[HfABCDEFGd]")
_ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)|[ -/]{0,8}[0-~])"
)
#: Blanks and hyphens of web pages and word processors, in UTF-8: U+00A0, U+2000 to U+200A, U+202F,
#: U+205F, U+3000; U+2010 to U+2014, U+2212; and what is invisible: U+200B, U+2060, U+FEFF.
_FANCY = re.compile(
    rb"[\xc2\xe2\xe3\xef](?:(?<=\xc2)\xa0|(?<=\xe2)(?:\x80[\x80-\x8b\x90-\x94\xaf]|\x81[\x9f\xa0]"
    rb"|\x88\x92)|(?<=\xe3)\x80\x80|(?<=\xef)\xbb\xbf)"
)
_INVISIBLE = frozenset((b"\xe2\x80\x8b", b"\xe2\x81\xa0", b"\xef\xbb\xbf"))
_CR_LF = re.compile(rb"\r+\n")


def utf16_of(head: bytes) -> str | None:
    """Return ``utf-16-le`` or ``utf-16-be`` where ``head`` is plainly such text, else None.

    With a byte order mark, or where nearly every second byte of the first lines is NUL.
    """
    for mark, name in _BOMS[1:]:
        if head.startswith(mark):
            return name
    sample = head[:2048]
    pairs = len(sample) // 2
    if pairs < 16:
        return None
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        nuls = sample[odd : pairs * 2 : 2].count(0)
        others = sample[1 - odd : pairs * 2 : 2].count(0)
        if nuls > pairs * 0.9 and not others:
            return name
    return None


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text of ``pieces`` as clean UTF-8 blocks of whole lines, ended by LF."""
    it = iter(pieces)
    head = next(it, b"")
    decoder: codecs.IncrementalDecoder | None = None
    encoding = utf16_of(head)
    if encoding:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
    elif head.startswith(codecs.BOM_UTF8):
        head = head[len(codecs.BOM_UTF8) :]
    bare_cr = b"\r" in head and b"\n" not in head
    carry = b""
    for piece in _chain(head, it):
        if decoder:
            piece = decoder.decode(piece).lstrip("\ufeff").encode("utf-8", "replace")
            bare_cr = bare_cr or (not carry and b"\r" in piece and b"\n" not in piece)
        if bare_cr:
            piece = piece.replace(b"\r", b"\n")
        block = carry + piece
        cut = block.rfind(b"\n") + 1
        if not cut and len(block) > _MAX_UNBROKEN:
            cut = len(block)
        if cut:
            yield clean(block[:cut])
        carry = block[cut:]
    if carry:
        yield clean(carry + b"\n")


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def clean(block: bytes) -> bytes:
    """Return ``block`` without NULs, escape sequences and CRs at line ends; blanks made plain.

    A lone CR stays: what follows it on a terminal overwrites what was before.
    """
    if b"\0" in block:
        block = block.replace(b"\0", b"")
    if b"\x1b" in block:
        block = _ESCAPE.sub(b"", _CURSOR.sub(b"\r", block))
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        if b"\r\n" in block:
            block = _CR_LF.sub(b"\n", block)
    return block if block.isascii() else _plain(block)


def _plain(block: bytes) -> bytes:
    """Return ``block`` with fancy blanks and hyphens made plain."""
    block = _FANCY.sub(_stand_in, block)
    if b"\xa0" in block and not _is_utf8(block):
        block = block.replace(b"\xa0", b" ")
    return block


def _stand_in(match: re.Match[bytes]) -> bytes:
    char = match[0]
    if char in _INVISIBLE:
        return b""
    hyphen = char == b"\xe2\x88\x92" or b"\xe2\x80\x90" <= char <= b"\xe2\x80\x94"
    return b"-" if hyphen else b" "


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Search:
    """What is searched for with one pass: all triggers that begin with the same byte."""

    def __init__(self, triggers: dict[bytes, list[LineForm]]) -> None:
        self._forms = list(triggers.values())
        #: By the byte after the first: the triggers that it may belong to, and their numbers.
        self._first, self._any, self._exactly = _compiled(tuple(triggers))
        self._vague = len(self._exactly) == 256  # the second byte tells nothing

    def lines(self, block: bytes, sample: bytes) -> Iterator[tuple[int, list[LineForm]]]:
        """Yield ``(line start, forms)`` of the lines found; a line may come more than once."""
        low = high = 0
        for at in self._places(block, sample):
            if at >= high:
                low = block.rfind(b"\n", 0, at) + 1
                high = block.find(b"\n", at)
                high = len(block) if high < 0 else high
            for pattern, number in self._exactly[block[at + 1]]:
                if pattern.match(block, at):
                    yield low, self._forms[number]

    def _places(self, block: bytes, sample: bytes) -> Iterator[int]:
        """Yield where one of the triggers is found.

        To find a single byte costs next to nothing where it is rare, as the sample tells;
        where it is not, one search with the pattern costs less than many calls.
        """
        first = self._first
        if self._vague or sample.count(first) > _RARE:
            for found in self._any.finditer(block):
                yield found.start()
            return
        find, match, seconds = block.find, self._any.match, self._exactly
        at = find(first)
        while at >= 0:
            if block[at + 1] in seconds and match(block, at):
                yield at
            at = find(first, at + 1)


@cache
def _compiled(
    triggers: tuple[bytes, ...],
) -> tuple[bytes, re.Pattern[bytes], dict[int, list[tuple[re.Pattern[bytes], int]]]]:
    """Return the byte that all triggers begin with, the pattern of any, and who a second byte fits.

    The last by that byte: the pattern and the number of each trigger that it may belong to.
    """
    first = triggers[0][:1]
    # Groups would tell which trigger it was, but cost as much again for every byte.
    rests = b"|".join(t[1:] for t in triggers)
    exactly: dict[int, list[tuple[re.Pattern[bytes], int]]] = {}
    for number, trigger in enumerate(triggers):
        pattern = re.compile(trigger)
        for byte in _second_bytes(trigger):
            exactly.setdefault(byte, []).append((pattern, number))
    return first, re.compile(re.escape(first) + b"(?:" + rests + b")"), exactly


def _second_bytes(trigger: bytes) -> Iterable[int]:
    """Return the bytes that may follow the first one of what ``trigger`` matches."""
    second = trigger[1:2]
    if trigger.startswith(_HEX_DIGITS, 1):
        second = _HEX_DIGITS
    elif not second.isalnum() and second not in b" >,":
        return range(256)
    if not second or trigger.startswith(_OPTIONAL, 1 + len(second)):
        return range(256)
    return b"0123456789ABCDEFabcdef" if second is _HEX_DIGITS else second


class Scanner:
    """Shows each form the lines of a log that concern it."""

    def __init__(self, forms: Sequence[LineForm]) -> None:
        by_byte: dict[bytes, dict[bytes, list[LineForm]]] = {}
        for form in forms:
            for trigger in form.triggers:
                group = by_byte.setdefault(trigger[:1], {})
                group.setdefault(trigger, []).append(form)
        self._searches = [_Search(group) for group in by_byte.values()]
        self._hungry: list[LineForm] = []
        self._before = b""
        #: Number of lines counted so far, and what comes after them: counting costs as much as a
        #: search, and most of a log stands behind its last map.
        self._lines = 0
        self._uncounted: list[bytes] = []
        #: Numbers of the first lines that were shown to a form only in part.
        self.cut: list[int] = []

    def feed(self, block: bytes) -> None:
        """Take a block of whole lines, as :func:`blocks` yields them."""
        if not block.endswith(b"\n"):
            block += b"\n"
        hits = self._hits(block)
        starts = sorted(hits)
        at = position = 0
        number = 0
        if hits or self._hungry:
            number = self._count()
        while position < len(block):
            if self._hungry:
                start = position
            elif at < len(starts):
                start = starts[at]
            else:
                break
            forms = hits.get(start, [])
            if at < len(starts) and starts[at] == start:
                at += 1
            if self._hungry:
                forms = [*forms, *(f for f in self._hungry if f not in forms)]
            end = block.find(b"\n", start)
            if end < 0:
                end = len(block)
            number += block.count(b"\n", position, start) + 1
            if end - start > MAX_LINE and len(self.cut) < 8:
                self.cut.append(number)
            self._show(forms, number, block, start, end)
            self._hungry = [f for f in forms if f.more]
            position = end + 1
        if position:
            self._lines = number
        self._uncounted.append(block[position:])
        if len(self._uncounted) > _MAX_UNCOUNTED:
            self._count()
        self._before = _line(block, block.rfind(b"\n", 0, len(block) - 1) + 1, len(block) - 1)

    @property
    def lines(self) -> int:
        """Number of lines seen so far."""
        return self._count()

    def _count(self) -> int:
        self._lines += sum(block.count(b"\n") for block in self._uncounted)
        self._uncounted.clear()
        return self._lines

    def _show(
        self, forms: Sequence[LineForm], number: int, block: bytes, start: int, end: int
    ) -> None:
        line = _text(_line(block, start, end))
        parts = line.split("\r") if "\r" in line else (line,)
        for form in forms:
            for part in parts:
                form.feed(number, part)
                if form.again:
                    self._show_again(form, number, block, start, part)

    def _show_again(self, form: LineForm, number: int, block: bytes, start: int, line: str) -> None:
        """Show a line joined to the ones before it, one more each time the form asks."""
        back = 0
        while form.again and back < MAX_JOINED:
            form.again = False
            back += 1
            before = self._before if back == 1 else b""  # the block before keeps its last line
            if start:
                end = start - 1
                start = block.rfind(b"\n", 0, end) + 1
                before = _line(block, start, end)
            line = f"{_text(before)} {line}"
            form.feed(max(1, number - back), line)
        form.again = False

    def _hits(self, block: bytes) -> dict[int, list[LineForm]]:
        """Return line start → the forms whose lines these are."""
        hits: dict[int, list[LineForm]] = {}
        sample = block[::_SAMPLED]
        for search in self._searches:
            for start, forms in search.lines(block, sample):
                known = hits.get(start)
                if known is None:
                    hits[start] = forms
                elif known is not forms:
                    hits[start] = [*known, *(f for f in forms if f not in known)]
        return hits


def _line(block: bytes, start: int, end: int) -> bytes:
    return block[start : min(end, start + MAX_LINE)]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
