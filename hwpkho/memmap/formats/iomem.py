"""/proc/iomem: the kernel's tree of physical resources.

Source: kernel/resource.c, r_show(): two blanks for each level, first and last byte in at least
8 hex digits, `` : ``, the resource's name. Without CAP_SYS_ADMIN every address is 0.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, DAMAGED, IOMEM_ZEROS, LOST_LINES
from hwpkho.codes.memmap_gaps import HEAD_LOST, NOT_THE_MAP, OVERLAPPING
from hwpkho.memmap import gaps, ioports
from hwpkho.memmap.formats.base import TableForm
from hwpkho.memmap.iomem_names import is_end, is_part, is_spoiled
from hwpkho.memmap.remnants import is_remnant
from hwpkho.memmap.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.memmap.model import Entry
    from hwpkho.memmap.table import Table

_HEX = r"[0-9A-Fa-f]"
#: A tag of a saved web page.
_TAG = r"</?(?:pre|code|p|br|div|span|td|tr|li|tt|font|samp)\b[^<>]{0,100}>"
#: A blank at a line's end in quoted-printable (RFC 2045, 6.7).
_QUOTED_BLANK = "=20"
#: Between range and name; no name has it inside.
_BETWEEN = " : "
_CLOSING = late(_TAG)
#: What ends with a time of day, as ts and kubectl logs --timestamps print it, or with a number of
#: seconds; behind it, what container runtimes add. ``IDENTIFIER - - `` is of syslog (RFC 5424).
_TIMED = (
    r".{0,60}[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,Z+-][0-9Z:.+-]{0,20})?(?: std(?:out|err) [FP])? "
    r"|[0-9]{10}\.[0-9]{3,9} |<[0-9]{1,3}>1 .{0,200} - |[\w.-]{1,80} {1,40}\| "
)
#: What may stand before a line that was quoted in a mail, listed or logged.
_PREFIX = (
    rf"(?P<prefix>(?:[>|*]\s?)+|(?!\s*{_HEX}+\[).{{0,200}}[\]:]\s?|{_TIMED}|.{{0,100}}{_TAG}|)"
)
_LINE = late(
    rf"^{_PREFIX}(?P<indent>\s*)(?P<a>{_HEX}{{8,16}})-(?P<b>{_HEX}{{8,16}}) : (?P<name>.*)$"
)

#: A line as the kernel prints it; ``@`` is in the names that a device tree gives.
_PLAIN = (
    r"( {0,200})([0-9a-f]{8}|[1-9a-f][0-9a-f]{8,15})-([0-9a-f]{8}|[1-9a-f][0-9a-f]{8,15})"
    r" : ((?:[A-Za-z]|[0-9a-f]{4,10}[:.])[A-Za-z0-9 _.:()/@-]{0,99})"
)
_PLAIN_LINE = late(_PLAIN)
_PLAIN_LINES = late(rf"^{_PLAIN}$", re.MULTILINE)
#: A line of the tree whose line end is lost: another one follows in its name.
_NEXT = late(rf"(?P<a>{_HEX}{{8,16}})-(?P<b>{_HEX}{{8,16}}) : ")
#: The whole numbers of a damaged line: in front of its hyphen or its colon.
_WHOLE = late(rf"^\s*({_HEX}{{8,12}})-|-({_HEX}{{8,12}}) : ")
#: The beginning of a line of the tree.
_BEGINS = late(rf"{_HEX}{{8}}")
#: A damaged line of the tree: part of a range and the name, or the range without its colon.
#: /proc/ioports has at most four digits.
_LIKE = late(
    rf"^{_PREFIX}(?P<indent>\s*)(?:(?=[^:]{{0,60}}?{_HEX}{{5}})\S[^:]{{0,60}}? : ?\S"
    rf"|(?=\S{{0,20}}{_HEX}{{4}})[0-9A-Za-z]{{4,18}} ?[-~_ ] ?[0-9A-Za-z]{{4,18}}"
    rf"(?: ?: ?[A-Za-z0-9]| [A-Z][a-z])"
    rf"|{_HEX}{{5,16}}(?:-{_HEX}{{0,16}})?(?: :?)?\s*$"
    rf"|{_HEX}{{2,16}}(?:-{_HEX}{{0,16}})?(?: :? ?)?\[ *[0-9]{{1,8}}\.[0-9]{{6}}\]"  # a message
    rf"|-?{_HEX}{{1,16}} : \S|: \S.{{0,60}}{_HEX}{{8}}|.{{0,60}} : (?:System RAM|[Rr]eserved)$)"
)
#: Another message that ends with a number.
_MESSAGE = late(rf"(?!\s*{_HEX}{{5}}|.* : |.*{_HEX}{{5}}-).{{0,200}}[\]:]\s?{_HEX}{{1,16}}\s*$")
#: Between two lines of the tree: a line that has lost its range, or most of its name.
_REST = late(r"^[\s>|]*(?:-|:\s|: ?$)|\s:\s|^[\s>|]*(?:S?y?s?t?e?m? ?R)?AM\s*$")
#: No line of the tree is longer.
_LONGEST = 400
#: Other lines in a row after which a tree has ended.
_PATIENCE = 3
_EXPECTED = "first and last address and the name of a resource"

#: Addresses are padded with zeros to so many digits.
_WIDTH = 8

#: Deeper than any real tree of resources.
_MAX_DEPTH = 64

_X86_NAMES = ("Local APIC", "IOAPIC ", "Video ROM", "HPET ")


class Iomem(TableForm):
    """``00100000-bffdbfff : System RAM``."""

    name = "iomem"
    about = "/proc/iomem, read as root"
    needles = (rb"-[0-9A-Fa-f]{8,16}+ : ",)
    unfinished = late(rf"^{_PREFIX}\s*{_HEX}{{1,16}}(?:-(?:{_HEX}{{1,16}}(?: (?::(?: )?)?)?)?)?$")

    def __init__(self) -> None:
        self._tables = Tables()
        self._like = 0  # number of the last line that was taken for a damaged one
        self._prefixed = False  # whether something stands in front of the last line's range
        self._open: list[int] = []  # indents of the open ancestors
        self._top_start = self._top_end = -1
        self._patience = 0
        self._outermost: tuple[Table | None, int] = (None, 0)  # a table and its first indent
        self._attributes: dict[int, dict[str, object]] = {}

    def feed(self, number: int, line: str) -> bool:
        """See :meth:`LineForm.feed`."""
        plain = _PLAIN_LINE.fullmatch(line)
        if plain and _BETWEEN not in plain[4]:
            indent, low, high, name = plain.groups()
            self._prefixed = False
            begins = self._take(number, len(indent), int(low, 16), int(high, 16), name.rstrip())
        else:
            begins, *_ = [self._part(number, part) for part in _parts(line)]
        if begins:
            self._look_above()
        return self._patience > 0

    def feed_all(self, number: int, block: bytes, /) -> bool:
        """See :meth:`LineReader.feed_all`: takes nothing but lines as the kernel prints them."""
        count = block.count(b"\n")
        if block.count(b" : ") != count or not block.isascii():
            return False
        rows = _PLAIN_LINES.findall(block.decode())
        if len(rows) != count:
            return False
        self._prefixed = False
        for line, (indent, low, high, name) in enumerate(rows, number):
            begins = self._take(line, len(indent), int(low, 16), int(high, 16), name.rstrip())
            if begins and line == number:  # the line above any other is one of the tree
                self._look_above()
        return True

    def _part(self, number: int, line: str) -> bool:
        """Take one line; tell whether a tree begins with it."""
        match = _LINE.match(line)
        if match is None:
            self._patience -= self._patience > 0
            if self._patience:
                self._unread(number, line)
            return False
        self._prefixed = bool(match["prefix"])
        start, end, name = int(match["a"], 16), int(match["b"], 16), _bare(match["name"])
        if _padded(match["a"]) or _padded(match["b"]):
            depth = self._depth_of(match["indent"])
            self._tables.damaged("iomem", number, line, _EXPECTED, depth=depth, named=(start, end))
            return False
        return self._take(number, len(match["indent"].expandtabs()), start, end, name)

    def _take(self, number: int, indent: int, start: int, end: int, name: str) -> bool:
        """Add a resource; tell whether a tree begins with it."""
        tables = self._tables
        before = tables.open("iomem")
        begins = before is None
        self._patience = _PATIENCE
        while self._open and self._open[-1] >= indent:
            self._open.pop()
        depth = len(self._open)
        if depth < _MAX_DEPTH:
            self._open.append(indent)
        if depth == 0 and (start or end):
            if start < self._top_start:
                first = tables.first("iomem")
                if first is not None and start > first.start:
                    text = f"{start:08x}-{end:08x} : {name}"
                    tables.damaged("iomem", number, text, "an address above those before it")
                    return False
                tables.begin("iomem")  # the tree is sorted: this is another copy of the file
                begins = True
            self._top_start, self._top_end = start, end
        attributes = self._attributes.get(depth)
        if attributes is None:
            attributes = self._attributes[depth] = {"depth": depth}
        added = tables.add("iomem", number, start, end, name, attributes)
        if added and _BETWEEN in name:  # what was between them may be of any level
            message = f'"{printable(name[:100])}": two lines have become one'
            named = (start, max(end, self._top_end))
            tables.lose("iomem", number, DAMAGED, message, replaced=1, named=named)
        elif added and is_part(name):
            message = f'the name "{printable(name[:100])}" is cut off or damaged'
            tables.lose("iomem", number, DAMAGED, message, replaced=1, depth=depth)
        elif added and is_spoiled(name) and (spoiled := tables.open("iomem")):
            message = f'line {number}: the name "{printable(name[:100])}" is damaged'
            gaps.lose(spoiled, DAMAGED, message, span=(start, end))
        table, outermost = self._outermost
        now = tables.open("iomem") if begins else before
        if table is not now:
            self._outermost = (now, indent)
        elif indent < outermost and table is not None:
            self._outermost = (table, 0)
            message = f"line {table.line}: the tree begins inside a branch: its head is lost"
            gaps.lose(table, HEAD_LOST, message, span=(0, max(start, 1) - 1))
        return begins

    def _look_above(self) -> None:
        """Record the line above a tree as damaged if it looks like one of it."""
        table = self._tables.open("iomem")
        for number, text in self.above()[:1]:
            text = text.rstrip()[:_LONGEST]
            like = not self._is_message(text) and _LIKE.match(text)
            if table is not None and like and not _LINE.match(text):
                shown = printable(text.strip()[-100:])
                message = f'line {number}: "{shown}": expected {_EXPECTED}'
                gaps.lose(table, DAMAGED, message, at=0)

    def _unread(self, number: int, line: str) -> None:
        """Look at a line next to the tree: a damaged one, or a suspect."""
        line = line[:_LONGEST]
        if ioports.BEGINS.search(line):
            self._patience = 0
            return
        like = None if self._is_message(line) else _LIKE.match(line)
        if like:
            self._patience = _PATIENCE
            self._like = number
            depth = self._depth_of(like["indent"])
            if not like["indent"] and not _BEGINS.match(line, like.end("indent")):
                depth = gaps.ANY_LEVEL
            numbers = [int(a or b, 16) for a, b in _WHOLE.findall(line)]
            named = (min(numbers), max(numbers)) if numbers else None
            self._tables.damaged("iomem", number, line, _EXPECTED, depth=depth, named=named)
        elif is_remnant(line) or _REST.search(line) or is_end(line):
            self._tables.suspect("iomem", number, line, _EXPECTED, depth=gaps.ANY_LEVEL)

    def _is_message(self, line: str) -> bool:
        """Tell whether a line without range is another message, which ends with a number."""
        return not self._prefixed and _MESSAGE.match(line) is not None

    def _depth_of(self, indent: str) -> int:
        """Return the depth of a line with this indentation."""
        return sum(open_ < len(indent.expandtabs()) for open_ in self._open)

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`: also within a name that is known.

        All behind the last sound line may be lost, of its own branch as well.
        """
        table, last = self._tables.open("iomem"), self._tables.last("iomem")
        if table is None or last is None:
            return
        match = _LINE.match(line)
        if match is not None:
            name = _bare(match["name"])
            if len(name) > 1 and not is_part(name):
                return
            start = last.start
        elif self._like == number or (
            self._patience and self.unfinished.search(line) and not self._is_message(line)
        ):
            depth = self._depth_of(line[: len(line) - len(line.lstrip())])
            start = last.start if depth > int(str(last.attributes["depth"])) else last.end + 1
        elif self._patience and line.isspace() and len(line.expandtabs()) > self._outermost[1]:
            start = last.start  # the indentation of a line below any branch that is open
        else:
            return
        if (match or self._like == number) and table.lost_lines:
            table.lost_lines.pop()  # reported with another code below
        message = f"line {number}: the input ends within this line"
        gaps.lose(table, CUT, message, span=(start, max(start, gaps.TOP)))

    def finish(self) -> Sequence[Table]:
        """See :meth:`LineForm.finish`; a copy that is all zeros has no entries."""
        found = [t for t in self._tables.finish() if not ioports.is_tree(t.entries)]
        for table in found:
            if table.entries and not any(e.end for e in table.entries):
                message = f"line {table.line}: every address of /proc/iomem is 0: read it as root"
                table.entries, table.problems = [], []
                table.zeroed = problem(IOMEM_ZEROS, message)
            table.arch = _arch(table.entries)
            _check(table)
        return found


