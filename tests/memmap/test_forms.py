"""Each text form line by line: eras and wordings that no fixture has, and damaged lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import efi
from hwpkho.memmap.efi_names import attributes_of, type_of
from hwpkho.memmap.view.ownership import is_ram
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem

MIB = 1 << 20


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


# e820 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("usable", "usable"),
        (" System RAM", "usable"),
        ("reserved", "reserved"),
        (" device reserved", "reserved"),
        ("ACPI data", "acpi_data"),
        ("ACPI NVS", "acpi_nvs"),
        ("unusable", "unusable"),
        ("persistent (type 7)", "pmem"),
        ("persistent (type 12)", "pram"),
        (" persistent RAM (type 7)", "pmem"),
        (" persistent RAM (type 12)", "pram"),
        ("soft reserved", "soft_reserved"),
        ("type 16", "type_16"),
        ("type 20", "type_20"),
        ("type 4294967295", "type_4294967295"),
        (" 639   KB System RAM", "usable"),
        ("usable   <-- all of it?", "usable"),
    ],
)
def test_e820_words_of_all_eras(word: str, type_: str, log: Path) -> None:
    memmap = read_text(log, f"BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] {word}\n")
    assert plain(rows(primary(memmap))) == [(0x1000, 0x9FFFF, type_)]


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("(usable)", "usable"),
        ("(reserved)", "reserved"),
        ("(ACPI data)", "acpi_data"),
        ("(ACPI NVS)", "acpi_nvs"),
        ("(unusable)", "unusable"),
        ("type 6", "type_6"),
        ("(type 6)", "type_6"),
    ],
)
def test_e820_before_3_5_ends_one_past_the_last_byte(word: str, type_: str, log: Path) -> None:
    memmap = read_text(log, f" BIOS-e820: 0000000000000000 - 000000000009f000 {word}\n")
    assert plain(rows(primary(memmap))) == [(0, 0x9EFFF, type_)]


def test_e820_sum_that_wrapped_to_zero_is_the_end_of_memory(log: Path) -> None:
    memmap = read_text(log, " BIOS-e820: fffffffffff00000 - 0000000000000000 (reserved)\n")
    assert plain(rows(primary(memmap))) == [((1 << 64) - MIB, (1 << 64) - 1, "reserved")]


def test_e820_of_2_2_gives_size_and_start(log: Path) -> None:
    text = (
        "BIOS-provided physical RAM map:\n"
        " BIOS-e820: 000000000009fc00 @ 0000000000000000 (usable)\n"
        " BIOS-e820: 0000000003f00000 @ 0000000000100000 (usable)\n"
    )
    assert plain(rows(primary(read_text(log, text)))) == [
        (0, 0x9FBFF, "usable"),
        (MIB, 64 * MIB - 1, "usable"),
    ]


def test_e820_maps_of_one_boot_are_kept_apart(log: Path) -> None:
    text = "".join(
        f"[    0.000000] {who}: [mem 0x0000000000000000-0x{end:016x}] usable\n"
        for who, end in (
            ("BIOS-e820", 0xFFF),
            ("reserve setup_data", 0x1FFF),
            ("modified", 0x2FFF),
            ("user", 0x3FFF),
            ("Xen", 0x4FFF),
        )
    )
    memmap = read_text(log, text)
    ends = {m.name: m.entries[0].end for m in memmap.maps}
    assert ends == {
        "e820_firmware": 0xFFF,
        "e820_setup_data": 0x1FFF,
        "e820_modified": 0x2FFF,
        "e820_user": 0x3FFF,
        "xen_dom0": 0x4FFF,
    }
    assert primary(memmap).name == "e820_firmware"


def test_e820_decoys_are_no_entries(log: Path) -> None:
    text = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff]  System RAM
[    0.000000] [Firmware Bug]: out of order E820 entry!
[    0.000000] BIOS-e820: [gap 0x00000000000a0000-0x00000000000fffff]
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff]  System RAM
[    0.000000] e820: update [mem 0x0000000000000000-0x0000000000000fff] System RAM ==> device reserved
[    0.000000] e820: remove [mem 0x00000000000a0000-0x00000000000fffff]
[    0.000000] efi: Remove mem50: MMIO range=[0x00000000f0000000-0x00000000f7ffffff] (128MB) from e820 map
[    0.000000] efi: Not removing mem53: MMIO range=[0xfec10000-0xfec10fff] (4KB) from e820 map
[    0.100000] PM: Registered nosave memory: [mem 0x0000000000000000-0x0000000000000fff]
[    0.100000] [gap 0x80000000-0xffffffff] available for PCI devices
[    0.100000] e820: register RAM buffer resource [mem 0x7ffe0000-0x7fffffff]
[    0.100000] init_memory_mapping: [mem 0x0000000000000000-0x000000007fffffff]
"""  # noqa: E501 - as the kernel prints it
    memmap = read_text(log, text)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert plain(rows(primary(memmap))) == [
        (0, 0x9FFFF, "usable"),
        (MIB, 2048 * MIB - 1, "usable"),
    ]


