"""Shapes met in public logs, mails and issue threads; the lines here are constructed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError, UsageError
from hwpkho.memmap import efi
from hwpkho.memmap.view.ownership import is_ram
from hwpkho.memmap.view.regions import resolve
from tests.support.mapdata import efi as efi_descriptors
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


# ESXi ----------------------------------------------------------------------------------------

ESXI_EFI = [
    (0, 0x9FFFF, 7, 0xF, "conventional"),
    (MIB, 0x3FFFFFFF, 4, 0xF, "boot_services_data"),
    (0x40000000, 0x40003FFF, 6, efi.RUNTIME | 0xF, "runtime_services_data"),
    (0x40004000, 0x40004FFF, 0, 0xF, "reserved"),
    (GIB * 4, GIB * 5 - 1, 7, 0xF, "conventional"),
    (GIB * 6, GIB * 6 + 0xFFF, 0x80000000, 0xF, "type_2147483648"),
]


def _esxi(kind: str, entries: list[tuple[int, int, int, int, str]]) -> list[str]:
    return [
        f"{kind}[{i}]: 0x{a:x} - 0x{b:x} len={b + 1 - a}, type={t}, attr=0x{x:x}\n"
        for i, (a, b, t, x, _) in enumerate(entries)
    ]


@pytest.mark.parametrize("times", ["<6>{0}", "{0}", "<7>{0}{0}"])
def test_esxi_mmap_lines_are_efi_descriptors(times: str, log: Path) -> None:
    """esx-boot, efi_log_memory_map(): type and attribute are those of the descriptor."""
    memmap = read_text(log, "".join(times.format(line) for line in _esxi("MMap", ESXI_EFI)))
    table = primary(memmap)
    assert table.name == "esxi"
    assert rows(table) == [[a, b, name, {"attr": x}] for a, b, _, x, name in ESXI_EFI]
    ram = [is_ram("esxi", e.type, e.attributes, "x86_64") for e in table.entries]
    assert ram == [True, True, False, False, True, False]
    assert not memmap.problems
    view = resolve(memmap)
    found = [(view.at(at) or view.regions[0]).kind for at in (2 * MIB, 0x40000000, 4 * GIB)]
    assert found == ["ram", "firmware", "ram"]
    assert [m.name for m in memmap.maps] == ["esxi"]


def test_esxi_on_a_bios_logs_e820(log: Path) -> None:
    """esx-boot, get_e820_mmap(): a table of its own, with extended attributes or without."""
    text = (
        "e820[0]: 0x0 - 0x9fbff len=654336, type=1, attr=0x1\n"
        "e820[1]: 0x9fc00 - 0x9ffff  len=1024, type=2, no attr\n"
        "e820[2]: 0x100000 - 0x3fffffff len=1072693248, type=1, attr=0x1\n"
        "e820[3]: 0x100000000 - 0x13fffffff len=1073741824, type=7, attr=0x1\n"
    )
    assert plain(rows(primary(read_text(log, text)))) == [
        (0, 0x9FBFF, "usable"),
        (0x9FC00, 0x9FFFF, "reserved"),
        (MIB, GIB - 1, "usable"),
        (4 * GIB, 5 * GIB - 1, "pmem"),
    ]


# U-Boot --------------------------------------------------------------------------------------


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


def test_bdinfo_twice_with_more_memory_is_two_boots(log: Path) -> None:
    """The list of banks begins anew with bank 0, even where it has one bank."""
    text = _bdinfo(128 * MIB, 123 * MIB) + _bdinfo(948 * MIB, 943 * MIB)
    with pytest.raises(InputError, match="2 tables that differ, of two moments or boots"):
        read_text(log, text)
    for boot, size, reserved in (("0", 128 * MIB, 123 * MIB), ("last", 948 * MIB, 943 * MIB)):
        memmap = read_text(log, text, boot=boot)
        assert plain(rows(primary(memmap))) == [(0, size - 1, "dram_bank")]
        assert plain(rows(named(memmap, "lmb_reserved"))) == [(reserved, size - 1, "lmb_reserved")]


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


# EFI in kernel logs --------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", " (63MB)", "  "])
def test_efi_lines_without_leading_zeros_and_size(end: str, log: Path) -> None:
    """As commit messages quote them, next to whole e820 lines."""
    text = (
        "  BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
        f"  efi: mem00: [Conventional|   |WB|WT|WC|UC] range=[0x10000000-0x13ffffff]{end}\n"
        f"  efi: mem01: type=4, attr=0xf, range=[0x14000000-0x18000000){end}\n"
    ).replace("0x18000000) (63MB)", "0x18000000) (64MB)")
    assert rows(named(read_text(log, text), "efi")) == [
        [0x10000000, 0x13FFFFFF, "conventional", {"attr": 0xF}],
        [0x14000000, 0x17FFFFFF, "boot_services_data", {"attr": 0xF}],
    ]


def test_efi_line_with_nothing_but_its_type(log: Path) -> None:
    text = "efi: mem46: [MMIO] range=[0x00000000dfa00000-0x00000000dfa0ffff] (0MB)\n"
    memmap = read_text(log, text)
    assert rows(primary(memmap)) == [[0xDFA00000, 0xDFA0FFFF, "mmio", {"attr": None}]]
    assert {p.code for p in memmap.problems} == {"HP508", "HP516"}
    with pytest.raises(InputError, match="expected type, attributes and range"):
        read_text(log, text.replace("[MMIO]", "[MMIO <snip>]"))


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


# GRUB and FreeBSD ----------------------------------------------------------------------------


def test_grub_sizes_beyond_tib(log: Path) -> None:
    text = (
        "MMIO      0004000000000000-0007ffffffffffff 4000000000      1PiB UC\n"
        "conv-mem  0000000000000000-000000000009ffff 000000a0    640KiB WB\n"
    )
    assert rows(primary(read_text(log, text))) == [
        [1 << 50, (1 << 51) - 1, "mmio", {"attr": efi.UC}],
        [0, 0x9FFFF, "conventional", {"attr": efi.WB}],
    ]


def test_freebsd_type_that_it_does_not_know(log: Path) -> None:
    """sys/kern/subr_efi_map.c prints <INVALID> for what is beyond its table."""
    text = """\
                   Type     Physical      Virtual   #Pages Attr
     ConventionalMemory 000000001000            0 0000009f UC WC WT WB
              <INVALID> 000100000000            0 00000010 WB
     ConventionalMemory 000200000000            0 00000010 WB
