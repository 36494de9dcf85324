"""kdump-compressed images: real ones, then whatever makedumpfile and QEMU could write."""

from __future__ import annotations

import gzip
import struct
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes
from hwpkho.images.kdump.decompress import LZO, METHODS, RAW, ZLIB
from hwpkho.images.kdump.dump import KdumpSource, open_dump
from tests.support import FIXTURES
from tests.support.examples import some, times
from tests.support.kdump_writer import DESC, compress, flatten, headers, kdump, present, text_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.images.base import Source

    Opener = Callable[[bytes], Source]

KDUMPS = FIXTURES / "kdump"
MAGIC = b"\xd0\x0d\xfe\xed"
COMPRESSED = [m for m in METHODS if m != RAW]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    def open_bytes(data: bytes) -> Source:
        path = tmp_path / "dump"
        path.write_bytes(data)
        return open_dump(FileBytes(str(path)))

    return open_bytes


def expected_pages(name: str) -> dict[int, str]:
    lines = (KDUMPS / name).read_text().split("\n")
    return {int(a, 16): digest for a, digest in (line.split() for line in lines if line)}


# --- real dumps


@pytest.mark.parametrize(
    "name", ["memory.kdump-zlib", "memory.kdump-zlib-flat", "memory.kdump-lzo"]
)
def test_makedumpfile_forms_equal_the_elf(name: str) -> None:
    source = open_dump(FileBytes(str(KDUMPS / name)))
    assert (source.arch, source.page_size_hint, list(source.problems)) == ("x86_64", 4096, [])
    assert b"\nPAGESIZE=4096\n" in source.vmcoreinfo
    pages = present(source)
    assert len(pages) == 127
    expected = expected_pages("memory.pages")
    assert expected.items() <= {at: sha256(d).hexdigest() for at, d in pages.items()}.items()
    assert list(source.find_pages(MAGIC)) == [at for at, d in pages.items() if d[:4] == MAGIC]
    assert list(source.find_pages(MAGIC)) == [0x35F000, 0x53F000]


def test_forms_of_makedumpfile_agree() -> None:
    names = ("memory.kdump-zlib", "memory.kdump-zlib-flat", "memory.kdump-lzo")
    first, *others = (present(open_dump(FileBytes(str(KDUMPS / n)))) for n in names)
    assert all(other == first for other in others)


def test_qemu_dump_of_an_arm64_guest(opened: Opener) -> None:
    """Its blocks are 64 KiB, its guest's pages 4 KiB: the root FDT is inside a block."""
    source = opened(gzip.decompress((KDUMPS / "arm64-qemu.kdump-zlib-flat.gz").read_bytes()))
    assert (source.arch, source.page_size_hint, list(source.problems)) == ("arm64", None, [])
    assert list(source.extents()) == [(0x4000_0000, 256 << 20)]
    pages = expected_pages("arm64-qemu.pages")
    assert {at: sha256(source.read(at, 4096) or b"").hexdigest() for at in pages} == pages
    # The first is the device tree that QEMU makes for the machine.
    assert list(source.find_pages(MAGIC)) == [0x4000_0000, 0x4097_B000, 0x40B9_E000]
    assert source.read(0x4000_0000 + (256 << 20) - 8, 9) is None


