"""Maps that Xen prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import MemoryMap
    from tests.support.mapfiles import Reader

MIB = 1 << 20


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


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


def test_xen_numbered_lines_are_whole(log: Path) -> None:
    lines = [
        "(XEN) EFI RAM map:",
        "(XEN)  [0000000000000000, 000000000009dfff] (usable)",
        "(XEN)  [0000000000100000, 000000007fffffff] (usable)",
    ]
    memmap = read_text(log, "".join(f"{n:6}\t{line}\n" for n, line in enumerate(lines, 1)))
    assert len(primary(memmap).entries) == 2
    assert not primary(memmap).gaps


@pytest.mark.parametrize(
    "before", ["Nov 28 17:20:03 dom0 xl[12345]: ", '{"_BOOT_ID":"0123abcd","MESSAGE":"']
)
def test_what_a_journal_has_in_front_of_a_line_is_no_lost_one(before: str, log: Path) -> None:
    lines = [
        "(XEN) Xen-e820 RAM map:",
        "(XEN)  [0000000000001000, 000000000009dfff] (usable)",
        "(XEN)  [0000000000100000, 000000007fffffff] (usable)",
    ]
    memmap = read_text(log, "".join(f"{before}{line}\n" for line in lines))
    assert len(primary(memmap).entries) == 2
    assert not memmap.problems


def test_xen_first_line_behind_the_heading(log: Path) -> None:
    row = "(XEN)  [{}, 000000000009dfff] (usable)\n"
    below = "(XEN)  [0000000000100000, 000000007fffffff] (usable)\n"
    text = f"(XEN) Xen-e820 RAM map: {row.format('0000000000001000')}{below}"
    assert len(primary(read_text(log, text)).entries) == 2
    text = f"(XEN) Xen-e820 RAM map: {row.format('00000000')}{below}"
    assert [(gap.start, gap.end) for gap in primary(read_text(log, text)).gaps] == [(0, MIB - 1)]


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


def ranges(memmap: MemoryMap) -> list[tuple[int, int, str]]:
    """Return the entries of the primary map."""
    (primary,) = (m for m in memmap.maps if m.primary)
    return [(e.start, e.end, e.type) for e in primary.entries]


def test_xen_map_whose_prefix_was_cut_off(read: Reader) -> None:
    # from a mail to xen-devel
    found = read(
        "> Xen-e820 RAM map:\n> \n"
        ">  [0000000000000000, 000000000009fbff] (usable)\n"
        ">  [000000000009fc00, 000000000009ffff] (reserved)\n"
        ">  [0000000100000000, 000000027fffffff] (usable)\n> \n"
        "> (XEN) ELF: phdr: paddr=0x1000 memsz=0x8000\n"
    )
    assert ranges(found) == [
        (0, 0x9FBFF, "usable"),
        (0x9FC00, 0x9FFFF, "reserved"),
        (0x100000000, 0x27FFFFFFF, "usable"),
    ]


def test_more_entries_than_xen_can_have_are_no_map(tmp_path: Path) -> None:
    lines = [f"(XEN)  {n:016x} - {n + 0x800:016x} (usable)" for n in range(0, 5000 << 12, 1 << 12)]
    text = "\n".join(["(XEN) Xen-e820 RAM map:", *lines, ""])
    with pytest.raises(
        InputError, match="line 4098: more than 4096 entries, too many for a memory map"
    ):
        read_text(tmp_path / "log", text)
