"""Tables of poisoned memory out of memory images and files: real ones, and hostile ones."""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import efi_pool
from hwpkho.abi.efi_poisoned import GUID, linked_list
from hwpkho.base.ranges import union
from hwpkho.efi import find, reader
from hwpkho.errors import InputError
from hwpkho.images.elf import open_elf
from hwpkho.images.files import HeldBytes
from tests.support import efi
from tests.support.efi import ENTRY, NODE, TABLE, UNIT, entry, image, node, saved, table
from tests.support.examples import much, some, times
from tests.support.measure import within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.base import Source

LAYOUTS = {"A": "list", "B": "bitmap-base", "C": "bitmap", "D": "bitmap-base"}


def _source(pieces: Mapping[int, bytes], **more) -> Source:
    return open_elf(HeldBytes("memory.elf", memoryview(image(pieces, **more))))


def _read(pieces: Mapping[int, bytes], at: int = TABLE, **more) -> PoisonTable:
    return reader.read_at(_source(pieces), at, **more)


@pytest.mark.parametrize("name", some(efi.NAMES, 3))
def test_captures(name: str, tmp_path: Path, cli):
    truth = efi.truth(name)
    got = cli("decode", "--json", "--page-size", truth["page_size"], efi.unpack(name, tmp_path))
    assert got.code in (0, 1), got.err
    (found,) = got.json["efi_poisoned_memory"]
    assert found["phys"] == truth["table_phys"]
    assert found["layout"] == LAYOUTS[truth["layout"][0]]
    assert found["layout_sure"]
    assert [found["entry"]["phys"]] == truth["config_table_entry_phys"]
    size = truth["page_size"]
    pages = {p for a, b in found["ranges"] for p in range(a // size, b // size + 1)}
    assert pages == {p for a, b in truth["ranges"] for p in range(a, b + 1)}
    if found["layout"] == "list":
        assert found["units"] is None
        return
    assert (found["unit_size"], found["size"]) == (truth["unit_size"], truth["size"])
    runs = [u if isinstance(u, list) else [u, u] for u in found["units"]]
    assert [n for a, b in runs for n in range(a, b + 1)] == truth["units"]
    based = found["layout"] == "bitmap-base"
    assert found["phys_base"] == (truth["phys_base"] if based else None)


def test_a_list_has_its_nodes_and_what_was_taken_back(tmp_path: Path, cli):
    path = efi.unpack("a-gen1", tmp_path)
    (found,) = cli("decode", "--json", path).json["efi_poisoned_memory"]
    assert [(n["size"], n["count"]) for n in found["nodes"]] == [(0, 0), (255, 17)]
    assert found["set"] == 16
    text = cli("decode", path).out
    assert "1 entry taken back (size 0)" in text
    assert "255 entries used, the last" in text


def test_a_handover_and_a_table_are_both_shown(tmp_path: Path, cli):
    """The soft-offlined page has no bit; the unpoisoned one keeps its unit."""
    path = efi.unpack("b-kho-gen1", tmp_path)
    got = cli("decode", "--json", path)
    assert got.code == 0
    (handover,), (found,) = got.json["handovers"], got.json["efi_poisoned_memory"]
    said = {p["code"]: p for p in found["problems"]}
    (soft,) = efi.truth("b-kho-gen1")["soft_offlined_pfns"]
    assert soft in handover["hwpoison"]["pfns"]
    assert said["HP813"]["phys"] == soft << 12
    assert said["HP814"]["phys"] == 72 * UNIT
    assert "EFI table of poisoned memory at 0x1fb74018" in cli("decode", path).out


def test_annotate_shows_entry_and_table(tmp_path: Path, cli, subtests):
    text = cli("decode", "--annotate", efi.unpack("arm64-16k-d-gen1", tmp_path)).out
    assert "EFI configuration table entry at 0x5ffdfc20, 24 bytes" in text
    assert "15 8a 82 af" in text or "158a82af f40e9a43" in text
    assert "phys_base 0x4000000" in text
    first = efi.truth("arm64-16k-d-gen1")["units"][0]
    assert f"unit {first}" in text or f"units {first}" in text
    chain = cli("decode", "--annotate", efi.unpack("a-2816m-gen2", tmp_path)).out
    assert "node 1 at 0x100372000" in chain or "node 1 at 0x" in chain
    assert "entry 0: 0x" in chain
    based = ["unit_size 2097152", "phys_base 0x0", "size 32"]
    for layout, version, rows in (
        ("bitmap", 1, ["version 1", "unit_size 2097152", "size 32", "units 5 6"]),
        ("bitmap-base", 1, ["version 1", *based, "units 5 6"]),
        ("bitmap-base", 2, ["version 2  <- HP802 efi-table-version", *based]),
    ):
        with subtests.test(layout, version=version):
            path = saved(tmp_path, {TABLE: table([(5, 7)], layout, version=version)})
            text = cli("decode", "--annotate", path).out
            row = re.compile("  ((?:version|unit_size|phys_base|size|units) .*)$", re.MULTILINE)
            assert row.findall(text) == rows


def test_pfns_of_an_image_with_a_table_alone(tmp_path: Path, cli):
    path = efi.unpack("arm64-16k-d-gen1", tmp_path)
    got = cli("decode", "--pfns", "--page-size", 16384, path)
    truth = efi.truth("arm64-16k-d-gen1")
    pfns = [int(line, 16) for line in got.out.split()]
    assert pfns == [p for a, b in truth["ranges"] for p in range(a, b + 1)]
    listed = cli("list", "--pfns", "--page-size", 16384, path)
    assert listed.out == got.out


def test_a_root_that_counts_entries_is_read_and_reported(tmp_path: Path, cli):
    root = node([(5 << 12, 4096), (9 << 12, 4096)], room=0)
    got = cli("decode", "--json", saved(tmp_path, {TABLE: root}))
    assert got.code == 1
    (found,) = got.json["efi_poisoned_memory"]
    assert found["ranges"] == [[0x5000, 0x5FFF], [0x9000, 0x9FFF]]
    assert [p["code"] for p in found["problems"]] == ["HP808"]


def test_more_pages_than_any_list_has_are_not_printed(tmp_path: Path, cli):
    """An entry of 2^60 bytes: as ranges they are few."""
    pieces = {TABLE: node(following=NODE, room=0), NODE: node([(0, 1 << 60)])}
    path = saved(tmp_path, pieces)
    got = cli("decode", "--pfns", path)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert f"{1 << 48} PFNs" in got.err
    assert cli("decode", "--json", path).code == 0


@pytest.mark.parametrize("path", sorted((efi.EFI / "tables").glob("*.truth.json")))
def test_tables_as_files(path: Path, cli):
    truth = json.loads(path.read_text())
    args = ["--layout", truth["layout"]] if "layout" in truth else []
    file = path.with_name(truth["file"])
    got = cli("list", "--json", "--from", "efi-table", *args, file)
    shown = cli("decode", "--json", "--from", "efi-table", *args, file)
    if truth.get("refuse"):
        said = [(refused.code, refused.out, refused.err.count("\n")) for refused in (got, shown)]
        assert said == [(3, "", 1)] * 2
        return
    assert got.json["pfns"] == [[a, b] if a < b else a for a, b in truth["pfns"]]
    (found,) = shown.json["efi_poisoned_memory"]
    assert found["phys"] is None
    assert found["slack"] == 0


def test_where_both_layouts_fit_the_user_chooses(cli, subtests):
    file = efi.EFI / "tables" / "22.bin"
    assert "give --layout bitmap-base or bitmap" in cli("list", "--from", "efi-table", file).err
    for layout in ("bitmap", "bitmap-base"):
        with subtests.test(layout):
            assert cli("list", "--from", "efi-table", "--layout", layout, file).code == 0


def test_unaccepted_memory_must_not_be_taken_for_it(cli):
    got = cli("list", efi.EFI / "tables" / "unaccepted.bin")
    assert got.code == 3
    assert "unaccepted-memory table" in got.err


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=8),
    st.sampled_from(["bitmap", "bitmap-base"]),
    st.sampled_from([4096, 65536, 2 << 20, 1 << 30]),
    st.sampled_from([4096, 16384, 65536]),
    st.integers(0, 4),
)
@times(2)
def test_a_file_is_read_as_written(steps, layout, unit, page_size, base):
    units, at = [], 0
    for gap, length in steps:
        units.append((at + gap, at + gap + length))
        at += gap + length + 1
    size = -(-max(at, 64) // 64) * 8
    start = base * unit if layout == "bitmap-base" else 0
    raw = table(units, layout, unit=unit, base=start, size=size)
    found = reader.read_file(HeldBytes("t", memoryview(raw)), layout)
    assert list(found.set_units()) == units
    assert list(found.ranges()) == [(start + a * unit, start + b * unit) for a, b in units]
    assert found.bad_bytes() == sum(b - a for a, b in units) * unit
    outward = union((a // page_size, -(-b // page_size)) for a, b in found.ranges())
    assert [(a, b + 1) for a, b in found.pages(page_size).runs()] == outward


# Finding it


def test_the_guid_in_the_kernels_own_image_is_no_entry():
    fake = GUID + struct.pack("<Q", 0xFFFFFFFF819CF108)
    assert find.entries(_source({TABLE: table(), 0x23AF4C8: fake}, entries=())) == []
    (found,) = find.entries(_source({TABLE: table(), 0x23AF4C8: fake}))
    assert (found.phys, found.table, found.beside) == (ENTRY + 24, TABLE, ("ACPI",))


def test_an_entry_alone_counts_if_a_table_is_there(subtests):
    alone = entry(beside=False)
    assert [e.phys for e in find.entries(_source({TABLE: table()}, entries=(alone,)))] == [ENTRY]
    for name, raw in (("junk", b"junk" * 8), ("version 7", table(version=7)), ("x", b"x" * 24)):
        with subtests.test(name):
            source = _source({TABLE & -4096: bytes(16), TABLE: raw}, entries=(alone,))
            assert find.entries(source) == []
    elsewhere = entry(0x7000, beside=False)
    assert find.entries(_source({TABLE: table()}, entries=(elsewhere,))) == []
    odd = entry(TABLE + 4, beside=False)
    assert find.entries(_source({TABLE + 4: table()}, entries=(odd,))) == []


def test_an_entry_must_be_aligned_and_whole():
    raw = efi.entry()[24:]
    assert find.entries(_source({TABLE: table(), 0x5004: raw}, entries=())) == []
    assert find.entries(_source({TABLE: table(), 0x5FF0: raw[:16]}, entries=())) == []
    across = {TABLE: table(), 0x5FF8: raw}
    assert [e.phys for e in find.entries(_source(across, entries=()))] == [0x5FF8]


def test_several_tables_are_told_apart(tmp_path: Path, cli):
    pieces = {TABLE: table(), NODE: table(((7, 8),))}
    more = (entry(), bytes(24), entry(NODE, beside=False))
    path = efi.saved(tmp_path, pieces, entries=more)
    got = cli("decode", "--json", path).json["efi_poisoned_memory"]
    assert [t["phys"] for t in got] == [TABLE, NODE]
    assert "HP811" in {p["code"] for p in got[0]["problems"]}
    (chosen,) = cli("decode", "--json", "--efi-table", hex(NODE), path).json["efi_poisoned_memory"]
    assert chosen["units"] == [7]
    both = efi.saved(tmp_path, pieces, entries=(entry(), entry(NODE)))
    assert "choose with --efi-table" in cli("list", both).err
    assert cli("list", "--pfns", "--efi-table", hex(NODE), both).out.startswith("0xe00\n")


def test_copies_of_an_entry_name_one_table():
    more = (entry(beside=False), bytes(24), entry())
    (found,) = find.entries(_source({TABLE: table()}, entries=more))
    assert found.beside == ("ACPI",)


def test_memory_full_of_entries_is_bounded():
    end = much(0x102000, 0x140000)
    full = {at: entry(0x1000 + at, beside=False) * 170 for at in range(0x100000, end, 4096)}
    within(much(1, 6) / 2, lambda: find.entries(_source(full, entries=())))


# Hostile numbers


@pytest.mark.parametrize("says", [1 << n for n in (12, 20, 28, 29, 32, 40, 57, 60, 61, 63)])
@pytest.mark.parametrize("layout", ["bitmap", "bitmap-base"])
def test_sizes_up_to_2_64(says: int, layout: str):
    def nothing_is_read() -> None:
        found = _read({TABLE: table(says=says, layout=layout)}, layout=layout)
        assert found.bitmap is None
        assert {p.code for p in found.problems} <= {"HP803", "HP804"}
        assert list(found.ranges()) == []

    within(0.5, nothing_is_read)


@pytest.mark.parametrize("at", [0, 8, 0xFFFFF000, 1 << 46, (1 << 64) - 8, (1 << 64) - 24])
def test_a_table_where_nothing_is(at: int):
    assert [p.code for p in _read({TABLE: table()}, at).problems] == ["HP801"]


def test_loops_and_chains_end():
    ring = {NODE + i * 4096: node([(i << 21, 4096)], NODE + (i + 1) % 9 * 4096) for i in range(9)}
    found = _read({TABLE: node(following=NODE, room=0), **ring})
    assert [p.code for p in found.problems] == ["HP807"]
    assert found.nodes is not None
    assert len(found.nodes) == 10
    assert found.units() == 9


def test_a_chain_through_every_byte_of_an_image_is_bounded():
    page = b"".join(
        struct.pack("<iiQ", 255, 255, NODE + at + 16) for at in range(0, much(16384, 65536), 16)
    )
    pieces = {TABLE: node(following=NODE, room=0), NODE: page}
    found = within(much(1, 5), lambda: _read(pieces))
    assert {"HP806", "HP808", "HP809"} >= {p.code for p in found.problems} > {"HP809"}


@pytest.mark.parametrize(
    ("used", "room", "read"),
    [(-1, 255, 0), (3, 2, 3), (256, 255, 255), (1, -1, 1), (1 << 30, 255, 255)],
)
def test_counts_that_do_not_fit(used: int, room: int, read: int):
    entries = [(i << 13, 4096) for i in range(255)]
    found = _read({TABLE: node(following=NODE, room=0), NODE: node(entries, room=room, used=used)})
    assert [p.code for p in found.problems] == ["HP808"]
    assert found.nodes is not None
    assert found.nodes[1].read == read


def test_entries_past_2_64_are_cut():
    ends = [((1 << 64) - 4096, 8192), (0x5000, 0)]
    found = _read({TABLE: node(following=NODE, room=0), NODE: node(ends)})
    assert list(found.ranges()) == [((1 << 64) - 4096, 1 << 64)]
    assert [p.code for p in found.problems] == ["HP812"]
    assert list(found.pages(4096).runs()) == [((1 << 52) - 1, (1 << 52) - 1)]


def test_the_pool_tells_the_length():
    exact = _read({TABLE: table(size=38) + b"\xaf\xaf" + efi_pool.build_tail(62)})
    assert (exact.slack, exact.problems) == (2, ())
    base = table(base=0x4000000, says=32)
    assert not _read({TABLE: base}).told.sure
    assert _read({TABLE: base + efi_pool.build_tail(56)}).told.sure
    grown = _read({TABLE: table(says=64) + efi_pool.build_tail(56) + bytes(64)})
    assert [p.code for p in grown.problems] == ["HP805"]


def test_what_keeps_a_table_from_being_read_is_the_problem_that_decides(
    tmp_path: Path, cli, subtests: pytest.Subtests
):
    """Not the first error: HP805 alone would let the bits be read."""
    cut = table(says=1 << 20) + efi_pool.build_tail(56)
    found = _read({TABLE: cut})
    assert [p.code for p in found.problems] == ["HP805", "HP804"]
    assert found.unread_because is found.problems[1]
    path = saved(tmp_path, {TABLE: cut})
    for command in (["decode", "--pfns"], ["list"]):
        with subtests.test(command[0]):
            got = cli(*command, path)
            assert (got.code, got.err.count("\n")) == (3, 1)
            assert "cannot be read: HP804 the 1048576 bytes of bitmap are only in part" in got.err


def test_a_header_at_the_end_of_memory():
    found = _read({TABLE & -4096: bytes(4096 - 16) + linked_list.build(linked_list.Node(0, 0, 0))},
                  (TABLE & -4096) + 4080)  # fmt: skip
    assert (found.layout, found.units()) == ("list", 0)


@pytest.mark.parametrize("layout", [None, "bitmap-base"])
@pytest.mark.parametrize("base", [0, 12])
def test_memory_that_ends_inside_a_header(layout: str | None, base: int):
    cut = {0x1000: bytes(4080) + struct.pack("<IIQ", 1, UNIT, base)}
    short = reader.read_at(_source(cut, entries=()), 0x1FF0, layout=layout)
    assert [p.code for p in short.problems] == ["HP804"]


@pytest.mark.parametrize(
    ("raw", "layout", "why"),
    [
        (b"", None, "0 bytes"),
        (table()[:40], None, "40 bytes, but its header says 56"),
        (table()[:20], "bitmap-base", "20 bytes, but the header has 24"),
        (table(version=3), "bitmap-base", "version 3"),
        (node(following=0x1000)[:8], "list", "not in the image"),
    ],
)
def test_files_that_are_no_table(raw: bytes, layout: str | None, why: str):
    with pytest.raises(InputError, match=why):
        reader.read_file(HeldBytes("t", memoryview(raw)), layout)


def test_a_node_as_a_file_says_that_more_follows(cli, tmp_path: Path):
    (tmp_path / "node").write_bytes(node([(0x5000, 4096)], 0x9000))
    got = cli("list", "--json", "--from", "efi-table", tmp_path / "node")
    assert got.json["pfns"] == [5]
    assert got.json["entries"][0]["kind"] == "poisoned"
    assert "HP806" in {p["code"] for p in got.json["problems"]}


@given(
    st.binary(min_size=16, max_size=200), st.sampled_from([None, "list", "bitmap", "bitmap-base"])
)
@times(4)
def test_any_bytes_are_read_or_refused(raw: bytes, layout: str | None):
    try:
        found = reader.read_file(HeldBytes("t", memoryview(raw)), layout)
    except InputError:
        return
    assert found.readable
    assert all(a < b for a, b in found.ranges())


def test_a_full_bitmap_of_4_mib(tmp_path: Path, cli):
    """Half of its bits are set, in runs of one word: 16 Mi units, and no object for each."""
    raw = table((), size=4 << 20)[:24] + (bytes(8) + b"\xff" * 8) * (1 << 18)
    (tmp_path / "table").write_bytes(raw)
    got = within(1, lambda: cli("decode", "--from", "efi-table", tmp_path / "table"))
    assert "16777216 units set, 262144 ranges: 32 TiB" in got.out


def test_a_table_of_a_machine_with_1_tib(tmp_path: Path, cli):
    raw = table([(n, n + 1) for n in range(0, 524288, 512)], size=64 << 10)
    (tmp_path / "table").write_bytes(raw)
    args = ("--from", "efi-table", tmp_path / "table")
    assert within(3, lambda: cli("list", "--pfns", *args)).out.count("\n") == 1024 * 512
    assert "1024 units set" in within(0.2, lambda: cli("decode", *args)).out