def test_e820_type_alone_on_the_next_line(log: Path) -> None:
    text = """\
> BIOS-e820: [mem 0x0000000000000000-0x000000000009efff]
> usable
> BIOS-e820: [mem 0x000000000009f000-0x000000000009ffff] ACPI
> NVS
> BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] persistent
> (type 12)
> BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] type
> 20
> BIOS-e820:
> [mem 0x0000000000300000-0x00000000003fffff] reserved
"""
    types = [e.type for e in primary(read_text(log, text)).entries]
    assert types == ["usable", "acpi_nvs", "pram", "type_20", "reserved"]


def test_e820_lines_that_have_lost_their_ends(log: Path) -> None:
    entry = "BIOS-e820: [mem 0x{:016x}-0x{:016x}] usable"
    text = " ".join(entry.format(i << 20, (i << 20) + 4095) for i in range(20))
    assert len(primary(read_text(log, text)).entries) == 20
    text = "".join(f"[    0.0]{entry.format(i << 20, (i << 20) + 4095)}" for i in range(100))
    memmap = read_text(log, text)
    (cut,) = [p for p in memmap.problems if p.code == "HP501"]
    assert (cut.severity, "line 1 " in cut.message) == ("warning", True)


def test_e820_from_a_word_processor(log: Path) -> None:
    line = "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    for text in (
        line.replace("-0x", "\u20130x"),
        line.replace(" ", "\u2003"),
        line.replace(" ", "\u200b \u3000"),
        line.replace("-", "\u2011"),
    ):
        assert plain(rows(primary(read_text(log, text)))) == [(0, 0x9FFFF, "usable")]


@pytest.mark.parametrize(
    "line",
    [
        "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] sometimes",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] AC(XEN) hello",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000000fff00] usable",
        "BIOS-e820: [mem 0x00000000001O0000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x0000000000100000-0x0O000000001fffff] usable",
        "BIOS-e820: [mem 0x000000000010000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x00000[    0.000000] 00000100000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x0000000000100BIOS-e820: [mem 0x0000000000100000-0x0000 usable",
        "BIOS-e82O: [mem 0x0000000000100000-0x00000000001fffff] usable",
        "BI0S-e820: [mem 0x0000000000100000-0x00000000001fffff] usable",
        "S-e820: [mem 0x0000000000100000-0x00000000001fffff] usable",
        " BIOS-e820: 0000000000100000 - 0000000000090000 (usable)",
        " BIOS-e820: 00000000001O0000 - 0000000000200000 (usable)",
    ],
)
def test_e820_line_that_cannot_be_read_makes_a_gap(line: str, log: Path) -> None:
    text = f"""\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
{line}
BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] usable
"""
    memmap = read_text(log, text)
    (found,) = memmap.problems
    assert found.code in ("HP501", "HP502")
    assert found.message.startswith("line 2: ")
    assert "0xa0000-0x1fffff" in found.message
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0xA0000, 0x1FFFFF)]
    assert len(primary(memmap).entries) == 2