def _parts(line: str) -> Iterator[str]:
    """Split ``line`` where a copy has lost line ends."""
    while (match := _LINE.match(line)) and (at := _end_lost(match)) is not None:
        yield line[:at]
        line = line[at:]
    yield line


def _end_lost(match: re.Match[str]) -> int | None:
    """Return the offset at which the next line begins within this one, None if it does not.

    The name of the first line may end with hex letters."""
    after = _NEXT.search(match["name"])
    if after is None:
        return None
    digits, most = after["a"], len(after["b"])
    kept = digits[-most:]
    start = after.end("a") - (_WIDTH if _padded(kept) else len(kept))
    name = match["name"][:start]
    return match.start("name") + len(name.rstrip()) if name.strip() else None


def _padded(digits: str) -> bool:
    """Tell whether a number has leading zeros beyond 8 digits, which no kernel prints."""
    return len(digits) > _WIDTH and digits.startswith("0")


def _bare(name: str) -> str:
    """Return ``name`` without trailing tags and blanks, of which the last may be ``=20``."""
    name = name.rstrip().removesuffix(_QUOTED_BLANK).rstrip()
    while name.endswith(">") and _CLOSING.fullmatch(name, at := max(0, name.rfind("<"))):
        name = name[:at].rstrip()
    return name


