"""/proc/iomem: the kernel's tree of physical resources.

Source: kernel/resource.c, r_show(): two blanks for each level, first and last byte in at least
8 hex digits, `` : ``, the resource's name. Without CAP_SYS_ADMIN every address is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes import problem
from hwpkho.codes.memmap import CUT, IOMEM_ZEROS, LOST_LINES
from hwpkho.codes.memmap_gaps import HEAD_LOST, NOT_THE_MAP, OVERLAPPING
from hwpkho.maps import gaps
from hwpkho.maps.forms.base import BARE_RANGE, LineForm
from hwpkho.maps.patterns import begun, lazily
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.maps.forms.base import RawMap
    from hwpkho.model.memmap import Entry

_HEX = r"[0-9A-Fa-f]"
#: A tag of a web page that was saved as it is; resources have no such names.
_TAG = r"</?(?:pre|code|p|br|div|span|td|tr|li|tt|font|samp)\b[^<>]{0,100}>"
_CLOSING = lazily(_TAG)
#: What may stand before a line that was quoted in a mail, listed or logged.
_PREFIX = rf"(?P<prefix>(?:[>|*]\s?)+|.{{0,200}}[\]:]\s?|.{{0,100}}{_TAG}|)"
_LINE = lazily(
    rf"^{_PREFIX}(?P<indent>\s*)(?P<a>{_HEX}{{8,16}})-(?P<b>{_HEX}{{8,16}}) : (?P<name>.*)$"
)

#: A line as the kernel prints it, in bytes.
_PLAIN_LINE = lazily(
    rb"( *)([0-9a-f]{8,16})-([0-9a-f]{8,16}) : ([A-Za-z][A-Za-z0-9 _.:()/-]{0,99})\n"
)
#: A line of the tree with a damaged digit, sign or blank.
_LIKE = lazily(
    rf"^{_PREFIX}(?P<indent>\s*)(?=\S*{_HEX}{{4}})[0-9A-Za-z]{{4,18}} ?[-~_ ] ?[0-9A-Za-z]{{4,18}}"
    r"(?: ?: ?[A-Za-z0-9]| [A-Z][a-z])"
)
_BEGUN_RAM = lazily(begun("System RA"))
#: So many lines below one of the tree are looked at before it counts as ended.
_PATIENCE = 2
_EXPECTED = "first and last address and the name of a resource"

#: Deeper than any tree of resources; what is deeper is hostile.
_MAX_DEPTH = 64

#: x86's tree begins with the first page.
_LOWEST = 0x10000

_X86_NAMES = ("Local APIC", "IOAPIC ", "Video ROM", "HPET ")


class Iomem(LineForm):
    """``00100000-bffdbfff : System RAM``."""

    name = "iomem"
    about = "/proc/iomem, read as root"
    triggers = (BARE_RANGE,)
    unfinished = lazily(rf"^\s*{_HEX}{{1,16}}(?:-(?:{_HEX}{{1,16}}(?: (?::(?: )?)?)?)?)?$")

    def __init__(self) -> None:
        self._tables = Tables()
        self._open: list[int] = []  # indents of the open ancestors
        self._top_start = -1
        self._patience = 0
        self._outermost: tuple[RawMap | None, int] = (None, 0)  # a table and its first indent
        self._attributes: dict[int, dict[str, object]] = {}

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        match = _LINE.match(line)
        if match is None:
            self._patience -= self._patience > 0
            like = _LIKE.match(line) if self._patience else None
            if like:
                self._damaged(number, line, len(like["indent"].expandtabs()))
            self.more = self._patience > 0
            return
        start, end, name = int(match["a"], 16), int(match["b"], 16), _bare(match["name"])
        self._take(number, len(match["indent"].expandtabs()), start, end, name)

    def run(self, block: bytes, start: int, number: int) -> int:
        """See :meth:`LineForm.run`: lines as the kernel prints them, into an open table."""
        if self._tables.last("iomem") is None:
            return start
        while match := _PLAIN_LINE.match(block, start):
            indent, low, high, name = match.groups()
            self._take(number, len(indent), int(low, 16), int(high, 16), name.decode().rstrip())
            start, number = match.end(), number + 1
        return start

    def _take(self, number: int, indent: int, start: int, end: int, name: str) -> None:
        """Add a line of the tree: ``start`` and ``end`` are its addresses."""
        self._patience = _PATIENCE
        self.more = True
        while self._open and self._open[-1] >= indent:
            self._open.pop()
        depth = len(self._open)
        if depth < _MAX_DEPTH:
            self._open.append(indent)
        if depth == 0 and (start or end):
            if start < self._top_start:  # the tree is sorted: this is another copy of the file
                self._tables.begin("iomem")
            self._top_start = start
        attributes = self._attributes.setdefault(depth, {"depth": depth})
        self._tables.add("iomem", number, start, end, name, attributes)
        table, outermost = self._outermost
        if table is not self._tables.open("iomem"):
            self._outermost = (self._tables.open("iomem"), indent)
        elif indent < outermost and table is not None:
            self._outermost = (table, 0)
            message = f"line {table.line}: the tree begins within a branch: its head is lost"
            gaps.lose(table, HEAD_LOST, message, span=(0, max(start, 1) - 1))

    def cut_off(self, number: int, line: str) -> None:
        """See :meth:`LineForm.cut_off`: also within the one name that matters."""
        match = _LINE.match(line)
        if match is None:
            super().cut_off(number, line)
        elif _BEGUN_RAM.fullmatch(match["name"]) and self._tables.last("iomem") is not None:
            message = "the input ends within this line"
            self._tables.lose("iomem", number, CUT, message, replaced=1)

    def _damaged(self, number: int, line: str, indent: int) -> None:
        """Take a line of the tree that cannot be read."""
        self._patience = _PATIENCE
        depth = sum(open_ < indent for open_ in self._open)
        self._tables.damaged("iomem", number, line, _EXPECTED, depth=depth)

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`; a copy that is all zeros has no entries but a problem."""
        found = self._tables.finish()
        for table in found:
            if table.entries and not any(e.end for e in table.entries):
                message = f"line {table.line}: every address of /proc/iomem is 0: read it as root"
                table.entries = []
                table.problems = [problem(IOMEM_ZEROS, message)]
            table.arch = _arch(table.entries)
            _check(table)
        return found


