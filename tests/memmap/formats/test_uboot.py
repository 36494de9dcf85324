"""U-Boot's bdinfo, banks, reservations and EFI maps, of all versions."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import efi, gaps, read_memmap
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path


def test_uboot_banks_and_newer_regions(log: Path) -> None:
    text = """\
DRAM bank   = 0x0000000000000000
-> start    = 0x0000000040000000
-> size     = 0x0000000040000000
DRAM bank   = 0x0000000000000001
-> start    = 0x0000000000000000
-> size     = 0x0000000000000000
DRAM bank   = 0x0000000000000002
-> start    = 0x0000000880000000
-> size     = 0x0000000080000000
lmb_dump_all:
 memory.count = 0x2
 memory[0]\t[0x40000000-0x7fffffff], 0x40000000 bytes, flags: none
 memory[1]\t[0x880000000-0x8ffffffff], 0x80000000 bytes, flags: none
 reserved.count = 0x2
 reserved[0]\t[0x43000000-0x430fffff], 0x100000 bytes, flags: no-map
 reserved[1]\t[0x7e000000-0x7fffffff], 0x2000000 bytes, flags: no-notify, no-overwrite
"""
    memmap = read_text(log, text)
    assert plain(rows(primary(memmap))) == [
        (0x40000000, 0x7FFFFFFF, "dram_bank"),
        (0x880000000, 0x8FFFFFFFF, "dram_bank"),
    ]
    reserved = named(memmap, "lmb_reserved").entries
    assert [e.attributes["flags"] for e in reserved] == ["no-map", "no-notify, no-overwrite"]


@pytest.mark.parametrize(
    ("version", "flags", "no_map"),
    [
        ("2023.01", " flags: 0", False),
        ("2023.01", " flags: 4", True),  # LMB_NOMAP of 2021.10 to 2024.10, the only flag
        ("2025.01", ", flags: none", False),
        ("2025.01", ", flags: no-map", True),
        ("2025.07", ", flags: no-notify, no-overwrite", False),
        ("2025.07", ", flags: no-overwrite, no-map", True),
        ("2025.07", ", flags: invalid 0x10", None),
        # 2025.04 prints each word for the flag below it, "none" for no-map
        ("2025.04", ", flags: none", None),
        ("2025.04", ", flags: no-map", False),
        ("2025.04", ", flags: no-overwrite, no-map", False),
        ("", ", flags: no-map, none", None),  # only 2025.04 can
    ],
)
def test_uboot_flags_of_all_versions(
    version: str, flags: str, no_map: bool | None, log: Path
) -> None:
    banner = f"U-Boot {version}-rc3 (Apr 07 2025 - 14:00:11 +0000)\n" if version else ""
    text = f"""\
{banner}lmb_dump_all:
 memory.count = 0x1
 memory[0]\t[0x40000000-0x7fffffff], 0x40000000 bytes{flags[:9].replace("4", "0")}
 reserved.count = 0x1
 reserved[0]\t[0x43000000-0x430fffff], 0x100000 bytes{flags}
"""
    (entry,) = named(read_text(log, text), "lmb_reserved").entries
    assert entry.attributes["no-map"] is no_map
    assert entry.attributes["flags"] == flags.split("flags: ")[1]


def test_uboot_old_region_dump(log: Path) -> None:
    text = """\
lmb_dump_all:
    memory.cnt       = 0x1
    memory.size       = 0x0
    memory.reg[0x0].base   = 0x80000000
       .size   = 0x20000000

    reserved.cnt     = 0x1
    reserved.reg[0x0].base = 0x9ef00000
         .size = 0x1100000
"""
    memmap = read_text(log, text)
    assert plain(rows(primary(memmap))) == [(0x80000000, 0x9FFFFFFF, "dram_bank")]
    assert plain(rows(named(memmap, "lmb_reserved"))) == [(0x9EF00000, 0x9FFFFFFF, "lmb_reserved")]


def test_uboot_efi_map_before_linux_own(log: Path) -> None:
    text = """\
