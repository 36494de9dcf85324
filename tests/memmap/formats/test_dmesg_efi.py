"""EFI maps in kernel logs, line by line: eras, architectures, damaged lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import efi
from hwpkho.memmap.view.ownership import is_ram
from tests.support.mapfiles import named, primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import MemoryMap
    from tests.support.mapfiles import Reader

MIB = 1 << 20


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


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


def test_the_banner_around_an_efi_list_tells_the_architecture(
    log: Path, subtests: pytest.Subtests
) -> None:
    """A cross compiler runs on a host of another architecture; any other, on its own."""
    row = "efi:   0x000080000000-0x0000ffffffff [Conventional|   |  |  |  |   |WB|WT|WC|UC]"
    for banner, arch, how in (
        ("6.6.0 (b@h) (riscv64-linux-gnu-gcc 13.2.0) #1 SMP", "riscv64", "input"),
        ("6.6.0 (b@x86_64-1) (aarch64-linux-gnu-gcc 13.2.0) #1 SMP", "arm64", "input"),
        ("6.6.0 (b@x86_64-1) (riscv64-linux-gnu-gcc 13.2.0) #1 SMP", "riscv64", "input"),
        ("6.6.0-1.aarch64 (b@x86_64-1) (clang version 17.0.6) #1 SMP", "arm64", "input"),
        ("5.15.0-1034-raspi (buildd@bos03-arm64-003) (gcc 11.3.0) #37", "arm64", "input"),
        ("6.6.0 (b@aarch64-", "x86_64", "default"),
        ("6.6.0 (b@aarch64-1)", "x86_64", "default"),
    ):
        with subtests.test(banner):
            found = read_text(log, f"[    0.000000] Linux version {banner}\n{row}\n")
            assert (found.arch, found.arch_from) == (arch, how)


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


def ranges(memmap: MemoryMap) -> list[tuple[int, int, str]]:
    """Return the entries of the primary map."""
    (primary,) = (m for m in memmap.maps if m.primary)
    return [(e.start, e.end, e.type) for e in primary.entries]


def test_itanium_pads_types_and_sizes(read: Reader) -> None:
    # arch/ia64/kernel/efi.c, 2.6.39 to 6.6
    found = read(
        "mem00: type= 4, attr=0x0000000000000009, "
        "range=[0x0000000000000000-0x0000000000001000) (   4KB)\n"
        "mem01: type=11, attr=0x8000000000000001, "
        "range=[0x00000000fed00000-0x00000000fee00000) (   1MB)\n"
        "efi: mem02: [Conventional Memory|   |  |  |  |  |  |  |   |WB|  |  |UC] "
        "range=[0x0000000100000000-0x0000000180000000) (   2GB)\n"
    )
    assert ranges(found) == [
        (0, 0xFFF, "boot_services_data"),
        (0xFED00000, 0xFEDFFFFF, "mmio"),
        (0x100000000, 0x17FFFFFFF, "conventional"),
    ]
    assert not found.problems


def test_first_arm64_kernels_print_no_attributes_and_no_prefix(read: Reader) -> None:
    # arch/arm64/kernel/efi.c, 3.16 to 3.18: reserve_regions()
    found = read(
        "[    0.000000] Processing EFI memory map:\n"
        "[    0.000000]   0x004000000000-0x00400007ffff [Conventional Memory]\n"
        "[    0.000000]   0x004000080000-0x0040012dffff [Loader Data]\n"
        "[    0.000000]   0x0040ff41d000-0x0040ff41ffff [Runtime Data]*\n"
    )
    assert ranges(found) == [
        (0x4000000000, 0x400007FFFF, "conventional"),
        (0x4000080000, 0x40012DFFFF, "loader_data"),
        (0x40FF41D000, 0x40FF41FFFF, "runtime_services_data"),
    ]
    assert found.arch == "arm64"


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


@pytest.mark.parametrize(
    "prefix",
    [
        "[    0.000000] ",
        "Nov 28 17:20:03 pi kernel: ",
        "Nov 28 17:20:03 pi kernel: [    0.000000] ",
    ],
)
def test_what_memblock_debug_prints_between_the_lines_is_none_of_them(
    prefix: str, read: Reader
) -> None:
    """Source: a Raspberry Pi 2 with 5.2, linux-arm-kernel 2019-08, and mm/memblock.c.

    A stack dump stands there where early_memremap() warns.
    """
    columns = "|   |  |  |  |  |  |  |  |   |WB|  |  |  ]"
    text = f"""\
