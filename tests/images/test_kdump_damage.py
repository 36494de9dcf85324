"""kdump-compressed images that are damaged, incomplete, or none."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes
from hwpkho.images.kdump.decompress import LZO, METHODS, RAW, SNAPPY, ZLIB, ZSTD
from hwpkho.images.kdump.dump import open_dump, open_kdump, sniff
from tests.support import FIXTURES, certain
from tests.support.handovers import Machine
from tests.support.kdump_writer import (
    DESC,
    END,
    compress,
    flat_blocks,
    flatten,
    headers,
    kdump,
    present,
    text_page,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.images.base import Source

    Opener = Callable[[bytes], Source]

MAGIC = b"\xd0\x0d\xfe\xed"
COMPRESSED = [m for m in METHODS if m != RAW]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    def open_bytes(data: bytes) -> Source:
        path = tmp_path / "dump"
        path.write_bytes(data)
        return open_dump(FileBytes(str(path)))

    return open_bytes


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
    assert source.read(0x1000, 1) is source.read(0x1FFF, 2) is None
    (found,) = (p for p in source.problems if p.code == "HP107")
    assert re.search(r"file offset 0x5000.*is damaged", found.message)
    assert says in found.message
    assert "\n" not in found.message
    # The search goes on, and says what it passed over.
    assert list(source.find_pages(MAGIC)) == [0x2000]
    assert source.read(0x2000, 4) == MAGIC


def test_damaged_page_of_a_flattened_dump(opened: Opener) -> None:
    """The offset is not that of the file that was given."""
    source = opened(flatten(kdump({1: text_page(1)}, descriptors={1: (0x4000, 9, 0x40)})))
    assert source.read(0x1000, 1) is None
    assert r"offset (after makedumpfile -R) 0x4000 (9 bytes" in source.problems[0].message


@pytest.mark.parametrize(
    ("what", "codes"), [("array", ["HP315", "HP107"]), ("subtree", ["HP206", "HP107"])]
)
def test_a_damaged_page_hides_nothing_else(what: str, codes: list[str], tmp_path: Path, cli):
    m = Machine()
    made = m.handover([0x50010], subtrees=[("other", b"x")])
    at = made.pages[0] if what == "array" else certain(made.subtrees[1].phys)
    pages = {phys >> 12: data for phys, data in m.memory.items()}
    path = tmp_path / "x"
    path.write_bytes(kdump(pages, descriptors={at >> 12: (4096, 100, ZLIB)}))
    got = cli("decode", "--json", path)
    (h,) = got.json["handovers"]
    assert [p["code"] for p in h["problems"] if p["severity"] != "note"] == codes
    assert h["hwpoison"]["pfns"] == (None if what == "array" else [0x50010])
    assert got.code == (what == "array")


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
    assert source.read(0x1000, 8) is None
    assert "is damaged" in source.problems[0].message


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


def test_sniff(tmp_path: Path, subtests: pytest.Subtests) -> None:
    path = tmp_path / "x"
    for data, answer in (
        (b"KDUMP   ", True),
        (b"DISKDUMP", True),
        (b"KDUMP  ", False),
        (b"\x7fELF", False),
    ):
        with subtests.test(str(data)):
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


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """The three files of ``makedumpfile --split``, the second with the root FDT."""
    whole = open_dump(FileBytes(str(FIXTURES / "kdump" / "memory.kdump-zlib")))
    pages = {at >> 12: page for at, page in present(whole).items()}
    ends = [0, 0x35F, 0x360, max(pages) + 1]
    found = []
    for number, split in enumerate(pairwise(ends)):
        found.append(tmp_path / f"part{number}")
        found[-1].write_bytes(kdump(pages, split=split, vmcoreinfo=whole.vmcoreinfo))
    return found


def test_a_part_of_a_split_dump_shows_no_kernel_without_kho(
    parts, cli, subtests: pytest.Subtests
) -> None:
    """What it lacks is in the other files."""
    for given in ([parts[0]], [parts[2]], [parts[0], parts[2]]):
        with subtests.test(str(given)):
            got = cli("validate", *given)
            assert (got.code, got.out) == (3, "")
            assert "only a part of a split dump: give all of its files" in got.err
    whole = cli("validate", *parts)
    assert whole.code == 0
    assert "the list will be replayed" in whole.out


def test_all_parts_without_a_handover_are_a_kernel_without_kho(tmp_path: Path, cli) -> None:
    info = b"OSRELEASE=7.3.4\nPAGESIZE=4096\n"
    for name, split in (("a", (0, 3)), ("b", (3, 9))):
        pages = {n: text_page(n) for n in range(9)}
        (tmp_path / name).write_bytes(kdump(pages, split=split, vmcoreinfo=info))
    got = cli("validate", tmp_path / "a", tmp_path / "b", "--json")
    assert got.json["outcome"] == "absent"
    assert cli("validate", tmp_path / "a").code == 3


def test_an_image_that_is_cut_off_says_so(tmp_path: Path, cli) -> None:
    """Else nothing shows that the root FDT is in what is missing."""
    path = tmp_path / "x"
    path.write_bytes(kdump({n: text_page(n) for n in range(9)})[:-9])
    got = cli("decode", path)
    assert got.code == 3
    assert f"hwpkho: {path}: the dump is not complete: the file ends at" in got.err
    assert "before its last page; no root FDT in 36864 bytes of memory" in got.err
