"""A form of list: lines ``bad page at ADDRESS`` in hex among others, read and written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.model import BadPages, Loss, Mention
from hwpkho.badpages.registry import LIST_FORMATS, Asked, Carried, Writing
from hwpkho.base.listing import Listing

if TYPE_CHECKING:
    from hwpkho.images.files import FileBytes

_LINE = re.compile(rb"bad page at ([0-9a-f]{1,16})$", re.MULTILINE)


class Toy:
    """See the module."""

    name = "toy-list"
    about = "a toy"
    extra: str | None = None
    carries: frozenset[Carried] = frozenset(("order",))
    options: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    binary = False
    bare = False
    names_dimms = True

    def sniff(self, head: bytes, /) -> bool | re.Pattern[bytes]:
        return _LINE if b"\0" not in head else False

    def read(self, file: FileBytes, _asked: Asked, /) -> BadPages:
        lines = bytes(file.read(0, file.size)).split(b"\n")
        found = [(n, int(m[1], 16)) for n, line in enumerate(lines, 1) if (m := _LINE.search(line))]
        said = [
            Mention(at >> 12, at >> 12, "poisoned", None, file.shown, f"line {n}")
            for n, at in found
        ]
        pfns = Listing([at >> 12 for _, at in found])
        return BadPages(file.shown, pfns, 4096, None, self.name, "address", said)

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> Loss | None:
        low = [pfn for pfn in pages.pfns if pfn >> 52 == 0]
        out.writelines(f"bad page at {pfn << 12:x}\n".encode() for pfn in low)
        left = len(pages.pfns) - len(low)
        return Loss(0, left) if left else None


def register() -> None:
    LIST_FORMATS.register(Toy.name, Toy(), before="text")


def unregister() -> None:
    LIST_FORMATS.unregister(Toy.name)