@pytest.mark.parametrize(
    "line",
    [
        "e820: update [mem 0x0000000000100000-0x00000000001fffff] usable ==> reserved",
        "e820: remove [mem 0x0000000000100000-0x00000000001fffff] usable",
        "PM: Registered nosave memory: [mem 0x0000000000100000-0x00000000001fffff]",
        "init_memory_mapping: [mem 0x0000000000100000-0x00000000001fffff]",
        "SRAT: Node 0 PXM 0 [mem 0x0000000000100000-0x00000000001fffff]",
        "BIOS-e820: [gap 0x00000000000a0000-0x00000000001fffff]",
        "user: page_owner is disabled",
    ],
)
def test_lines_that_are_no_entries_make_no_gap(line: str, log: Path) -> None:
    text = f"""\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
{line}
BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] usable
"""
    memmap = read_text(log, text)
    assert not memmap.problems
    assert not primary(memmap).gaps


def test_e820_log_that_ends_within_a_line_says_so(log: Path) -> None:
    text = """\
BIOS-e820: [mem 0x0000000000000000-0x00000000001fffff] usable
BIOS-e820: [mem 0x0000000000200000-0x00000000"""
    memmap = read_text(log, text)
    assert len(primary(memmap).entries) == 1
    assert codes(memmap.problems) == {"HP507"}


def test_e820_out_of_order_is_read_and_noted(log: Path) -> None:
    text = """\
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
"""
    memmap = read_text(log, text)
    assert [e.start for e in primary(memmap).entries] == [MIB, 0]
    assert codes(memmap.problems) == {"HP515"}


def test_e820_lists_of_several_boots_without_headers_are_not_merged(log: Path) -> None:
    first = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    )
    crash = (
        "BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable\n"
        "BIOS-e820: [mem 0x0000000027000000-0x0000000036ffffff] usable\n"
    )
    with pytest.raises(InputError, match="holds 2 boots"):
        read_text(log, first + crash)
    assert plain(rows(primary(read_text(log, first + crash, boot="1")))) == [
        (0x1000, 0x9FFFF, "usable"),
        (0x27000000, 0x36FFFFFF, "usable"),
    ]
    banner = "Linux version 6.1.0 (b@h) (gcc 12) #1 SMP\n"
    single = "BIOS-e820: [mem 0x0000000080000000-0x00000000ffffffff] usable\n"
    with pytest.raises(InputError, match="holds 2 boots"):
        read_text(log, banner + first + banner + single)


# EFI in kernel logs --------------------------------------------------------------------------


OLD_RANGE = "range=[0x0000000000100000-0x0000000000200000) (1MB)"
RANGE = "range=[0x0000000000100000-0x00000000001fffff] (1MB)"
ALL_COLUMNS = efi.KNOWN & ~(efi.RUNTIME | efi.ISA_MASK | efi.ISA_VALID)