def _arch(entries: list[Entry]) -> str | None:
    """Return the architecture: x86 has interrupt controllers, arm64 reservations inside RAM.

    arch/arm64/kernel/setup.c is the only one that puts ``reserved`` below ``System RAM``.
    """
    inside = False
    for entry in entries:
        if entry.type.startswith(_X86_NAMES):
            return "x86_64"
        if entry.attributes["depth"] == 0:
            inside = entry.type == "System RAM"
        elif inside and entry.type == "reserved":
            return "arm64"
    return None


def _check(table: Table) -> None:
    """Record what no kernel prints: a tree without its head, without RAM, or out of order."""
    if not table.entries:
        return
    first = table.entries[0]
    if table.arch == "x86_64" and first.start:  # since 2.6.12 at the latest it begins at 0
        message = f"line {table.line}: the tree begins at 0x{first.start:x}: its head is lost"
        gaps.lose(table, HEAD_LOST, message, span=(0, first.start - 1))
    names = Counter(entry.type for entry in table.entries)
    ram = sum(count for name, count in names.items() if name.lower().startswith("system ram"))
    if ram in (0, len(table.entries)):
        only = "nothing but System RAM" if ram else "no System RAM"
        message = f"line {table.line}: {only} is among the {len(table.entries)} resources"
        if len(table.entries) == 1:
            message = f"line {table.line}: the one resource is {'' if ram else 'not '}System RAM"
        table.problems.append(problem(NOT_THE_MAP, message))
    for at, depth, place in _misfits(table.entries):
        shown = gaps.shown(place)
        if depth is None:
            message = f"line {table.line}: resources overlap, which no kernel prints: {shown}"
            gaps.lose(table, OVERLAPPING, message, span=place)
        else:
            message = f"line {table.line}: {shown} is outside the resource above it"
            gaps.lose(table, LOST_LINES, f"{message}: a line is lost", at=at, depth=depth)


