"""The base class of message readers: handles several messages on a line, and broken lines."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.logs.when import Place
from hwpkho.logs.scanner import LineReader

if TYPE_CHECKING:
    from hwpkho.badpages.logs.timeline import Timeline

#: The most characters of a message that are read, joined lines included.
_MAX_TEXT = 1500
#: What a mail program puts in front of quoted lines.
_QUOTED = re.compile(r"^[\s>|]*")
#: The beginning of a line that does not continue the one before: a time stamp, a level, a date, a
#: header of pstore, a mark between boots.
_FRESH = re.compile(
    r"^(?:<[0-9]{1,3}>|\[ {0,8}[0-9]{1,9}\.[0-9]+(?: <[ 0-9.]{1,24}\*?>| {16})?\]"
    r"|[0-9]{10}\.[0-9]{6} |\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) "
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]"
    r"|\w{1,20}#[0-9]+ Part[0-9]|-- "
    r'|\{[0-9]+\}\[|\{"|[A-Z_]+=|[IWEF][0-9]{4} [0-9][0-9]:)'
)
#: The message of an entry in the journal's export or verbose format, or its JSON with many lines.
_FIELD = re.compile(r'[ \t>|]{0,16}MESSAGE=|[ \t]{1,8}"MESSAGE"')
_LONGEST_NUMBER = len("0x") + 16
_OPEN_NUMBER = re.compile(r"0x[0-9a-fA-F]*$")
#: A line of hexadecimal digits alone is a rest as well: the number was the last of its line.
_REST_OF_NUMBER = re.compile(r"[0-9a-fA-F]{1,16}(?=[:\s,)]|$)")
#: The rest of a number that was broken within ``0x``.
_REST_OF_HEX = re.compile(r"x[0-9a-fA-F]{1,16}(?=[:\s,)]|$)")


class Message(NamedTuple):
    """A message in a log.

    Attributes:
        place: Where it begins.
        begun: The match of :attr:`MessageReader.start`.
        text: The text behind that match.
        whole: Whether ``text`` is all of it, and no line may be joined any more.
    """

    place: Place
    begun: re.Match[str]
    text: str
    whole: bool


class _Held(NamedTuple):
    place: Place
    text: str
    more: int


class MessageReader(LineReader):
    """Finds messages in lines and passes each to :meth:`take`.

    Attributes:
        start: Matches the beginning of a message.
        signs: Words of which every beginning contains one. They make the search faster where
            ``start`` has many alternatives; empty otherwise.
        most: The most lines that are joined to a message: mail programs break lines.
    """

    start: re.Pattern[str]
    signs: tuple[str, ...] = ()
    most = 6

    def __init__(self, log: Timeline) -> None:
        self.log = log
        self._held: _Held | None = None
        self._taken = 0
        log.before_boot(self.flush)

    @abstractmethod
    def take(self, message: Message) -> bool:
        """Read a message; return False if it may continue in the next line.

        It is then passed again, with the next line joined or as ``whole``.
        """

    def fresh(self, line: str, _held: str) -> bool:
        """Tell whether a line is no rest of the message above it, which is ``_held`` so far.

        This knows what all logs have in front; readers add how their own programs' lines begin.
        """
        rest = _QUOTED.sub("", line, count=1)
        return not rest or _FRESH.match(rest) is not None

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        held, self._held = self._held, None
        if held is None:
            return self._look(number, line)
        if self.fresh(line, held.text):
            self._whole(held)
            return self._look(number, line)
        text = _joined(held.text, _QUOTED.sub("", line, count=1))
        begun = self._begun(text)
        if not begun or begun[0].start():  # it is none with this line behind it
            self._whole(held)
            return self._look(number, line)
        return self._take(begun, [held.place] * len(begun), text, held.more + 1)

    def _look(self, number: int, line: str) -> bool:
        """Read the messages that begin in a line."""
        begun = self._begun(line)
        if not begun:
            return False
        entry = self.entry() if _FIELD.match(line) else ""
        number = self.log.number(number)
        places = [Place(number, line, match.start(), entry) for match in begun]
        return self._take(begun, places, line, 0)

    def _begun(self, text: str) -> list[re.Match[str]]:
        for sign in self.signs:
            if sign in text:
                break
        else:
            if self.signs:
                return []
        return list(self.start.finditer(text))

    def _take(self, begun: list[re.Match[str]], places: list[Place], text: str, more: int) -> bool:
        """Read messages; ``more`` lines were joined to the first line of ``text``."""
        ends = [match.start() for match in begun[1:]] + [len(text)]
        for match, here, end in zip(begun, places, ends, strict=True):
            if not more:
                self.log.see(here)
            self._taken += 1
            behind = text[match.end() : min(end, match.end() + _MAX_TEXT)]
            last = end == len(text) and more < self.most and len(text) < _MAX_TEXT
            if not self.take(Message(here, match, behind, whole=not last)):
                self._held = _Held(here, text[match.start() :], more)
                return True
        return False

    def _whole(self, held: _Held) -> None:
        begun = self.start.match(held.text)
        if begun:
            self.take(Message(held.place, begun, held.text[begun.end() :], whole=True))

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._taken

    def flush(self) -> None:
        """Read the message that is still held, at the end of a boot or of the log."""
        held, self._held = self._held, None
        if held is not None:
            self._whole(held)


def _joined(text: str, rest: str) -> str:
    """Join two lines, with a blank unless a number was broken between them."""
    rest = rest.rstrip()
    begun, end = _OPEN_NUMBER.search(text), _REST_OF_NUMBER.match(rest)
    if text.endswith(" 0") and _REST_OF_HEX.match(rest):
        return text + rest
    if begun and end and len(begun[0]) + len(end[0]) <= _LONGEST_NUMBER:
        return text + rest
    return f"{text.rstrip()} {rest}"
