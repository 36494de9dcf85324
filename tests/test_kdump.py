"""kdump-compressed images: real ones, then whatever makedumpfile and QEMU could write."""

from __future__ import annotations

import gzip
import struct
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kdump_writer import DESC, END, compress, flat_blocks, flatten, headers, kdump

from hwpkho.errors import InputError
from hwpkho.sources.decompress import LZO, METHODS, RAW, SNAPPY, ZLIB, ZSTD
from hwpkho.sources.files import FileBytes
from hwpkho.sources.kdump import KdumpSource, open_dump, open_kdump, sniff

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.sources.base import Source

    Opener = Callable[[bytes], Source]

FIXTURES = Path(__file__).parent.parent / "fixtures" / "kdump"
MAGIC = b"\xd0\x0d\xfe\xed"
COMPRESSED = [m for m in METHODS if m != RAW]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    def open_bytes(data: bytes) -> Source:
        path = tmp_path / "dump"
        path.write_bytes(data)
        return open_dump(FileBytes(str(path)))

    return open_bytes


def text_page(seed: int, size: int = 4096, start: bytes = b"") -> bytes:
    """Return a page that compresses, but not to nothing."""
    words = b"".join(sha256(bytes([seed % 256, seed // 256, i])).digest()[:8] for i in range(40))
    return (start + words * (size // len(words) + 1))[:size]


def expected_pages(name: str) -> dict[int, str]:
    lines = (FIXTURES / name).read_text().split("\n")
    return {int(a, 16): digest for a, digest in (line.split() for line in lines if line)}


def present(source: Source) -> dict[int, bytes]:
    """Return every 4 KiB that the source says it has."""
    found = {}
    for phys, size in source.extents():
        for at in range(phys, phys + size, 4096):
            data = source.read(at, 4096)
            if data is not None:
                found[at] = bytes(data)
    return found


# --- real dumps


@pytest.mark.parametrize(
    "name", ["memory.kdump-zlib", "memory.kdump-zlib-flat", "memory.kdump-lzo"]
)
def test_makedumpfile_forms_equal_the_elf(name: str) -> None:
    source = open_dump(FileBytes(str(FIXTURES / name)))
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
    first, *others = (present(open_dump(FileBytes(str(FIXTURES / n)))) for n in names)
    assert all(other == first for other in others)


def test_qemu_dump_of_an_arm64_guest(opened: Opener) -> None:
    """Its blocks are 64 KiB, its guest's pages 4 KiB: the root FDT is inside a block."""
    source = opened(gzip.decompress((FIXTURES / "arm64-qemu.kdump-zlib-flat.gz").read_bytes()))
    assert (source.arch, source.page_size_hint, list(source.problems)) == ("arm64", None, [])
    assert list(source.extents()) == [(0x4000_0000, 256 << 20)]
    for at, digest in expected_pages("arm64-qemu.pages").items():
        data = source.read(at, 4096)
        assert data is not None
        assert sha256(data).hexdigest() == digest
    # The first is the device tree that QEMU makes for the machine.
    assert list(source.find_pages(MAGIC)) == [0x4000_0000, 0x4097_B000, 0x40B9_E000]
    assert source.read(0x4000_0000 + (256 << 20) - 8, 9) is None


@pytest.mark.parametrize(
    "name", ["memory.kdump-zlib", "memory.kdump-zlib-flat", "memory.kdump-lzo"]
)
def test_cut_off_anywhere(name: str, opened: Opener) -> None:
    """A dump that is not all there says so; what it still gives is right."""
    whole = (FIXTURES / name).read_bytes()
    pages = present(open_dump(FileBytes(str(FIXTURES / name))))
    given_up = partly = 0
    for size in range(0, len(whole) - 16, len(whole) // 40):
        try:
            source = opened(whole[:size])
        except InputError:
            given_up += 1
            continue
        assert [p.code for p in source.problems] == ["HP101"] * len(source.problems)
        assert source.problems
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
        split = tuple(sorted((draw(st.integers(0, pfns[-1])), pfns[-1] + draw(st.integers(0, 9)))))
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


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


def test_read_of_many_pages_crosses_the_cache(opened: Opener) -> None:
    pages = {i: text_page(i) for i in range(200)}
    source = opened(kdump(pages, method=LZO))
    whole = b"".join(pages.values())
    for _ in range(2):
        assert source.read(0, 200 * 4096) == whole
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


# --- what is missing


def test_marked_as_incomplete(opened: Opener) -> None:
    pages = {i: text_page(i) for i in range(4)}
    source = opened(kdump(pages, status=0x8, descriptors={1: (0, 0, 0), 2: (9, 9, 0x9)}))
    assert "ran out of space" in source.problems[0].message
    assert sorted(present(source)) == [0, 0x3000]
    assert len(source.problems) == 1


def test_missing_page_is_found_when_it_is_read(opened: Opener) -> None:
    source = opened(kdump({i: text_page(i) for i in range(3)}, descriptors={1: (0, 0, 0)}))
    assert not source.problems
    assert source.read(0x1000, 1) is None
    assert [p.code for p in source.problems] == ["HP101"]


def test_descriptor_past_the_end(opened: Opener) -> None:
    source = opened(kdump({i: text_page(i) for i in range(3)}, descriptors={1: (1 << 62, 9, 1)}))
    assert [p.code for p in source.problems] == ["HP101"]
    assert source.read(0x1000, 1) is None
    assert source.read(0x2000, 4096) == text_page(2)
    assert list(source.find_pages(MAGIC)) == []


def test_gap_of_a_flattened_file(opened: Opener) -> None:
    """Descriptors and data are written by turns, so a cut may leave gaps in both."""
    pages = {i: text_page(i, start=MAGIC) for i in range(400)}
    image = kdump(pages)
    table = 4 * 4096
    data = table + 400 * DESC.size
    cuts = [0, table + 100 * DESC.size, table + 200 * DESC.size - 3, data, data + 120000]
    blocks = [(at, image[at:end]) for at, end in pairwise(cuts)]
    del blocks[1]
    source = opened(flat_blocks(blocks) + END)
    here = present(source)
    place = dict(zip(pages, DESC.iter_unpack(image[table:data]), strict=True))
    assert list(here) == [
        pfn * 4096
        for pfn, (offset, size, *_) in place.items()
        if not 100 <= pfn < 200 and offset + size <= data + 120000
    ]
    assert all(pages[at // 4096] == page for at, page in here.items())
    assert 100 < len(here) < 300
    assert [p.code for p in source.problems] == ["HP101"]
    assert list(source.find_pages(MAGIC)) == list(here)


# --- what is damaged


@pytest.mark.parametrize(
    ("descriptor", "says"),
    [
        ((0x5000, 4096, 0x40), "flags 0x40"),
        ((0x5000, 4096, 0x3), "flags 0x3"),
        ((0x5000, 4097, 0x0), "expected 1 to 4096 bytes"),
        ((0x5000, 0xFFFFFFFF, 0x1), "expected 1 to 4096 bytes"),
        ((0x5000, 0, 0x1), "expected 1 to 4096 bytes"),
        ((0x5000, 5, 0x0), "gives 5 bytes, expected 4096"),
        ((0x5000, 5, ZLIB), "zlib"),
        ((0x5000, 5, LZO), "lzo"),
        ((0x5000, 5, SNAPPY), "snappy"),
        ((0x5000, 5, ZSTD), "zstd"),
    ],
)
def test_damaged_page(descriptor: tuple[int, int, int], says: str, opened: Opener) -> None:
    image = kdump({1: text_page(1), 2: text_page(2, start=MAGIC)}, descriptors={1: descriptor})
    source = opened(image.ljust(0x5000, b"\0") + b"\x01\xff\xfe\xff" * 2048)
    with pytest.raises(InputError, match=r"file offset 0x5000.*is damaged") as caught:
        source.read(0x1000, 1)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    # The search goes on, and says what it passed over.
    assert list(source.find_pages(MAGIC)) == [0x2000]
    assert source.read(0x2000, 4) == MAGIC


def test_search_says_what_it_passed_over(opened: Opener) -> None:
    bad = {i: (0x4000, 90 + i, 0x40) for i in range(1, 4)}
    source = opened(kdump({i: text_page(i, start=MAGIC) for i in range(6)}, descriptors=bad))
    assert list(source.find_pages(MAGIC)) == [0, 0x4000, 0x5000]
    assert len(source.problems) == 1
    assert source.problems[0].message.endswith("; it was passed over, as were 2 more")


@pytest.mark.parametrize("method", COMPRESSED)
@pytest.mark.parametrize("delta", [-1, 1, 60000])
def test_page_of_another_length(method: int, delta: int, opened: Opener) -> None:
    """Also one that would decompress to much more than a page."""
    flags, data = compress(method, text_page(1, 4096 + delta))
    image = kdump({1: text_page(1)})
    at = len(image)
    source = opened(kdump({1: text_page(1)}, descriptors={1: (at, len(data), flags)}, tail=data))
    with pytest.raises(InputError, match="is damaged"):
        source.read(0x1000, 8)


@pytest.mark.parametrize(
    ("method", "module"), [(LZO, "lzallright"), (SNAPPY, "cramjam"), (ZSTD, "cramjam")]
)
def test_extra_not_installed(
    method: int, module: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = kdump({i: bytes([i] * 8) + text_page(i)[8:] for i in range(3)}, method=method)
    monkeypatch.setitem(sys.modules, module, None)
    source = opened(image)
    says = rf"{METHODS[method]}-compressed; install the extra: pip install 'hwpkho\[kdump\]'"
    with pytest.raises(InputError, match=says):
        source.read(0x1000, 8)
    if method == ZSTD:
        with pytest.raises(InputError, match=says):
            list(source.find_pages(MAGIC))


# --- what is no kdump


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"block_size": 0}, "block size 0 at offset 428"),
        ({"block_size": -1}, "block size -1 at offset 428"),
        ({"block_size": 2**31 - 1}, "block size 2147483647"),
        ({"block_size": 8192}, "block size 8192"),
        ({"sub_hdr_size": 0}, "sub header size 0"),
        ({"sub_hdr_size": -1}, "sub header size -1"),
        ({"sub_hdr_size": 2**31 - 1}, "reach past the end"),
        ({"bitmap_blocks": 0}, "0 bitmap blocks at offset 436, but 1 page frames need 2"),
        ({"bitmap_blocks": 3}, "3 bitmap blocks at offset 436, expected two halves"),
        ({"bitmap_blocks": 2**32 - 1}, "reach past the end"),
    ],
)
def test_senseless_layout(fields: dict[str, int], says: str, opened: Opener) -> None:
    with pytest.raises(InputError, match=says):
        opened(kdump({0: text_page(0)}, tail=bytes(8192), override=fields))


def test_senseless_header(opened: Opener) -> None:
    pages = {0: text_page(0)}
    with pytest.raises(InputError, match="version -1 at offset 8"):
        opened(kdump(pages, version=-1))
    with pytest.raises(InputError, match="little endian"):
        opened(kdump(pages, version=6 << 24))
    with pytest.raises(InputError, match="announces no page frames"):
        opened(kdump(pages, version=5, override={"max_mapnr": 0}))
    with pytest.raises(InputError, match="page frames 9 to 3"):
        opened(kdump(pages, split=(9, 3)))


def test_bitmap_too_small_for_max_mapnr(opened: Opener) -> None:
    head = headers(block=4096, max_mapnr=1 << 40, bitmap_blocks=2)
    with pytest.raises(InputError, match="1099511627776 page frames need"):
        opened(head + bytes(3 * 4096))


@pytest.mark.parametrize("size", [0, 7, 8, 300, 463, 464, 4199, 4200])
def test_header_cut_off(size: int, opened: Opener) -> None:
    with pytest.raises(InputError):
        opened(kdump({0: text_page(0)})[:size])


def test_sniff(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data, answer in (
        (b"KDUMP   ", True),
        (b"DISKDUMP", True),
        (b"KDUMP  ", False),
        (b"\x7fELF", False),
    ):
        path.write_bytes(data)
        assert sniff(FileBytes(str(path))) is answer


def test_diskdump_is_refused(opened: Opener) -> None:
    with pytest.raises(InputError, match=r"diskdump of a 2\.6 kernel"):
        opened(b"DISKDUMP".ljust(9000, b"\0"))


def test_name_is_made_printable(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n"
    path.write_bytes(b"KDUMP   ")
    with pytest.raises(InputError) as caught:
        open_kdump(FileBytes(str(path)))
    assert str(caught.value).isprintable()
