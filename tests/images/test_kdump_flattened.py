"""The flattened form: what ``makedumpfile -R`` would make of it, without making it."""

from __future__ import annotations

import shutil
import struct
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.images.elf import open_elf
from hwpkho.images.files import FileBytes
from hwpkho.images.kdump.dump import open_dump
from hwpkho.images.kdump.flattened import Flattened, sniff, unflatten
from tests.support import FIXTURES, forked
from tests.support.kdump_writer import END, FLAT_HEADER, flat_blocks, flatten, kdump

if TYPE_CHECKING:
    from pathlib import Path

KDUMPS = FIXTURES / "kdump"


def view(path: Path, data: bytes) -> Flattened:
    path.write_bytes(data)
    return unflatten(FileBytes(str(path)))


def elf_core(segments: dict[int, bytes], note: bytes = b"") -> bytes:
    """Return an ELF core: ELF header, program headers, note, segments."""
    at = 64 + 56 * (len(segments) + 1)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments) + 1, 0, 0, 0
    )
    head += struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(note), len(note), 4)
    at += len(note)
    for phys, data in segments.items():
        head += struct.pack("<IIQQQQQQ", 1, 7, at, 0, phys, len(data), len(data), 0)
        at += len(data)
    return head + note + b"".join(segments.values())


def test_real_one_equals_the_rearranged_one(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """The plain fixture was written by the same makedumpfile from the same memory."""
    plain = (KDUMPS / "memory.kdump-zlib").read_bytes()
    inner = unflatten(FileBytes(str(KDUMPS / "memory.kdump-zlib-flat")))
    assert inner.size == len(plain)
    assert not inner.problems
    ranges = list(inner.data_ranges())
    assert len(ranges) > 1
    assert [(a, b) for a, b in ranges if inner.read(a, b - a) != plain[a:b]] == []
    for (_, gap), (end, _) in pairwise(ranges):
        with subtests.test(f"0x{gap:x}"):
            assert plain[gap:end] == bytes(end - gap)
            with pytest.raises(InputError, match=f"no block .* offset 0x{gap:x} of the rearranged"):
                inner.read(gap - 1, 2)


@pytest.mark.skipif(not shutil.which("makedumpfile"), reason="needs makedumpfile")
def test_makedumpfile_agrees(tmp_path: Path) -> None:
    flat = (KDUMPS / "memory.kdump-zlib-flat").read_bytes()
    out = tmp_path / "out"
    command = [str(shutil.which("makedumpfile")), "-R", str(out)]
    subprocess.run(command, input=flat, check=True, capture_output=True)
    inner = unflatten(FileBytes(str(KDUMPS / "memory.kdump-zlib-flat")))
    rearranged = bytearray(inner.size)
    for a, b in inner.data_ranges():
        rearranged[a:b] = inner.read(a, b - a)
    assert rearranged == out.read_bytes()


@given(
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=80)), max_size=12),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 120)), max_size=8),
)
def test_later_blocks_win(
    tmp_path: Path, blocks: list[tuple[int, bytes]], reads: list[tuple[int, int]]
) -> None:
    inner = view(tmp_path / "flat", flat_blocks(blocks) + END + b"what follows does not count")
    model: dict[int, int] = {}
    for at, data in blocks:
        model.update(enumerate(data, at))
    size = max(model, default=-1) + 1
    assert inner.size == size
    covered = [at for a, b in inner.data_ranges() for at in range(a, b)]
    assert covered == sorted(model)
    for offset, length in [*reads, *((a, b - a) for a, b in inner.data_ranges())]:
        wanted = [model.get(at) for at in range(offset, min(offset + length, size))]
        if None in wanted:
            with pytest.raises(InputError, match="no block of this flattened dump"):
                inner.read(offset, length)
        else:
            assert list(inner.read(offset, length)) == wanted
    assert all(inner.read(at, 1)[0] == value for at, value in model.items())


def test_an_elf_inside(tmp_path: Path) -> None:
    magic = b"\xd0\x0d\xfe\xed"
    segments = {0x10000: magic + bytes(8188), 0x40000: bytes(4096) + magic.ljust(4096, b"\1")}
    data = elf_core(segments)
    (tmp_path / "core").write_bytes(data)
    plain = open_elf(FileBytes(str(tmp_path / "core")))
    (tmp_path / "flat").write_bytes(flatten(data, 1000))
    source = open_dump(FileBytes(str(tmp_path / "flat")))
    assert list(source.extents()) == list(plain.extents()) == [(0x10000, 8192), (0x40000, 8192)]
    assert list(source.find_pages(magic)) == list(plain.find_pages(magic)) == [0x10000, 0x41000]
    assert source.read(0x40FF0, 40) == plain.read(0x40FF0, 40)
    assert source.arch == "x86_64"
    assert not source.problems
    source.close()


def test_an_elf_cut_off(tmp_path: Path) -> None:
    data = elf_core({0x10000: b"\1" * 8192})
    blocks = [(at, data[at : at + 1000]) for at in range(0, len(data), 1000)]
    (tmp_path / "flat").write_bytes(flat_blocks(blocks)[:-2000])
    source = open_dump(FileBytes(str(tmp_path / "flat")))
    assert [p.code for p in source.problems] == ["HP101", "HP101"]
    assert "without its end mark" in source.problems[0].message
    assert source.read(0x10000, 4096) == b"\1" * 4096
    assert source.read(0x11000, 4096) is None


