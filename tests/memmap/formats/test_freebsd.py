"""FreeBSD's loader and verbose boot messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.memmap import efi
from hwpkho.memmap.view.ownership import is_ram
from tests.support.mapfiles import plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path


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


def test_freebsd_damaged_last_row_is_lost(log: Path) -> None:
    text = """\
                   Type     Physical      Virtual   #Pages Attr
       BootServicesCode 000000000000 000000000000 00000001 UC WC WT WB
    RuntimeServ#cesData 0000#0010000 000000010000 00000050 WC WT WB RUNTIME
"""
    (gap,) = primary(read_text(log, text)).gaps
    assert gap.start == 0x1000


MIB, GIB = 1 << 20, 1 << 30


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


@pytest.mark.parametrize("form", ["{}:{}", "{:6}\t{}"])
def test_freebsd_rows_with_line_numbers_are_whole(form: str, log: Path) -> None:
    """grep -n and cat -n put them there; the rest of a row ends in attributes, not in a number."""
    text = """\
                   Type     Physical      Virtual   #Pages Attr
     ConventionalMemory 000000001000            0 0000009f UC WC WT WB
     ConventionalMemory 000000200000            0 00000010 WB
"""
    lines = text.splitlines()
    numbered = "".join(form.format(at, line) + "\n" for at, line in enumerate(lines, 1))
    table = primary(read_text(log, numbered))
    assert [entry.start for entry in table.entries] == [0x1000, 0x200000]
    assert not table.gaps
    torn = numbered.replace("3", "0000009f UC WC WB", 1)
    assert primary(read_text(log, torn)).gaps
