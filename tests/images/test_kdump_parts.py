"""Bitmap, decompressors, and what hostile images may cost."""

from __future__ import annotations

import os
import random
import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import lzallright
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes
from hwpkho.images.kdump import decompress
from hwpkho.images.kdump.bitmap import Bitmap
from hwpkho.images.kdump.decompress import LZO, METHODS, RAW, SNAPPY, ZLIB, ZSTD
from hwpkho.images.kdump.dump import open_dump
from tests.support import FIXTURES
from tests.support.examples import times
from tests.support.kdump_writer import DESC, bitmap, compress, headers
from tests.support.measure import within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.images.base import Source

KDUMPS = FIXTURES / "kdump"
MAGIC = b"\xd0\x0d\xfe\xed"


# --- bitmap


def make_bitmap(path: Path, bits: Sequence[int], first: int, end: int, offset: int = 7) -> Bitmap:
    size = (max([*bits, end]) >> 3) + 1
    path.write_bytes(b"\xff" * offset + bitmap(bits, size) + b"\xff" * 9)
    return Bitmap(FileBytes(str(path)), offset, first, end)


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 3000)), max_size=6),
    st.integers(0, 3000),
    st.integers(1, 40_000),
    st.integers(1, 5),
)
def test_bitmap_against_a_list(
    tmp_path: Path, spans: list[tuple[int, int]], first: int, length: int, every: int
) -> None:
    bits = sorted({b for start, n in spans for b in range(start, start + n, every)})
    end = first + length
    found = make_bitmap(tmp_path / "bits", bits, first, end)
    inside = [b for b in bits if first <= b < end]
    assert found.total == len(inside)
    for low, high in ((0, len(inside)), (len(inside) // 3, len(inside) // 2), (1, 2)):
        runs = list(found.runs(low, high))
        assert [b for a, z in runs for b in range(a, z)] == inside[low:high]
        assert all(z < a for (_, z), (a, _) in pairwise(runs))
    for rank in range(0, len(inside), max(1, len(inside) // 50)):
        assert found.select(rank) == inside[rank]
        assert found.rank(inside[rank]) == rank
    for bit in {0, first - 1, first, end - 1, end, end + 8, 1 << 40, -1} - set(inside):
        assert found.rank(bit) is None


def test_bitmap_in_a_sparse_file(tmp_path: Path) -> None:
    """A terabyte of nothing around it costs nothing."""
    path = tmp_path / "bits"
    with path.open("wb") as file:
        file.truncate(1 << 40)
        file.seek((1 << 39) + 5)
        file.write(b"\x81")
    assert Bitmap(FileBytes(str(path)), 5, 0, 1 << 42).total == 0
    found = Bitmap(FileBytes(str(path)), 5, 0, 1 << 43)
    assert (found.total, list(found.runs(0, 9))) == (
        2,
        [(1 << 42, (1 << 42) + 1), ((1 << 42) + 7, (1 << 42) + 8)],
    )
    assert found.select(1) == (1 << 42) + 7


# --- decompressors


def some_pages() -> list[bytes]:
    rng = random.Random(5)
    pages = [bytes(4096), b"\xff" * 4096, rng.randbytes(4096), (b"abc" * 2000)[:4096]]
    for literals in (0, 1, 2, 3, 4, 5, 7, 8, 17, 18, 19, 20, 60, 61, 238, 239, 256, 257, 300, 2000):
        start = rng.randbytes(literals)
        pages.append((start + b"\7" * 4096)[:4096])
        pages.append((start + start[-3:] * 4096 + bytes(4096))[:4096])
    return pages


@pytest.mark.parametrize("method", METHODS)
def test_head_is_the_start_of_the_page(method: int) -> None:
    wrong, cheap = [], 0
    for n, page in enumerate(some_pages()):
        flags, data = compress(method, page)
        if decompress.expand(flags, memoryview(data), 4096) != page:
            wrong.append(f"page {n}")
        for length in range(4, 9):
            head = decompress.head(flags, memoryview(data), length)
            if head not in (None, page[:length]):
                wrong.append(f"page {n}, its first {length} bytes: {head!r}")
            cheap += head is not None
    assert wrong == []
    assert cheap > 100 or method in (LZO, SNAPPY, ZSTD)


@given(st.sampled_from([LZO, SNAPPY, ZLIB, ZSTD]), st.binary(max_size=300))
def test_garbage_is_a_value_error(method: int, data: bytes) -> None:
    size = complaint = None
    try:
        size = len(decompress.expand(method, memoryview(data), 4096))
    except ValueError as error:
        complaint = str(error)
    assert size == 4096 or (complaint and complaint.isprintable())
    size = 4
    try:
        size = len(decompress.head(method, memoryview(data), 4) or b"none")
    except ValueError as error:
        complaint = str(error)
    assert size == 4
    assert complaint is None or complaint.isprintable()


def lzo_bomb() -> bytes:
    """16 MiB out of 64 KiB."""
    return b"\x15ABCD\x20" + bytes(65000) + b"\x01\x00\x00\x11\x00\x00"


def test_lzo_bomb_costs_what_it_makes() -> None:
    bomb = memoryview(lzo_bomb())
    assert decompress.cost(LZO, bomb, 65536) > 16_000_000
    with pytest.raises(ValueError, match="too many bytes"):
        decompress.expand(LZO, bomb, 65536)


def test_lzo_stream_must_end() -> None:
    data = bytes(lzallright.LZOCompressor().compress(b"ab" * 2048))
    with pytest.raises(ValueError, match="bytes follow"):
        decompress.expand(LZO, memoryview(data + b"x"), 4096)


def test_zlib_stream_must_end() -> None:
    page = os.urandom(4096)
    whole = zlib.compress(page)
    assert decompress.expand(ZLIB, memoryview(whole + b"xx"), 4096) == page
    with pytest.raises(ValueError, match="cut off"):
        decompress.expand(ZLIB, memoryview(whole[:-1]), 4096)


def zstd_frame(window: int) -> memoryview:
    """Return 4096 times "A" in a frame that asks for a window of 2 to the power ``window``."""
    head = b"\x28\xb5\x2f\xfd\0" + bytes([(window - 10) << 3])
    return memoryview(head + (1 | 1 << 1 | 4096 << 3).to_bytes(3, "little") + b"A")


def test_zstd_window() -> None:
    """A page needs no window of 2 GiB."""
    assert decompress.expand(ZSTD, zstd_frame(17), 4096) == b"A" * 4096
    with pytest.raises(ValueError, match="memory"):
        decompress.expand(ZSTD, zstd_frame(31), 4096)


# --- hostile images


def image(descriptors: bytes, data: bytes, block: int = 4096, sysname: bytes = b"Linux") -> bytes:
    count = len(descriptors) // DESC.size
    blocks = -(-max(count, 1) // (8 * block))
    head = headers(
        block=block, max_mapnr=blocks * 8 * block, bitmap_blocks=2 * blocks, sysname=sysname
    )
    bits = bitmap(range(count), blocks * block)
    return head + 2 * bits + descriptors + data


def data_offset(count: int, block: int = 4096) -> int:
    return 2 * block + 2 * -(-count // (8 * block)) * block + count * DESC.size


def search(path: Path, data: bytes) -> list[int]:
    path.write_bytes(data)
    source = open_dump(FileBytes(str(path)))
    found = list(source.find_pages(MAGIC))
    assert not source.problems
    assert sum(1 for _ in source.extents()) < 1000
    return found


def test_descriptors_that_share_zeros(tmp_path: Path) -> None:
    """Real: most of a fresh guest's pages are one page of zeros."""
    at = data_offset(50_000)
    shared = DESC.pack(at, 4096, RAW, 0)
    other = DESC.pack(at + 4096, 4096, RAW, 0)
    data = bytes(4096) + MAGIC.ljust(4096, b"\0")
    assert search(tmp_path / "x", image(shared * 49_000 + other + shared * 999, data)) == [
        49_000 * 4096
    ]


def test_descriptors_that_share_a_hit(tmp_path: Path) -> None:
    at = data_offset(50_000)
    few = DESC.pack(data_offset(30), 4096, RAW, 0) * 30
    page = MAGIC.ljust(4096, b"\0")
    assert search(tmp_path / "x", image(few, page)) == list(range(0, 30 * 4096, 4096))
    with pytest.raises(InputError, match="this is not a memory image"):
        search(tmp_path / "x", image(DESC.pack(at, 4096, RAW, 0) * 50_000, page))


@pytest.mark.parametrize("method", [m for m in METHODS if m != RAW])
def test_descriptors_that_overlap(method: int, tmp_path: Path) -> None:
    data = bytes(20_000)
    at = data_offset(20_000)
    table = b"".join(DESC.pack(at + i % 9000, 4000 + i // 9000, method, 0) for i in range(20_000))
    with pytest.raises(InputError, match="this is not a memory image"):
        search(tmp_path / "x", image(table, data))


def rle_frame(size: int, n: int, fill: bytes = b"A") -> bytes:
    """Return a zstd frame of a page of ``fill`` whose last ``n`` bytes are the byte n."""
    return (
        b"\x28\xb5\x2f\xfd\xa0" + size.to_bytes(4, "little")
        + (1 << 1 | (size - n) << 3).to_bytes(3, "little") + fill
        + (1 | 1 << 1 | n << 3).to_bytes(3, "little") + bytes([n & 0xFF])
    )  # fmt: skip


def test_data_in_reverse_order(tmp_path: Path) -> None:
    """No writer does so, but nothing forbids it; more of them than the search remembers."""
    count = 5000
    frames = [rle_frame(4096, n // 2 + 1, b"AB"[n % 2 : n % 2 + 1]) for n in range(count)]
    frames[1234] = MAGIC.ljust(4096, b"\0")
    at = data_offset(count)
    places = []
    for frame in reversed(frames):
        places.append((at, len(frame), RAW if len(frame) == 4096 else ZSTD, 0))
        at += len(frame)
    table = b"".join(DESC.pack(*place) for place in reversed(places))
    assert search(tmp_path / "x", image(table, b"".join(reversed(frames)))) == [1234 * 4096]


def test_pages_that_blow_up(tmp_path: Path) -> None:
    """QEMU's 64 KiB blocks must be decompressed in full; 40 bytes of zstd make one."""
    count = 30_000
    at = data_offset(count, 65536)
    frames = [rle_frame(65536, n) for n in range(1, count + 1)]
    assert decompress.expand(ZSTD, memoryview(frames[700]), 65536)[-1] == 701 & 0xFF
    table, data = bytearray(), bytearray()
    for frame in frames:
        table += DESC.pack(at + len(data), len(frame), ZSTD, 0)
        data += frame
    with pytest.raises(InputError, match="this is not a memory image"):
        search(tmp_path / "x", image(bytes(table), bytes(data), 65536, b""))


def test_bombs_use_the_budget_up(tmp_path: Path) -> None:
    """A thousand descriptors that each name 16 MiB out of the same 64 KiB."""
    at = data_offset(1000, 65536)
    table = b"".join(DESC.pack(at + i, 65011, LZO, 0) for i in range(1000))
    bombs = image(table, bytes(1000) + lzo_bomb(), 65536, b"")

    def refused() -> None:
        with pytest.raises(InputError, match="this is not a memory image"):
            search(tmp_path / "x", bombs)

    within(2, refused)


def test_equal_contents_are_looked_at_once(tmp_path: Path) -> None:
    """Freed pages of a kernel with page poisoning: each stored anew, all the same."""
    _, one = compress(ZLIB, b"\xaa" * 65536)
    _, root = compress(ZLIB, (bytes(8192) + MAGIC).ljust(65536, b"\1"))
    count = 20_000
    at = data_offset(count, 65536)
    places = [at + i * len(one) for i in range(count - 1)]
    table = b"".join(DESC.pack(a, len(one), ZLIB, 0) for a in places)
    table += DESC.pack(at + (count - 1) * len(one), len(root), ZLIB, 0)
    data = one * (count - 1) + root
    assert search(tmp_path / "x", image(table, data, 65536, b"")) == [(count - 1) * 65536 + 8192]


@pytest.mark.parametrize("bits", [b"\x55", b"\xff", b"\x01" + bytes(1023)])
def test_bitmap_that_promises_too_much(bits: bytes, tmp_path: Path) -> None:
    head = headers(block=4096, max_mapnr=250 * 8 * 4096, bitmap_blocks=500)
    path = tmp_path / "x"
    path.write_bytes(head + bits * (500 * 4096 // len(bits)) + DESC.pack(0x3000, 9, ZLIB, 0) * 5)
    source = open_dump(FileBytes(str(path)))
    assert "the file has room for the descriptors of 5" in source.problems[0].message
    assert sum(size for _, size in source.extents()) == 5 * 4096
    assert list(source.find_pages(MAGIC)) == []
    assert source.read(6 << 25, 1) is None


def test_descriptors_in_a_hole_are_of_no_pages(tmp_path: Path) -> None:
    """A hole costs nothing to write: a megabyte of bits took 500 MiB and seconds."""
    blocks, path = 256, tmp_path / "x"
    count = blocks * 4096 * 8
    with path.open("wb") as file:
        file.write(headers(block=4096, max_mapnr=count, bitmap_blocks=2 * blocks))
        file.seek(blocks * 4096, os.SEEK_CUR)
        file.write(b"\x55" * (blocks * 4096))
        table = file.tell()
        file.seek(table + 3 * 4096 // 24 * 24)
        file.write(DESC.pack(table, 9, RAW, 0) * 2)
        file.truncate(table + count // 2 * 24)

    def listed() -> tuple[Source, list[tuple[int, int]]]:
        source = open_dump(FileBytes(str(path)))
        return source, list(source.extents())

    source, extents = within(1, listed)
    assert 0 < len(extents) <= 2 * 4096 // 24 + 2
    at = 2 * (3 * 4096 // 24)
    assert {(at * 4096, 4096), ((at + 2) * 4096, 4096)} <= {*extents}
    near = [(extents[0][0] - 4096, 4096), extents[0], (0, extents[0][0]), (0, 1 << 64)]
    assert [source.holds(*area) for area in near] == [False, True, False, True]
    assert list(source.find_pages(MAGIC)) == []
    assert [p.code for p in source.problems] == ["HP101"]
    assert "descriptors were never written" in source.problems[0].message


@times(2)
@given(
    st.sampled_from(["memory.kdump-zlib", "memory.kdump-zlib-flat", "memory.kdump-lzo"]),
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 5000), st.integers(0, 60_000)),
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.integers(-1, 2**63 - 1).map(lambda v: struct.pack("<q", v)),
                st.integers(-1, 2**63 - 1).map(lambda v: struct.pack(">q", v)),
            ),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**30),
)
def test_mutations(tmp_path: Path, name: str, changes: list[tuple[int, bytes]], probe: int) -> None:
    """Whatever the bytes are: an answer or an InputError of one line."""
    data = bytearray((KDUMPS / name).read_bytes())
    for at, new in changes:
        data[at : at + len(new)] = new
    path = tmp_path / "x"
    path.write_bytes(data)
    complaints = []
    try:
        source = open_dump(FileBytes(str(path)))
        for phys, size in source.extents():
            assert phys >= 0
            assert size > 0
        for at in [probe, probe & ~0xFFF, *source.find_pages(MAGIC)]:
            try:
                found = source.read(at, 4096)
                assert found is None or len(found) == 4096
            except InputError as error:
                complaints.append(str(error))
        complaints += [p.message for p in source.problems]
    except InputError as error:
        complaints.append(str(error))
    assert all(c.isprintable() for c in complaints)
