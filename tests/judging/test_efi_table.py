"""What a next kernel makes of an EFI table of poisoned memory, as real kernels did."""

from __future__ import annotations

import gzip
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.arch import ARCHES
from hwpkho.judging.efi_table import linked_list
from hwpkho.judging.efi_table.generations import GENERATIONS
from tests.support import efi
from tests.support.efi import EFI, NODE, TABLE, UNIT, node, saved, table
from tests.support.efi_matrix import BLOCK, DOCUMENT, ROWS, judged, matrix, measured
from tests.support.examples import some, times
from tests.support.handovers import Machine
from tests.support.measure import within

if TYPE_CHECKING:
    from pathlib import Path

MAP = ("--memmap", EFI / "iomem-x86-512m.txt")


def _case(case: dict[str, Any], folder: Path) -> list[object]:
    """The arguments that tell of a table what was fed to a real kernel."""
    args: list[object] = ["--arch", case["arch"], "--page-size", case["page_size"]]
    if "capture" in case:
        name = case["capture"]
        iomem = EFI / "captures" / name / "iomem.txt"
        return [*args, efi.unpack(name, folder), "--memmap", iomem]
    pieces = {int(at, 16): bytes.fromhex(raw) for at, raw in case["segments"].items()}
    path = saved(folder, pieces or {0x100000: b"x"}, arch=case["arch"], entries=())
    return [*args, path, "--efi-table", case["table"], "--memmap", EFI / case["memmap"]]


