"""memmap of the UEFI shell: wordings that no fixture has, and damaged lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import efi
from tests.support.mapfiles import primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


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


def test_a_table_has_one_summary_and_no_thousands(log: Path) -> None:
    """Each is compared with all lines: half a MiB took half a minute."""
    line = "Available  0000000000000000-000000000009FFFF 00000000000000A0 000000000000000F\n"
    numbers = ",".join(f'"{0xA0000 if n in (0, 8) else 0}"' for n in range(15))
    summary = f"MemoryMapSummary,{numbers}\n"
    assert not primary(read_text(log, line + summary * 16)).gaps
    with pytest.raises(InputError, match="line 18: more than 16 summaries of one table"):
        read_text(log, line + summary * 17)
