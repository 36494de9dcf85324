"""The preserved-memory tracker of kho-v2 and later: a radix tree of pages.

Source: include/linux/kho_radix_tree.h, kernel/liveupdate/kexec_handover.c (Linux 7.3.4). Inner
nodes are tables of physical addresses, the lowest level are bitmaps. A key encodes a block's order
and number; the position of its highest set bit gives the order.

The work of a walk is bounded by the distinct pages of the image: nodes that are reached twice or
overlap are read as the kernel reads them, but only a limited number of times.
"""

from __future__ import annotations

import sys
from array import array
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.walked import Defect, TrackerWalk
from hwpkho.base.addresses import align_down, page_shift
from hwpkho.base.arch import linear, phys_bits
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.tracker.walked import Memory

#: The most overlapping nodes: at unaligned addresses there could be one at every byte of the image.
_MAX_OVERLAPS = 1 << 14
#: The largest order of truncated keys that is tried: physical addresses have 52 bits at most, so
#: the keys of these orders cannot be those of a page. A huge page of 32 MiB is of order 11.
_MAX_ASKED = 64 - 52
#: How often nodes may be reached again before that counts as a loop.
_MAX_AGAIN = 1 << 8


class Geometry(NamedTuple):
    """The tree's shape for one page size.

    Attributes:
        page_size: Bytes of a page and of a node.
        levels: Depth of the tree, the bitmap level included.
        lists: Whether the tree's keys keep their order bit, so that its blocks can be listed. In
            kho-v2 with 16 KiB pages they do not: that tree has one level too few.
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
        """Return the index of ``key`` in its table at ``level`` ≥ 1; bitmaps are level 0."""
        return key >> (self.bitmap_bits + (level - 1) * self.table_bits) & (
            (1 << self.table_bits) - 1
        )


def geometry(page_size: int, *, short: bool = False) -> Geometry:
    """Return the tree's shape; ``page_size`` in bytes.

    ``short``: compute the depth as Linux 7.0 (kho-v2) did, without room for the order bit.
    """
    shift = page_shift(page_size)
    table, bitmap = shift - 3, shift + 3

    def levels(key_bits: int) -> int:
        return -(-(key_bits - bitmap) // table) + 1

    full = levels(64 - shift + 1)
    if short:
        depth = levels(64 - shift)
        return Geometry(page_size, depth, lists=depth == full)
    return Geometry(page_size, full)


def encode_key(phys: int, order: int, shift: int) -> int:
    """Return the key of the block of ``order`` at ``phys`` (bytes)."""
    return 1 << (64 - shift - order) | phys >> (shift + order)


def decode_key(key: int, shift: int) -> tuple[int, int]:
    """Return ``(phys, order)`` of a key, phys in bytes; ValueError where it encodes no order."""
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


def build_tree(
    blocks: Iterable[tuple[int, int]], shape: Geometry, allocate: Callable[[], int]
) -> tuple[int, dict[int, bytes]]:
    """Build the tree that marks ``blocks``, ``(phys, order)`` each: return root and pages.

    Root is the root node's physical address, pages are address → bytes. ``allocate`` returns the
    physical address of a fresh page; the root is allocated first.
    """
    top, shift, bits = shape.levels - 1, shape.shift, shape.bitmap_bits
    root = allocate()
    tables: dict[int, array[int]] = {}
    bitmaps: dict[int, bytearray] = {}
    known: dict[int, bytearray] = {}  # the same bitmaps, by the upper bits of their keys
    empty = array("Q", bytes(shape.page_size))
    tables[root] = empty[:]
    for phys, order in blocks:
        key = encode_key(phys, order, shift)
        bitmap = known.get(key >> bits)
        if bitmap is None:
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
            bitmap = known[key >> bits] = bitmaps[node]
        bit = key & ((1 << bits) - 1)
        bitmap[bit >> 3] |= 1 << (bit & 7)
    pages = {phys: bytes(bitmap) for phys, bitmap in bitmaps.items()}
    for phys, table in tables.items():
        if sys.byteorder == "big":
            table.byteswap()
        pages[phys] = table.tobytes()
    return root, pages


class UnlistedPreserved(Preserved):
    """The blocks of a tree whose keys lost the order bit: kho-v2 (7.0) with 16 KiB pages.

    :meth:`has` works, but the blocks cannot be listed. All leaves are filed under order 0, with the
    upper bits of the truncated key as number.
    """

    @property
    def orders(self) -> list[int]:
        """All orders that :meth:`has` can tell: the tree does not show which it has."""
        return list(range(_MAX_ASKED + 1))

    def has(self, phys: int, order: int) -> bool:
        """Tell whether the block's truncated key is in the tree."""
        shift = self.page_shift
        if phys % (1 << (shift + order)):
            return False
        key = encode_key(phys, order, shift) & ((1 << (64 - shift)) - 1)
        leaf = self.leaves.get((0, key // self.bits))
        bit = key % self.bits
        return leaf is not None and bool(leaf[bit >> 3] >> (bit & 7) & 1)

    def order_at_frame(self) -> Callable[[int], int | None]:
        """See :meth:`Preserved.order_at_frame`; this one tries each order."""
        return lambda pfn: self.block_at(pfn << self.page_shift)

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Yield nothing: the blocks cannot be listed."""
        return iter(())

    def starts(self, _order: int, _within: object = None, /) -> Iterator[int]:
        """Yield nothing: the blocks cannot be listed."""
        return iter(())


def _walk(memory: Memory, start: int, shape: Geometry) -> TrackerWalk:
    size, bits = shape.page_size, phys_bits(memory.arch)
    kind = Preserved if shape.lists else UnlistedPreserved
    found = TrackerWalk.begin(kind(shape.shift, 1 << shape.bitmap_bits), listed=shape.lists)
    visited: set[int] = set()
    touched: set[int] = set()  # the pages in which nodes begin; unaligned nodes may share one
    again = 0
    stack = [(start, shape.levels - 1, 0)]
    while stack and not found.enough:
        address, level, prefix = stack.pop()
        node = linear(address, memory.arch)
        if node >> bits:
            message = f"node address 0x{node:x} is not a physical address"
            found.damaged.append(Defect(message, node))
            continue
        if node != address or node % size:
            what = "page aligned" if node % size else "a physical address"
            found.note_odd(f"node address 0x{address:x} is not {what}: 0x{node:x} is read", node)
        if node in visited:
            again += 1
            found.note_odd(f"node 0x{node:x} is reached twice", node)
            if again > _MAX_AGAIN:
                # A loop: the next kernel follows every path through it.
                message = f"node 0x{node:x} is reached over and over"
                found.damaged.append(Defect(message, node))
                break
        page = _node(memory, node, size, found)
        if page is None:
            found.absent.append(node)
            continue
        if node not in visited:
            visited.add(node)
            touched.add(align_down(node, size))
            found.nodes.append(node)
            if len(found.nodes) - len(touched) > _MAX_OVERLAPS:
                raise InputError(
                    f"{memory.name}: more than {_MAX_OVERLAPS} nodes of the tracker at "
                    f"0x{start:x} overlap: no kernel made it"
                )
            found.places[node] = level, prefix
        if bytes(page) == bytes(len(page)):
            found.empty.append(node)
            continue
        if level == 0:
            _take_bitmap(found, page, prefix, shape, node)
            continue
        table = parse_table(page)
        children = [  # most of the hundreds of entries are 0
            (table[index], level - 1, prefix << shape.table_bits | index)
            for index in compress(range(len(table)), table)
        ]
        stack.extend(reversed(children))
    found.check(memory, start)
    return found


def _node(memory: Memory, node: int, size: int, found: TrackerWalk) -> memoryview | None:
    """Read a node, None where the image lacks it.

    Where an unaligned node crosses a page boundary, the image may lack the second page. That is not
    a page of the tracker, and is taken as zeros.
    """
    page = memory.look(node, size)
    if page is None and node % size:
        part = size - node % size
        page = memory.look(node, part)
        if page is not None:
            found.looks.append((node, part))
            return memoryview(bytes(page).ljust(size, b"\0"))
    if page is not None:
        found.looks.append((node, size))
    return page


def _take_bitmap(
    found: TrackerWalk,
    page: memoryview,
    prefix: int,
    shape: Geometry,
    node: int,
) -> None:
    """Add a bitmap's blocks to ``found`` under the order that its keys encode.

    All keys of a bitmap have the same order, unless the order bit itself is among the bits that
    index the bitmap: that is so for prefix 0 only, whose bitmap is split by order.
    """
    bits, shift, preserved = shape.bitmap_bits, shape.shift, found.preserved
    if not shape.lists:
        # See UnlistedPreserved: the upper bits of the truncated key are the number.
        preserved.add(0, prefix, page)
        return
    if prefix:
        order = 64 - shift - (prefix.bit_length() - 1 + bits)
        if order < 0:
            found.damaged.append(Defect(f"bitmap 0x{node:x} has keys above every order", node))
            return
        preserved.add(order, prefix ^ 1 << (prefix.bit_length() - 1), page)
        return
    mask = int.from_bytes(page, "little")
    if mask & 1:
        found.damaged.append(Defect(f"bitmap 0x{node:x} has key 0, which gives no order", node))
    for top in range(bits):
        part = mask >> (1 << top) & ((1 << (1 << top)) - 1)
        if part:
            order = 64 - shift - top
            preserved.add(order, 0, part.to_bytes(shape.page_size, "little"))


class RadixTracker:
    """The tree of one kernel version, see :class:`hwpkho.abi.tracker.Tracker`."""

    def __init__(self, *, short: bool = False) -> None:
        """Set how depth is computed; for ``short`` see :func:`geometry`."""
        self._short = short

    def geometry(self, page_size: int) -> Geometry:
        """Return its geometry with pages of ``page_size`` bytes."""
        return geometry(page_size, short=self._short)

    def walk(self, memory: Memory, start: int, page_size: int) -> TrackerWalk:
        """See :meth:`hwpkho.abi.tracker.Tracker.walk`.

        Raises InputError where more nodes overlap, or mark nothing, than in any kernel's tracker.
        """
        return _walk(memory, start, self.geometry(page_size))

    def build(
        self, blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int]
    ) -> tuple[int, dict[int, bytes]]:
        """See :meth:`hwpkho.abi.tracker.Tracker.build`; the root is allocated first."""
        return build_tree(blocks, self.geometry(page_size), allocate)

    def spans(self, walk: TrackerWalk, node: int, page: memoryview) -> tuple[str, Iterator[Span]]:
        """See :meth:`hwpkho.abi.tracker.Tracker.spans`."""
        level, prefix = walk.places[node]
        if level:
            return f"tracker level {level} table", _table_spans(page, level)
        return "tracker bitmap", _bitmap_spans(page, prefix, listed=walk.listed)


TRACKER = RadixTracker()
TRACKER_7_0 = RadixTracker(short=True)


def _table_spans(page: memoryview, level: int) -> Iterator[Span]:
    for i, child in enumerate(parse_table(page)):
        if child:
            yield Span(8 * i, 8, f"[{i}] level {level - 1} node 0x{child:x}")


def _bitmap_spans(page: memoryview, prefix: int, *, listed: bool) -> Iterator[Span]:
    shift = page_shift(len(page))
    for at, byte in enumerate(bytes(page)):
        if not byte:
            continue
        blocks = []
        for bit in range(8):
            if byte >> bit & 1:
                key = prefix << (shift + 3) | at * 8 + bit
                blocks.append(_block(key, shift) if listed else f"key 0x{key:x}")
        yield Span(at, 1, ", ".join(blocks))


def _block(key: int, shift: int) -> str:
    try:
        phys, order = decode_key(key, shift)
    except ValueError:
        return f"key 0x{key:x} gives no order"
    return f"0x{phys:x} order {order}"