[    0.000000] efi: Processing EFI memory map:
[    0.000000] MEMBLOCK configuration:
[    0.000000]  memory size = 0x000000003e000000 reserved size = 0x0000000000000010
[    0.000000]  memory.cnt  = 0x1
[    0.000000]  memory[0x0]\t[0x0000000000000000-0x000000003dffffff], 0x3e000000 bytes flags: 0x0
[    0.000000]  reserved.cnt  = 0x1
[    0.000000]  reserved[0x0]\t[0x000000003cb3d040-0x000000003cb3d04f], 0x10 bytes flags: 0x0
[    0.000000] memblock_remove: [0x0000000000000000-0xfffffffffffffffe] reserve_regions+0x68/0x23c
[    0.000000] efi:   0x000000000000-0x000000000fff [Reserved           {columns}
[    0.000000] memblock_add: [0x0000000000000000-0x0000000000000fff] add_memory_arch+0x164/0x178
[    0.000000] efi:   0x000000080000-0x000000307fff [Conventional Memory{columns}
[    0.000000] memblock_add: [0x0000000000080000-0x0000000000307fff] add_memory_arch+0x164/0x178
[    0.000000] WARNING: CPU: 0 PID: 0 at arch/arm64/mm/ioremap.c:58 __ioremap_caller+0xc0/0xcc
[    0.000000] efi:   0x000002308000-0x000002a93fff [Loader Data        {columns}
"""
    memmap = read(text.replace("[    0.000000] ", prefix))
    assert len(primary(memmap).entries) == 3
    assert not primary(memmap).gaps
    assert not memmap.problems


@pytest.mark.parametrize(
    "torn",
    ["efi:   0x000000001000-0x0000000 h kernel: memblock_add: [0x0-0x1] f+0x1/0x2",
     "efi:   0x000000001000-0x000000001fff [Loader D[    0.000000] tsc: Fast TSC calibration",
     "efi:   0x0000000010[    0.000000] tsc: Fast TSC calibration using PIT",
     "efi:   0x000000001000-0x000000000001fff [Loader Data        |   |  |  |WB|  |  |  ]"],
)  # fmt: skip
def test_a_line_that_another_message_breaks_off_is_lost(torn: str, read: Reader) -> None:
    row = "h kernel: efi:   0x{:012x}-0x{:012x} [Loader Data        |   |  |  |WB|  |  |  ]\n"
    first, last = row.format(0, 0xFFF), row.format(0x2000, 0x2FFF)
    memmap = read(f"{first}h kernel: {torn}\n{last}")
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0x1000, 0x1FFF)]
    memmap = read(first.replace("\n", "UN|  |  |  |  ]\n") + last)
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0x1000, 0x1FFF)]


X86_BODY = "[MMIO        |RUN|  |UC] range=[0x0000000000002000-0x0000000000002fff] (0MB)"


@pytest.mark.parametrize(
    "last",
    [f"me#01: {X86_BODY}", f"01: {X86_BODY}", f"mem0l: {X86_BODY}",
     "mem01: ty#e=11, attr=0x1, range=[0x0000000000002000-0x0000000000003000) (0MB)"],
)  # fmt: skip
def test_a_damaged_last_line_of_x86_is_lost(last: str, read: Reader) -> None:
    first = f"efi: mem00: {X86_BODY}".replace("2000-", "0000-").replace("2fff", "0fff")
    (gap,) = primary(read(f"{first}\nefi: {last}\nother: message\n")).gaps
    assert gap.start == 0x1000


@pytest.mark.parametrize("form", ["efi: mem{0:02}: [{1}] range=[0x{2:016x}-0x{3:016x}] (1MB)",
                                  "efi:   0x{2:012x}-0x{3:012x} [{1}]"])  # fmt: skip
def test_columns_too_many_in_the_first_line_spoil_no_other(form: str, tmp_path: Path) -> None:
    sound = "Conventional|   |  |  |  |  |  |  |   |WB|WT|WC|UC"
    text = "Processing EFI memory map:\n" + "".join(
        "[    0.000000] "
        + form.format(n, sound if n else f"{sound}|  |  ", n << 20, (n + 1 << 20) - 1)
        + "\n"
        for n in range(6)
    )
    table = primary(read_text(tmp_path / "log", text))
    assert {e.start >> 20 for e in table.entries} >= {2, 3, 4, 5}
    assert table.gaps
    assert all(gap.end is not None and gap.end < 2 << 20 for gap in table.gaps)
