"""Headers of LiME and AVML images: each is followed by the bytes of a range of memory.

Source: LiME src/lime.h (lime_mem_range_header; little endian, ends inclusive) and src/main.c; AVML
src/image.rs and src/io/snappy.rs (version 2 compresses each record as a snappy stream, followed by
the stream's length; 16 MiB pieces of zeros are left out).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.counting import counted
from hwpkho.codes import problem
from hwpkho.codes.image import TRUNCATED
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes

LIME, AVML = b"EMiL\1\0\0\0", b"AVML\2\0\0\0"
_HEADER = struct.Struct("<8sQQ8s")
HEADER_SIZE = _HEADER.size
#: A machine has few ranges, which AVML splits into 16 MiB pieces. An image of more than _MANY
#: records is refused where they average less than _CRUMB bytes.
_MANY, _CRUMB = 1 << 15, 1 << 16


class Record(NamedTuple):
    """The header of a record.

    Attributes:
        phys: Physical address of the first byte.
        size: Bytes of memory, uncompressed.
    """

    phys: int
    size: int


def record(file: FileBytes, at: int, magic: bytes) -> Record | None:
    """Return the header at offset ``at``; None at the end of the file, or in zeros there.

    Raises InputError where it is damaged or does not begin with ``magic``.
    """
    head = bytes(file.read(at, _HEADER.size))
    if len(head) < _HEADER.size or not any(head):
        return None
    start, first, last, _ = _HEADER.unpack(head)
    if start != magic:
        raise InputError(
            f"{file.shown}: record header at offset 0x{at:x} begins with {start[:8].hex()}, "
            f"expected {magic.hex()} ({'LiME' if magic == LIME else 'AVML'})"
        )
    if last < first:
        raise InputError(
            f"{file.shown}: record header at offset 0x{at:x} ends at 0x{last:x}, before its "
            f"beginning 0x{first:x}"
        )
    return Record(first, last - first + 1)


def truncated(file: FileBytes, at: int) -> Problem:
    """Return the problem of an image that ends within the record at offset ``at``."""
    return problem(
        TRUNCATED,
        f"{file.shown}: the image ends at file offset 0x{file.size:x}, within the record at "
        f"0x{at:x}",
    )


def cut_header(file: FileBytes, at: int) -> list[Problem]:
    """Return the problem of an image that ends within a header at ``at``; empty if it does not."""
    left = file.size - at
    return [truncated(file, at)] if 0 < left < _HEADER.size and any(file.read(at, left)) else []


def check_count(file: FileBytes, count: int, total: int) -> None:
    """Raise InputError where ``count`` records of ``total`` bytes are too small on average."""
    if count > _MANY and total < count * _CRUMB:
        raise InputError(
            f"{file.shown}: {count} records of {counted(total // count, 'byte')} each; this is not "
            "a memory image"
        )
