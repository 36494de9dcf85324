"""/proc/iomem: the kernel's tree of physical resources.

Source: kernel/resource.c, r_show(): two blanks for each level, first and last byte in at least
8 hex digits, `` : ``, the resource's name. Without CAP_SYS_ADMIN every address is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.codes import problem
from hwpkho.codes.memmap import IOMEM_ZEROS
from hwpkho.maps.forms.base import BARE_RANGE, LineForm
from hwpkho.maps.patterns import lazily
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

#: Deeper than any tree of resources; what is deeper is hostile.
_MAX_DEPTH = 64

_X86_NAMES = ("Local APIC", "IOAPIC ", "Video ROM", "HPET ")


class Iomem(LineForm):
    """``00100000-bffdbfff : System RAM``."""

    name = "iomem"
    about = "/proc/iomem, read as root"
    triggers = (BARE_RANGE,)

    def __init__(self) -> None:
        self._tables = Tables()
        self._open: list[int] = []  # indents of the open ancestors
        self._top_start = -1
        self._attributes: dict[int, dict[str, object]] = {}

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        match = _LINE.match(line)
        if match is None:
            return
        start, end, name = int(match["a"], 16), int(match["b"], 16), _bare(match["name"])
        indent = len(match["indent"].expandtabs())
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

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`; a copy that is all zeros has no entries but a problem."""
        found = self._tables.finish()
        for table in found:
            if table.entries and not any(e.end for e in table.entries):
                message = f"line {table.line}: every address of /proc/iomem is 0: read it as root"
                table.entries = []
                table.problems = [problem(IOMEM_ZEROS, message)]
            table.arch = _arch(table.entries)
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


def write(entries: Iterable[Entry]) -> str:
    """Return entries as /proc/iomem shows them; ``type`` is the name, ``depth`` the level."""
    lines = []
    for entry in entries:
        depth = entry.attributes.get("depth")
        indent = "  " * (depth if isinstance(depth, int) else 0)
        lines.append(f"{indent}{entry.start:08x}-{entry.end:08x} : {entry.type}\n")
    return "".join(lines)
