"""A memory image: ``TOYDUMP\\0``, then runs of address and size (little-endian u64) and bytes."""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.images.base import ImageFormat
from hwpkho.images.extents import MappedSource
from hwpkho.images.registry import FORMATS

if TYPE_CHECKING:
    from hwpkho.images.files import FileBytes

MAGIC = b"TOYDUMP\0"
RUN = struct.Struct("<QQ")


def open_toy(file: FileBytes) -> MappedSource:
    starts, sizes, offsets = array("Q"), array("Q"), array("Q")
    at = len(MAGIC)
    while at < file.size:
        head = file.read(at, RUN.size)
        at += RUN.size
        start, size = RUN.unpack(head) if len(head) == RUN.size else (0, 0)
        if not 0 < size <= file.size - at:
            raise InputError(f"{printable(file.path)}: a run of {size} bytes is cut off")
        starts.append(start)
        sizes.append(size)
        offsets.append(at)
        at += size
    return MappedSource(printable(file.path), [file], starts, sizes, offsets)


def proves(head: bytes) -> bool:
    return len(head) >= len(MAGIC) + RUN.size and any(head[len(MAGIC) :])


FORMAT = ImageFormat("toy-dump", "a toy", (MAGIC,), open_toy, proves)


def register() -> None:
    FORMATS.register(FORMAT.name, FORMAT)


def unregister() -> None:
    FORMATS.unregister(FORMAT.name)
