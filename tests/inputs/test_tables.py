"""EFI tables of poisoned memory in an image: one way to choose, whatever the command."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.support.efi import NODE, TABLE, entry, saved, table
from tests.support.handovers import Machine

if TYPE_CHECKING:
    from pathlib import Path

#: Every command that takes a list out of an image, with what it writes on standard output.
TAKING = [
    ("list", "--pfns"),
    ("merge", "--to", "list"),
    ("encode", "--to", "list"),
    ("decode", "--pfns"),
]
#: Fits both layouts by its numbers: units 9 and 10 as bitmap-base, more as bitmap.
BOTH = struct.pack("<IIQQ", 1, 4096, 4096, 4088) + bytes([6]) + bytes(4087)


def _two(folder: Path, *, alike: bool = True) -> Path:
    pieces = {TABLE: table([(5, 6)]), NODE: table([(7, 8)])}
    return saved(folder, pieces, entries=(entry(), bytes(24 * 20), entry(NODE, beside=alike)))


@pytest.mark.parametrize("command", TAKING, ids=lambda c: c[0])
def test_several_tables_are_refused_alike(command, cli, tmp_path: Path):
    path = _two(tmp_path)
    got = cli(*command, path)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert f"(0x{TABLE:x}, 0x{NODE:x}); choose with --efi-table" in got.err
    chosen = cli(*command, path, "--efi-table", hex(NODE))
    assert chosen.code == 0, chosen.err
    assert chosen.out.startswith("0xe00")


def test_the_likelier_of_several_is_taken_alike(cli, tmp_path: Path, subtests: pytest.Subtests):
    path = _two(tmp_path, alike=False)
    for command in TAKING:
        with subtests.test(command[0]):
            assert cli(*command, path).out.startswith("0xa00")
    assert cli("validate", "--json", path).json["efi"]["phys"] == TABLE


def test_several_tables_in_validate_and_diff(cli, tmp_path: Path):
    path = _two(tmp_path)
    assert "choose with --efi-table" in cli("validate", path).err
    (tmp_path / "list").write_text("0xe00-0xfff\n")
    assert "choose with --efi-table" in cli("diff", tmp_path / "list", path).err
    got = cli("diff", tmp_path / "list", path, "--efi-table", hex(NODE))
    assert got.code == 0, got.err
    assert cli("validate", "--json", "--efi-table", NODE, path).json["efi"]["phys"] == NODE


@pytest.mark.parametrize("command", TAKING, ids=lambda c: c[0])
@pytest.mark.parametrize("layout", ["bitmap", "bitmap-base"])
def test_the_layout_is_chosen_alike(command, layout, cli, tmp_path: Path):
    path = saved(tmp_path, {TABLE: BOTH})
    got = cli(*command, path)
    assert (got.code, got.out, got.err.count("\n")) == (3, "", 1)
    assert "give --layout bitmap-base or bitmap" in got.err
    chosen = cli(*command, path, "--layout", layout)
    assert chosen.code == 0, chosen.err
    first = {"bitmap": "0x3", "bitmap-base": "0x2"}[layout]
    assert chosen.out.split()[0].split("-")[0] == first, chosen.out[:40]


def test_a_table_of_either_layout_in_diff(cli, tmp_path: Path):
    path = saved(tmp_path, {TABLE: BOTH})
    (tmp_path / "list").write_text("0x2 0x3\n")
    assert cli("diff", "--layout", "bitmap-base", tmp_path / "list", path).code == 0
    assert cli("diff", "--layout", "bitmap", tmp_path / "list", path).code == 1


@pytest.mark.parametrize(("layout", "pages"), [("bitmap-base", 2), ("bitmap", 11)])
def test_a_table_of_either_layout_in_validate(layout, pages, cli, tmp_path: Path):
    """The option that the refusal names, for a table as a file and for one held against."""
    file = tmp_path / "t.bin"
    file.write_bytes(BOTH)
    refused = cli("validate", "--from", "efi-table", file)
    assert (refused.code, "give --layout bitmap-base or bitmap" in refused.err) == (3, True)
    got = cli("validate", "--json", "--from", "efi-table", file, "--layout", layout)
    assert (got.code, got.json["summary"]["pfns"]) == (0, pages), got.err
    path = saved(tmp_path, {TABLE: BOTH})
    doc = cli("validate", "--json", path, "--layout", layout, "--against", path).json
    assert doc["efi"]["layout"] == layout
    assert "HP815" not in {f["code"] for f in doc["findings"]}
    assert [(x["pages"], x["uncovered"]) for x in doc["efi"]["against"]] == [(pages, [])]


def test_layout_is_that_of_the_table_written(cli, tmp_path: Path, subtests: pytest.Subtests):
    """Both cannot be said by one option: the way out is told, and works."""
    path, out = saved(tmp_path, {TABLE: BOTH}), tmp_path / "t"
    for command in ("list", "merge", "encode"):
        with subtests.test(command):
            got = cli(command, path, "--to", "efi-table", "--layout", "bitmap", "-o", out)
            assert (got.code, out.exists()) == (3, False)
            assert "--layout is for the table that is written: save the input as a" in got.err
    (tmp_path / "l.json").write_text(cli("list", "--json", "--layout", "bitmap", path).out)
    got = cli("merge", tmp_path / "l.json", "--to", "efi-table", "--layout", "bitmap-base",
              "-o", out)  # fmt: skip
    assert got.code == 0, got.err


def test_beside_a_handover_nobody_has_to_choose(cli, tmp_path: Path, subtests: pytest.Subtests):
    """The list is the handover's; only the tables stay unjudged, which is said."""
    machine = Machine(arch="x86_64")
    machine.handover([0x11, 0x22])
    pieces = {**machine.memory, TABLE: table([(5, 6)]), NODE: table([(7, 8)])}
    path = saved(tmp_path, pieces, entries=(entry(), bytes(24), entry(NODE)))
    for command in TAKING:
        with subtests.test(command[0]):
            assert cli(*command, path).out == "0x11\n0x22\n"
    doc = cli("validate", "--json", path).json
    assert doc["efi"] is None
    (said,) = [f for f in doc["findings"] if f["code"] == "HP811"]
    assert said["message"].endswith(f"poisoned memory (0x{TABLE:x}, 0x{NODE:x})")
    doc = cli("validate", "--json", path, "--efi-table", NODE).json
    assert doc["efi"]["phys"] == NODE
    assert cli("list", "--pfns", path, "--efi-table", NODE).out.startswith("0xe00\n")


