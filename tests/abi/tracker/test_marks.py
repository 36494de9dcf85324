"""Trackers: what is marked is found, at any size and depth."""

from __future__ import annotations

import struct
import sys
from array import array

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hwpkho.abi import kho
from hwpkho.abi.tracker import TRACKERS, bitmap, radix
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.radix import UnlistedPreserved
from hwpkho.abi.vmalloc import Chunk
from hwpkho.base.addresses import page_shift
from hwpkho.base.arch import page_sizes

PAGE_SIZES = page_sizes()


PAGES = st.sampled_from(PAGE_SIZES)


@given(st.integers(0, 2**52 - 1), st.integers(0, 10), PAGES)
def test_key(phys, order, page_size):
    shift = page_shift(page_size)
    phys = phys >> (shift + order) << (shift + order)
    key = radix.encode_key(phys, order, shift)
    assert radix.decode_key(key, shift) == (phys, order)
    assert key.bit_length() == 64 - shift - order + 1


def test_keys_without_an_order(subtests):
    for key in (0, -1, 1 << 53, 1 << 63):
        with subtests.test(hex(key)), pytest.raises(ValueError, match="no order"):
            radix.decode_key(key, 12)
    assert radix.decode_key(1, 12) == (0, 52)


def test_depth():
    levels = {(p, s): radix.geometry(p, short=s).levels for p in PAGE_SIZES for s in (True, False)}
    assert [levels[p, False] for p in PAGE_SIZES] == [6, 5, 4]
    assert [levels[p, True] for p in PAGE_SIZES] == [6, 4, 4]
    assert [radix.geometry(p, short=True).lists for p in PAGE_SIZES] == [True, False, True]


BLOCKS = st.lists(st.tuples(st.integers(0, 2**30 - 1), st.integers(0, 10)), max_size=12)


class _Memory:
    """Just enough of a source for a walk."""

    name = "memory"
    arch: str | None = None

    def __init__(self, page_size):
        self.page_size, self.pages, self.at = page_size, {}, 1 << 40

    def allocate(self):
        self.at += self.page_size
        return self.at

    def look(self, phys, size):
        start = phys & -self.page_size
        page = self.pages.get(start)
        return memoryview(page)[phys - start : phys - start + size] if page else None


@given(BLOCKS, PAGES, st.sampled_from([1, 2, 3, 4]))
def test_tracker_marks_what_it_was_given(blocks, page_size, version):
    shift = page_shift(page_size)
    wanted = {(n << (shift + order), order) for n, order in blocks}
    memory = _Memory(page_size)
    if version == 1:
        assume(wanted)
    tracker = TRACKERS[kho.numbered(version).tracker]
    start, memory.pages = tracker.build(sorted(wanted), page_size, memory.allocate)
    found = tracker.walk(memory, start, page_size)
    assert found.intact
    preserved = found.preserved
    assert preserved.count == len(wanted)
    for phys, order in wanted:
        assert preserved.has(phys, order)
        assert preserved.block_at(phys) == min(o for p, o in wanted if p == phys)
        inside = phys + (1 << (shift + order)) - 1
        around = [(p, o) for p, o in wanted if p <= inside < p + (1 << (shift + o))]
        assert preserved.block_around(inside) == min(around, key=lambda b: b[1])
    if not isinstance(preserved, UnlistedPreserved):
        spans = list(preserved.spans())
        assert {o for *_, o in spans} == {o for _, o in wanted}
        for phys, order in wanted:
            assert any(a <= phys < b for a, b, o in spans if o == order)
    else:
        assert list(preserved.spans()) == []
    assert sorted(found.nodes) == sorted(memory.pages)


@given(
    BLOCKS,
    st.integers(0, 2**31),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)), max_size=4),
)
def test_preserved_against_sets(blocks, probe, ram):
    wanted = {(n << (12 + order), order) for n, order in blocks}
    preserved = Preserved(12, 4096 * 8)
    for phys, order in wanted:
        preserved.mark(phys, order)
    phys = probe << 12
    starts = [o for p, o in wanted if p == phys]
    holds = [(p, o) for p, o in wanted if p <= phys < p + (1 << (12 + o))]
    assert preserved.block_at(phys) == min(starts, default=None)
    assert preserved.block_around(phys) == min(holds, key=lambda b: b[1], default=None)
    assert preserved.has(phys + 1, 0) is False
    ram = [(min(r), max(r)) for r in ram]
    for first, _, order in preserved.spans():
        number = (first >> (12 + order)) // preserved.bits
        inside = sorted(
            p
            for p, o in wanted
            if o == order and (p >> (12 + order)) // preserved.bits == number
            if not any(a <= p >> 12 <= b for a, b in ram)
        )
        expected = (inside[0], inside[-1]) if inside else None
        assert preserved.outside(first, order, ram) == expected


@given(st.binary(max_size=64), PAGES)
def test_bitmap_chunk_of_random_bytes(data, page_size):
    page = data.ljust(page_size, b"\0")
    chunk = bitmap.Chunk.parse(page)
    assert len(chunk.elements) == min(chunk.announced, bitmap.elements_per_chunk(page_size))
    if chunk.announced == len(chunk.elements) == 3:
        assert chunk.build(page_size)[: 16 + 48] == page[:64]


def test_many_elements_take_several_chunks():
    memory = _Memory(4096)
    blocks = [(n << 40, 0) for n in range(600)]
    start, pages = bitmap.build(blocks, 4096, memory.allocate)
    chunk, seen = bitmap.Chunk.parse(pages[start]), 0
    while True:
        seen += len(chunk.elements)
        if not chunk.next:
            break
        chunk = bitmap.Chunk.parse(pages[chunk.next])
    assert seen == 600
    assert bitmap.build([], 4096, memory.allocate) == (0, {})


def test_big_endian_hosts(monkeypatch):
    """What the machine wrote is little endian, wherever it is read."""
    page = struct.pack("<512Q", *range(1, 513))
    monkeypatch.setattr(sys, "byteorder", "big")
    swapped = array("Q", page)
    swapped.byteswap()
    assert radix.parse_table(page) == swapped
    assert Chunk.parse(page).next == swapped[0]
    assert Chunk.parse(page).build(4096) == page
    memory = _Memory(4096)
    start, pages = radix.TRACKER.build([(4096, 0)], 4096, memory.allocate)
    (child,) = {n for n in array("Q", pages[start]) if n}
    assert child.to_bytes(8, "big") == (start + 4096).to_bytes(8, "little")