@pytest.mark.parametrize(
    ("head", "range_", "type_", "attr"),
    [
        ("EFI: mem00: type=7, attr=0xf,", OLD_RANGE, "conventional", 15),
        ("efi: mem07: type=11, attr=0x8000000000000001,", OLD_RANGE, "mmio", efi.RUNTIME | efi.UC),
        ("efi: mem07: type=99, attr=0x1,", OLD_RANGE, "type_99", efi.UC),
        ("mem00: type=4, attr=0x9,", OLD_RANGE, "boot_services_data", 9),
        (
            "efi: mem01: [Boot Data          |   |  |  |  |   |WB|WT|WC|UC]",
            OLD_RANGE,
            "boot_services_data",
            15,
        ),
        (
            "efi: mem01: [ACPI Memory NVS    |   |  |  |  |  |  |  |   |WB|WT|WC|UC]",
            RANGE,
            "acpi_nvs",
            15,
        ),
        (
            "efi: mem01: [Memory Mapped I/O  |RUN|  |  |  |  |  |  |   |  |  |  |UC]",
            RANGE,
            "mmio",
            efi.RUNTIME | efi.UC,
        ),
        (
            "efi: mem01: [Persistent  |   |HP|CC|SP|NV|MR|RO|XP|RP|WP|UCE|WB|WT|WC|UC]",
            RANGE,
            "persistent",
            ALL_COLUMNS,
        ),
        (
            "efi: mem01: [Conventional|attr=0x400000000000000f]",
            RANGE,
            "conventional",
            0x400000000000000F,
        ),
        ("efi: mem01: [type=17     |   |  |  |WB|WT|WC|UC]", RANGE, "type_17", 15),
    ],
)
def test_efi_lines_of_x86(head: str, range_: str, type_: str, attr: int, log: Path) -> None:
    memmap = read_text(log, f"[    0.000000] {head} {range_}\n")
    assert rows(named(memmap, "efi")) == [[MIB, 2 * MIB - 1, type_, {"attr": attr}]]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "efi:   0x000040000000-0x000043ffffff [Conventional Memory|   |  |  |WB|  |  |  ]*",
            [0x40000000, 0x43FFFFFF, "conventional", {"attr": efi.WB}],
        ),
        (
            "efi:   0x009010000000-0x009010000fff [Memory Mapped I/O  |RUN|  |  |  |  |  |UC]",
            [0x9010000000, 0x9010000FFF, "mmio", {"attr": efi.RUNTIME | efi.UC}],
        ),
        (
            "  0x000040000000-0x000043ffffff [Unaccepted  |   |  |  |  |   |WB|  |  |  ]",
            [0x40000000, 0x43FFFFFF, "unaccepted", {"attr": efi.WB}],
        ),
        (
            "efi:   0x000040000000-0x000043ffffff [Conventional Memory]",
            [0x40000000, 0x43FFFFFF, "conventional", {"attr": None}],
        ),
    ],
)
def test_efi_lines_of_arm64(line: str, entry: list[object], log: Path) -> None:
    memmap = read_text(log, f"[    0.000000] {line}\n")
    assert rows(primary(memmap)) == [entry]
    # riscv and loongarch print the same list: it tells no architecture.
    assert (memmap.arch, memmap.arch_from) == ("x86_64", "default")
    (found,) = primary(memmap).entries
    ram = is_ram("efi", found.type, found.attributes, "arm64")
    assert ram == ("mmio" not in entry and "unaccepted" not in entry)


@pytest.mark.parametrize(
    "told",
    [
        "Linux version 6.6.0 (b@h) (aarch64-linux-gnu-gcc 13.2.0) #1 SMP",
        "Booting Linux on physical CPU 0x0000000000 [0x410fd034]",
        "CPU: AArch64 Processor [410fd033] revision 3",
    ],
)
def test_the_log_around_an_efi_list_tells_arm64(told: str, log: Path) -> None:
    text = f"{told}\nefi:   0x000080000000-0x0000ffffffff [Conventional|   |WB|WT|WC|UC]\n"
    memmap = read_text(log, text)
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")


def test_efi_list_of_riscv_is_not_taken_for_arm64(log: Path) -> None:
    text = """\
[    0.000000] Linux version 6.6.0 (b@h) (riscv64-linux-gnu-gcc 13.2.0) #1 SMP
[    0.000000] efi:   0x000080000000-0x0000ffffffff [Conventional|   |  |  |  |   |WB|WT|WC|UC]
"""
    assert read_text(log, text).arch == "riscv64"


