"""Maps in ESXi's logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.memmap import efi
from hwpkho.memmap.view.ownership import is_ram
from hwpkho.memmap.view.regions import view_of
from tests.support.mapfiles import plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path


MIB = 1 << 20


def test_esxi_lines_may_stand_twice(log: Path, subtests: pytest.Subtests) -> None:
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
    for name, text in (
        ("decimal", "".join(f"{line}\n" for line in decimal)),
        ("no commas", "".join(f"{line}\n" for line in lines).replace(", ", " ")),
        ("logged", "".join(f"TSC: 0 cpu0:1)BootConfig: {line}\n" for line in lines)),
        ("each line twice", "".join(f"{line}\n{line}\n" for line in lines)),
        ("all lines twice", "".join(f"{line}\n" for line in lines * 2)),
    ):
        with subtests.test(name):
            memmap = read_text(log, text)
            assert plain(rows(primary(memmap))) == expected
            assert not memmap.problems


MIB, GIB = 1 << 20, 1 << 30


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
    view = view_of(memmap)
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