"""
    table = primary(read_text(log, text))
    assert plain(rows(table))[1:] == [
        (4 * GIB, 4 * GIB + 0xFFFF, "unknown"),
        (8 * GIB, 8 * GIB + 0xFFFF, "conventional"),
    ]
    unknown = table.entries[1]
    assert not is_ram(table.name, unknown.type, unknown.attributes, "x86_64")


# e820 ----------------------------------------------------------------------------------------

OVER_128 = """\
[    0.000000] Linux version 5.10.0 (x86_64-linux-gnu-gcc)
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] extended physical RAM map:
[    0.000000] extended: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] extended: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] extended: [mem 0x0000000100000000-0x00000008ffffffff] usable
"""
SETUP_DATA = """\
[    0.000000] extended physical RAM map:
[    0.000000] reserve setup_data: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000000100000-0x000000006fffffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000070000000-0x000000007fffffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000100000000-0x00000008ffffffff] usable
"""


@pytest.mark.parametrize(("text", "count"), [(OVER_128, 3), (OVER_128 + SETUP_DATA, 4)])
@pytest.mark.parametrize("times", [1, 2])
def test_e820_entries_past_the_128th(text: str, count: int, times: int, log: Path) -> None:
    """e820__memory_setup_extended() prints all entries as "extended"; they are RAM, too."""
    memmap = read_text(log, text * times)
    assert [m.name for m in memmap.maps] == ["e820_firmware", "e820_setup_data"]
    assert len(named(memmap, "e820_setup_data").entries) == count
    assert primary(memmap).name == "e820_firmware"
    region = resolve(memmap).at(8 * GIB)
    assert region is not None
    assert region.kind == "ram"


def test_e820_words_of_a_7_0_in_the_making(log: Path) -> None:
    text = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  639   KB kernel usable RAM\n"
        "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff]    1   KB device reserved\n"
        "BIOS-e820: [gap 0x00000000000a0000-0x00000000000effff]  320   KB ...\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000007ffdbfff]    1.9 GB kernel usable RAM\n"
    )
    assert plain(rows(primary(read_text(log, text)))) == [
        (0, 0x9FBFF, "usable"),
        (0x9FC00, 0x9FFFF, "reserved"),
        (MIB, 0x7FFDBFFF, "usable"),
    ]


# /proc/iomem ---------------------------------------------------------------------------------

IOMEM = [
    (0, "00000000-00000fff : Reserved"),
    (0, "00001000-0009ffff : System RAM"),
    (0, "00100000-7fffffff : System RAM"),
    (1, "  01000000-01ffffff : Kernel code"),
    (0, "f0000000-f0000fff : <BAD>"),
]


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ("{}", "{}"),
        ("{}", "<pre>{}</pre>"),
        ("{}<br>", "<p><code>{}</code></p>"),
        ("<br>{}", "{}"),
        ('<span class="line">{}</span>', "{}"),
        ("* {}", "{}"),
        ("> * {}", "{}"),
        ("| {}", "{}"),
        ("a: {}", "{}"),
    ],
)
def test_iomem_out_of_web_pages_and_lists(line: str, page: str, log: Path) -> None:
    """No line is lost to what stands before or behind it, and no name grows."""
    text = page.format("\n".join(line.format(text) for _, text in IOMEM))
    table = primary(read_text(log, text + "\n"))
    assert [(e.attributes["depth"], e.start, e.type) for e in table.entries] == [
        (depth, int(text.split("-")[0], 16), text.split(" : ")[1]) for depth, text in IOMEM
    ]


# Binary --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "cut"), [(40, 8), (48, 8), (48, 40), (40, 32)])
def test_a_cut_off_array_is_no_single_long_descriptor(stride: int, cut: int, log: Path) -> None:
    """Fewer than 257 bytes divide by themselves."""
    array = efi_descriptors(*((7, i << 20, 0x10, 0xF) for i in range(256 // stride)), stride=stride)
    with pytest.raises(InputError, match="cut off or damaged"):
        read_text(log, array[: len(array) - stride + cut])


# /sys/firmware/memmap ------------------------------------------------------------------------


def test_sysfs_memmap_as_head_and_tail_show_it(log: Path) -> None:
    values = {
        "0/end": "0x9ffff",
        "0/start": "0x0",
        "0/type": "System RAM",
        "10/end": "0x17fffffff",
        "10/start": "0x100000000",
        "10/type": "System RAM",
        "2/end": "0xfffff",
        "2/start": "0xf0000",
        "2/type": "Reserved",
    }
    text = "\n".join(f"==> /sys/firmware/memmap/{k} <==\n{v}\n" for k, v in values.items())
    table = primary(read_text(log, f"# tail -n +1 /sys/firmware/memmap/*/*\n{text}"))
    assert table.name == "sysfs_memmap"
    assert plain(rows(table)) == [
        (0, 0x9FFFF, "usable"),
        (0xF0000, 0xFFFFF, "reserved"),
        (4 * GIB, 6 * GIB - 1, "usable"),
    ]


# Several boots -------------------------------------------------------------------------------


def _boot(ram: int, user: int | None = None) -> str:
    text = f"Linux version 6.1.0\nBIOS-e820: [mem 0x{MIB:016x}-0x{ram - 1:016x}] usable\n"
    return text + (f"user: [mem 0x{MIB:016x}-0x{user - 1:016x}] usable\n" if user else "")


def test_boot_numbers_do_not_depend_on_the_map_asked_for(log: Path) -> None:
    text = _boot(2 * GIB) + _boot(3 * GIB, GIB) + _boot(4 * GIB, 2 * GIB)
    for boot, ends in (("1", GIB), ("2", 2 * GIB), ("last", 2 * GIB)):
        memmap = read_text(log, text, boot=boot, map_name="e820_user")
        assert plain(rows(primary(memmap))) == [(MIB, ends - 1, "usable")]
        assert primary(memmap).boot == (1 if boot == "1" else 2)
    with pytest.raises(UsageError, match="no such map"):
        read_text(log, text, boot="0", map_name="e820_user")
    with pytest.raises(InputError, match=r"boot 1 .*; boot 2 "):
        read_text(log, text, map_name="e820_user")
    (only,) = read_text(log, _boot(GIB) + _boot(3 * GIB, GIB), map_name="e820_user").maps
    assert only.boot == 1