@pytest.mark.parametrize(
    "name", some(["memory.kdump-zlib", "memory.kdump-lzo", "memory.kdump-zlib-flat"], 2)
)
def test_cut_off_anywhere(name: str, opened: Opener, subtests: pytest.Subtests) -> None:
    """A dump that is not all there says so; what it still gives is right."""
    whole = (KDUMPS / name).read_bytes()
    pages = present(open_dump(FileBytes(str(KDUMPS / name))))
    given_up = partly = 0
    for size in range(0, len(whole) - 16, len(whole) // 40):
        with subtests.test(f"{size} bytes"):
            try:
                source = opened(whole[:size])
            except InputError:
                given_up += 1
                continue
            assert {p.code for p in source.problems} == {"HP101"}
            list(source.find_pages(MAGIC))
            here = present(source)
            assert here.items() <= pages.items()
            partly += 0 < len(here) < len(pages)
    assert given_up
    # In the flattened form the descriptors come last, so a cut one has few pages if any.
    assert partly > (0 if name.endswith("flat") else 5)


# --- everything the format allows


@st.composite
def dumps(draw: st.DrawFn) -> tuple[dict[int, bytes], int, bytes]:
    """Return pages (PFN → bytes), their size, and an image of them in some form."""
    block = draw(st.sampled_from([4096, 4096, 16384, 65536]))
    starts = draw(st.lists(st.integers(0, 3 * 8192), min_size=1, max_size=4))
    pfns = sorted({s + i for s in starts for i in range(draw(st.integers(1, 4)))})
    kinds = draw(st.lists(st.integers(0, 5), min_size=len(pfns), max_size=len(pfns)))
    pages = {}
    for pfn, kind in zip(pfns, kinds, strict=True):
        page = bytearray(block)
        if kind == 1:
            page[:] = text_page(pfn, block)
        elif kind == 2:
            page[:] = text_page(pfn, block, MAGIC)
        elif kind == 3:
            page[:4] = MAGIC
        elif kind == 4:
            page[block - 4096 : block - 4092] = MAGIC
        elif kind == 5:
            page[:] = b"".join(sha256(b"%d %d" % (pfn, i)).digest() for i in range(block // 32))
            page[:4] = MAGIC
        pages[pfn] = bytes(page)
    split = None
    version = draw(st.integers(1, 6))
    if version >= 2 and draw(st.booleans()):
        split = draw(st.integers(0, pfns[-1])), pfns[-1] + draw(st.integers(0, 9))
    image = kdump(
        pages,
        method=draw(st.sampled_from(list(METHODS))),
        block=block,
        version=version,
        split=split,
        existing=range(draw(st.integers(0, 5)), 40, 3),
        max_mapnr=pfns[-1] + 1 + draw(st.integers(0, 70000)),
        sysname=draw(st.sampled_from([b"Linux", b""])),
        notes=draw(st.binary(max_size=64)) if version >= 4 else b"",
    )
    if draw(st.booleans()):
        image = flatten(image, draw(st.sampled_from([997, 16384, 1 << 20])))
    if split:
        pages = {p: d for p, d in pages.items() if split[0] <= p < split[1]}
    return pages, block, image


@times(2)
@given(dumps())
def test_what_was_written_is_read(
    opened: Opener, dump: tuple[dict[int, bytes], int, bytes]
) -> None:
    pages, block, image = dump
    source = opened(image)
    assert isinstance(source, KdumpSource)
    assert not source.problems
    bounds = list(source.extents())
    assert [p * block for p in pages] == [a for s, n in bounds for a in range(s, s + n, block)]
    assert all(a + n < b for (a, n), (b, _) in pairwise(bounds))
    for pfn in range(max(pages, default=0) + 3):
        for size in (1, block, 3 * block + 1):
            there = any(a * block < pfn * block + 7 + size for a in pages if a >= pfn)
            assert source.holds(pfn * block + 7, size) == there
    for pfn, page in pages.items():
        assert source.read(pfn * block, block) == page
        assert source.read(pfn * block + 5, 90) == page[5:95]
        both = source.read(pfn * block + block - 7, 14)
        after = pages.get(pfn + 1)
        assert both == (None if after is None else page[-7:] + after[:7])
        if pfn - 1 not in pages:
            assert source.read(pfn * block - 1, 1) is None
    step = source.page_size_hint or 4096
    assert list(source.find_pages(MAGIC)) == [
        pfn * block + at
        for pfn, page in pages.items()
        for at in range(0, block, step)
        if page[at : at + 4] == MAGIC
    ]
    assert not source.problems


@pytest.mark.parametrize("method", METHODS)
def test_find_long_magic(method: int, opened: Opener) -> None:
    pages = {i: text_page(i, start=b"ABCDEFG" + bytes([i % 3])) for i in range(9)}
    source = opened(kdump(pages, method=method))
    assert list(source.find_pages(b"ABCDEFG\1")) == [0x1000, 0x4000, 0x7000]
    assert list(source.find_pages(b"none", b"ABCDEFG\1")) == [0x1000, 0x4000, 0x7000]
    assert len(list(source.find_pages(b"ABCD", b"none----"))) == 9


def test_read_of_many_pages_crosses_the_cache(opened: Opener) -> None:
    pages = {i: text_page(i) for i in range(200)}
    source = opened(kdump(pages, method=LZO))
    whole = b"".join(pages.values())
    assert [source.read(0, 200 * 4096) == whole for _ in range(2)] == [True, True]
    assert source.read(100, 150 * 4096) == whole[100 : 100 + 150 * 4096]
    assert source.read(0, 200 * 4096 + 1) is None
    assert source.read(0, 0) == b""
    assert source.read(-1, 4) is None
    assert source.read(0, -1) is None


def test_a_result_outlives_the_source(opened: Opener) -> None:
    source = opened(kdump({0: text_page(1)}))
    data = source.read(0, 16)
    source.close()
    assert data == text_page(1)[:16]


def test_pages_left_out_are_absent(opened: Opener) -> None:
    """Not zero: also where the first bitmap says that they exist."""
    source = opened(kdump({5: text_page(5)}, existing=range(10)))
    assert source.read(0x4000, 4096) is None
    assert source.read(0x5000, 4096) == text_page(5)
    assert list(source.extents()) == [(0x5000, 4096)]


def test_single_bitmap(opened: Opener) -> None:
    """An old writer that leaves out nothing needs no second bitmap."""
    page = text_page(0)
    flags, data = compress(ZLIB, page)
    head = headers(block=4096, max_mapnr=8, bitmap_blocks=1, version=1)
    at = len(head) + 4096 + DESC.size
    source = opened(head + b"\x04".ljust(4096, b"\0") + DESC.pack(at, len(data), flags, 0) + data)
    assert list(source.extents()) == [(0x2000, 4096)]
    assert source.read(0x2000, 4096) == page


def test_max_mapnr_beyond_32_bits(tmp_path: Path) -> None:
    """A sparse file of a machine with more than 2^32 page frames: only the 64-bit field tells."""
    top = (1 << 32) + 8
    blocks = -(-top // (8 * 4096))
    head = headers(block=4096, max_mapnr=top, bitmap_blocks=2 * blocks)
    table = len(head) + 2 * blocks * 4096
    page = text_page(3, start=MAGIC)
    path = tmp_path / "dump"
    with path.open("wb") as file:
        file.write(head)
        for half in (0, blocks * 4096):
            file.seek(len(head) + half + (1 << 29))
            file.write(b"\x08")
        file.seek(table)
        file.write(DESC.pack(table + DESC.size, 4096, RAW, 0) + page)
    source = open_dump(FileBytes(str(path)))
    assert list(source.extents()) == [((1 << 44) + 0x3000, 4096)]
    assert source.read((1 << 44) + 0x3000, 4096) == page
    assert list(source.find_pages(MAGIC)) == [(1 << 44) + 0x3000]


# --- page size and architecture


@pytest.mark.parametrize(
    ("block", "sysname", "vmcoreinfo", "hint"),
    [
        (4096, b"", b"", 4096),
        (16384, b"Linux", b"", 16384),
        (65536, b"Linux", b"", 65536),
        (65536, b"", b"", None),
        (65536, b"", b"OSRELEASE=7\nPAGESIZE=16384\nX=1\n", 16384),
        (65536, b"", b"OSRELEASE=7\nPAGESIZE=12345\n", None),
    ],
)
def test_page_size_hint(
    block: int, sysname: bytes, vmcoreinfo: bytes, hint: int | None, opened: Opener
) -> None:
    page = bytearray(65536)
    for at in range(0, 65536, 4096):
        page[at : at + 4] = MAGIC
    whole = {i: bytes(page[:block]) for i in range(65536 // block)}
    source = opened(kdump(whole, block=block, sysname=sysname, vmcoreinfo=vmcoreinfo))
    assert source.page_size_hint == hint
    assert source.vmcoreinfo == vmcoreinfo
    assert list(source.find_pages(MAGIC)) == list(range(0, 65536, hint or 4096))


@pytest.mark.parametrize(
    ("machine", "registers", "arch"),
    [
        (b"x86_64", 0, "x86_64"),
        (b"aarch64", 336, "arm64"),
        (b"Unknown", 392, "arm64"),
        (b"Unknown", 336, "x86_64"),
        (b"Unknown", 0, None),
        (b"riscv64", 376, None),
    ],
)
def test_arch(machine: bytes, registers: int, arch: str | None, opened: Opener) -> None:
    notes = struct.pack("<III8s", 5, registers, 1, b"CORE") + bytes(registers) if registers else b""
    assert opened(kdump({0: text_page(0)}, machine=machine, notes=notes)).arch == arch


def test_arch_of_notes_cut_off(opened: Opener) -> None:
    assert opened(kdump({0: text_page(0)}, machine=b"", notes=b"\5\0\0\0")).arch is None
