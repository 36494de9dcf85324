"""Tables of EFI's are told from hwpoison blobs, and what form cannot tell is said."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import efi_table
from hwpkho.abi.hwpoison import HwpoisonBlob, struct_v1
from hwpkho.abi.vmalloc import KhoVmalloc
from tests.support import FIXTURES

TABLES = FIXTURES / "defects" / "efi"
NAMES = sorted(p.name for p in TABLES.glob("*.bin"))
UNIT = 2 << 20


def _bitmap(bitmap, unit=UNIT, version=1):
    return struct.pack("<IIQ", version, unit, len(bitmap)) + bitmap


def _bitmap_base(bitmap, base=0, unit=UNIT, version=1):
    return struct.pack("<IIQQ", version, unit, base, len(bitmap)) + bitmap


def _node(entries, following=0):
    body = b"".join(struct.pack("<QQ", base, 4096) for base in entries)
    return (struct.pack("<iiQ", 255, len(entries), following) + body).ljust(4096, b"\0")


def _said(raw):
    return efi_table.describe(raw[: 1 << 16], len(raw)) or ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["decode", "validate"])
def test_a_table_is_no_damaged_blob(name, command, cli):
    truth = json.loads((TABLES / name).with_suffix(".truth.json").read_text())
    got = cli(command, "--json", TABLES / name)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert "; --from efi-table reads one of poisoned memory" in got.err
    if truth["form"] == "efi-unaccepted":
        assert "unaccepted-memory table" in got.err
    elif "layout" in truth:
        assert f"layout {truth['layout']}" in got.err
    else:
        assert "EFI poisoned-memory table" in got.err


def test_a_batch_says_it_too(cli, tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    (case / "hwpoison").write_bytes(_bitmap(bytes(8)))
    got = cli("validate", "--json", "--batch", tmp_path)
    assert got.code == 3
    assert "EFI poisoned-memory table" in got.json["results"][0]["error"]


@given(st.binary(max_size=600).map(lambda b: b + bytes(-len(b) % 8)), st.integers(12, 30))
def test_every_layout_is_among_what_is_said(bitmap, shift):
    assert "layout bitmap" in _said(_bitmap(bitmap, 1 << shift)).split("-base")[0]
    said = _said(_bitmap_base(bitmap, 5 << shift, 1 << shift))
    assert "layout bitmap-base" in said
    assert "unaccepted-memory" in said


@given(st.lists(st.integers(0, 1 << 30).map(lambda n: n << 12), max_size=255))
def test_nodes_of_a_list(entries):
    assert "layout list" in _said(_node(entries, 0x1000))
    assert "layout list" in _said(struct.pack("<iiQ", 0, 0, 0x1000))
    assert "layout list" in _said(bytes(16))
    assert not _said(_node([*entries[:1], 0x1001], 0x1000))


@given(
    st.integers(0, 1 << 20),
    st.integers(1, 1 << 40).map(lambda n: n << 12),
    st.integers(1, 1 << 20),
    st.sampled_from([0, 1, 7, 0x1001, 0x8000_0001]),
)
def test_a_blob_stays_a_blob(count, first, pages, pad):
    area = KhoVmalloc(first, pages)
    raw = struct_v1.build(HwpoisonBlob("struct-v1", 1, count, area, pad), 4096)
    assert not _said(raw)
    assert not _said(raw.ljust(4096, b"\0"))
    assert not _said(b"\x02" + raw[1:])


def test_a_blob_with_a_pad_like_a_unit():
    def blob(count):
        area = KhoVmalloc(0x64E000, 1)
        return struct_v1.build(HwpoisonBlob("struct-v1", 1, count, area, UNIT), 4096)

    assert not _said(blob(37))
    said = _said(blob(16))  # 16 bytes of bitmap would make this length
    assert "layout bitmap" in said
    assert "hwpoison blob" in said


@pytest.mark.parametrize("length", [16, 24, 31, 100])
def test_a_table_that_is_cut_off(length):
    raw = _bitmap_base(bytes(4000), 0x4000_0000)[:length]
    assert "EFI poisoned-memory" in _said(raw)


@pytest.mark.parametrize("raw", [_bitmap(bytes(24)), _bitmap_base(bytes(24))])
def test_what_a_pool_rounds_up(raw, subtests):
    for slack in (8, 100, 4096 - len(raw)):
        with subtests.test(str(slack)):
            assert "layout bitmap" in _said(raw + bytes(slack))


@given(st.binary(max_size=64))
def test_anything_at_all(raw):
    _said(raw)