def test_efi_memory_attributes_table_is_no_map(log: Path) -> None:
    text = """\
efi:   0x000040000000-0x000043ffffff [Conventional|   |  |  |  |   |WB|  |  |  ]
efi: memattr: Processing EFI Memory Attributes table:
efi: memattr:  0x00005eaa0000-0x00005eba1fff [Runtime Data|RUN|  |XP|  |   |  |  |  |  ]
efi: memattr: ! 0x00005eaa0000-0x00005eba1fff [Runtime Data|RUN|  |XP|  |   |  |  |  |  ]
"""
    assert len(primary(read_text(log, text)).entries) == 1


RUNTIME_LIST = """\
efi: mem00: [Runtime Data|RUN|  |  |   |WB|WT|WC|UC] range=[0x5eaa0000-0x5eba1fff] (1MB)
efi: mem01: [Runtime Code|RUN|  |  |   |WB|WT|WC|UC] range=[0x5f5ec000-0x5f6ebfff] (1MB)
"""


def test_efi_list_of_a_kexeced_kernel_is_not_the_machine_s(log: Path) -> None:
    e820 = "BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
    memmap = read_text(log, e820 + RUNTIME_LIST)
    assert primary(memmap).name == "e820_firmware"
    assert len(named(memmap, "efi_runtime").entries) == 2
    assert codes(memmap.problems) == {"HP513"}


def test_efi_second_print_is_kept_apart_without_its_header(log: Path) -> None:
    first = (
        "efi: mem00: [Conventional|   |  |WB|WT|WC|UC] range=[0x00000000-0x0009ffff] (0MB)\n"
        "efi: mem01: [Boot Data   |   |  |WB|WT|WC|UC] range=[0x5eaa0000-0x5eb9ffff] (1MB)\n"
        "efi: mem02: [Runtime Data|RUN|  |WB|WT|WC|UC] range=[0x5eba0000-0x5eba1fff] (0MB)\n"
    )
    second = "efi: mem00: [Runtime Data|RUN|  |WB|WT|WC|UC] range=[0x5eba0000-0x5eba1fff] (0MB)\n"
    memmap = read_text(log, first + second)
    assert [(m.name, len(m.entries)) for m in memmap.maps] == [("efi", 3), ("efi_print_2", 1)]


def test_efi_second_print_alone_is_known_by_its_header(log: Path) -> None:
    e820 = "BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
    header = "[    0.054281] efi: EFI runtime memory map:\n"
    second = "efi: mem00: [Boot Data   |   |  |WB|WT|WC|UC] range=[0x5eba0000-0x5eba1fff] (0MB)\n"
    memmap = read_text(log, e820 + header + second)
    assert [(m.name, m.primary) for m in memmap.maps] == [
        ("e820_firmware", True),
        ("efi_print_2", False),
    ]


def test_efi_lines_that_are_missing_are_told(log: Path) -> None:
    line = "efi: mem{:02}: [Conventional|   |  |WB|WT|WC|UC] range=[0x{:x}000-0x{:x}fff] (0MB)\n"
    text = "".join(line.format(i, i, i) for i in (0, 1, 5, 6))
    memmap = read_text(log, text)
    assert codes(memmap.problems) == {"HP508"}
    assert "mem02 to mem04" in memmap.problems[0].message


def test_efi_index_passes_99(log: Path) -> None:
    line = "efi: mem{:02}: [Conventional|   |  |WB|WT|WC|UC] range=[0x{:x}000-0x{:x}fff] (0MB)\n"
    memmap = read_text(log, "".join(line.format(i, i, i) for i in range(130)))
    assert [e.attributes["index"] for e in primary(memmap).entries] == list(range(130))
    assert not memmap.problems


