"""Windows: PFNs in ``badmemorylist`` of the object ``{badmemory}`` of the boot configuration.

Commands and the output of ``bcdedit /enum`` are read in order: ``/set`` replaces the list,
``/deletevalue`` empties it, an enumeration shows it. Without ``{badmemory}`` the command succeeds
but sets nothing. Numbers are hex with ``0x``, else decimal; there are no ranges.

Source: bcdedit's own help and output; BcdMemDiag elements (type 0x1700000a), learn.microsoft.com.
"""

from __future__ import annotations

import re
from itertools import chain, compress
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages import packing
from hwpkho.badpages.collector import Collector
from hwpkho.badpages.form import TextForm
from hwpkho.badpages.lines import LONGEST, ends_within_line, numbered
from hwpkho.badpages.model import Loss
from hwpkho.badpages.signs import Sign
from hwpkho.badpages.writing import NOTHING, bounded, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.listing import parts
from hwpkho.base.pfnset import PFN_MAX
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE, NO_BCD_OBJECT
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked, Writing
    from hwpkho.images.files import FileBytes

#: The object by its name or, with /v, by its identifier.
_OBJECT = r"\{(?:badmemory|5189b25c-5558-4bf2-bca4-289b11bd29e2)\}"
_SIGN = Sign(
    (b"badmemory", b"BadMemory", b"BADMEMORY"),
    late(rb"badmemory(?:list|access)|\{badmemory\}", re.IGNORECASE),
)
#: The list, its object, commands, error messages, and lines that continue a list.
_WANTED = late(
    r"badmemory|5189b25c-|bcdedit|an error |the parameter is|[\^`][ \t\r]*$"
    r"|^[ \t>|]*(?:[0-9]|#|::|@?rem\b)|0[xX][0-9a-fA-F]",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = late(r"\s*(?:#|::|@?rem\b)", re.IGNORECASE)
_SET = late(
    r"\s[/-]set\s+(?:[\"']?(\{[^}]{0,80}\})[\"']?\s+)?badmemorylist\b(.*)",
    re.IGNORECASE,
)
_DELETE = late(
    rf"\s[/-](?:deletevalue\s+[\"']?{_OBJECT}[\"']?\s+badmemorylist\b|delete\s+[\"']?{_OBJECT})",
    re.IGNORECASE,
)
_COMMAND = late(r"\bbcdedit(?:\.exe)?\b", re.IGNORECASE)
_SHOWN_OBJECT = late(rf"\S.*\s{_OBJECT}\s*", re.IGNORECASE)
_SHOWN_LIST = late(r"badmemorylist\s+(\S.*)", re.IGNORECASE)
#: The same anywhere, and what may stand in front of a line in a mail or table.
_LIST = late(r"badmemorylist\s+[0-9]", re.IGNORECASE)
_QUOTED = late(r"^[>|\s]*")
_HEX = late(r"(?<!\w)0[xX][0-9a-fA-F]")
_MORE = late(r"\s*(?:0[xX][0-9a-fA-F]+|[0-9]+)(?:\s+(?:0[xX][0-9a-fA-F]+|[0-9]+))*\s*")
_FAILED = late(r"\s*(?:An error (?:has )?occurred|The parameter is incorrect)", re.IGNORECASE)
_NUMBER = late(r"(?:0[xX](?P<hex>[0-9a-fA-F]{1,16})|(?P<dec>[0-9]{1,20}))")

#: A PFN and where it is.
_Entry = tuple[int, str]
_CALL = "bcdedit /set {badmemory} badmemorylist"
#: Windows numbers pages of 4 KiB, whatever the page size of the list.
_WINDOWS_SHIFT = 12


class Bcdedit(TextForm):
    """The form, see the module."""

    name = "bcdedit"
    about = "Windows: `bcdedit /set {badmemory} badmemorylist …`, or what `/enum` prints"
    takes = frozenset(("budget",))
    sign = _SIGN

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the list after the last command, of kind ``excluded``.

        Raises InputError for a damaged number or an empty ``/set``.
        """
        found = Collector(file.shown, self.name, asked)
        store = _Store(found)
        joined: list[str] = []
        start = 0
        for number, line in numbered(file, _WANTED, LONGEST):
            start = start if joined else number
            text = line.rstrip().replace("`{", "{").replace("`}", "}")  # PowerShell's escapes
            goes_on = text.endswith(("^", "`"))  # continuation in cmd.exe and in PowerShell
            joined.append(text[:-1] if goes_on else text)
            if not goes_on:
                store.line("".join(joined), f"line {start}")
                joined = []
        if joined:
            store.line("".join(joined), f"line {start}")
        if store.entries and store.entries[-1][1] == f"line {start}" and ends_within_line(file):
            message = "the text ends within this line: its last PFN may be cut off"
            found.problem(ENTRY_UNUSABLE, message, f"line {start}")
        for pfn, where in store.entries:
            start = pfn << _WINDOWS_SHIFT
            found.addresses(start, start + (1 << _WINDOWS_SHIFT) - 1, "excluded", where=where)
        return found.finish()

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write one command, which replaces the list; the budget is in bytes, by default unlimited.

        It has a PFN for each 4 KiB; of a larger page it has all of them or none. There are no
        ranges, so joining neighbours would save nothing. Raises InputError for more than
        ``MAX_PFNS`` pages.
        """
        (bad, left), shift = physical(pages), page_shift(pages.taken_page_size) - _WINDOWS_SHIFT
        bounded(pages, bad.pages() << shift, self.name)
        words = [
            f" 0x{pfn:x}"
            for pfn in chain.from_iterable(
                range(first << shift, last + 1 << shift) for first, last in bad
            )
        ]
        if how.budget is not None:
            size = 1 << shift
            words = ["".join(words[at : at + size]) for at in range(0, len(words), size)]
            stays = packing.kept([1] * len(words), [*map(len, words)], how.budget - len(_CALL))
            left += stays.count(0)
            words = list(compress(words, stays))
        if words:
            out.write(_CALL.encode())
            out.writelines("".join(part).encode() for part in parts(words))
            out.write(b"\n")
        else:
            out.write(b"rem {badmemory}: " + NOTHING)
        return Loss(0, left)


class _Store:
    """The state of the boot configuration while commands are read.

    Attributes:
        entries: The PFNs of the list, and where in the input they are.
    """

    def __init__(self, found: Collector) -> None:
        self._found = found
        self.entries: list[_Entry] = []
        self._before: list[_Entry] = []
        self._open = False

    def line(self, line: str, where: str) -> None:
        """Apply a line."""
        line = _QUOTED.sub("", line, count=1).rstrip(" |")
        if _COMMENT.match(line) or not line:
            return  # a copy may be double-spaced
        if self._open and _MORE.fullmatch(line):
            self.entries += self._numbers(line, where)
            return
        if self._open and _HEX.search(line) and not _COMMAND.search(line):
            raise InputError(f"{self._found.name}: {where}: not a line of badmemorylist")
        self._open = False
        if command := _COMMAND.search(line):
            if match := _SET.search(line, command.end()):
                self._set(match[1], match[2], where)
            elif _DELETE.search(line):
                self._before, self.entries = self.entries, []
        elif match := _SHOWN_LIST.match(line.strip()):
            self.entries, self._open = self._numbers(match[1], where), True
        elif _SHOWN_OBJECT.fullmatch(line):
            self.entries = []  # the list is in a line below, or there is none
        elif _LIST.search(line):
            raise InputError(
                f"{self._found.name}: {where}: badmemorylist stands behind something else; give "
                "what bcdedit prints as it is"
            )
        elif _FAILED.match(line) and self.entries is not self._before:
            self.entries = self._before
            self._found.problem(NO_BCD_OBJECT, "the previous command failed and set nothing", where)

    def _set(self, name: str | None, rest: str, where: str) -> None:
        if name is None or not re.fullmatch(_OBJECT, name, re.IGNORECASE):
            self._found.problem(
                NO_BCD_OBJECT,
                "/set badmemorylist without {badmemory} sets nothing, though it succeeds",
                where,
            )
            return
        numbers = self._numbers(rest, where)
        if not numbers:
            raise InputError(f"{self._found.name}: {where}: badmemorylist without PFNs")
        self._before, self.entries, self._open = self.entries, numbers, True

    def _numbers(self, text: str, where: str) -> list[_Entry]:
        entries = []
        self._found.refuse_more(text.count(" ") + text.count("\t"))
        for word in re.split(r"[&|>]", text, maxsplit=1)[0].split():
            match = _NUMBER.fullmatch(word.strip("\"'"))
            pfn = (
                int(match["hex"], 16)
                if match and match["hex"]
                else int(match["dec"] if match else 0)
            )
            if match is None or pfn > PFN_MAX:
                raise InputError(
                    f"{self._found.name}: {where}: badmemorylist: '{printable(word[:40])}' is not "
                    "a PFN; expected 0x… or decimal, not a range"
                )
            entries.append((pfn, where))
        return entries


FORM = Bcdedit()
