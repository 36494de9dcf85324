"""The x86 zero page (struct boot_params) as /sys/kernel/boot_params/data shows it.

Source: arch/x86/include/uapi/asm/bootparam.h; Documentation/arch/x86/zero-page.rst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.boot_params import HEADER, HEADER_MAGIC
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.e820_entries import plausible, read_entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table

SIZE = 4096
_COUNT, _TABLE, _MAX_ENTRIES = 0x1E8, 0x2D0, 128
_EFI_SIGNATURE, _EFI_SIGNATURES = 0x1C0, (b"EL64", b"EL32")


class ZeroPage(FileForm):
    """One page: count at 0x1e8, at most 128 packed entries at 0x2d0."""

    name = "zero-page"
    about = "/sys/kernel/boot_params/data (the x86 zero page, 4096 bytes)"
    most = 1 << 20

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`.

        By the setup header, or the EFI loader's signature that is there after an EFI stub
        boot; without either (PVH, some hypervisors) by a plausible table.
        """
        if len(head) != SIZE:
            return False
        if head.startswith(HEADER_MAGIC, HEADER):
            return True
        if head[_EFI_SIGNATURE : _EFI_SIGNATURE + 4] in _EFI_SIGNATURES:
            return True
        return 1 < head[_COUNT] <= _MAX_ENTRIES and plausible(head, _TABLE, head[_COUNT])

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        shown = printable(str(path))
        if len(data) != SIZE:
            raise InputError(f"{shown}: a zero page has {SIZE} bytes, this file {len(data)}")
        count = data[_COUNT]
        if not count:
            raise InputError(f"{shown}: zero page: no e820 entries (count 0 at offset 0x1e8)")
        if count > _MAX_ENTRIES:
            raise InputError(
                f"{shown}: zero page: {count} e820 entries at offset 0x1e8, there is room for "
                f"{_MAX_ENTRIES}"
            )
        found = read_entries(data, _TABLE, count, "zero_page")
        if not found.entries:
            raise InputError(f"{shown}: zero page: all {count} e820 entries have size 0")
        return [found]
