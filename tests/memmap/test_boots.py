"""Boots of one log are counted whatever map is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError, UsageError
from tests.support.mapfiles import plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30


def _boot(ram: int, user: int | None = None) -> str:
    text = f"Linux version 6.1.0\nBIOS-e820: [mem 0x{MIB:016x}-0x{ram - 1:016x}] usable\n"
    return text + (f"user: [mem 0x{MIB:016x}-0x{user - 1:016x}] usable\n" if user else "")


def test_boot_numbers_do_not_depend_on_the_map_asked_for(
    log: Path, subtests: pytest.Subtests
) -> None:
    text = _boot(2 * GIB) + _boot(3 * GIB, GIB) + _boot(4 * GIB, 2 * GIB)
    for boot, ends in (("1", GIB), ("2", 2 * GIB), ("last", 2 * GIB)):
        with subtests.test(boot):
            memmap = read_text(log, text, boot=boot, map_name="e820_user")
            assert plain(rows(primary(memmap))) == [(MIB, ends - 1, "usable")]
            assert primary(memmap).boot == (1 if boot == "1" else 2)
    with pytest.raises(UsageError, match="no such map"):
        read_text(log, text, boot="0", map_name="e820_user")
    with pytest.raises(InputError, match=r"boot 1 .*; boot 2 "):
        read_text(log, text, map_name="e820_user")
    (only,) = read_text(log, _boot(GIB) + _boot(3 * GIB, GIB), map_name="e820_user").maps
    assert only.boot == 1


def test_copies_of_one_map_with_lost_lines_are_compared_as_long_as_they_are_few(log: Path) -> None:
    """Thousands of small ones beside a long one took minutes."""
    line = "BIOS-e820: [mem 0x{:016x}-0x{:016x}] usable\n"
    head = "Linux version 6.1.0\nBIOS-provided physical RAM map:\n" + line.format(0, 0x9FFFF)
    whole = head + line.format(MIB, GIB - 1) + line.format(GIB, 2 * GIB - 1)
    damaged = head + line.format(MIB, GIB - 1).replace("0x0000000000100000", "0x00000000001z0000")
    assert len(primary(read_text(log, whole + damaged * 64)).entries) == 3
    with pytest.raises(InputError, match="holds 66 boots whose maps differ"):
        read_text(log, whole + damaged * 65)
