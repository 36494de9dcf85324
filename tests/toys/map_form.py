"""A form of memory map: lines ``toy: FIRST..LAST KIND`` in hex, both ends inclusive.

Its maps have a name of their own: they are e820 maps, from the firmware, and may fill others' gaps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.memmap.formats.base import LineForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.names import MAP_NAMES, MapName
from hwpkho.memmap.registry import LINE_FORMS
from hwpkho.memmap.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE = re.compile(r"toy: ([0-9a-f]+)\.\.([0-9a-f]+) (\w+)")


TOY_MAP = MapName("toy_map", "e820", "firmware", fills=20)


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
        return [Table(TOY_MAP.name, self._entries, arch="x86_64")] if self._entries else []


def register() -> None:
    MAP_NAMES.register(TOY_MAP.name, TOY_MAP, before="e820_setup_data")
    LINE_FORMS.register(Toy.name, Toy)


def unregister() -> None:
    LINE_FORMS.unregister(Toy.name)
    MAP_NAMES.unregister(TOY_MAP.name)
