"""Finds the lines of a log that concern a form of memory map, and shows them to it.

A log has a million lines of which a few hundred matter. So its blocks are searched for what the
forms call their triggers, and only lines with a trigger are looked at as lines. Where the lines
of a table follow each other without any ado, the form takes them all at once
(:meth:`LineForm.run`). What tells boots apart (the separators) is searched for only where a
trigger follows. Nothing here knows a form.
"""

from __future__ import annotations

import re
from collections import deque
from functools import cache
from itertools import chain, repeat
from typing import TYPE_CHECKING

from hwpkho.errors import InputError
from hwpkho.memmap.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.memmap.formats.base import LineForm

#: A line is cut after so many characters; no form's lines come near it.
MAX_LINE = 4096

#: So many lines before one are joined to it at most, for a form that asks.
MAX_JOINED = 3

#: First bytes of triggers that are common in logs. They are searched for together, each made the
#: first of them, so no trigger may have one of the others behind its first byte.
COMMON = b"=-/"

#: Another byte counts as common, too, in a block in which it is found so many times.
_MANY = 300

#: What triggers may have for their second byte, besides a literal, and what would make it optional.
_HEX_DIGITS = b"[0-9A-Fa-f]"
_OPTIONAL = (b"*", b"?", b"{0")

#: Lines that look like a map's and say nothing cost most for their bytes, and no log is made of
#: them: one in so many bytes may be, so many more, and so many for each that says something.
_BYTES_FOR_ONE = 256
_VAIN = 1 << 14
_VAIN_FOR_TAKEN = 4

#: So many blocks without a trigger are kept back before they are looked at.
_MAX_KEPT = 64


class _Search:
    """What is searched for with one pass: all triggers that begin with one of ``firsts``."""

    def __init__(self, firsts: bytes, triggers: Iterable[bytes]) -> None:
        self._first, self._others = firsts[:1], [firsts[i : i + 1] for i in range(1, len(firsts))]
        # Groups would tell which trigger it was, but cost as much again for every byte. Each
        # alternative costs at every place where the first byte is: those of one letter are one.
        by_second: dict[bytes, list[bytes]] = {}
        self._seconds: set[int] = set()
        for trigger in triggers:
            seconds = _second_bytes(trigger)
            self._seconds.update(seconds)
            second = bytes(seconds) if len(seconds) == 1 else b""
            by_second.setdefault(second, []).append(trigger[1 + len(second) :])
        rests = (re.escape(k) + b"(?:" + b"|".join(v) + b")" for k, v in by_second.items())
        self._any = re.compile(re.escape(self._first) + b"(?:" + b"|".join(rests) + b")")

    def text(self, block: bytes) -> bytes:
        """Return ``block`` as :meth:`find` wants it."""
        for other in self._others:
            block = block.replace(other, self._first)
        return block

    def find(self, text: bytes, at: int) -> int:
        """Return the first place from ``at`` on where a trigger may be, -1 for none.

        To find a single byte costs next to nothing where it is rare; where it is not, one search
        with the pattern costs less than many calls.
        """
        if not self._others:
            first, find, match, seconds = self._first, text.find, self._any.match, self._seconds
            at = find(first, at)
            for _ in range(_MANY):
                if at < 0 or (text[at + 1] in seconds and match(text, at)):
                    return at
                at = find(first, at + 1)
            if at < 0:
                return at
        found = self._any.search(text, at)
        return found.start() if found else -1


class _Places:
    """Where triggers may be in a block that ends with LF; searched for as one goes on."""

    def __init__(self, block: bytes, searches: Iterable[_Search]) -> None:
        self._end = len(block)
        self._next: list[tuple[int, _Search, bytes]] = []
        self.add(block, searches)

    def add(self, block: bytes, searches: Iterable[_Search]) -> None:
        """Search for more."""
        for search in searches:
            text = search.text(block)
            if (at := search.find(text, 0)) >= 0:
                self._next.append((at, search, text))

    def __bool__(self) -> bool:
        return bool(self._next)

    def after(self, position: int) -> int:
        """Return the first place from ``position`` on, the block's length for none."""
        first = self._end
        for i, (at, search, text) in enumerate(self._next):
            if at < position:
                at = search.find(text, position)
                at = at if at >= 0 else self._end
                self._next[i] = (at, search, text)
            first = min(first, at)
        return first


