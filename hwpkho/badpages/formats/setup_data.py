"""The machine's e820 table with the pages unusable, as a node of setup_data.

A boot loader appends it to the setup_data list of the zero page. The kernel adds its entries to
those of the zero page; where they overlap, the higher type wins, as unusable does over RAM. When
read, such a file is a memory map, see :mod:`hwpkho.badpages.formats.e820`.

Source: arch/x86/include/uapi/asm/setup_data.h; e820__memory_setup_extended().
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.badpages.e820_form import Written
from hwpkho.badpages.formats.e820_entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.e820 import Slot

_NODE = struct.Struct("<QII")
_SETUP_E820_EXT = 1


def node(slots: Iterable[Slot]) -> bytes:
    """Return a table as the last node of a list: next 0, type, length in bytes, entries."""
    data = entries(slots)
    return _NODE.pack(0, _SETUP_E820_EXT, len(data)) + data


FORM = Written(
    "setup-data",
    "the same as a setup_data node of type SETUP_E820_EXT, its header included",
    node,
)