@pytest.mark.parametrize(
    "line",
    [
        "efi: mem01: [Conventional|   |  |QQ|WT|WC|UC] range=[0x1000-0x1fff] (0MB)",
        "efi: mem01: [Conservative|   |  |WB|WT|WC|UC] range=[0x1000-0x1fff] (0MB)",
        "efi: mem01: [Conventional|   |  |WB|WT|WC|UC] range=[0x2000-0x1000] (0MB)",
    ],
)
def test_efi_line_that_cannot_be_read_makes_a_gap(line: str, log: Path) -> None:
    text = "efi: mem{:02}: [Conventional|   |  |WB|WT|WC|UC] range=[{:#x}-{:#x}] (0MB)\n"
    memmap = read_text(log, f"{text.format(0, 0, 0xFFF)}{line}\n{text.format(2, 0x3000, 0x3FFF)}")
    (found,) = memmap.problems
    assert found.code in ("HP501", "HP502")
    assert found.message.startswith("line 2: ")
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0x1000, 0x2FFF)]


def test_efi_size_that_is_not_the_range_s_is_told(log: Path) -> None:
    line = "efi: mem00: [Conventional|   |  |WB|WT|WC|UC] range=[0x0-0xfffff] (7MB)\n"
    assert codes(read_text(log, line).problems) == {"HP506"}


def test_efi_words() -> None:
    assert type_of("MMIO Port Space") == "mmio_port"
    assert type_of("ldr-code ") == "loader_code"
    assert type_of("Unusual") is None
    assert attributes_of(["RUN", "  ", "", "uc"]) == efi.RUNTIME | efi.UC
    assert attributes_of(["UC", "WHAT"]) is None
    assert attributes_of([]) == 0


# EFI shell, GRUB, U-Boot ---------------------------------------------------------------------


def test_efi_shell_sfo(log: Path) -> None:
    text = (
        'ShellCommand,"memmap"\r\n'
        'MemoryMap,"Available","0","9FFFF","A0","F"\r\n'
        'MemoryMap,"BootServiceData","A0000","AFFFF","10","F"\r\n'
        'MemoryMap,"MemoryMappedIOPortSpace","FFC00000","FFFFFFFF","400","8000000000000001"\r\n'
        'MemoryMapSummary,"5367791616","0"\r\n'
    )
    assert rows(primary(read_text(log, text))) == [
        [0, 0x9FFFF, "conventional", {"attr": 15}],
        [0xA0000, 0xAFFFF, "boot_services_data", {"attr": 15}],
        [0xFFC00000, 0xFFFFFFFF, "mmio_port", {"attr": efi.RUNTIME | efi.UC}],
    ]


def test_efi_shell_types_of_oems_and_new_ones(log: Path) -> None:
    text = """\
Unaccepted 0000000000000000-000000000009FFFF 00000000000000A0 000000000000000F
Persistent 0000000100000000-00000001000FFFFF 0000000000000100 0000000000008008
80000001   0000000200000000-00000002000FFFFF 0000000000000100 0000000000000008
"""
    types = [e.type for e in primary(read_text(log, text)).entries]
    assert types == ["unaccepted", "persistent", "type_2147483649"]


def test_efi_shell_page_count_is_checked(log: Path) -> None:
    line = "Available  0000000000000000-000000000009FFFF 00000000000000A1 000000000000000F\n"
    assert codes(read_text(log, line).problems) == {"HP506"}


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


# Xen, FreeBSD, ESXi --------------------------------------------------------------------------


def test_xen_old_and_with_efi(log: Path) -> None:
    text = """\
(XEN) Xen version 4.11.4 (Debian 4.11.4+107) (x@y) (gcc 10.2.1) debug=n
(XEN) EFI RAM map:
(XEN)  0000000000000000 - 00000000000a0000 (usable)
(XEN)  0000000000100000 - 0000000040000000 (usable)
(XEN)  00000000f8000000 - 00000000fc000000 (reserved)
(XEN)  00000000fd000000 - 00000000fd001000 type 20
(XEN) ACPI: RSDP 7FFE0000, 0024 (r2 BOCHS )
(XEN) EFI memory map:
(XEN)  0000000000000-000000009ffff type=7 attr=000000000000000f
(XEN)  0000000100000-000003fffffff type=4 attr=000000000000000f
(XEN)  00000f8000000-00000fbffffff type=11 attr=8000000000000001
"""
    memmap = read_text(log, text)
    assert primary(memmap).name == "xen_efi"
    assert rows(primary(memmap))[1] == [MIB, 0x3FFFFFFF, "boot_services_data", {"attr": 15}]
    assert plain(rows(named(memmap, "xen_efi_ram"))) == [
        (0, 0x9FFFF, "usable"),
        (MIB, 0x3FFFFFFF, "usable"),
        (0xF8000000, 0xFBFFFFFF, "reserved"),
        (0xFD000000, 0xFD000FFF, "type_20"),
    ]