@pytest.mark.parametrize("scrub", [(), ("--no-scrub",)])
@pytest.mark.parametrize("layout", [(), ("--layout", "bitmap"), ("--layout", "bitmap-base")])
def test_a_capture_keeps_what_either_layout_reads(
    scrub, layout, cli, tmp_path: Path, subtests: pytest.Subtests
):
    path, out = saved(tmp_path, {TABLE: BOTH, 0x3FFFF000: bytes(8)}), tmp_path / "small.elf"
    got = cli("capture", path, "-o", out, *scrub, *layout)
    assert got.code == 0, got.err
    for choice in [layout] if layout else [(), ("--layout", "bitmap"), ("--layout", "bitmap-base")]:
        with subtests.test(str(choice)):
            again, first = (cli("decode", "--json", *choice, p) for p in (out, path))
            assert again.code == first.code
            if first.code != 3:
                tables = [x.json["efi_poisoned_memory"] for x in (again, first)]
                assert [{**t, "source": ""} for t in tables[0]] == [
                    {**t, "source": ""} for t in tables[1]
                ]


def test_a_capture_of_the_table_that_is_chosen(cli, tmp_path: Path):
    path, out = _two(tmp_path), tmp_path / "small.elf"
    assert cli("capture", path, "-o", out, "--efi-table", hex(NODE)).code == 0
    got = cli("decode", "--json", "--efi-table", hex(NODE), out)
    assert [t["units"] for t in got.json["efi_poisoned_memory"]] == [[7]]


@pytest.mark.parametrize("command", ["list", "merge", "encode", "diff", "decode", "validate"])
def test_an_address_is_for_images_alone(command, cli, tmp_path: Path):
    (tmp_path / "list").write_text("0x5000\n")
    more: list[object] = ["--to", "list"] if command == "encode" else []
    more += [tmp_path / "list"] * (command == "diff")
    got = cli(command, tmp_path / "list", *more, "--efi-table", "0x1000")
    assert (got.code, "no input is a memory image" in got.err) == (
        (3, False) if command == "decode" else (2, True)
    ), got.err