RESERVED         0000000040000000-0000000040001000
CONVENTIONAL     0000000040001000-0000000080000000 WB
Starting kernel ...
[    0.000000] Linux version 6.6.0 (b@h) (aarch64-linux-gnu-gcc 13.2.0) #1 SMP
[    0.000000] efi:   0x000040001000-0x00007fffffff [Conventional|   |  |  |   |WB|  |  |  ]
"""
    memmap = read_text(log, text)
    assert primary(memmap).name == "efi"
    assert plain(rows(primary(memmap))) == [(0x40001000, 0x7FFFFFFF, "conventional")]
    assert len(named(memmap, "uboot_efi").entries) == 2


MIB, GIB = 1 << 20, 1 << 30


def _bdinfo(size: int, reserved: int) -> str:
    return (
        "=> bdinfo\n"
        "DRAM bank   = 0x0000000000000000\n"
        "-> start    = 0x0000000000000000\n"
        f"-> size     = 0x{size:016x}\n"
        "lmb_dump_all:\n"
        " memory.cnt  = 0x1\n"
        f" memory[0]      [0x0-0x{size - 1:x}], 0x{size:08x} bytes flags: 0\n"
        " reserved.cnt  = 0x1\n"
        f" reserved[0]    [0x{reserved:x}-0x{size - 1:x}], 0x{size - reserved:08x} bytes flags: 0\n"
    )


def test_bdinfo_twice_with_more_memory_is_two_boots(log: Path, subtests: pytest.Subtests) -> None:
    """The list of banks begins anew with bank 0, even where it has one bank."""
    text = _bdinfo(128 * MIB, 123 * MIB) + _bdinfo(948 * MIB, 943 * MIB)
    with pytest.raises(InputError, match="2 tables that differ, of two moments or boots"):
        read_text(log, text)
    for boot, size, reserved in (("0", 128 * MIB, 123 * MIB), ("last", 948 * MIB, 943 * MIB)):
        with subtests.test(boot):
            memmap = read_text(log, text, boot=boot)
            assert plain(rows(primary(memmap))) == [(0, size - 1, "dram_bank")]
            assert plain(rows(named(memmap, "lmb_reserved"))) == [
                (reserved, size - 1, "lmb_reserved")
            ]


def test_reservations_that_change_within_a_boot_are_no_second_boot(log: Path) -> None:
    memmap = read_text(log, _bdinfo(GIB, 1000 * MIB) + _bdinfo(GIB, 900 * MIB))
    assert plain(rows(primary(memmap))) == [(0, GIB - 1, "dram_bank")]
    assert plain(rows(named(memmap, "lmb_reserved"))) == [(900 * MIB, GIB - 1, "lmb_reserved")]


def test_old_lmb_dump_with_short_numbers(log: Path) -> None:
    """Up to 2020 base and size were printed without leading zeros."""
    text = (
        "lmb_dump_all:\n"
        "    memory.cnt             = 0x2\n"
        "    memory.size            = 0x0\n"
        "    memory.reg[0x0].base   = 0x0\n"
        "                   .size   = 0x100000\n"
        "    memory.reg[0x1].base   = 0x80000000\n"
        "                   .size   = 0x20000000\n"
        "\n"
        "    reserved.cnt           = 0x1\n"
        "    reserved.size          = 0x0\n"
        "    reserved.reg[0x0].base = 0x9000\n"
        "                     .size = 0x1000\n"
    )
    memmap = read_text(log, text)
    assert plain(rows(primary(memmap))) == [
        (0, 0xFFFFF, "dram_bank"),
        (0x80000000, 0x9FFFFFFF, "dram_bank"),
    ]
    assert plain(rows(named(memmap, "lmb_reserved"))) == [(0x9000, 0x9FFF, "lmb_reserved")]


def test_uboot_type_names_of_2026(log: Path) -> None:
    """cmd/efi_common.c prints the specification's names, and bits that it has no word for."""
    text = """\
=> efidebug memmap
Type                    Start            End              Attributes
======================= ================ ================ ==========
BootServicesCode        0000000000000000-0000000000001000 UC|WC|WT|WB
ConventionalMemory      0000000000001000-00000000000a0000 UC|WC|WT|WB
ReservedMemory          00000000000a0000-00000000000b0000
LoaderCode              00000000000b0000-00000000000c0000
MemoryMappedIOPortSpace 00000000000c0000-00000000000d0000 UC|RT
ConventionalMemory      00000000000d0000-00000000000e0000 WB|REL|SP|CRYPT|HOTPL|RT|0x400000
ConventionalMemory      00000000000e0000-00000000000f0000 WB|ISA_VALID|ISA=0x12
"""
    odd = efi.WB | efi.MORE_RELIABLE | efi.SP | efi.CPU_CRYPTO | efi.HOT_PLUGGABLE | efi.RUNTIME
    assert rows(primary(read_text(log, text))) == [
        [0, 0xFFF, "boot_services_code", {"attr": 0xF}],
        [0x1000, 0x9FFFF, "conventional", {"attr": 0xF}],
        [0xA0000, 0xAFFFF, "reserved", {"attr": 0}],
        [0xB0000, 0xBFFFF, "loader_code", {"attr": 0}],
        [0xC0000, 0xCFFFF, "mmio_port", {"attr": efi.RUNTIME | efi.UC}],
        [0xD0000, 0xDFFFF, "conventional", {"attr": odd | 0x400000}],
        [0xE0000, 0xEFFFF, "conventional", {"attr": efi.ISA_VALID | 0x12 << 44 | efi.WB}],
    ]