def test_xen_new_with_time_stamps(log: Path) -> None:
    text = """\
(XEN) [0000000d7e7dbf0c] Initial EFI RAM map:
(XEN) [0000000d7e9a1f00]  [0000000000000000, 000000000009efff] (usable)
(XEN) [0000000d7eb00000] EFI RAM map:
(XEN) [0000000d7ec11111]  [0000000000000000, 000000000009dfff] (usable)
(XEN) [0000000d7ec22222]  [000000000009e000, 000000000009ffff] (ACPI NVS)
(XEN) [0000000d7ed00000] System RAM: 0MB (632kB)
"""
    memmap = read_text(log, text)
    assert {m.name: plain(rows(m)) for m in memmap.maps} == {
        "xen_e820_initial": [(0, 0x9EFFF, "usable")],
        "xen_efi_ram": [(0, 0x9DFFF, "usable"), (0x9E000, 0x9FFFF, "acpi_nvs")],
    }


def test_xen_reboots_are_boots(log: Path) -> None:
    boot = """\
(XEN) Xen-e820 RAM map:
(XEN)  [0000000000000000, 000000000009efff] (usable)
[    0.000000] Linux version 6.1.0 (b@h) (gcc 12) #1 SMP
[    0.000000] Xen: [mem 0x0000000000000000-0x000000000009dfff] usable
[    0.000000] Xen: [mem 0x0000000000100000-0x000000003fffffff] usable
"""
    memmap = read_text(log, boot + boot)
    assert {m.name for m in memmap.maps} == {"xen_e820", "xen_dom0"}
    assert codes(memmap.problems) == {"HP510"}


def test_freebsd_smap_with_attributes(log: Path) -> None:
    text = """\
SMAP type=01, xattr=01, base=0000000000000000, len=000000000009fc00
SMAP type=03, xattr=00, base=00000000bffe0000, len=0000000000020000
SMAP type=07 base=0000000100000000 len=0000000040000000
"""
    memmap = read_text(log, text)
    assert plain(rows(primary(memmap))) == [
        (0, 0x9FBFF, "usable"),
        (0xBFFE0000, 0xBFFFFFFF, "acpi_data"),
        (1 << 32, (1 << 32) + (1 << 30) - 1, "pmem"),
    ]


def test_freebsd_efi_table_with_pointers(log: Path) -> None:
    text = """\
                   Type     Physical      Virtual   #Pages Attr
       BootServicesCode 000000000000          0x0 00000001 UC WC WT WB
         MemoryMappedIO 0000ffc00000 0xffffffffffc00000 00000400 UC RUNTIME
real memory  = 4294967296 (4096 MB)
"""
    assert rows(primary(read_text(log, text))) == [
        [0, 0xFFF, "boot_services_code", {"attr": 15}],
        [0xFFC00000, 0xFFFFFFFF, "mmio", {"attr": efi.RUNTIME | efi.UC}],
    ]


