"""The machine's e820 table with the pages unusable, in packed entries of 20 bytes.

The zero page has such entries from 0x2d0 on, and QEMU's fw_cfg file ``etc/e820`` consists of them.
When read, such a file is a memory map, see :mod:`hwpkho.badpages.formats.e820`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.badpages.e820_form import Written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.e820 import Slot

_ENTRY = struct.Struct("<QQI")


def entries(slots: Iterable[Slot]) -> bytes:
    """Return a table as packed entries (struct boot_e820_entry)."""
    return b"".join(_ENTRY.pack(s.start, s.size, s.type) for s in slots)


FORM = Written(
    "e820-entries",
    "the machine's e820 table with the pages unusable, as in the zero page: 20 bytes an entry",
    entries,
)
