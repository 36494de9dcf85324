"""A form that ``memmap --to`` writes: the lines that the toy form of map reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.memmap.writers import WRITERS

if TYPE_CHECKING:
    from hwpkho.memmap.model import Map


class Toy:
    """See the module."""

    name = "toy-map"
    about = "a toy"
    binary = False
    reserves = True

    def write(self, map_: Map, _arch: str, /) -> bytes:
        lines = (f"toy: {e.start:x}..{e.end:x} {e.type}\n" for e in map_.entries)
        return "".join(lines).encode()


def register() -> None:
    WRITERS.register(Toy.name, Toy())


def unregister() -> None:
    WRITERS.unregister(Toy.name)
