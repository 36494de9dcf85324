"""/sys/firmware/memmap inside a tar archive, read in memory.

The archive is hostile: links and devices in it are ignored, and only the content of small regular
files is read whose path ends in ``N/start`` and the like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import tar
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.sysfs_memmap import MAX_VALUE, read_values, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table

#: Bytes of the largest archive that is read.
MAX_UNPACKED = 32 << 20


def members(data: memoryview, shown: str) -> Iterator[tuple[str, bytes]]:
    """Yield ``(path, content)`` of the small regular files in an archive.

    Raises InputError, naming the offset, where a header is damaged or content is cut off.
    """

    def read(offset: int, size: int) -> bytes:
        return bytes(data[offset : offset + size])

    for m in tar.members(read, len(data), shown):
        if m.kind == "file" and m.pieces is None and m.size <= MAX_VALUE:
            yield m.path, read(m.at, m.size)


class SysfsTar(FileForm):
    """A tar archive with /sys/firmware/memmap in it."""

    name = "sysfs-memmap-tar"
    about = "/sys/firmware/memmap packed with tar (plain, gzip, bzip2 or xz)"
    most = MAX_UNPACKED

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return tar.is_tar(head)

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
