"""How the lines of a log are found: searched for, or left unread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from tests.support.examples import much
from tests.support.mapfiles import named, plain, primary, read_text, rows, text_of
from tests.support.measure import within

if TYPE_CHECKING:
    from pathlib import Path

SURFACE = text_of("01-dmesg-e820/surface-book.txt")


def outcome(path: Path, text: str | bytes) -> object:
    """Everything that reading ``text`` tells, or why it does not."""
    try:
        return read_text(path, text, boot="last")
    except InputError as error:
        return str(error)


# Lines of tables -----------------------------------------------------------------------------


def test_too_many_entries_are_counted_to_the_line(tmp_path: Path) -> None:
    text = "".join(
        f"BIOS-e820: [mem 0x{i << 12:016x}-0x{(i << 12) + 1:016x}] usable\n" for i in range(4200)
    )
    with pytest.raises(InputError, match="line 4097: more than 4096 entries"):
        read_text(tmp_path / "log", text)


def test_an_efi_line_in_four_pieces_does_not_cost_the_next_one(tmp_path: Path) -> None:
    text = """\
efi: mem00: [Boot Code
|   |WB|WT
|WC|UC]
range=[0x0000000000000000-0x0000000000000fff] (0MB)
efi: mem01: [Conventional|   |WB|WT|WC|UC] range=[0x0000000000001000-0x000000000009ffff] (0MB)
efi: mem02: [Conventional|   |WB|WT|WC|UC] range=[0x0000000000100000-0x0000000000805fff] (7MB)
"""
    memmap = read_text(tmp_path / "log", text)
    assert [e.start for e in primary(memmap).entries] == [0, 0x1000, 0x100000]
    assert not memmap.problems


# Boots ---------------------------------------------------------------------------------------

FILLER = "[    9.000000] usb 1-1: new device\n" * 10_000


def test_what_starts_behind_a_firmware_map_tells_the_architecture(tmp_path: Path) -> None:
    uboot = (
        "DRAM bank   = 0x0\n-> start    = 0x0000000040000000\n-> size     = 0x0000000040000000\n"
    )
    linux = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    memmap = read_text(tmp_path / "log", uboot + FILLER + linux + FILLER)
    assert primary(memmap).name == "uboot_dram"
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")


def test_what_starts_behind_a_linux_map_is_another_boot(tmp_path: Path) -> None:
    other = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    memmap = read_text(tmp_path / "log", SURFACE + FILLER + other + FILLER)
    assert (memmap.arch, {m.boot for m in memmap.maps}) == ("x86_64", {0})
    # So is a map that no kernel of the architecture prints.
    memmap = read_text(tmp_path / "log", other + FILLER + SURFACE)
    assert (memmap.arch, {m.boot for m in memmap.maps}) == ("x86_64", {0})


def test_boots_far_apart_are_two(tmp_path: Path) -> None:
    start = "[    0.000000] Linux version 6.1.0 (gcc) #1\n"
    e820 = "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x0000000000{}] usable\n"
    text = start + e820.format("09fbff") + FILLER + start + FILLER + e820.format("0fffff")
    with pytest.raises(InputError, match=r"boot 0 from line 2 .* boot 1 from line 20004 "):
        read_text(tmp_path / "log", text)
    memmap = read_text(tmp_path / "log", text, boot="1")
    assert plain(rows(named(memmap, "e820_firmware"))) == [(0, 0xFFFFF, "usable")]


def test_a_log_without_a_map_tells_its_architecture_at_its_end(tmp_path: Path) -> None:
    linux = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    (tmp_path / "iomem").write_text("40000000-7fffffff : System RAM\n")
    log = tmp_path / "log"
    log.write_text(FILLER + linux)
    memmap = read_memmap([str(tmp_path / "iomem"), str(log)])
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")


# Hostile -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "range=[0x1\r-0x1fff [" * 190,
        "mem1: [" * 200 + "range=[0x1-0x1fff [\r" * 200,
        "range=[0x1\r\r\r\r-0x1fff [\r \r \r \r" * 120,
        "efi: 0x123456789-0x123456789 [" * 70 + " " * 1900 + "]x",
        "efi: 0x123456789-0x123456789 [" * 70 + " " * 1900 + "|] range=[0x",
        "00001000-0009fbff : <BAD" + " " * 4000 + "x",
        "00001000-0009fbff : " + "</p> " * 800 + "x",
        "00001000-0009fbff : x" + "<p>" * 1300,
    ],
)
def test_no_line_takes_long(line: str, tmp_path: Path) -> None:
    """A part of a line is joined to few others; no pattern tries what it has tried before."""
    lines = much(25_000, 100_000) // len(line)
    # Up to a quarter minute, had each part all before it.
    within(1.5, lambda: outcome(tmp_path / "log", f"{line}\n" * lines))


@pytest.mark.parametrize("at", range(4))
def test_a_broken_line_is_joined_over_the_end_of_a_block(at: int, tmp_path: Path) -> None:
    lines = [
        "efi: mem00: [Boot Code\n", "|   |WB|WT\n", "|WC|UC]\n",
        "range=[0x0000000000000000-0x0000000000000fff] (0MB)\n",
    ]  # fmt: skip
    before = "".join(lines[:at])
    filler = "x" * (((1 << 16) - len(before)) - 1) + "\n"
    memmap = read_text(tmp_path / "log", filler + "".join(lines))
    assert [(e.start, e.type) for e in primary(memmap).entries] == [(0, "boot_services_code")]


def test_the_rest_of_a_broken_line_may_follow_carriage_returns(tmp_path: Path) -> None:
    text = (
        "efi: mem00: [Boot Code|   |WB|WT|WC|UC]\n"
        "\r \rrange=[0x0000000000000000-0x0000000000000fff] (0MB)\n"
        "efi: mem01: [Boot Code|   |WB|WT|WC|UC]\r"
        "range=[0x0000000000001000-0x0000000000001fff] (0MB)\n"
    )
    memmap = read_text(tmp_path / "log", text)
    assert [e.start for e in primary(memmap).entries] == [0, 0x1000]


# What stands above ---------------------------------------------------------------------------

TREE = "00001000-0009ffff : System RAM\n000a0000-000bffff : Reserved\n"


def test_a_damaged_line_above_a_tree_is_named_by_its_number(tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "iomem", f"# cat /proc/iomem\n000fff : Reserved\n{TREE}")
    assert [p.message[:27] for p in memmap.problems] == ['line 2: "000fff : Reserved"']


@pytest.mark.parametrize("prefix", ["", "> "])
def test_a_sound_line_above_a_second_tree_is_not_damaged(prefix: str, tmp_path: Path) -> None:
    text = "".join(f"{prefix}{line}\n" for line in (TREE + TREE).splitlines())
    memmap = read_text(tmp_path / "log", text)
    assert [p.code for p in memmap.problems] == ["HP511"]