def test_elf_headers_in_a_gap(tmp_path: Path) -> None:
    """The dump is as large as its last block says; what lies between is not there."""
    head = bytearray(elf_core({0: b"\1" * 4096})[:64])
    struct.pack_into("<H", head, 56, 0xFFFE)
    (tmp_path / "flat").write_bytes(flat_blocks([(0, bytes(head)), (1 << 61, b"x")]) + END)
    with pytest.raises(InputError, match="65534 program headers at offset 0x40 are a hole"):
        open_dump(FileBytes(str(tmp_path / "flat")))


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (struct.pack(">qq", 1 << 62, 1 << 62), "at file offset 0x1000 names offset 46116860184"),
        (struct.pack(">qq", -2, 5), "names offset -2"),
        (struct.pack(">qq", 0, -1), "size -1"),
        (END, "holds neither a kdump nor an ELF"),
        (struct.pack(">qq", 5, 8) + b"KDUMP   " + END, "holds neither a kdump nor an ELF"),
        (struct.pack(">qq", 0, 8) + b"KDUMP   " + END, "kdump header at offset 0: 8 bytes"),
        (FLAT_HEADER, "names offset 78816"),
        (b"", "holds neither a kdump nor an ELF"),
    ],
)
def test_senseless_blocks(blocks: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(FLAT_HEADER + blocks)
    with pytest.raises(InputError, match=says):
        open_dump(FileBytes(str(tmp_path / "flat")))


def test_crumbs_are_refused(tmp_path: Path) -> None:
    crumbs = flat_blocks((3 * i, b"x") for i in range(40_000))
    with pytest.raises(InputError, match="40000 blocks of 1 byte each"):
        view(tmp_path / "flat", crumbs + END)


def test_a_flattened_file_inside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(flatten(flatten(b"KDUMP   ")))
    with pytest.raises(InputError, match="holds neither a kdump nor an ELF"):
        open_dump(FileBytes(str(tmp_path / "flat")))


def test_header(tmp_path: Path, subtests: pytest.Subtests) -> None:
    path = tmp_path / "flat"
    for size in (0, 15):
        with subtests.test(f"{size} bytes"):
            path.write_bytes(FLAT_HEADER[:size])
            assert not sniff(FileBytes(str(path)))
    path.write_bytes(FLAT_HEADER[:20])
    assert sniff(FileBytes(str(path)))
    with pytest.raises(InputError, match="20 bytes, expected 32"):
        unflatten(FileBytes(str(path)))
    for kind, version in ((2, 1), (1, 2)):
        with subtests.test(f"type {kind}, version {version}"):
            path.write_bytes(
                struct.pack(">16sqq", b"makedumpfile", kind, version).ljust(4096, b"\0")
            )
            with pytest.raises(InputError, match=f"type {kind}, version {version} at offset 16"):
                unflatten(FileBytes(str(path)))


def test_end_of_the_file(tmp_path: Path) -> None:
    """Reading past the end gives less, as with a file; a cut last block gives what is there."""
    inner = view(tmp_path / "flat", flat_blocks([(0, b"abcdef")])[:-2])
    assert inner.size == 4
    assert [p.code for p in inner.problems] == ["HP101"]
    assert inner.read(2, 100) == b"cd"
    assert inner.read(4, 1) == b""
    assert inner.read(-1, 3) == b""
    assert inner.read(0, -5) == b""


def test_large_blocks(tmp_path: Path) -> None:
    """What a mapped file no longer needs is let go; it stays readable."""
    path = tmp_path / "flat"
    size = 40 << 20
    with path.open("wb") as file:
        file.write(FLAT_HEADER)
        for at in (size, 0):
            file.write(struct.pack(">qq", at, size) + b"begin")
            file.seek(size - 5, 1)
        file.write(END)
    inner = unflatten(FileBytes(str(path)))
    assert (inner.size, list(inner.data_ranges())) == (2 * size, [(0, 2 * size)])
    assert list(inner.scan([(0, 2 * size)], 0, 4096, (b"begi",))) == [(0, 4), (size, 4)]
    assert inner.read(size - 1, 7) == b"\0begin\0"


def test_vmcoreinfo_in_a_gap(tmp_path: Path) -> None:
    """It is missed, but no reason to refuse the dump."""
    page = b"text" * 1024
    data = kdump({0: page}, vmcoreinfo=b"PAGESIZE=4096\n")
    (tmp_path / "flat").write_bytes(flat_blocks([(0, data[:4200]), (8192, data[8192:])]) + END)
    source = open_dump(FileBytes(str(tmp_path / "flat")))
    assert source.vmcoreinfo == b""
    assert source.read(0, 4096) == page


@pytest.mark.parametrize("size", [1 << 20, 1 << 43])
def test_blocks_of_nothing_end_soon(size, tmp_path):
    """A hole is headers of empty blocks, one every 16 bytes."""
    with (tmp_path / "dump").open("wb") as file:
        file.write(b"makedumpfile\0\0\0\0" + struct.pack(">qq", 1, 1))
        file.truncate(4096 + size)
    got = forked.within(2, "decode", tmp_path / "dump", limits={"CPU": 20})
    assert (got.code, got.err.count(b"\n")) == (3, 1)
    assert b"32769 blocks of no bytes; this is not a flattened dump" in got.err
