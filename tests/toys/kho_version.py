"""A KHO version: kho-v9, whose tracker is a chain of pages that list blocks one by one.

A page: physical address of the next one (0: the last), number of blocks, then each block's address
with its order in the lowest bits.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING

from hwpkho.abi.kho import VERSIONS, Version
from hwpkho.abi.spans import Span
from hwpkho.abi.tracker import TRACKERS
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.walked import Defect, TrackerWalk
from hwpkho.base.addresses import page_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.abi.tracker.walked import Memory

NAME = "toy-chain"
V9 = Version(9, "9.0", NAME, data="toy-data")
_ORDERS = 0xFFF


def _blocks(page: memoryview) -> tuple[int, list[tuple[int, int]]]:
    following, count = struct.unpack_from("<QQ", page)
    words = struct.unpack_from(f"<{min(count, len(page) // 8 - 2)}Q", page, 16)
    return following, [(word & ~_ORDERS, word & _ORDERS) for word in words]


def walk(memory: Memory, start: int, page_size: int) -> TrackerWalk:
    found = TrackerWalk.begin(Preserved(page_shift(page_size), page_size * 8))
    at = start
    while at:
        page = memory.look(at, page_size)
        if page is None:
            found.absent.append(at)
            break
        if at in found.places:
            found.damaged.append(Defect(f"page 0x{at:x} comes again", at))
            break
        found.nodes.append(at)
        found.looks.append((at, page_size))
        found.places[at] = 0, 0
        at, blocks = _blocks(page)
        for phys, order in blocks:
            found.preserved.mark(phys, order)
    return found


def build(
    blocks: Iterable[tuple[int, int]], page_size: int, allocate: Callable[[], int]
) -> tuple[int, dict[int, bytes]]:
    words = [phys | order for phys, order in blocks]
    room = page_size // 8 - 2
    parts = [words[i : i + room] for i in range(0, len(words), room)]
    at = [allocate() for _ in parts]
    pages = {
        phys: struct.pack(f"<QQ{len(part)}Q", following, len(part), *part).ljust(page_size, b"\0")
        for phys, following, part in zip(at, [*at[1:], 0], parts, strict=True)
    }
    return at[0], pages


def spans(walk: TrackerWalk, node: int, page: memoryview) -> tuple[str, Iterator[Span]]:
    _, blocks = _blocks(page)
    parts = (
        Span(16 + 8 * i, 8, f"block 0x{at:x} order {order}") for i, (at, order) in enumerate(blocks)
    )
    return "toy page", parts


def register() -> None:
    TRACKERS.register(NAME, sys.modules[__name__])
    VERSIONS.register(V9.name, V9)


def unregister() -> None:
    VERSIONS.unregister(V9.name)
    TRACKERS.unregister(NAME)
