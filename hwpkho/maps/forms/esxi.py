"""The memory map that VMware ESXi's boot loader and VMkernel log.

Source: lines of VMkernel boot logs (the program itself is not public): ``MMap[n]: 0xA - 0xB,
len=0x.., type=.., attr=..``, end inclusive, types numbered as in e820; each line may stand twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.codes.memmap import LOST_LINES, PAGES_MISMATCH
from hwpkho.maps import e820
from hwpkho.maps.forms.base import LineForm
from hwpkho.maps.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.maps.forms.base import RawMap

_HEX = r"[0-9A-Fa-f]"
_LINE = re.compile(
    rf"\bMMap\[\s*(?P<index>\d{{1,5}})\]:?\s*(?:0x)?(?P<a>{_HEX}{{1,16}})\s*-\s*"
    rf"(?:0x)?(?P<b>{_HEX}{{1,16}})[,\s(]+len\s*=\s*(?P<len>(?:0x)?{_HEX}{{1,16}})[,\s)]*"
    r"type\s*=\s*(?P<type>0x[0-9A-Fa-f]{1,8}|\d{1,10})"
    r"(?:[,\s]*attr\s*=\s*(?P<attr>0x[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{1,16}))?"
)
_BEGUN = re.compile(r"\bMMap\[\s*\d{1,5}\]")


def _lengths(text: str) -> set[int]:
    """Return what a length may mean: without 0x it may be decimal, too."""
    return {int(text, 16), *([int(text)] if text.isdigit() else [])}


class Esxi(LineForm):
    """``MMap[0]: 0x0 - 0x9ffff, len=0xa0000, type=1, attr=0x1``."""

    name = "esxi"
    about = "VMware ESXi's boot log (boot.log, vmkernel.log, serial console): MMap lines"
    triggers = (rb"- 0x", rb"-0x[0-9A-Fa-f]{1,16},? +len")

    def __init__(self) -> None:
        self._tables = Tables()
        self._seen: dict[int, tuple[int, int, int]] = {}

    def feed(self, number: int, line: str) -> None:
        """See :meth:`LineForm.feed`."""
        match = _LINE.search(line)
        if match is None:
            if _BEGUN.search(line):
                self._tables.damaged("esxi", number, line, "range, len, type and attr")
            return
        index, start, end = int(match["index"]), int(match["a"], 16), int(match["b"], 16)
        type_ = int(match["type"], 0)
        entry = (start, end, type_)
        if self._seen.get(index) == entry:
            return  # logged twice
        if index in self._seen:
            self._tables.begin("esxi")
            self._seen = {}
        self._seen[index] = entry
        attributes: dict[str, object] = {}
        if match["attr"]:
            attributes["xattr"] = int(match["attr"], 16)
        taken = self._tables.add("esxi", number, start, end, e820.type_name(type_), attributes)
        if taken and end - start + 1 not in _lengths(match["len"]):
            message = f"0x{start:x}-0x{end:x} are not {match['len']} bytes"
            self._tables.odd("esxi", number, PAGES_MISMATCH, message, start)
        if index and index - 1 not in self._seen and len(self._seen) == 1:
            self._tables.odd("esxi", number, LOST_LINES, f"the list begins with MMap[{index}]")

    def finish(self) -> Sequence[RawMap]:
        """See :meth:`LineForm.finish`."""
        return self._tables.finish()
