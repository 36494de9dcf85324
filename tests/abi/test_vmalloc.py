"""vmalloc areas and their chunks: bytes to structures and back, and what they refuse."""

from __future__ import annotations

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import vmalloc
from hwpkho.abi.vmalloc import Chunk, KhoVmalloc
from hwpkho.base.arch import page_sizes

U64 = st.integers(0, 2**64 - 1)


U32 = st.integers(0, 2**32 - 1)


U16 = st.integers(0, 2**16 - 1)


PAGE_SIZES = page_sizes()


PAGES = st.sampled_from(PAGE_SIZES)


AREAS = st.builds(KhoVmalloc, U64, U32, U16, U16)


@given(AREAS)
def test_vmalloc(area):
    assert KhoVmalloc.parse(area.build()) == area
    assert area.build() == struct.pack(
        "<QIHH", area.first, area.total_pages, area.flags, area.order
    )


@given(PAGES, U64, st.lists(st.integers(1, 2**64 - 1), max_size=20))
def test_chunk(page_size, following, entries):
    chunk = Chunk(following, array("Q", entries))
    page = chunk.build(page_size)
    assert len(page) == page_size
    assert Chunk.parse(page) == chunk
    assert Chunk.parse(memoryview(page)) == chunk


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_full_chunk(page_size):
    n = vmalloc.slots(page_size)
    assert n == page_size // 8 - 1
    chunk = Chunk(0, array("Q", range(1, n + 1)))
    assert Chunk.parse(chunk.build(page_size)) == chunk
    with pytest.raises(ValueError, match="entries in a chunk"):
        Chunk(0, array("Q", range(n + 1))).build(page_size)


def test_hole():
    page = struct.pack("<5Q", 0, 4096, 0, 8192, 0).ljust(4096, b"\0")
    assert Chunk.parse(page) == Chunk(0, array("Q", [4096]), hole=True)


@given(st.integers(0, 1600), PAGES)
def test_split_as_the_producer_does(count, page_size):
    parts = vmalloc.split(range(1, count + 1), page_size)
    n = vmalloc.slots(page_size)
    assert [x for p in parts for x in p] == list(range(1, count + 1))
    assert all(len(p) == n for p in parts[:-1])
    assert len(parts[-1]) < n  # a full last chunk is followed by an empty one
    area = KhoVmalloc(0, 8, 1, 2)
    assert (area.entries, area.capacity(page_size)) == (2, page_size)