def test_esxi_lines_may_stand_twice(log: Path) -> None:
    lines = [
        "MMap[0]: 0x0 - 0x9ffff, len=0xa0000, type=1, attr=0x1",
        "MMap[1]: 0x100000 - 0x3fffffff, len=0x3ff00000, type=1, attr=0x1",
        "MMap[2]: 0xfec00000 - 0xfec00fff, len=0x1000, type=2, attr=0x1",
    ]
    expected = [
        (0, 0x9FFFF, "usable"),
        (MIB, 0x3FFFFFFF, "usable"),
        (0xFEC00000, 0xFEC00FFF, "reserved"),
    ]
    decimal = [line.replace("0xa0000", "655360").replace("attr=0x1", "attr=1") for line in lines]
    for text in (
        "".join(f"{line}\n" for line in decimal),
        "".join(f"{line}\n" for line in lines).replace(", ", " "),
        "".join(f"TSC: 0 cpu0:1)BootConfig: {line}\n" for line in lines),
        "".join(f"{line}\n{line}\n" for line in lines),
        "".join(f"{line}\n" for line in lines * 2),
    ):
        memmap = read_text(log, text)
        assert plain(rows(primary(memmap))) == expected
        assert not memmap.problems


# /proc/iomem ---------------------------------------------------------------------------------


def test_iomem_memory_of_devices_that_the_kernel_owns(log: Path) -> None:
    text = """\
00000000-00000fff : Reserved
00001000-0009ffff : System RAM
100000000-43fffffff : System RAM
  43c000000-43fffffff : Crash kernel
440000000-c3fffffff : CXL Window 0
  440000000-c3fffffff : region0
    440000000-c3fffffff : dax0.0
      440000000-c3fffffff : System RAM (kmem)
d00000000-dffffffff : Persistent Memory
  d00000000-dffffffff : namespace0.0
    d10000000-dffffffff : System RAM (kmem)
e00000000-effffffff : 0000:00:02.0
  e00000000-e7fffffff : System RAM (virtio_mem)
"""
    entries = primary(read_text(log, text)).entries
    assert [
        (e.attributes["depth"], e.type)
        for e in entries
        if is_ram("iomem", e.type, e.attributes, "x86_64")
    ] == [
        (0, "System RAM"),
        (0, "System RAM"),
        (3, "System RAM (kmem)"),
        (2, "System RAM (kmem)"),
        (1, "System RAM (virtio_mem)"),
    ]


def test_iomem_depth_of_a_fragment_with_other_indents(log: Path) -> None:
    text = """\
      40000000-7fffffff : System RAM
         40200000-4226ffff : Kernel code
         42270000-424effff : reserved
    80000000-8fffffff : PCI ECAM
"""
    memmap = read_text(log, text)
    assert [e.attributes["depth"] for e in primary(memmap).entries] == [0, 1, 1, 0]
    assert memmap.arch == "arm64"


def test_iomem_is_not_ioports(log: Path) -> None:
    text = "0000-001f : dma1\n0020-0021 : pic1\n00000000-00000fff : Reserved\n"
    assert len(primary(read_text(log, text)).entries) == 1
    with pytest.raises(InputError, match="ioports"):
        read_text(log, "0000-001f : dma1\n0020-0021 : pic1\n")


def test_iomem_single_zero_lines_are_real(log: Path) -> None:
    text = "00000000-00000000 : nothing\n00001000-0009ffff : System RAM\n"
    assert len(primary(read_text(log, text)).entries) == 2


def test_iomem_of_zeros_beside_a_log_is_left_out(log: Path) -> None:
    text = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
        "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n"
    )
    memmap = read_text(log, text)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert codes(memmap.problems) == {"HP509"}


def test_iomem_twice_in_one_file(log: Path) -> None:
    once = (
        "00000000-00000fff : reserved\n00001000-0009ffff : System RAM\n"
        "00100000-3fffffff : System RAM\n"
    )
    memmap = read_text(log, once + "\nand again\n\n" + once)
    assert len(primary(memmap).entries) == 3
    assert codes(memmap.problems) == {"HP511"}
    with pytest.raises(InputError, match="differ"):
        read_text(log, once + once.replace("3fffffff", "7fffffff"))