def _second_bytes(trigger: bytes) -> Sequence[int]:
    """Return the bytes that may follow the first one of what ``trigger`` matches."""
    second = trigger[1:2]
    if trigger.startswith(_HEX_DIGITS, 1):
        second = _HEX_DIGITS
    elif not second.isalnum() and second not in b" >,":
        return range(256)
    if not second or trigger.startswith(_OPTIONAL, 1 + len(second)):
        return range(256)
    return b"0123456789ABCDEFabcdef" if second is _HEX_DIGITS else second


def _searches(triggers: Iterable[bytes]) -> list[_Search]:
    groups: dict[bytes, list[bytes]] = {}
    for trigger in dict.fromkeys(triggers):
        firsts = COMMON if trigger[0] in COMMON else trigger[:1]
        groups.setdefault(firsts, []).append(trigger)
    return [_Search(firsts, group) for firsts, group in groups.items()]


class _Plan:
    """What is searched for on behalf of a list of forms, and which of them it concerns.

    Attributes:
        triggers, separators: The searches.
        whose: By the two bytes at a place that was found: the patterns that may be there, and the
            positions in the list of the forms that have them.
    """

    def __init__(self, wanted: Sequence[tuple[tuple[bytes, ...], tuple[bytes, ...]]]) -> None:
        self.triggers = _searches(t for triggers, _ in wanted for t in triggers)
        self.separators = _searches(t for _, separators in wanted for t in separators)
        owners: dict[bytes, list[int]] = {}
        for position, (triggers, separators) in enumerate(wanted):
            for trigger in triggers + separators:
                owners.setdefault(trigger, []).append(position)
        self.whose: dict[bytes, list[tuple[re.Pattern[bytes], list[int]]]] = {}
        for trigger, positions in owners.items():
            pattern = lazily(trigger)
            for byte in _second_bytes(trigger):
                key = bytes((trigger[0], byte))
                self.whose.setdefault(key, []).append((pattern, positions))


#: Made once: every log is read by new instances of the same forms.
_plan = cache(_Plan)


