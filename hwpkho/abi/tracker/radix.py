"""The preserved-memory tracker of kho-v2 and later: a radix tree of pages.

Source: include/linux/kho_radix_tree.h, kernel/liveupdate/kexec_handover.c (Linux 7.3.4). Inner
nodes are tables of physical addresses, the lowest level is a bitmap; a key holds a block's order
and number, its highest set bit telling the order.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import page_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Geometry(NamedTuple):
    """The tree's shape for one page size.

    Attributes:
        page_size: Bytes of a page, hence of a node.
        levels: Depth, the bitmap level included.
        lists: Whether keys read from the tree keep their order bit (not so in kho-v2's tree of
            16 KiB pages, which has a level too few).
    """

    page_size: int
    levels: int
    lists: bool = True

    @property
    def shift(self) -> int:
        """PAGE_SHIFT."""
        return page_shift(self.page_size)

    @property
    def table_bits(self) -> int:
        """log2 of the entries of a table."""
        return self.shift - 3

    @property
    def bitmap_bits(self) -> int:
        """log2 of the bits of a bitmap."""
        return self.shift + 3

    def slot(self, key: int, level: int) -> int:
        """Return the index of ``key`` in its table at ``level`` ≥ 1, counted from the bitmap up."""
        return key >> (self.bitmap_bits + (level - 1) * self.table_bits) & (
            (1 << self.table_bits) - 1
        )


def geometry(page_size: int, kho_version: int) -> Geometry:
    """Return the tree's shape; ``page_size`` in bytes.

    kho-v2 (7.0) computed the depth without the order bit.
    """
    shift = page_shift(page_size)
    table, bitmap = shift - 3, shift + 3

    def levels(key_bits: int) -> int:
        return -(-(key_bits - bitmap) // table) + 1

    full = levels(64 - shift + 1)
    if kho_version == 2:
        short = levels(64 - shift)
        return Geometry(page_size, short, lists=short == full)
    return Geometry(page_size, full)


def encode_key(phys: int, order: int, shift: int) -> int:
    """Return the key of the block of ``order`` at ``phys`` (bytes)."""
    return 1 << (64 - shift - order) | phys >> (shift + order)


def decode_key(key: int, shift: int) -> tuple[int, int]:
    """Return ``(phys, order)`` of a key; ValueError where its highest bit tells no order."""
    order = 64 - shift - (key.bit_length() - 1)
    if key <= 0 or order < 0:
        raise ValueError(f"key 0x{key:x} has no order")
    return (key ^ 1 << (64 - shift - order)) << (shift + order), order


def parse_table(page: bytes | memoryview) -> array[int]:
    """Return the addresses of a table node, ``array('Q')``."""
    words = array("Q")
    words.frombytes(page)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def build(
    blocks: Iterable[tuple[int, int]], shape: Geometry, allocate: Callable[[], int]
) -> tuple[int, dict[int, bytes]]:
    """Return ``(root, pages)``: the tree that marks ``blocks``, ``(phys, order)`` each.

    ``allocate`` returns the physical address of a fresh page; the root is allocated first.
    """
    top = shape.levels - 1
    root = allocate()
    tables: dict[int, array[int]] = {}
    bitmaps: dict[int, bytearray] = {}
    empty = array("Q", bytes(shape.page_size))
    tables[root] = empty[:]
    for phys, order in blocks:
        key = encode_key(phys, order, shape.shift)
        node = root
        for level in range(top, 0, -1):
            table, index = tables[node], shape.slot(key, level)
            if not table[index]:
                table[index] = child = allocate()
                if level == 1:
                    bitmaps[child] = bytearray(shape.page_size)
                else:
                    tables[child] = empty[:]
            node = table[index]
        bit = key & ((1 << shape.bitmap_bits) - 1)
        bitmaps[node][bit >> 3] |= 1 << (bit & 7)
    pages = {phys: bytes(bitmap) for phys, bitmap in bitmaps.items()}
    for phys, table in tables.items():
        if sys.byteorder == "big":
            table.byteswap()
        pages[phys] = table.tobytes()
    return root, pages
