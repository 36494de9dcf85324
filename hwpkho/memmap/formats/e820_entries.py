"""Bare packed e820 entries: a table cut out of a zero page, QEMU's fw_cfg ``etc/e820``.

Source: struct boot_e820_entry in arch/x86/include/uapi/asm/setup_data.h (u64 address, u64 size,
u32 type, packed: 20 bytes); QEMU hw/i386/e820_memory_layout.h has the same layout. There is no
header: the form is recognised by its content.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import ENTRY_IGNORED
from hwpkho.errors import InputError
from hwpkho.memmap import e820
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.model import Entry
from hwpkho.memmap.table import Table
from hwpkho.memmap.tables import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.codes import Problem

_ENTRY = struct.Struct("<QQI")
ENTRY_SIZE = _ENTRY.size

#: More than any kernel keeps (E820_MAX_ENTRIES is 3200 with 1024 NUMA nodes).
MAX_ENTRIES = 4096

#: Types up to here have been seen from firmware and boot loaders; ACPI leaves those from
#: 0xf0000000 on to manufacturers.
_ODDEST_TYPE = 0xFF
_OEM_TYPES = 0xF0000000


def read_entries(data: memoryview, offset: int, count: int, name: str) -> Table:
    """Return a table ``name`` of ``count`` packed entries at ``offset`` (bytes) of ``data``.

    ``data`` holds all of them. Entries of size 0 are left out with a note, as the kernel does.
    Raises InputError, naming the offset, for one that reaches past 2^64.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    for i in range(count):
        at = offset + i * ENTRY_SIZE
        start, size, type_ = _ENTRY.unpack_from(data, at)
        if not size:
            message = f"e820 entry {i} at offset 0x{at:x} (0x{start:x}) has size 0"
            if len(problems) < MAX_PROBLEMS:
                problems.append(problem(ENTRY_IGNORED, message, start))
            continue
        if start + size > PHYS_END:
            raise InputError(
                f"e820 entry {i} at offset 0x{at:x}: 0x{size:x} bytes from 0x{start:x} reach "
                "past 2^64"
            )
        entries.append(Entry(start, start + size - 1, e820.type_name(type_)))
    return Table(name, entries, arch="x86_64", problems=problems)


def plausible(data: bytes | memoryview, offset: int, count: int) -> bool:
    """Tell whether ``count`` entries at ``offset`` (bytes) can be of firmware or a boot loader.

    At least one of them is RAM or reserved, none wraps around, all types are small,
    soft-reserved or a manufacturer's.
    """
    known = False
    for i in range(count):
        start, size, type_ = _ENTRY.unpack_from(data, offset + i * ENTRY_SIZE)
        if start + size > PHYS_END:
            return False
        known_type = 1 <= type_ <= _ODDEST_TYPE or type_ == e820.SOFT_RESERVED
        if not known_type and type_ < _OEM_TYPES:
            return False
        known |= size > 0 and type_ in (e820.RAM, e820.RESERVED)
    return known


class E820Entries(FileForm):
    """An array of packed 20-byte entries and nothing else."""

    name = "e820-entries"
    about = "packed 20-byte e820 entries, e.g. /sys/firmware/qemu_fw_cfg/by_name/etc/e820/raw"
    most = 2 * MAX_ENTRIES * ENTRY_SIZE

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`; a cut-off array of two or more entries is one, too."""
        count = min(len(head) // ENTRY_SIZE, MAX_ENTRIES)
        if not count or (count == 1 and len(head) != ENTRY_SIZE):
            return False
        return plausible(head, 0, count)

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        count, rest = divmod(len(data), ENTRY_SIZE)
        shown = printable(str(path))
        if rest:
            raise InputError(
                f"{shown}: e820 entries: {counted(len(data), 'byte is', 'bytes are')} not a "
                f"multiple of {ENTRY_SIZE}; the last entry, at offset 0x{count * ENTRY_SIZE:x}, is "
                "cut off: copy the file again"
            )
        if count > MAX_ENTRIES:
            raise InputError(f"{shown}: {count} e820 entries; a kernel takes at most {MAX_ENTRIES}")
        found = read_entries(data, 0, count, "e820_entries")
        if not found.entries:
            raise InputError(f"{shown}: all {count} e820 entries have size 0")
        return [found]
