"""LiME images and compressed AVML images: as LiME's and AVML's sources write them."""

from __future__ import annotations

import random
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes, HeldBytes
from hwpkho.images.records import AVML, LIME
from hwpkho.images.registry import open_image
from tests.support import captures, certain
from tests.support.program import run_cli

if TYPE_CHECKING:
    from pathlib import Path

CAPTURE = "x86-structv1-small"
HEADER = struct.Struct("<8sQQQ")


def record(phys: int, data: bytes, *, packed: bool) -> bytes:
    """Return a record as AVML's write_block makes it, or LiME's write_range."""
    head = HEADER.pack(AVML if packed else LIME, phys, phys + len(data) - 1, 0)
    if not packed:
        return head + data
    stream = bytes(cramjam.snappy.compress(data))
    return head + stream + struct.pack("<Q", len(stream))


def image(*, packed: bool) -> bytes:
    """Return the memory of a capture."""
    return b"".join(
        record(phys, data, packed=packed) for phys, data in captures.segments(captures.elf(CAPTURE))
    )


FORMS = {"lime": False, "avml": True}


@pytest.mark.parametrize("form", FORMS)
def test_a_capture_in_this_form(form, tmp_path: Path) -> None:
    (tmp_path / "elf").write_bytes(captures.elf(CAPTURE))
    (tmp_path / "image").write_bytes(image(packed=FORMS[form]))
    want = run_cli("decode", "--json", tmp_path / "elf", "--arch", "x86_64").json["handovers"]
    got = run_cli("decode", "--json", tmp_path / "image", "--arch", "x86_64").json["handovers"]
    here = {"source": None, "problems": None}
    assert [h | here for h in got] == [h | here for h in want]
    assert run_cli("decode", "--pfns", tmp_path / "image").out == run_cli(
        "decode", "--pfns", tmp_path / "elf"
    ).out  # fmt: skip
    iomem = captures.folder(CAPTURE) / "iomem.txt"
    assert run_cli("validate", tmp_path / "image", "--memmap", iomem).code == 0
    assert run_cli("capture", tmp_path / "image", "-o", tmp_path / "small").code == 0
    notes = run_cli("decode", "--annotate", tmp_path / "image").out
    assert ("image at 0x" in notes) is (form == "lime")  # packed bytes have no place in the file