@pytest.mark.parametrize("number", some(range(len(efi.outcomes())), 3))
def test_outcomes_of_real_kernels(number: int, tmp_path: Path, cli):
    case = efi.outcomes()[number]
    got = cli("validate", "--json", "--consumer-efi", case["consumer"], *_case(case, tmp_path))
    assert got.code in (0, 1), got.err
    found = got.json["efi"]
    assert found["outcome"] == case["outcome"], (case["case"], found["reason"])
    assert got.code == (not got.json["ok"])
    if found["outcome"] != "accepted":  # else findings may count, as where it is misread
        assert got.code == 1
    said = case["kernel_says"]
    if found["outcome"] == "ignored" or re.match("efi: (reserved|poisoned)", said):
        told = found["reason"].replace(" (2048K each)", "")
        assert said.replace(" (2048K each)", "").startswith(told.partition(";")[0]), case["case"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_the_matrix_is_what_real_kernels_did(row):
    seen = {name: measured().get((row.case, name)) for name in GENERATIONS.names()}
    seen = {name: outcome for name, outcome in seen.items() if outcome is not None}
    assert {name: judged(row, name) for name in seen} == seen


def test_the_matrix_of_the_document():
    """``python -m tests.support.efi_matrix`` writes it."""
    (block,) = BLOCK.findall(DOCUMENT.read_text("utf-8"))
    assert block[1] == matrix()


def _judge(cli, tmp_path: Path, pieces: dict[int, bytes], *options: object, map_=MAP) -> Any:
    got = cli("validate", "--json", saved(tmp_path, pieces), *map_, *options)
    assert got.code in (0, 1), got.err
    return got.json


@pytest.mark.parametrize(
    ("consumer", "verdict"),
    [("a", "reserved"), ("b", "reserved"), ("c2", "replays"), ("d2", "reserved")],
)
def test_what_becomes_of_the_pages(consumer: str, verdict: str, cli, tmp_path: Path):
    layout = GENERATIONS[consumer].layout
    pieces = (
        {TABLE: table([(11, 13), (100, 101)], layout)}
        if layout != "list"
        else {
            TABLE: node(following=NODE, room=0),
            NODE: node([(11 * UNIT, 2 * UNIT), (100 * UNIT, UNIT)]),
        }
    )
    doc = _judge(cli, tmp_path, pieces, "--consumer-efi", consumer)
    counts = doc["summary"]["by_verdict"]
    assert counts == {verdict: 3 * 512}
    assert doc["efi"]["pages_lost"] == 3 * 512
    assert doc["outcome"] is None
    assert "HP832" in {f["code"] for f in doc["findings"]}
    doc = _judge(cli, tmp_path, pieces, "--consumer-efi", consumer, "--iomem-of", "next")
    assert doc["summary"]["by_verdict"]["in-use"] == 0x18C3 - 0x1600


def test_ignored_pages_stay_in_use(cli, tmp_path: Path):
    doc = _judge(cli, tmp_path, {TABLE: table([(100, 101)])}, "--consumer-efi", "c2")
    assert doc["efi"]["outcome"] == "ignored"
    assert doc["efi"]["pages_lost"] == 0


@pytest.mark.parametrize("consumer", ["b", "c2", "d2"])
def test_a_version_decides_where_the_image_has_no_more(consumer: str, cli, tmp_path: Path):
    """The root of a list is shorter than the header of a bitmap."""
    path = tmp_path / "root"
    path.mkdir()
    (path / f"0x{TABLE:x}.bin").write_bytes(bytes(16))
    more = ("--efi-table", hex(TABLE), "--arch", "x86_64", "--consumer-efi", consumer)
    found = cli("validate", "--json", path, *MAP, *more).json["efi"]
    assert found["outcome"] == "ignored"
    assert found["reason"].endswith("with version 0")


def test_a_kernel_without_the_feature(cli, tmp_path: Path):
    doc = _judge(cli, tmp_path, {TABLE: table([(100, 101)])}, "--consumer-efi", "none")
    assert (doc["efi"]["outcome"], doc["efi"]["reason"]) == (None, "kernel without the feature")
    assert any("not known: kernel without" in f["message"] for f in doc["findings"])
    assert doc["summary"]["by_verdict"] == {"in-use": 512}


@pytest.mark.parametrize("at", [0, 1 << 46, 0x30000000])
@pytest.mark.parametrize("consumer", GENERATIONS.names())
def test_pointers(at: int, consumer: str, cli, tmp_path: Path):
    options = ("--consumer-efi", consumer, "--efi-table", hex(at))
    found = _judge(cli, tmp_path, {TABLE: table()}, *options)["efi"]
    if at >> 46:
        assert found["outcome"] == "crash"
    else:
        assert found["outcome"] == ("accepted" if consumer == "a" else "ignored")


def test_bytes_that_the_image_lacks_decide_nothing(cli, tmp_path: Path, subtests: pytest.Subtests):
    lacks = ("--efi-table", "0x3000000")
    assert _judge(cli, tmp_path, {TABLE: table()}, *lacks)["efi"]["outcome"] is None
    grown = {TABLE: table(says=1 << 13)}
    for consumer, outcome in (("b", None), ("d2", "accepted"), ("c2", "ignored")):
        with subtests.test(consumer):
            doc = _judge(cli, tmp_path, grown, "--consumer-efi", consumer)
            assert doc["efi"]["outcome"] == outcome


def test_without_a_map_only_the_checks_are_judged(cli, tmp_path: Path):
    sound, broken = {TABLE: table()}, {TABLE: table(version=9)}
    assert _judge(cli, tmp_path, sound, map_=())["efi"]["outcome"] is None
    assert _judge(cli, tmp_path, broken, map_=())["efi"]["outcome"] == "ignored"
    assert _judge(cli, tmp_path, {TABLE: table(())}, map_=())["efi"]["outcome"] == "accepted"


@pytest.mark.parametrize(("count", "outcome"), [(114, "accepted"), (115, "crash")])
def test_places_are_counted_with_the_tables_own(count: int, outcome: str, cli, tmp_path: Path):
    units = [(n, n + 1) for n in range(1, 2 * count, 2)]
    doc = _judge(cli, tmp_path, {TABLE: table(units, size=64)}, "--consumer-efi", "b")
    assert doc["efi"]["outcome"] == outcome
    assert ARCHES["x86_64"].memblock_ranges == 115


def test_arm64_has_room_for_more(cli, tmp_path: Path):
    units = [(512 + n, 513 + n) for n in range(0, 256, 2)]
    path = saved(tmp_path, {0x5A7C0018: table(units, size=96)}, arch="arm64",
                 entries=(efi.entry(0x5A7C0018),))  # fmt: skip
    got = cli("validate", "--json", "--consumer-efi", "b", path, "--memmap",
              EFI / "iomem-arm64-4k.txt")  # fmt: skip
    assert got.json["efi"]["outcome"] == "accepted"


def test_pages_of_16_kib_refuse_a_smaller_unit(cli, tmp_path: Path, subtests: pytest.Subtests):
    pieces = {0x5A7C0018: table((), unit=8192, base=0x4000000)}
    path = saved(tmp_path, pieces, arch="arm64", entries=(efi.entry(0x5A7C0018),))
    for size, outcome in ((4096, "accepted"), (16384, "ignored")):
        with subtests.test(str(size)):
            got = cli("validate", "--json", path, "--page-size", size, "--memmap",
                      EFI / f"iomem-arm64-{size >> 10}k.txt")  # fmt: skip
            assert got.json["efi"]["outcome"] == outcome


def test_noruntime_is_of_x86(cli, tmp_path: Path):
    found = _judge(cli, tmp_path, {TABLE: table()}, "--next-cmdline", "efi=debug,noruntime")
    assert found["efi"]["outcome"] == "ignored"
    name = "arm64-d-gen1"
    got = cli("validate", "--json", efi.unpack(name, tmp_path), "--memmap",
              EFI / "captures" / name / "iomem.txt", "--next-cmdline", "efi=noruntime")  # fmt: skip
    assert got.json["efi"]["outcome"] == "accepted"


def test_a_handover_and_a_table_are_both_judged(cli, tmp_path: Path):
    name = "b-kho-gen1"
    path, iomem = efi.unpack(name, tmp_path), EFI / "captures" / name / "iomem.txt"
    got = cli("validate", "--json", path, "--memmap", iomem, "--consumer-efi", "b")
    assert got.json["outcome"] == "replay"
    assert got.json["efi"]["outcome"] == "accepted"
    assert got.json["summary"]["pfns"] == 17
    assert {"HP813", "HP814", "HP833", "HP835"} & {f["code"] for f in got.json["findings"]}
    text = cli("validate", path, "--memmap", iomem, "--consumer-efi", "b").out
    assert "efi table" in text
    assert "reserved 14 poisoned unit(s)" in text


def test_a_table_is_held_against_a_log(cli, tmp_path: Path):
    """The kernel's own log of b-gen1: its soft-offlined page has no bit, the unpoisoned one has."""
    log = tmp_path / "dmesg"
    packed = EFI / "captures" / "b-gen1" / "dmesg.txt.gz"
    log.write_bytes(gzip.decompress(packed.read_bytes()))
    path, iomem = efi.unpack("b-gen1", tmp_path), EFI / "captures" / "b-gen1" / "iomem.txt"
    doc = cli("validate", "--json", path, "--memmap", iomem, "--against", log).json
    said = {f["code"]: f for f in doc["findings"]}
    assert said["HP814"]["phys"] == 72 * UNIT
    soft = tmp_path / "soft"
    soft.write_text("0x1fdf9 0x18f0 0x7777\n")
    got = cli("validate", "--json", path, "--memmap", iomem, "--against", soft)
    said = {f["code"]: f for f in got.json["findings"]}
    assert (got.code, said["HP813"]["severity"], said["HP813"]["first"]) == (1, "error", 0x7777)


def test_the_report_on_a_table_alone(cli, tmp_path: Path):
    path = efi.unpack("b-many-gen1", tmp_path)
    iomem = EFI / "captures" / "b-many-gen1" / "iomem.txt"
    dies = cli("validate", path, "--memmap", iomem, "--consumer-efi", "b")
    assert "the next kernel will die in early boot" in dies.out
    assert "HP821" in dies.out
    lives = cli("validate", path, "--memmap", iomem)
    assert lives.code == 0
    assert "of the EFI table will be kept out of use" in lives.out


@pytest.mark.parametrize("consumer", ["b", "c1", "c2"])
@pytest.mark.parametrize(("short", "outcome"), [(8, "accepted"), (0, "ignored")])
def test_units_end_before_2_64(consumer: str, short: int, outcome: str, cli, tmp_path: Path):
    """check_mul_overflow() and check_add_overflow() refuse an end of 2^64 as well."""
    layout, unit = GENERATIONS[consumer].layout, 1 << 31
    base = (1 << 64) - unit * 512 if layout == "bitmap-base" else 0
    size = (64 if base else ((1 << 64) // unit) // 8) - short
    raw = table((), unit=unit, base=base, says=size, layout=layout)
    doc = _judge(cli, tmp_path, {TABLE: raw + bytes(4096)}, "--consumer-efi", consumer)
    found = doc["efi"]["outcome"]
    assert found == outcome or (found, outcome, consumer) == (None, "accepted", "b")


def test_c_says_nothing_of_pages_that_it_poisoned_if_there_are_none(cli, tmp_path: Path):
    """All of them lie behind the memory sections."""
    pieces = {TABLE: table([(256, 258)], "bitmap", size=64)}
    more = tmp_path / "iomem"
    more.write_text("00001000-1fffffff : System RAM\n30000000-30000fff : System RAM\n")
    doc = _judge(cli, tmp_path, pieces, "--consumer-efi", "c2", map_=("--memmap", more))
    assert doc["efi"]["reason"] == (
        "efi: 1024 inherited poisoned page(s) could not be taken out of use"
    )


def test_c_flags_pages_of_flash_that_is_memory_in_a_section(cli, tmp_path: Path):
    """What the kernel of arm64-d-c2-d-gen2 said of the table that arm64-d-gen1 left."""
    name = "arm64-d-gen1"
    got = cli("validate", "--json", efi.unpack(name, tmp_path), "--consumer-efi", "c2", "--memmap",
              EFI / "captures" / name / "iomem.txt")  # fmt: skip
    assert got.json["efi"]["reason"] == "efi: poisoned 8192 page(s) inherited across kexec"


def test_a_loop_with_too_many_places_dies_first(cli, tmp_path: Path):
    entries = [((0x4000 + 2 * n) << 12, 4096) for n in range(130)]
    pieces = {TABLE: node(following=NODE, room=0), NODE: node(entries, following=NODE)}
    doc = _judge(cli, tmp_path, pieces, "--consumer-efi", "a")
    assert doc["efi"]["outcome"] == "crash"
    pieces[NODE] = node(entries[:9], following=NODE)
    assert _judge(cli, tmp_path, pieces, "--consumer-efi", "a")["efi"]["outcome"] == "hang"


def test_more_nodes_than_are_followed_are_not_said_to_be_missing(cli, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(linked_list, "MAX_NODES", 1)
    pieces = {TABLE: node(following=NODE, room=0), NODE: node([(11 * UNIT, UNIT)])}
    found = _judge(cli, tmp_path, pieces, "--consumer-efi", "a")["efi"]
    assert (found["outcome"], found["units"]) == (None, 0)
    assert found["reason"] == "the list has more than 1 nodes; hwpkho follows no more"


@pytest.mark.parametrize(("consumer", "units"), [("b", 3), ("c2", 2), ("d1", 3), ("d2", 3)])
def test_units_outside_ram_count_up_to_what_the_generation_reads(
    consumer: str, units: int, cli, tmp_path: Path
):
    """All bits of b and d; c reads whole words up to max_pfn (512 MiB: 256 units here)."""
    raw = table([(100, 102), (400, 401)], GENERATIONS[consumer].layout, size=64)
    doc = _judge(cli, tmp_path, {TABLE: raw}, "--consumer-efi", consumer)
    assert doc["efi"]["units"] == units
    assert doc["efi"]["pages_lost"] == 1024


@pytest.mark.parametrize(
    ("units", "words", "lacks", "outcome"),
    [
        ([(100, 101)], 3, 1, "accepted"),
        ([(100, 101)], 3, 4, None),  # 128 places more
        ([(n, n + 1) for n in range(64, 190, 2)], 3, 2, None),
        ([(n, n + 1) for n in range(64, 164, 2)], 3, 2, "accepted"),
        ([(100, 101)], 0, 1, None),  # unit 0 may be among them
    ],
)
def test_bits_that_the_image_lacks_count_where_they_can_decide(
    units: list[tuple[int, int]], words: int, lacks: int, outcome: str | None, cli, tmp_path: Path
):
    """So many words of the bitmap stand at the end of a page, and the next page is not there."""
    raw = (
        table(units, size=8 * (words + lacks))[: 24 + 8 * words]
        if words
        else table((), says=8)[:24]
    )
    at = 0xF001000 - len(raw)
    path = saved(tmp_path, {at: raw}, entries=())
    got = cli("validate", "--json", path, *MAP, "--efi-table", at, "--consumer-efi", "b")
    assert got.json["efi"]["outcome"] == outcome, got.json["efi"]["reason"]
    if outcome:
        known = sum(b - a for a, b in units)
        assert f"reserved at least {known} poisoned unit(s)" in got.json["efi"]["reason"]


def test_beside_a_handover_without_a_list(cli, tmp_path: Path):
    """KHO for other things, the table for bad pages: the verdicts are those of its pages."""
    machine = Machine(arch="x86_64", at=0x8000000)
    machine.handover(None)
    doc = _judge(cli, tmp_path, {**machine.memory, TABLE: table([(100, 102)])}, "--max-pages", "9")
    assert doc["outcome"] == "absent"
    assert doc["summary"]["by_verdict"] == {"reserved": 1024}
    assert [(r["first"], r["last"]) for r in doc["runs"]] == [(51200, 52223)]
    assert doc["headline"] == "all 1024 pages of the EFI table will be kept out of use"
    assert "HP701" in {f["code"] for f in doc["findings"]}
    machine = Machine(arch="x86_64", at=0x8000000)
    machine.handover([])  # an empty list is one
    doc = _judge(cli, tmp_path, {**machine.memory, TABLE: table([(100, 102)])})
    assert (doc["outcome"], doc["runs"]) == ("replay", [])


def test_a_kernel_that_dies_on_the_table_replays_nothing(cli, tmp_path: Path):
    machine = Machine(arch="x86_64", at=0x8000000)
    machine.handover([0x5000])
    pieces = {**machine.memory, TABLE: table([(0, 1)])}
    doc = _judge(cli, tmp_path, pieces, "--consumer-efi", "b")
    assert (doc["outcome"], doc["efi"]["outcome"]) == ("replay", "crash")
    assert doc["headline"].startswith("the next kernel will die in early boot on the EFI table")


def test_options_that_nothing_reads(cli, tmp_path: Path):
    (tmp_path / "list").write_text("0x5000\n")
    got = cli("validate", tmp_path / "list", "--consumer-efi", "b")
    assert (got.code, "has no effect" in got.err) == (2, True)


@given(
    st.sampled_from(GENERATIONS.names()),
    st.binary(min_size=0, max_size=96),
    st.sampled_from([b"", b"\1\0\0\0\0\0\x20\0", b"\xff\0\0\0\1\0\0\0"]),
)
@times(3)
def test_any_bytes_are_judged(consumer: str, raw: bytes, head: bytes):
    from hwpkho.efi.reader import read_at
    from hwpkho.images.elf import open_elf
    from hwpkho.images.files import HeldBytes
    from hwpkho.judging.efi_table.judge import judge_table
    from hwpkho.judging.next_kernel import NextKernel
    from tests.support.efi_matrix import regions

    source = open_elf(HeldBytes("m", memoryview(efi.image({TABLE: head + raw + b"x"}, entries=()))))
    kernel = NextKernel(4096, arch="x86_64", memory=regions())
    found = within(2, lambda: judge_table(read_at(source, TABLE), source, kernel, consumer))
    assert found.reason


@pytest.mark.parametrize(
    ("consumer", "size", "unit"),
    some(
        product(
            GENERATIONS.names(),
            [8 << 10, 1 << 20, 1 << 30, 1 << 36, 1 << 48, 1 << 57, (1 << 64) - 8],
            [4096, UNIT, 1 << 31],
        ),
        4,
    ),
)
def test_sizes_up_to_2_64_take_no_time(consumer: str, size: int, unit: int, cli, tmp_path: Path):
    layout = GENERATIONS[consumer].layout
    raw = table(says=size, unit=unit, layout="bitmap-base" if layout == "list" else layout)
    doc = within(1, lambda: _judge(cli, tmp_path, {TABLE: raw}, "--consumer-efi", consumer))
    assert doc["efi"]["reason"]
