"""A SETUP_E820_EXT node of x86's setup_data list: the e820 entries beyond the zero page's 128.

Source: struct setup_data in arch/x86/include/uapi/asm/setup_data.h (u64 next, u32 type, u32 len,
data); e820__memory_setup_extended() in arch/x86/kernel/e820.c. What
/sys/kernel/boot_params/setup_data/N/data shows has no header: those are bare entries.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.e820_entries import ENTRY_SIZE, MAX_ENTRIES, plausible, read_entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table

_NODE = struct.Struct("<QII")
_SETUP_E820_EXT = 1


class SetupDataE820(FileForm):
    """A 16-byte header of type 1 and packed entries."""

    name = "setup-data-e820"
    about = "a SETUP_E820_EXT setup_data node, header included (e820 entries past the 128th)"
    enough = _NODE.size + MAX_ENTRIES * ENTRY_SIZE

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`."""
        if len(head) < _NODE.size + ENTRY_SIZE:
            return False
        _, type_, size = _NODE.unpack_from(head)
        if type_ != _SETUP_E820_EXT or not size or size % ENTRY_SIZE:
            return False
        there = min(size, len(head) - _NODE.size) // ENTRY_SIZE
        return there > 0 and plausible(head, _NODE.size, min(there, MAX_ENTRIES))

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`; bytes past the announced length are not looked at."""
        shown = printable(str(path))
        _, _, size = _NODE.unpack_from(data)
        if size > MAX_ENTRIES * ENTRY_SIZE:
            raise InputError(f"{shown}: setup_data: {size // ENTRY_SIZE} e820 entries are too many")
        if size > len(data) - _NODE.size:
            raise InputError(
                f"{shown}: setup_data: {counted(size, 'byte')} of entries announced at offset 12, "
                f"but {counted(len(data) - _NODE.size, 'is', 'are')} there"
            )
        found = read_entries(data, _NODE.size, size // ENTRY_SIZE, "e820_setup_data")
        if not found.entries:
            raise InputError(f"{shown}: setup_data: every e820 entry has size 0")
        return [found]