def _bare(name: str) -> str:
    """Return ``name`` without the tags and blanks behind it."""
    name = name.rstrip()
    while name.endswith(">") and _CLOSING.fullmatch(name, at := max(0, name.rfind("<"))):
        name = name[:at].rstrip()
    return name


def _arch(entries: list[Entry]) -> str | None:
    """Return what the names tell: x86's interrupt controllers, arm64's reservations inside RAM.

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


def _check(table: RawMap) -> None:
    """Notice what no kernel prints: a tree without its head, RAM or order."""
    if not table.entries:
        return
    first = table.entries[0]
    if table.arch == "x86_64" and first.start > _LOWEST:
        message = f"line {table.line}: the tree begins at 0x{first.start:x}: its head is lost"
        gaps.lose(table, HEAD_LOST, message, span=(0, first.start - 1))
    if not any(e.type.lower().startswith("system ram") for e in table.entries):
        message = f"line {table.line}: no System RAM is among the {len(table.entries)} resources"
        table.problems.append(problem(NOT_THE_MAP, message))
    for at, depth, place in _misfits(table.entries):
        shown = gaps.shown(place)
        if depth is None:
            message = f"line {table.line}: resources overlap, which no kernel prints: {shown}"
            gaps.lose(table, OVERLAPPING, message, span=place)
        else:
            message = f"line {table.line}: {shown} lies outside of what it stands below"
            gaps.lose(table, LOST_LINES, f"{message}: a line is lost", at=at, depth=depth)


def _misfits(entries: Sequence[Entry]) -> Iterator[tuple[int, int | None, tuple[int, int]]]:
    """Yield resources that overlap others in part, or lie beyond what they stand below.

    Each as its place in the list, the depth of the line that is missing (None: none is) and the
    range concerned. A paste that has lost its indentation has neither.
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
    """Return entries as /proc/iomem shows them; ``type`` is the name, ``depth`` the level."""
    lines = []
    for entry in entries:
        depth = entry.attributes.get("depth")
        indent = "  " * (min(max(depth, 0), _MAX_DEPTH) if isinstance(depth, int) else 0)
        lines.append(f"{indent}{entry.start:08x}-{entry.end:08x} : {entry.type}\n")
    return "".join(lines)
