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
