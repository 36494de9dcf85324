"""Layout ``list``: a chain of nodes with an entry for each bad page, like LINUX_EFI_MEMRESERVE.

Generation a. The EFI stub allocates the root, which holds no entries; each later node is a page
that a kernel allocated and linked right behind the root. An entry of size 0 was removed again.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from construct import Container

ABOUT = "a chain of nodes with an entry a page (generation a)"
HEAD = 16
#: Bytes of an entry: u64 base, u64 size.
ENTRY = 16
#: Entries of a node, whatever the page size: the kernel computes it for 4096 bytes.
CAPACITY = 255


class Node(NamedTuple):
    """The header of a node.

    Attributes:
        room: How many entries it has room for (the field ``size``); signed.
        used: How many entries are in use (``count``); signed.
        next: Physical address of the next node; 0 ends the chain.
    """

    room: int
    used: int
    next: int


def parse(raw: bytes | memoryview) -> Node:
    """Read the header of a node from its 16 bytes; ValueError for another length."""
    from hwpkho.abi import headers

    h: Container[int] = headers.parse(headers.EFI_POISONED_NODE, raw)
    return Node(h.size, h.count, h.next)


def build(node: Node) -> bytes:
    """Return the 16 bytes of a node's header."""
    from hwpkho.abi import headers

    fields = {"size": node.room, "count": node.used, "next": node.next}
    return headers.build(headers.EFI_POISONED_NODE, **fields)


def entries(raw: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Yield ``(base, size)`` in bytes of each whole entry in ``raw``; removed ones have size 0."""
    return struct.iter_unpack("<QQ", bytes(raw[: len(raw) // ENTRY * ENTRY]))


def build_entries(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return the bytes of entries ``(base, size)``, 16 each."""
    return b"".join(struct.pack("<QQ", *entry) for entry in ranges)


def build_chain(
    ranges: Iterable[tuple[int, int]], root: int, nodes: int, page_size: int
) -> Iterator[tuple[int, bytes]]:
    """Yield ``(phys, bytes)`` of each node, in pages from address ``nodes`` on, and of the root.

    As the kernel links them, each node fills a page of ``page_size`` bytes, and the newest node
    comes right behind the root at address ``root``. ``ranges`` are ``(base, size)``, bytes, of the
    bad pages in the order in which they failed.
    """
    flat = array("Q", (word for entry in ranges for word in entry))
    following, at = 0, nodes
    for first in range(0, len(flat), 2 * CAPACITY):
        part = flat[first : first + 2 * CAPACITY]
        head = build(Node(CAPACITY, len(part) // 2, following))
        body = struct.pack(f"<{len(part)}Q", *part)
        yield at, (head + body).ljust(page_size, b"\0")
        following, at = at, at + page_size
    yield root, build(Node(0, 0, following))
