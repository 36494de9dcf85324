"""A document is the same for a user of a command and for a program: it names no option."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from hwpkho.base.options import of_library
from tests.support.efi import TABLE, saved, table
from tests.support.examples import some
from tests.support.handovers import Machine
from tests.support.provoked import CODES, arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Fits both layouts by its numbers.
_EITHER = struct.pack("<IIQQ", 1, 4096, 4096, 4088) + bytes([6]) + bytes(4087)
_BOOT = """\
[    0.000000] Linux version 6.12.0 (build@host1) #1 SMP
[    0.000000] Command line: ro memmap=4K$0x5000
[    9.000000] Memory failure: 0x9: recovery action for dirty LRU page: Recovered
"""


@pytest.mark.slow
def test_the_layout_that_was_asked_for(cli: Callable[..., Any], tmp_path: Path) -> None:
    path = saved(tmp_path, {TABLE: table()})
    found = hwpkho.decode(path, layout="bitmap-base").to_dict()
    assert found == cli("decode", "--json", path, "--layout", "bitmap-base").json
    assert found["efi_poisoned_memory"][0]["layout_why"] == "as asked"


@pytest.mark.slow
def test_a_table_of_either_layout_beside_a_handover(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    machine = Machine(arch="x86_64")
    machine.handover([0x11])
    path = saved(tmp_path, {**machine.memory, TABLE: _EITHER})
    judged = hwpkho.validate(path, efi_table=TABLE).to_dict()
    assert judged == cli("validate", "--json", path, "--efi-table", TABLE).json
    (said,) = [f["message"] for f in judged["findings"] if f["code"] == "HP815"]
    assert said.endswith("fit both layouts (bitmap-base and bitmap)")


@pytest.mark.slow
def test_a_log_that_has_more_than_is_listed(cli: Callable[..., Any], tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(2 * _BOOT)
    judged = hwpkho.validate(log).to_dict()
    assert judged == cli("validate", "--json", log).json
    said = " ".join(judged["rests_on"])
    assert "form memmap lists it" in said
    assert "choose one by its number" in said


@pytest.mark.slow
def test_what_is_written_and_not_recorded(cli: Callable[..., Any], tmp_path: Path) -> None:
    machine = Machine(page_size=65536)
    machine.handover([0x11])
    path = saved(tmp_path, {**machine.memory, TABLE: table()}, arch="arm64")
    given = ["encode", "--json", path, "--to", "text", "-f", "-o", tmp_path / "out"]
    user = cli(*given)
    with of_library():
        assert cli(*given).out == user.out
    assert "say that it is 65536" in str(user.json["notes"])
    assert "choose it by its address" in str(user.json["notes"])


@pytest.mark.parametrize("code", some(CODES, 16))
def test_what_a_code_is_reported_with(code: str, cli: Callable[..., Any], tmp_path: Path) -> None:
    given = arguments(code, tmp_path)
    user = cli("validate", "--json", *given)
    with of_library():
        program = cli("validate", "--json", *given)
    assert program.out == user.out
    assert not re.search(r"(?<![\w-])--[a-z]", user.out)
