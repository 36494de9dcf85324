"""Layouts of the EFI table of poisoned memory: bits and ranges, headers, and what tells them."""

from __future__ import annotations

import random
import re
import struct
from array import array
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import efi_config, efi_poisoned, efi_pool
from hwpkho.abi.efi_poisoned import Header, bits, linked_list
from hwpkho.abi.efi_poisoned.tell import tell
from tests.support.examples import times
from tests.support.measure import within

UNIT = 2 << 20
BITMAPS = [n for n in efi_poisoned.LAYOUTS.names() if n != "list"]
#: The vectors of the specification: header, and where its first bit lies.
D = bytes.fromhex("01000000000020000000004000000000 0002000000000000")
C = bytes.fromhex("01000000000020004000000000000000")


@st.composite
def bitmaps(draw: st.DrawFn) -> bytes:
    """Bitmaps of a few bytes, and of several blocks with long runs in them."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=64))
    parts = draw(
        st.lists(
            st.tuples(st.sampled_from([b"\0", b"\xff", b"\x55", b"\x80", b"\1"]),
                      st.sampled_from([1, 7, 4095, 1 << 15, (1 << 15) + 3])),
            max_size=6,
        )
    )  # fmt: skip
    return b"".join(byte * n for byte, n in parts)


@given(bitmaps())
@times(0.5)
def test_bits_and_ranges_are_one(bitmap: bytes):
    runs = list(bits.ranges(bitmap))
    first, end = bits.columns(bitmap)
    assert list(zip(first, end, strict=True)) == runs
    assert bits.run_count(bitmap) == len(runs)
    assert bits.count(bitmap) == sum(b - a for a, b in runs)
    assert bits.build(runs, len(bitmap)) == bitmap
    assert all(a < b for a, b in runs)
    assert all(b < c for (_, b), (c, _) in pairwise(runs))


@given(st.binary(min_size=1, max_size=64))
def test_a_bit_is_where_linux_sets_it(bitmap: bytes):
    one_by_one = [n for n in range(len(bitmap) * 8) if bitmap[n // 8] >> n % 8 & 1]
    assert list(chain.from_iterable(range(*run) for run in bits.ranges(bitmap))) == one_by_one


@pytest.mark.parametrize("runs", [[(2, 2)], [(3, 4), (1, 2)], [(1, 2), (2, 3)]])
def test_build_refuses_what_is_no_ascending_set(runs):
    with pytest.raises(ValueError, match="not ascending"):
        bits.build(runs, 1)


def test_build_refuses_a_unit_outside():
    with pytest.raises(ValueError, match="unit 8 is outside"):
        bits.build([(7, 9)], 1)


def test_a_large_bitmap_is_counted_at_once():
    half = random.Random(16).randbytes(4 << 20)
    found = within(1, lambda: (bits.count(half), bits.run_count(half)))
    assert 16_000_000 < found[0] < 17_500_000
    assert 8_000_000 < found[1] < 9_000_000


@given(
    st.sampled_from(BITMAPS),
    st.integers(12, 31).map(lambda n: 1 << n),
    st.integers(0, 1 << 20),
    st.integers(1, 1 << 16),
)
@times(2)
def test_headers_are_read_as_written(name: str, unit: int, base: int, words: int):
    layout = efi_poisoned.bitmap_layout(name)
    header = Header(1, unit, base * unit if name == "bitmap-base" else 0, words * 8)
    raw = layout.build(header)
    assert len(raw) == layout.HEAD
    assert layout.parse(raw) == header
    assert layout.flaw(header) is None
    # Whole, the table tells what it is unless both layouts fit it.
    told = tell(raw.ljust(24, b"\0"), layout.HEAD + header.size)
    assert told.layout == name or name in told.between


@given(
    st.lists(st.integers(0, 1 << 40), max_size=600, unique=True),
    st.sampled_from([4096, 16384, 65536]),
)
def test_a_chain_is_read_as_written(pfns: list[int], page_size: int):
    wanted = [(pfn * page_size, page_size) for pfn in pfns]
    memory = dict(linked_list.build_chain(wanted, 0x1018, 0x10000, page_size))
    node, found, seen = linked_list.parse(memory[0x1018][:16]), array("Q"), 0
    assert node.room == node.used == 0
    while node.next:
        raw = memory[node.next]
        assert len(raw) == page_size
        node = linked_list.parse(raw[:16])
        entries = list(linked_list.entries(raw[16:]))[: node.used]
        found = array("Q", chain.from_iterable(entries)) + found
        seen += 1
    assert list(zip(found[::2], found[1::2], strict=True)) == wanted
    assert seen == -(-len(pfns) // linked_list.CAPACITY)


def test_the_vectors_of_the_specification():
    base = efi_poisoned.bitmap_layout("bitmap-base")
    header = base.parse(D)
    assert header == Header(1, UNIT, 0x40000000, 512)
    assert header.units == 4096
    assert header.end == 0x40000000 + (8 << 30)
    assert header.unit_of(0x50001000) == 128
    assert bits.build([(128, 129)], 512).index(b"\1") == 16
    assert efi_poisoned.bitmap_layout("bitmap").parse(C) == Header(1, UNIT, 0, 64)
    page = linked_list.build(linked_list.Node(255, 1, 0)) + linked_list.build_entries(
        [(0x50001000, 4096)]
    )
    assert page.hex() == "ff000000010000000000000000000000" + "00100050000000000010000000000000"


def test_a_layout_without_a_bitmap_is_none_of_them():
    with pytest.raises(KeyError):
        efi_poisoned.bitmap_layout("list")
    with pytest.raises(ValueError, match="no place in layout bitmap"):
        efi_poisoned.bitmap_layout("bitmap").build(Header(1, UNIT, UNIT, 8))


@pytest.mark.parametrize(
    ("name", "header", "why"),
    [
        ("bitmap", Header(2, UNIT, 0, 8), "version 2, known is 1"),
        ("bitmap", Header(1, UNIT, 0, 0), "0 bytes"),
        ("bitmap", Header(1, 0, 0, 8), "unit_size 0"),
        ("bitmap", Header(1, 2048, 0, 8), "unit_size 2048"),
        ("bitmap", Header(1, 3 << 20, 0, 8), "not a power of two"),
        ("bitmap", Header(1, UNIT, 0, 12), "not whole 64-bit words"),
        ("bitmap", Header(1, UNIT, 0, 1 << 61), "more than 2.64 bits"),
        ("bitmap", Header(1, UNIT, 0, 1 << 60), "reach 2.64"),
        ("bitmap-base", Header(1, UNIT, 0, 1 << 61), "more than 2.64 bits"),
        ("bitmap-base", Header(1, UNIT, 0x1000, 8), "phys_base 0x1000"),
    ],
)
def test_a_header_that_no_kernel_takes(name, header, why):
    found = efi_poisoned.bitmap_layout(name).flaw(header)
    assert found
    assert re.search(why, found)


def test_generation_b_writes_any_number_of_bytes():
    assert efi_poisoned.bitmap_layout("bitmap-base").flaw(Header(1, UNIT, 0, 38)) is None


ROOT = struct.pack("<iiQ", 0, 0, 0xF000000)


@pytest.mark.parametrize(
    ("raw", "length", "top", "layout", "sure"),
    [
        (ROOT, None, None, "list", True),
        (bytes(16), None, None, "list", True),
        (struct.pack("<iiQ", 255, 2, 0), None, None, "list", True),
        (
            struct.pack("<iiQ", 0, 3, 0),
            None,
            None,
            "list",
            True,
        ),  # no stub's, and read all the same
        (struct.pack("<IIQQ", 1, UNIT, 0, 32), None, None, "bitmap-base", True),
        (struct.pack("<IIQQ", 1, UNIT, 32, 5), None, 1 << 29, "bitmap", False),
        (struct.pack("<IIQQ", 1, UNIT, 32, 0), 48, None, "bitmap", True),
        (struct.pack("<IIQQ", 1, UNIT, 8, 0), 24, None, "bitmap", True),  # 24 + 0 fits, too
        (struct.pack("<IIQQ", 1, UNIT, 32, 5), 4096, None, "bitmap", False),  # slack
        (C, None, 1 << 30, "bitmap", False),  # memory ends behind its header
        # A machine with 6 TiB, of which the image has a page or two.
        (struct.pack("<IIQQ", 1, UNIT, 393216, 8), None, 0x6FC01000, "bitmap", False),
        (struct.pack("<IIQQ", 1, UNIT, 0x40000000, 512), None, 1 << 29, "bitmap-base", False),
        (D, 536, None, "bitmap-base", True),
        (D, None, 6 << 30, "bitmap-base", False),
        (struct.pack("<IIQQ", 1, UNIT, 0x4000000, 96), None, 0x60000000, "bitmap-base", False),
        (struct.pack("<IIQQ", 1, UNIT, 0x4000000, 38), 64, None, "bitmap-base", True),
    ],
)
def test_what_tells_the_layout(raw, length, top, layout, sure):
    told = tell(raw, length, top)
    assert (told.layout, told.sure) == (layout, sure), told.why


@pytest.mark.parametrize(
    ("raw", "length", "why"),
    [
        (bytes(8), None, "8 bytes"),
        (struct.pack("<IIQQ", 2, UNIT, 8, 2), 24, "version 2"),
        (struct.pack("<iiQ", 0, 0, 1), None, "version 0"),
        (struct.pack("<iiQ", 255, 300, 0), None, "version 255"),
        (struct.pack("<iiQ", 0, UNIT, 0), None, "version 0"),  # a bitmap's unit
        (struct.pack("<IIQ", 1, UNIT, 0), 16, "its header has 24"),
        (struct.pack("<IIQQ", 1, UNIT, 0, 0), None, "0 bytes"),
        (struct.pack("<IIQQ", 1, UNIT, 12, 2), 28, "not whole 64-bit words"),
        (
            struct.pack("<IIQQ", 1, UNIT, 64, 99),
            40,
            "but its header says 123 bytes as bitmap-base or 80",
        ),
        (struct.pack("<IIQ", 1, UNIT, 64), 20, "80 bytes as bitmap"),
        (struct.pack("<IIQQ", 1, 4096, 1 << 40, 1 << 40), None, "covers memory that is not there"),
        # Of a table with a base the unit is damaged: 2^60 bytes have no other.
        (struct.pack("<IIQQ", 1, 1 << 31, 1 << 26, 96), None, "covers memory that is not there"),
    ],
)
def test_what_no_layout_fits(raw, length, why):
    told = tell(raw, length)
    assert told.layout is None
    assert why in told.why
    assert not told.between


@pytest.mark.parametrize("length", [4112, None])
def test_where_both_layouts_fit_nothing_is_guessed(length):
    told = tell(struct.pack("<IIQQ", 1, 4096, 4096, 4088), length)
    assert told.layout is None
    assert told.between == ("bitmap-base", "bitmap")


@given(st.binary(max_size=24), st.none() | st.integers(0, 1 << 64))
def test_telling_never_fails(raw: bytes, length: int | None):
    assert tell(raw, length).why


@pytest.mark.parametrize(("size", "length"), [(56, 0x60), (62, 0x68), (48, 0x58), (16, 0x38)])
def test_edk2_pool_tails(size, length):
    tail = efi_pool.build_tail(size)
    assert tail == b"ptal\0\0\0\0" + struct.pack("<Q", length)
    assert efi_pool.is_tail(tail, size)
    assert not efi_pool.is_tail(tail, size + 8)
    assert not efi_pool.is_tail(b"Ptal" + tail[4:], size)
    assert not efi_pool.is_tail(tail[:8], size)
    assert efi_pool.tail_at(62) == 64


def test_configuration_entries():
    raw = efi_config.build(efi_poisoned.GUID, 0x1FB74018)
    assert efi_config.entry(raw) == (efi_poisoned.GUID, 0x1FB74018)
    assert efi_poisoned.GUID not in efi_config.KNOWN
