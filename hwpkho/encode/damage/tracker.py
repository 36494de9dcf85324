"""Damages of the tracker of preserved memory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi.tracker import TRACKERS
from hwpkho.base.addresses import align_down
from hwpkho.encode.builder import greedy_blocks
from hwpkho.encode.damage.base import (
    ONE_CHUNK,
    RAM,
    RESTORE,
    SINGLE,
    TRACKER,
    TREE,
    Damages,
    pages,
)

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

DAMAGES = Damages()
_damage = DAMAGES.damage


@_damage("tracker-empty", "the tracker marks nothing", TRACKER)
def _(d: Draft) -> None:
    d.mark([])


@_damage("array-page-unmarked", "a page of the array is not marked", RESTORE)
def _(d: Draft) -> None:
    d.unmark(d.entries[d.inner])


@_damage("chunk-unmarked", "the first chunk of the array is not marked", RESTORE)
def _(d: Draft) -> None:
    d.unmark(d.chunks[0])


@_damage("tracker-pages-marked", "the tracker marks its own pages", TRACKER)
def _(d: Draft) -> None:
    # Marking its own pages may take a few more nodes: these are marked as well.
    start = d.place(len(d.nodes) + 8, 1)
    own = [start + i * d.page for i in range(len(d.nodes) + 8)]
    for node in d.nodes:
        del d.memory[node]
    build = TRACKERS[d.request.version.tracker].build
    d.tracker, nodes = build([*d.blocks, *((p, 0) for p in own)], d.page, iter(own).__next__)
    d.hand_tracker(nodes)


@_damage("another-block-marked", "the tracker marks 16 pages that belong to nobody", TRACKER)
def _(d: Draft) -> None:
    d.mark_more([(d.place(16), 4)])


@_damage("block-outside-ram", "the tracker marks a page outside RAM", TRACKER)
def _(d: Draft) -> None:
    d.mark_more([(d.nowhere(), 0)])


@_damage("block-larger", "a page of the array is marked as a block of two", RESTORE, SINGLE)
def _(d: Draft) -> None:
    old = d.entries[0]
    new = d.put(d.memory.pop(old), 2)
    d.chunk(0, new)
    d.blocks.remove((old, 0))
    d.mark_more([(new, 1)])


@_damage("blocks-adjacent", "the array's pages touch, each marked for itself", RESTORE,
         SINGLE, ONE_CHUNK)  # fmt: skip
def _(d: Draft) -> None:
    d.move_array()
    for slot, entry in enumerate(d.entries):
        d.chunk(slot, entry)
    d.mark_more([(entry, 0) for entry in d.entries])


@_damage("blocks-merged", "the array's pages touch and are marked as larger blocks", RESTORE,
         SINGLE, ONE_CHUNK, pages(2))  # fmt: skip
def _(d: Draft) -> None:
    start = d.move_array(2) // d.page
    for slot, entry in enumerate(d.entries[: d.total_pages]):
        d.chunk(slot, entry)
    d.mark_more([(pfn * d.page, order) for pfn, order in greedy_blocks(start, len(d.entries))])


@_damage("all-ram-marked", "the tracker marks all RAM", TRACKER, RAM)
def _(d: Draft) -> None:
    more = []
    for start, size in d.request.ram:
        first, end = -(-start // d.page), (start + size) // d.page
        more += [(p * d.page, order) for p, order in greedy_blocks(first, max(0, end - first))]
    d.mark_more(more)


@_damage("node-reached-twice", "two entries of the tracker lead to one node", TRACKER, TREE)
def _(d: Draft) -> None:
    leaf, entry = d.leaf_of(d.blob)
    table = align_down(entry, d.page)
    words, index = d.words(table), (entry - table) // 8
    # Only an empty entry is used: overwriting another would lose its node.
    free = min((i for i, word in enumerate(words) if not word), key=lambda i: abs(i - index - 0.5))
    d.poke(table + 8 * free, "<Q", leaf)


@_damage("node-outside-ram", "an entry of the tracker leads outside RAM", TRACKER, TREE)
def _(d: Draft) -> None:
    _, entry = d.leaf_of(d.blob)
    d.poke(entry, "<Q", d.nowhere())


@_damage("nodes-big-endian", "the tracker is written big-endian", TRACKER, TREE)
def _(d: Draft) -> None:
    for node in d.nodes:
        d.memory[node] = struct.pack(f">{d.page // 8}Q", *d.words(node))


@_damage("order-bit-misplaced", "an entry of the tracker's top stands for other orders", TRACKER,
         TREE)  # fmt: skip
def _(d: Draft) -> None:
    words = d.words(d.tracker)
    index = max(i for i, word in enumerate(words) if word)  # the highest: its new place is free
    other = max(1, index * 2) if index * 2 < len(words) else index // 2
    words[other], words[index] = words[index], 0
    d.memory[d.tracker] = struct.pack(f"<{len(words)}Q", *words)


@_damage("tracker-of-other-page-size", "the tracker is that of a kernel with other pages", TRACKER,
         TREE)  # fmt: skip
def _(d: Draft) -> None:
    size = 65536 if d.page == 4096 else 4096
    build = TRACKERS[d.request.version.tracker].build
    # Two of its pages apart, or one of ours: a reader with our page size finds whole pages.
    step = max(2 * size, d.page)
    _, dry = build(d.blocks, size, iter(range(0, step << 32, step)).__next__)
    count = len(dry) * step // d.page
    start = d.place(count, max(1, size // d.page))
    for node in d.nodes:
        del d.memory[node]
    d.tracker, nodes = build(
        d.blocks, size, iter(range(start, start + count * d.page, step)).__next__
    )
    whole = bytearray(count * d.page)
    for phys, data in nodes.items():
        whole[phys - start : phys - start + len(data)] = data
    d.hand_tracker({start: bytes(whole)})
