"""A form of memory map: lines ``toy: FIRST..LAST KIND`` in hex, both ends inclusive."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.memmap.formats.base import LineForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.registry import LINE_FORMS
from hwpkho.memmap.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE = re.compile(r"toy: ([0-9a-f]+)\.\.([0-9a-f]+) (\w+)")


class Toy(LineForm):
    """See the module."""

    name = "toy-map"
    about = "a toy"
    needles = (b"toy: ",)

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def feed(self, _number: int, line: str) -> bool:
        if match := _LINE.search(line):
            self._entries.append(Entry(int(match[1], 16), int(match[2], 16), match[3]))
        return False

    def finish(self) -> Sequence[Table]:
        return [Table("e820_entries", self._entries, arch="x86_64")] if self._entries else []


def register() -> None:
    LINE_FORMS.register(Toy.name, Toy)


def unregister() -> None:
    LINE_FORMS.unregister(Toy.name)
