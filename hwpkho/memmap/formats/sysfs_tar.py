"""/sys/firmware/memmap inside a tar archive, which :mod:`hwpkho.base.archive` reads as a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import places
from hwpkho.memmap.formats.sysfs_memmap import SysfsMemmap, is_copy

if TYPE_CHECKING:
    from pathlib import Path


class SysfsTar(SysfsMemmap):
    """A copy of /sys/firmware/memmap inside a tar archive."""

    name = "sysfs-memmap-tar"
    about = "/sys/firmware/memmap packed with tar (plain, gzip, bzip2 or xz)"

    def sniff(self, path: Path, _head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        return places.within(path) is not None and is_copy(path)