def test_uboot_bits_of_an_architecture_are_sixteen(log: Path) -> None:
    text = "ConventionalMemory      0000000000001000-00000000000a0000 WB|ISA=0x{}\n"
    (table,) = read_text(log, text.format("ffff")).maps
    assert rows(table) == [[0x1000, 0x9FFFF, "conventional", {"attr": efi.WB | efi.ISA_MASK}]]
    with pytest.raises(InputError, match="expected type, range and attributes"):
        read_text(log, text.format("10000"))


def test_uboot_more_reliable_memory(log: Path) -> None:
    text = "CONVENTIONAL     0000000040000000-0000000044000000 WB|REL\n"
    assert rows(primary(read_text(log, text))) == [
        [0x40000000, 0x43FFFFFF, "conventional", {"attr": efi.WB | efi.MORE_RELIABLE}]
    ]


def bank(index: int, start: int, size: int = 1 << 20) -> str:
    return (
        f"DRAM bank   = 0x{index:016x}\n-> start    = 0x{start:016x}\n-> size     = 0x{size:016x}\n"
    )


def region(index: int, start: int, size: int) -> str:
    return f" memory[{index}]\t[0x{start:x}-0x{start + size - 1:x}], 0x{size:x} bytes flags: 0\n"


def seconds(log: Path, text: str) -> float:
    """Processor time to read what is no map, or one."""
    log.write_text(text)
    start = time.process_time()
    with suppress(InputError):
        read_memmap([str(log)])
    return time.process_time() - start


@pytest.mark.slow
def test_uboot_regions_are_not_compared_with_each_bank(log: Path) -> None:
    banks = "".join(bank(n, (2 * n + 1) << 20) for n in range(4000))
    count = " memory.count = 0x1f40\n"
    first, last = (
        banks + count + "".join(region(n, start << 20, 1 << 19) for n in range(8000))
        for start in (1, 7999)
    )
    assert seconds(log, last) < 2 * seconds(log, first) + 0.1  # it was five times


def test_uboot_banks_are_not_compared_with_those_before(log: Path) -> None:
    few = "".join(bank(n % 64, n << 21) for n in range(4000))
    many = "".join(bank(n, n << 21) for n in range(4000))
    assert seconds(log, many) < 1.3 * seconds(log, few) + 0.1  # it was 0.3 s more


def test_uboot_banks_that_begin_anew_are_another_list(log: Path) -> None:
    """Also where one of them cannot be read."""
    text = bank(0, 1 << 30) + bank(1, 2 << 30).replace("-> size", "-> sise") + bank(1, 3 << 30)
    with pytest.raises(InputError, match="holds 2 "):
        read_text(log, text)


@pytest.mark.parametrize("lost", [1, 70])
def test_uboot_memory_that_is_in_no_bank_is_a_gap(lost: int, log: Path) -> None:
    """However many there are, none is forgotten."""
    banks = bank(0, 1 << 30)
    regions = region(0, 1 << 30, 1 << 20)
    starts = [(4 << 30) + (n << 21) for n in range(1, lost + 1)]
    regions += "".join(region(n, start, 1 << 20) for n, start in enumerate(starts, 1))
    found = primary(read_text(log, f"{banks} memory.count = 0x{lost + 1:x}\n{regions}"))
    covered = gaps.known(found.gaps)
    assert [s for s in starts if not any(a <= s and s + (1 << 20) <= b for a, b in covered)] == []
    assert not any(a <= 1 << 30 < b for a, b in covered)


@pytest.mark.parametrize("line", ["=> load mmc 0:1 0x${kernel_addr_r}", "0x", "WB|0xg"])
def test_uboot_commands_below_a_map_are_none_of_its_lines(line: str, log: Path) -> None:
    """What is no attribute word ended in a traceback."""
    row = "CONVENTIONAL     0000000040000000-0000000048000000 WB\n"
    table = primary(read_text(log, f"{row}{line}\n"))
    assert plain(rows(table)) == [(0x40000000, 0x47FFFFFF, "conventional")]
    assert not table.gaps


def test_uboot_bank_with_another_line_behind_its_size_is_damaged(log: Path) -> None:
    text = bank(0, 1 << 30)[:-2] + "e   = 0x0000000004000000\n"
    found = primary(read_text(log, text + bank(1, 4 << 30)))
    assert [(gap.start, gap.end) for gap in found.gaps] == [(0, (4 << 30) - 1)]
