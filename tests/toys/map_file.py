"""A form of memory map that is a whole file: ``TOYMAP00``, then FIRST and LAST of usable ranges."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.registry import FILE_FORMS
from hwpkho.memmap.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAGIC = b"TOYMAP00"


class Toy(FileForm):
    """See the module."""

    name = "toy-file"
    about = "a toy"
    most = 4096

    def sniff(self, _path: Path, head: bytes) -> bool:
        return head.startswith(_MAGIC)

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        if len(data) % 16 != 8 or len(data) == 8:
            raise InputError(f"{printable(str(path))}: {len(data)} bytes are no whole toy map")
        pairs = struct.iter_unpack("<QQ", data[8:])
        return [Table("e820", [Entry(a, b, "usable") for a, b in pairs], arch="x86_64")]


def raw(*ranges: tuple[int, int]) -> bytes:
    return _MAGIC + b"".join(struct.pack("<QQ", *r) for r in ranges)


def register() -> None:
    FILE_FORMS.register(Toy.name, Toy)


def unregister() -> None:
    FILE_FORMS.unregister(Toy.name)
