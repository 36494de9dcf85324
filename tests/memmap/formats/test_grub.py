"""GRUB's lsmmap and lsefimmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import efi
from hwpkho.memmap.tables import MAX_EFI_ENTRIES
from tests.support.examples import much
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path


MIB = 1 << 20


def test_grub_lsmmap_words_and_numbers(log: Path) -> None:
    words = {
        "available RAM": "usable",
        "reserved RAM": "reserved",
        "ACPI reclaimable RAM": "acpi_data",
        "ACPI non-volatile storage RAM": "acpi_nvs",
        "faulty RAM (BadRAM)": "unusable",
        "persistent RAM": "pmem",
        "persistent RAM (legacy)": "pram",
        "RAM holding coreboot tables": "type_16",
        "RAM holding firmware code": "type_20",
        "type = 0x1": "usable",
        "type = 0x9": "type_9",
    }
    text = "".join(
        f"base_addr = 0x{i:x}000, length = 0x1000, {word}\n" for i, word in enumerate(words)
    )
    memmap = read_text(log, text)
    assert [e.type for e in primary(memmap).entries] == list(words.values())
    assert primary(memmap).entries[1].end == 0x1FFF
    # A copy that has lost its line ends: what is not read is told.
    (gap,) = primary(read_text(log, repr(text.splitlines()[:4]))).gaps
    assert gap.start == 0x1000


def test_grub_efi_map_comes_before_its_other_list(log: Path) -> None:
    text = (
        "grub> lsmmap\r\r\n"
        "base_addr = 0x0, length = 0xa0000, available RAM\r\r\n"
        "\x1b[24;1Hgrub> lsefimmap\r\r\n"
        "Type      Physical start  - end             #Pages        Size Attributes\r\r\n"
        "\x1b[5;1HBS-data   0000000000000000-000000000009ffff 000000a0    640KiB UC WC WT WB\r\r\n"
        "--MORE--\r        \r"
        "Unk 11    0000000000100000-00000000001fffff 00000100      1MiB RT SP\r\r\n"
    )
    memmap = read_text(log, text)
    assert primary(memmap).name == "grub_efi"
    assert rows(primary(memmap)) == [
        [0, 0x9FFFF, "boot_services_data", {"attr": 15}],
        [MIB, 2 * MIB - 1, "type_17", {"attr": efi.RUNTIME | efi.SP}],
    ]
    assert plain(rows(named(memmap, "grub_mmap"))) == [(0, 0x9FFFF, "usable")]


def test_grub_sizes_beyond_tib(log: Path) -> None:
    text = (
        "MMIO      0004000000000000-0007ffffffffffff 4000000000      1PiB UC\n"
        "conv-mem  0000000000000000-000000000009ffff 000000a0    640KiB WB\n"
    )
    assert rows(primary(read_text(log, text))) == [
        [1 << 50, (1 << 51) - 1, "mmio", {"attr": efi.UC}],
        [0, 0x9FFFF, "conventional", {"attr": efi.WB}],
    ]


def test_a_listing_longer_than_any_is_refused(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = much(1 << 10, MAX_EFI_ENTRIES)
    monkeypatch.setattr("hwpkho.memmap.formats.grub.MAX_EFI_ENTRIES", most)
    row = "BS-data   {:016x}-{:016x} 00000001      4KiB UC WC WT WB\n"
    rows = (row.format(at, at + 0xFFF) for at in range(0, (most + 1) << 13, 1 << 13))
    head = "Type      Physical start  - end             #Pages        Size Attributes\n"
    with pytest.raises(InputError, match=f"more than {most} entries"):
        read_text(log, head + "".join(rows))


EFI_ROW = "conv-mem  {:016x}-{:016x} 00000001      4KiB UC WC WT WB"


@pytest.mark.parametrize("between", ["--MORE--\n", "--MORE--        \n", ""])
@pytest.mark.parametrize(("front", "behind"), [("", ""), ("| ", " |"), ("", " <--")])
def test_grub_pager_and_frames_lose_no_line(
    front: str, behind: str, between: str, log: Path
) -> None:
    first, second = (
        f"{front}{EFI_ROW.format(start, start + 0xFFF)}{behind}\n" for start in (0x1000, 0x8000)
    )
    table = primary(read_text(log, f"{first}{between}{second}"))
    assert [entry.start for entry in table.entries] == [0x1000, 0x8000]
    assert not table.gaps
