"""How the lines of a log are found: searched for, or left unread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from mapfiles import named, plain, primary, read_text, rows, text_of

from hwpkho.errors import InputError
from hwpkho.maps import boots, logs, read_memmap, registry
from hwpkho.maps.forms.base import LineForm
from hwpkho.maps.scanner import _MANY, COMMON, MAX_LINE, Scanner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.maps.forms.base import RawMap

SURFACE = text_of("01-dmesg-e820/surface-book.txt")


# Searched for --------------------------------------------------------------------------------


def test_no_trigger_has_a_common_byte_behind_its_first() -> None:
    """All common bytes are made the first of them before a block is searched."""
    for form in (*registry.line_forms(), boots.BootMarks()):
        for trigger in (*form.triggers, *form.separators):
            rest = re.sub(rb"\[[^\]]*\]|\(\?<?[=!]", b"", trigger[1:])
            assert not any(byte in COMMON[1:] for byte in rest), trigger


class Needles(LineForm):
    """Collects the numbers of the lines that it is shown."""

    name = "needles"
    about = "test"
    triggers = (b"=needle", b"/needle", rb"-needle[0-9]", b"#needle")
    separators = (b"Start", b"-start")

    def __init__(self) -> None:
        self.seen: list[int] = []

    def feed(self, number: int, line: str) -> None:
        self.seen.append(number)

    def finish(self) -> Sequence[RawMap]:
        return ()


def shown(text: bytes, size: int = 1 << 16) -> tuple[list[int], Scanner]:
    """Numbers of the lines shown of a log in pieces of a size, and the scanner."""
    form = Needles()
    scanner = Scanner([form])
    for block in logs.blocks(text[i : i + size] for i in range(0, len(text), size)):
        scanner.feed(block)
    return form.seen, scanner


@pytest.mark.parametrize("size", [7, 100, 1 << 16])
def test_triggers_are_told_apart_though_searched_for_together(size: int) -> None:
    text = b"=needle\n/needle\n-needle1\n-needle\n=needle1 -needle2 /needle\n#needle\n-#/needl\n"
    assert shown(text, size)[0] == [1, 2, 3, 5, 6]


@pytest.mark.parametrize("many", [1, _MANY - 1, _MANY, _MANY + 1, 3 * _MANY])
def test_a_rare_byte_may_be_common(many: int) -> None:
    text = b"#\n#n\n" * many + b"#needle\n" + b"#" * many + b"#needle #\n#\n"
    assert shown(text)[0] == [2 * many + 1, 2 * many + 2]


def test_separators_are_shown_where_a_trigger_follows() -> None:
    filler = b"-starx Star\n" * 20000
    text = b"Start\n" + filler + b"-start\n=needle\nStart\n" + filler + b"Start\n" + filler
    seen, scanner = shown(text)
    assert seen == [1, 20002, 20003, 20004]
    scanner.catch_up()
    assert seen == [1, 20002, 20003, 20004, 40005]
    assert scanner.lines == 60005


def test_not_all_of_a_log_is_kept_for_separators() -> None:
    seen, scanner = shown(b"Start\n" * 200_000, 1 << 14)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) * 6 > 200_000 * 6 - 65 * (1 << 14)
    assert scanner.lines == 200_000


def test_a_long_line_that_concerns_nobody_is_not_called_cut() -> None:
    assert not shown(b"-needle" + b"x" * MAX_LINE + b"\n")[1].cut
    assert shown(b"-needle1" + b"x" * MAX_LINE + b"\n")[1].cut == [1]


# Boots ---------------------------------------------------------------------------------------

FILLER = "[    9.000000] usb 1-1: new device\n" * 10_000


def test_what_starts_behind_a_firmware_map_tells_the_architecture(tmp_path: Path) -> None:
    uboot = (
        "DRAM bank   = 0x0\n-> start    = 0x0000000040000000\n-> size     = 0x0000000040000000\n"
    )
    linux = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    memmap = read_text(tmp_path / "log", uboot + FILLER + linux + FILLER)
    assert primary(memmap).name == "uboot_dram"
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")


def test_what_starts_behind_a_linux_map_is_another_boot(tmp_path: Path) -> None:
    other = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    memmap = read_text(tmp_path / "log", SURFACE + FILLER + other + FILLER)
    assert (memmap.arch, {m.boot for m in memmap.maps}) == ("x86_64", {0})


def test_boots_far_apart_are_two(tmp_path: Path) -> None:
    start = "[    0.000000] Linux version 6.1.0 (gcc) #1\n"
    e820 = "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000{}] usable\n"
    text = start + e820.format("09fbff") + FILLER + start + FILLER + e820.format("0fffff")
    with pytest.raises(InputError, match=r"boot 0 from line 2 .* boot 1 from line 20004 "):
        read_text(tmp_path / "log", text)
    memmap = read_text(tmp_path / "log", text, boot="1")
    assert plain(rows(named(memmap, "e820_firmware"))) == [(0, 0xFFFFF, "usable")]


def test_a_log_without_a_map_tells_its_architecture_at_its_end(tmp_path: Path) -> None:
    linux = "[    0.000000] Linux version 6.1.0 (aarch64-linux-gnu-gcc) #1\n"
    (tmp_path / "iomem").write_text("40000000-7fffffff : System RAM\n")
    log = tmp_path / "log"
    log.write_text(FILLER + linux)
    memmap = read_memmap([str(tmp_path / "iomem"), str(log)])
    assert (memmap.arch, memmap.arch_from) == ("arm64", "input")
