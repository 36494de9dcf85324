"""/sys/firmware/memmap inside a tar archive, read in memory.

Source: POSIX.1-2017 pax(1) (ustar and pax headers); GNU tar manual, "Basic Tar Format" (long
names, base-256 numbers). The archive is hostile: names, links and devices in it mean nothing
here, only the content of small regular files whose path ends in ``N/start`` and the like. The
standard library's tarfile follows sizes that lead backwards without end, hence this reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.sysfs_memmap import MAX_VALUE, read_values, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table

_BLOCK = 512
_MAGIC_AT, _MAGIC = 257, b"ustar"

#: Limits: what is unpacked in memory, and a long name.
MAX_UNPACKED = 32 << 20
_MAX_NAME = 65536
_GNU_MAGIC = b"ustar  \0"


def _is_tar(head: bytes) -> bool:
    return len(head) >= _BLOCK and head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def _number(field: bytes) -> int | None:
    """Return a header's number: octal digits, or base 256 where the top bit is set (GNU)."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big", signed=True) & ~(1 << (8 * len(field) - 1))
    text = field.strip(b"\0 ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        return None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("latin-1")


def _pax_path(data: bytes) -> str | None:
    """Return the path of a pax extended header, None where it has none."""
    path: str | None = None
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 12)
        if blank < 0 or not data[at:blank].isdigit():
            break
        size = int(data[at:blank])
        key, _, value = data[blank + 1 : at + size - 1].partition(b"=")
        if key == b"path":
            path = value.decode("latin-1")
        if size <= blank - at:
            break
        at += size
    return path


def members(data: memoryview, shown: str) -> Iterator[tuple[str, bytes]]:
    """Yield ``(path, content)`` of the small regular files in an archive.

    Raises InputError, naming the offset, where a header is damaged or content is cut off.
    """
    at = 0
    long_name: str | None = None
    while at + _BLOCK <= len(data):
        head = bytes(data[at : at + _BLOCK])
        if not any(head):
            return
        size = _number(head[124:136])
        if not _is_tar(head) or _number(head[148:156]) != sum(head) - sum(head[148:156]) + 8 * 32:
            raise InputError(f"{shown}: tar archive: no sound header at offset 0x{at:x}")
        kind = head[156:157]
        if size is None or size < 0 or (size and at + _BLOCK + size > len(data)):
            raise InputError(
                f"{shown}: tar archive: the member at offset 0x{at:x} reaches past the end"
            )
        content = data[at + _BLOCK : at + _BLOCK + size]
        if kind in (b"L", b"x"):
            if size > _MAX_NAME:
                raise InputError(f"{shown}: tar archive: a name of {size} bytes at offset 0x{at:x}")
            raw = bytes(content)
            long_name = _text(raw) if kind == b"L" else _pax_path(raw) or long_name
        elif kind not in (b"g", b"K"):
            prefix = "" if head[257:265] == _GNU_MAGIC else _text(head[345:500])
            name = _text(head[:100])
            path = long_name or (f"{prefix}/{name}" if prefix else name)
            long_name = None
            if kind in (b"0", b"\0") and size <= MAX_VALUE:
                yield path, bytes(content)
        at += _BLOCK + (size + _BLOCK - 1) // _BLOCK * _BLOCK


class SysfsTar(FileForm):
    """A tar archive with /sys/firmware/memmap in it."""

    name = "sysfs-memmap-tar"
    about = "/sys/firmware/memmap packed with tar (plain, gzip, bzip2 or xz)"
    most = MAX_UNPACKED

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return _is_tar(head)

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        maps = read_values((m for m in members(data, shown) if split_path(m[0])), shown)
        if not maps:
            raise InputError(
                f"{shown}: no /sys/firmware/memmap in this tar archive: no path in it ends in "
                "memmap/0/start"
            )
        return maps