def _open(data: bytes) -> Any:
    return certain(open_image(HeldBytes("x", memoryview(data))))


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=5, unique=True), st.sampled_from(list(FORMS)),
    st.integers(1, 3), st.integers(0, 1 << 32),
)  # fmt: skip
def test_memory_is_what_went_in(places, form, pages, seed) -> None:
    """Ranges that touch, that leave gaps, in any order, longer than a chunk of 64 KiB."""
    rng = random.Random(seed)
    size = pages * 40960
    ranges = {place * 3 * 40960: rng.randbytes(size // 2) + bytes(size // 2) for place in places}
    source = _open(b"".join(record(p, d, packed=FORMS[form]) for p, d in ranges.items()))
    assert sum(n for _, n in source.extents()) == len(ranges) * size
    for phys, data in ranges.items():
        for at in (0, 1, 4095, 65530, size - 9, rng.randrange(size)):
            wanted = data[at : at + 9]
            assert bytes(source.read(phys + at, len(wanted)) or b"") == wanted
        assert source.read(phys + size - 1, 2) is None or phys + size in ranges
    word = ranges[min(ranges)][8192:8200]
    assert min(ranges) + 8192 in source.find_words(word)
    assert min(ranges) + 8192 in source.find_pages(word[:4])
    assert source.problems == []


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_off_image_gives_what_is_there(form, subtests: pytest.Subtests) -> None:
    data = record(0x1000, b"a" * 9000, packed=FORMS[form]) + record(
        0x10000, random.Random(1).randbytes(200_000), packed=FORMS[form]
    )
    for cut in (1, 8, 9, 60_000, 100_000):
        with subtests.test(f"{cut} bytes cut off"):
            source = _open(data[:-cut])
            assert bytes(source.read(0x1000, 9000) or b"") == b"a" * 9000
            assert source.read(0x10000 + 200_000 - 1, 1) is None or cut <= 8
            (found,) = source.problems
            assert found.code == "HP101"
            assert "within the record at 0x" in found.message
    head = _open(data + HEADER.pack(AVML if FORMS[form] else LIME, 0, 9, 0)[:20])
    assert [p.code for p in head.problems] == ["HP101"]
    assert _open(data + bytes(100)).problems == []


@pytest.mark.parametrize("form", FORMS)
def test_records_that_overlap_must_hold_the_same_bytes(form) -> None:
    ranges = ((0x1000, b"a" * 8192), (0x2000, b"a" * 4096 + b"b" * 4096), (0x3000, b"c" * 4096))
    source = _open(b"".join(record(*r, packed=FORMS[form]) for r in ranges))
    assert bytes(source.read(0x1FFF, 3) or b"") == b"aaa"
    with pytest.raises(InputError, match="two segments hold different bytes at 0x3000"):
        source.read(0x3000, 8)


def _bent(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


ONE = record(0x1000, b"a" * 5000, packed=True)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_bent(ONE, 16, struct.pack("<Q", 0xFFF)), "ends at 0xfff, before its beginning 0x1000"),
        (ONE + b"x" * 40, "expected 41564d4c02000000 (AVML)"),
        (ONE + record(0, b"b" * 50, packed=False), "begins with 454d694c01000000, expected"),
        (_bent(ONE, 16, struct.pack("<Q", 0x1100)), "snappy chunk at offset 0x2a of 5000 bytes"),
        (_bent(ONE, 42, b"\2"), "snappy chunk at offset 0x2a of unknown type 0x2"),
        (ONE[:-8] + struct.pack("<Q", 7), "says that its stream has 7 bytes, not"),
    ],
)
def test_damaged_headers_are_one_line(data, says, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        _open(data)
    assert says in str(raised.value)
    assert str(raised.value).startswith("x: ")


def test_a_damaged_chunk_is_absent_and_the_rest_is_there() -> None:
    memory = random.Random(2).randbytes(4 * 65536)
    memory = memory[:196608] + b"needle!!" + memory[196616:]
    data = bytearray(record(0x100000, memory, packed=True))
    data[42 + 65536 + 8 + 3000] ^= 1  # in the second chunk
    source = _open(bytes(data))
    assert bytes(source.read(0x100000, 65536) or b"") == memory[:65536]
    assert source.read(0x110000, 16) is None
    assert bytes(source.read(0x120000, 9) or b"") == memory[131072:131081]
    assert list(source.find_pages(b"needle!!")) == [0x130000]
    assert list(source.find_words(b"needle!!")) == [0x130000]
    (found,) = source.problems
    assert found.code == "HP107"
    assert found.message.startswith("x: snappy chunk at offset 0x10032 is damaged: ")


def test_crumbs_are_no_memory_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="records of 1 byte each; this is not a memory image"):
        _open(b"".join(record(i, b"x", packed=False) for i in range(33000)))
    skipped = b"\xfe\0\0\0" * 40000
    with pytest.raises(
        InputError, match="snappy chunks of 0 bytes each; this is not a memory image"
    ):
        _open(HEADER.pack(AVML, 0, 4095, 0) + skipped)


def test_without_its_library(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "image").write_bytes(image(packed=True))
    monkeypatch.setitem(sys.modules, "cramjam", None)
    got = run_cli("decode", tmp_path / "image")
    assert (got.code, got.out) == (3, "")
    assert got.err == (
        f"hwpkho: {tmp_path}/image: is snappy-compressed; install the extra: pip install "
        "'hwpkho[kdump]'; or convert it: avml-convert\n"
    )


def test_a_zlib_stream_of_lime_is_named(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(zlib.compress(image(packed=False)))
    got = run_cli("decode", tmp_path / "image")
    assert got.err == (
        f"hwpkho: {tmp_path}/image: this is a LiME image with compress=1, a zlib stream; unpack "
        "it: pigz -dz < FILE > NEW\n"
    )


@given(st.data(), st.booleans())
def test_bent_images_end_with_one_line(data, packed) -> None:
    plain = bytearray(record(0x1000, b"a" * 70000, packed=packed) + record(0, b"b", packed=packed))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(8, 120))] = data.draw(st.integers(0, 255))
    said = ""
    try:
        source = _open(bytes(plain[: data.draw(st.integers(40, len(plain)))]))
        for start, size in source.extents():
            source.read(start, min(size, 1 << 20))
        list(source.find_pages(b"abcd"))
        said = "".join(p.message for p in source.problems)
    except InputError as error:
        said = str(error)
    assert said.isprintable()


def test_it_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(image(packed=True))
    with FileBytes(str(tmp_path / "x")) as file:
        source = certain(open_image(file))
        assert list(source.extents())