def _misfits(entries: Sequence[Entry]) -> Iterator[tuple[int, int | None, tuple[int, int]]]:
    """Yield resources that partly overlap others, or reach beyond their parent.

    Each as its index, the depth of the missing line (None: none is missing) and the range
    concerned. A paste that has lost its indentation has neither.
    """
    open_: list[Entry] = []
    for at, entry in enumerate(entries):
        while open_ and (open_[-1].end < entry.start or open_[-1].start > entry.end):
            outer = open_.pop()
            depth = int(str(outer.attributes["depth"]))
            if depth < int(str(entry.attributes["depth"])) and entry.start > outer.end:
                yield at, depth, (entry.start, entry.end)
        if open_ and not open_[-1].start <= entry.start <= entry.end <= open_[-1].end:
            outer = open_[-1]
            yield at, None, (min(outer.start, entry.start), max(outer.end, entry.end))
        open_.append(entry)


def write(entries: Iterable[Entry]) -> str:
    """Return entries in the format of /proc/iomem; ``type`` is the name, ``depth`` the level."""
    lines = []
    for entry in entries:
        depth = entry.attributes.get("depth")
        indent = "  " * (min(max(depth, 0), _MAX_DEPTH) if isinstance(depth, int) else 0)
        lines.append(f"{indent}{entry.start:08x}-{entry.end:08x} : {entry.type}\n")
    return "".join(lines)
