"""Reads a log: one scanner for all message readers, one timeline for what they find."""

from __future__ import annotations

import re
from dataclasses import replace
from operator import ge
from typing import TYPE_CHECKING

from hwpkho.badpages.lines import ends_within_line, last_lines_first, pieces
from hwpkho.badpages.logs.lost_events import LostEvents
from hwpkho.badpages.logs.registry import MESSAGES
from hwpkho.badpages.logs.timeline import Timeline
from hwpkho.badpages.model import HEAD, ListNote
from hwpkho.badpages.signs import MEDIA_ERRORS, PAGE_TYPES
from hwpkho.base.late import late
from hwpkho.logs.around import MAX_LINE
from hwpkho.logs.mail import Unquoting
from hwpkho.logs.scanner import LineReader, Scanner
from hwpkho.logs.text import blocks, clean, utf16_of
from hwpkho.logs.wrapped import Unwrapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.images.files import FileBytes

#: A log in reverse order of up to so many bytes is reversed as clean text. A longer one is read
#: from the end of the file, which does not work for UTF-16 and mails.
_SMALL = 1 << 24
_BANNER = re.compile(r"(?<!\w)Linux version [0-9]+\.[0-9]+\S* ?\(")
#: journalctl's lines between boots.
_MARK = re.compile(r"^-- (?:Reboot|Boot [0-9a-f]{32}) --$")
#: printk's time stamp, at the beginning of a line as dmesg prints it, with -x and -r, too; and how
#: many that only fall are no coincidence of boots with a message each.
_STAMP = late(rb"(?m)^(?:<[0-9]{1,3}>|\w{1,8} *:\w{1,8} *: )?\[ {0,8}([0-9]{1,9}\.[0-9]{6})\]")
_MANY = 8
#: fs/pstore/platform.c, pstore_dump; a mail may quote it, a console put a level in front.
_PART = re.compile(r"^(?:[\s>|]|<[0-9]{1,3}>)*([A-Z][a-z]{2,12}#[0-9]{1,9}) Part([0-9]{1,9})\s*$")


class _Boots(LineReader):
    """Finds the lines at which another boot begins, or another part of a pstore record."""

    needles = (
        b"Linux version ",
        b"-- Reboot --\n",
        b"-- Boot [0-9a-f]{32} --\n",
        b"#[0-9]{1,9} Part[0-9]",
    )

    def __init__(self, log: Timeline) -> None:
        self._log, self._taken = log, 0

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        if part := _PART.match(line):
            self._log.part_begins(part[1], int(part[2]))
        elif _MARK.match(line.strip()):
            self._log.boot_begins(banner=False)
        elif _BANNER.search(line):
            self._log.boot_begins(banner=True)
        else:
            return False
        self._taken += 1
        return False

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._taken


#: What a line has that another form lists, and that form.
_SIGNS = (
    ("BIOS-e820: ", "e820"),
    ("ommand line: ", "memmap"),
    ("ffset\t", "page-types"),
    ("ffset\\t", "page-types"),
    ("flags\t", "page-types"),
    ("flags\\t", "page-types"),
    ("media_errors", "cxl-list"),
)


class _Unusable(LineReader):
    """Notes what other forms list: unusable ranges of an e820 map, ``memmap=nn$ss``, page flags and
    CXL's media errors.
    """

    needles = (
        rb"x(?<=BIOS-e820: \[mem 0x)[^\n]{1,60}\bunusable",
        rb"- [0-9a-f]{16} \(unusable\)",
        rb"memmap=[0-9]\w{0,19}\$",
        *PAGE_TYPES,
        MEDIA_ERRORS + rb"(?!\s*\])",
    )

    def __init__(self, log: Timeline) -> None:
        self._log, self._taken = log, 0

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        form = next((form for sign, form in _SIGNS if sign in line), None)
        if form is not None:
            self._taken += 1
            self._log.elsewhere.add(form)
        return False

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._taken


def read(file: FileBytes, asked: Asked, form: str) -> BadPages:
    """Return the bad pages of a log; ``form`` is the form that was recognised.

    Raises InputError where the log says that memory is bad but names no page, or is not a log;
    UsageError for a boot that it does not have.
    """
    mails, unwrapping = Unquoting(), Unwrapping()
    log, lines = _scanned(blocks(pieces(file), mails, unwrapping), file.shown, form, asked)
    columns = unwrapping.columns
    log.last_line = lines
    if ends_within_line(file):
        log.open_line = lines
    upside_down = log.runs_backwards or _falls(bytes(file.read(0, min(HEAD, file.size))))
    if upside_down and file.size <= _SMALL:
        text = b"".join(blocks(pieces(file))).removesuffix(b"\n").split(b"\n")
        log, _ = _scanned([b"\n".join(reversed(text))], file.shown, form, asked, lines)
    elif upside_down and not (mails.decoded or utf16_of(bytes(file.read(0, HEAD)))):
        log, _ = _scanned(map(clean, last_lines_first(file)), file.shown, form, asked, lines)
        columns = 0  # nothing is joined there
    found = log.finish()
    if not columns:
        return found
    note = (
        f"a screen wrapped lines of this log at {columns} columns; they are joined, and numbers of "
        "lines count them as joined"
    )
    return replace(found, notes=(*found.notes, ListNote(note, file.shown)))


def _falls(head: bytes) -> bool:
    """Tell whether printk's clock runs backwards in the first lines of a log, as tac leaves it."""
    stamps = [float(stamp) for stamp in _STAMP.findall(clean(head))]
    return len(stamps) >= _MANY and stamps[0] > stamps[-1] and all(map(ge, stamps, stamps[1:]))


def of_text(text: bytes, log: Timeline) -> BadPages:
    """Return the bad pages of a part of a log that is in memory; its readers report to ``log``.

    Raises as :func:`read` does.
    """
    scanner = Scanner(_readers(log), "a log of bad pages", log.name)
    for block in blocks([text]):
        scanner.feed(block)
    return log.finish()


def _readers(log: Timeline) -> list[LineReader]:
    return [
        _Boots(log),
        LostEvents([log]),
        *(message(log) for message in MESSAGES),
        _Unusable(log),
    ]


def _scanned(
    text: Iterable[bytes], name: str, form: str, asked: Asked, backwards: int | None = None
) -> tuple[Timeline, int]:
    """Scan the clean text of a log; return its timeline and its number of lines.

    ``backwards`` is its number of lines where the last line comes first, None otherwise.
    """
    log = Timeline(name, form, asked, backwards)
    upside_down = backwards is not None
    scanner = Scanner(_readers(log), "a log of bad pages", name, backwards=upside_down)
    block = b""
    for below in text:
        if block:
            scanner.feed(block, below)
        block = below
    if block:
        scanner.feed(block)
    if scanner.cut:
        log.cut(log.number(scanner.cut[0]), MAX_LINE)
    return log, scanner.lines