class Scanner:
    """Shows each form the lines of a log that concern it."""

    def __init__(self, forms: Sequence[LineForm]) -> None:
        self._forms = forms
        self._plan = _plan(tuple((form.triggers, form.separators) for form in forms))
        self._hungry: list[LineForm] = []
        self._before = b""  # the block before
        #: Blocks without triggers that have not been looked at for separators yet.
        self._kept: list[bytes] = []
        #: Number of lines counted so far, and what comes after them up to the blocks kept back:
        #: counting costs as much as a search, and most of a log stands behind its last map.
        self._lines = 0
        self._uncounted: list[bytes] = []
        #: Lines shown so far and how many may be, and the bytes of the blocks they stand in.
        self._shown, self._may_show, self._bytes = 0, _VAIN, 0
        #: Numbers of the first lines that were shown to a form only in part.
        self.cut: list[int] = []

    def feed(self, block: bytes) -> None:
        """Take a block of whole lines, as :func:`hwpkho.memmap.logs.blocks` yields them."""
        if not block.endswith(b"\n"):
            block += b"\n"
        places = _Places(block, self._plan.triggers)
        if places or self._hungry:
            self.catch_up()
            self._look(block, places)
            return
        self._kept.append(block)
        if len(self._kept) > _MAX_KEPT:
            self.catch_up()
            self._count()

    def catch_up(self) -> None:
        """Show the separators behind the last trigger, too."""
        for block in self._kept:
            self._look(block, _Places(block, ()))
        self._kept.clear()

    @property
    def lines(self) -> int:
        """Number of lines seen so far."""
        self.catch_up()
        return self._count()

    def _count(self) -> int:
        self._lines += sum(block.count(b"\n") for block in self._uncounted)
        self._uncounted.clear()
        return self._lines

    def _look(self, block: bytes, places: _Places) -> None:
        """Show the lines with triggers at ``places``, separators, and what hungry forms want."""
        self._bytes += len(block)
        places.add(block, self._plan.separators)
        number = self._count() if places or self._hungry else 0
        position = 0
        while position < len(block):
            place = places.after(position)
            start = position
            if not self._hungry:
                if place == len(block):
                    break
                start = max(position, block.rfind(b"\n", position, place) + 1)
            number += block.count(b"\n", position, start)
            end = block.find(b"\n", start)
            forms = list(self._hungry)
            while place < end:
                self._add_concerned(forms, block, place)
                # Of what is cut off one trigger is enough to tell of it.
                place = places.after(place + 1 if place < start + MAX_LINE else end)
            position = self._run(forms, block, start, number + 1)
            if position == start:
                self._show(forms, number + 1, block, start, end)
                position = end + 1
            number += block.count(b"\n", start, position)
        if position:
            self._lines = number
        self._uncounted.append(block[position:])
        self._before = block

    def _add_concerned(self, forms: list[LineForm], block: bytes, place: int) -> None:
        """Add to ``forms`` those that have a trigger or separator at ``place``."""
        for pattern, positions in self._plan.whose.get(block[place : place + 2], ()):
            if pattern.match(block, place):
                for position in positions:
                    form = self._forms[position]
                    if form not in forms:
                        forms.append(form)

    def _run(self, forms: Sequence[LineForm], block: bytes, start: int, number: int) -> int:
        """Let a form take lines all at once; return where the line begins that none has taken."""
        for form in forms:
            if self._hungry in ([], [form]):
                end = form.run(block, start, number)
                if end > start:
                    self._hungry = [form] if form.more else []
                    return end
        return start

    def _show(
        self, forms: Sequence[LineForm], number: int, block: bytes, start: int, end: int
    ) -> None:
        if not forms:
            return
        if end - start > MAX_LINE and len(self.cut) < 8:
            self.cut.append(number)
        line = _text(_line(block, start, end))
        parts = line.split("\r") if "\r" in line else [line]
        self._shown += len(parts)
        if self._shown > self._may_show:
            self._allow_more(number)
        if len(forms) > 1:
            forms = sorted(forms, key=self._forms.index)
        for form in forms:
            pieces: deque[str] = deque(maxlen=MAX_JOINED)
            for part in parts:
                form.feed(number, part)
                if form.again:
                    self._show_again(form, number, block, start, pieces, part)
                if part.strip():
                    pieces.appendleft(part)
        self._hungry = [form for form in forms if form.more]

    def _allow_more(self, number: int) -> None:
        """Raise InputError at line ``number`` where too many lines were shown in vain."""
        taken = sum(form.taken() for form in self._forms)
        self._may_show = _VAIN + self._bytes // _BYTES_FOR_ONE + taken * _VAIN_FOR_TAKEN
        if self._shown > self._may_show:
            raise InputError(
                f"line {number}: {self._shown - taken} lines look like those of a memory map and "
                "are none: no log of a machine"
            )

    def _show_again(
        self,
        form: LineForm,
        number: int,
        block: bytes,
        start: int,
        pieces: Sequence[str],
        part: str,
    ) -> None:
        """Show a part of a line joined to what stands before it, one more each time it asks.

        That is first of all the ``pieces`` of its own line, nearest first: a line of hundreds, each
        joined to whole lines, would take minutes for a megabyte.
        """
        before = chain(pieces, self._lines_before(block, start), repeat(""))
        for joined, text in enumerate(before, start=1):
            if not form.again or joined > MAX_JOINED:
                break
            form.again = False
            part = f"{text} {part}"
            form.feed(max(1, number - max(0, joined - len(pieces))), part)
        form.again = False

    def _lines_before(self, block: bytes, start: int) -> Iterator[str]:
        """Yield the lines before the one that begins at ``start``, nearest first."""
        for text, end in ((block, start), (self._before, len(self._before))):
            while end:
                begin = text.rfind(b"\n", 0, end - 1) + 1
                yield _text(_line(text, begin, end - 1))
                end = begin


def _line(block: bytes, start: int, end: int) -> bytes:
    return block[start : min(end, start + MAX_LINE)]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
