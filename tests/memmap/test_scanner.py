"""How the lines of a log are found: searched for, taken at once, or left unread."""

from __future__ import annotations

import copy
import pkgutil
import re
import time
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho import memmap as maps
from hwpkho.errors import InputError
from hwpkho.memmap import boots, logs, read_memmap, registry
from hwpkho.memmap.formats.base import PLAIN_PREFIX, LineForm
from hwpkho.memmap.formats.dmesg_e820 import DmesgE820
from hwpkho.memmap.formats.dmesg_efi import DmesgEfi
from hwpkho.memmap.patterns import _Lazy
from hwpkho.memmap.scanner import _MANY, COMMON, MAX_LINE, Scanner
from tests.support.captures import CAPTURES
from tests.support.mapfiles import (
    FIXTURES,
    named,
    plain,
    primary,
    read_text,
    rows,
    text_of,
    unstamped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hwpkho.memmap.rawmap import RawMap

X86 = (CAPTURES / "x86-efi" / "dmesg.txt").read_text(errors="replace")
ARM64 = text_of("02b-dmesg-efi-arm64/qemu-arm64-7.3.4.txt")
TYPE_ATTR = text_of("02-dmesg-efi/rhel-vm-secureboot-type-attr.txt")
E820_USER = text_of("01-dmesg-e820/qemu-7.3.4-memmap-params.txt")
SURFACE = text_of("01-dmesg-e820/surface-book.txt")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples: each writes its file anew."""
    return tmp_path_factory.mktemp("scanner")


@contextmanager
def one_by_one() -> Iterator[None]:
    """Show every form its lines one by one, as if none could take several."""
    with pytest.MonkeyPatch.context() as patch:
        for form in (DmesgE820, DmesgEfi):
            patch.setattr(form, "run", LineForm.run)
        yield


def outcome(path: Path, text: str | bytes) -> object:
    """Everything that reading ``text`` tells, or why it does not."""
    try:
        return read_text(path, text, boot="last")
    except InputError as error:
        return str(error)


# Taken at once -------------------------------------------------------------------------------

PREFIXES = (
    "", "<6>", "[    0.000000] ", "<6>[    0.000000] ", "[    0.000000][    T0] ",
    "[    0.000000] [    T0] ", "[Mon Nov 25 18:20:01 2024] ",
    "Nov 25 18:20:01 host kernel: ", "Nov  5 18:20:01 my-host kernel: [    0.000000] ",
    "2024-05-05T10:00:00.123456-07:00 host kernel: ", "2024-05-05T10:00:00+0000 host kernel: ",
    "Nov 25 18:20:01 a-0123456789abcdef kernel: ", "Nov 25 18:20:01 memattr kernel: ",
    "> ", "x: ",
)  # fmt: skip
STRAY = (
    "Linux version 6.1.0 (gcc) #1", "Linux version 6.1.0 aarch64", "", "EFI runtime memory map:",
    "BIOS-provided physical RAM map:", "e820: modified physical RAM map:",
    "efi: memattr:  0x00001eaa0000-0x00001eba1fff [Runtime Data|RUN|  |UC]",
    "efi:   0x000040000000-0x000043ffffff [Conventional|   |WB|  |  |  ]",
    "efi: mem00: [Conventional|WB|WT|WC|UC] range=[0x0000000000001000-0x0000000000001fff] (0MB)",
    "efi: mem07: type=7, attr=0xf, range=[0x0000000000001000-0x0000000000002000) (0MB)",
    "user: [mem 0x0000000000000000-0x0000000000000fff] usable",
    "BIOS-e820: [mem 0x0000000000000000-0x0000000000000fff] usable",
    "BIOS-e820: [gap 0x0000000000000000-0x0000000000000fff]",
    "base_addr = 0x0, length = 0x9fc00, available RAM", "00001000-0009fbff : System RAM",
)  # fmt: skip
DIGITS = "0123456789abcdefX[]()|-= :\r\n"


@st.composite
def handled(draw: st.DrawFn) -> str:
    """A real log's lines about its map, as people hand them on: prefixed, cut, doubled, mixed."""
    whole = draw(st.sampled_from([X86, ARM64, TYPE_ATTR, E820_USER, SURFACE]))
    lines = [text for text in whole.splitlines() if re.search(r"efi: |e820|0x[0-9a-f]{16}", text)]
    start = draw(st.integers(0, len(lines) - 1))
    lines = lines[start : start + draw(st.integers(1, 60))]
    if draw(st.booleans()):
        prefix = draw(st.sampled_from(PREFIXES))
        lines = [prefix + text for text in unstamped("\n".join(lines)).splitlines()]
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        text = lines[at]
        place = draw(st.integers(0, len(text)))
        match draw(st.integers(0, 6)):
            case 0:
                lines.insert(at, draw(st.sampled_from(STRAY)))
            case 1:
                lines[at] = text[:place] + draw(st.sampled_from(DIGITS)) + text[place + 1 :]
            case 2:
                lines[at] = draw(st.sampled_from(PREFIXES)) + text
            case 3:
                lines[at : at + 1] = [text[:place], text[place:]]
            case 4:
                lines[at:at] = lines[at : at + draw(st.integers(1, 20))]
            case 5:
                lines[at] = text[:place]
            case _:
                lines[at : at + 2] = [" ".join(lines[at : at + 2])]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@given(text=handled())
def test_lines_taken_at_once_make_no_difference(text: str, scratch: Path) -> None:
    path = scratch / "log"
    with one_by_one():
        expected = outcome(path, text)
    assert outcome(path, text) == expected


@pytest.mark.parametrize(
    "path",
    [*CAPTURES.glob("*/dmesg.txt"), *(p for p in FIXTURES.glob("0*/*.txt"))],
    ids=lambda p: f"{p.parent.name}/{p.name}",
)
def test_real_logs_are_read_the_same_way_line_by_line(path: Path, tmp_path: Path) -> None:
    text = path.read_bytes()
    with one_by_one():
        expected = outcome(tmp_path / "log", text)
    assert outcome(tmp_path / "log", text) == expected


@pytest.mark.parametrize("prefix", PREFIXES[:11])
@pytest.mark.parametrize(
    ("text", "words"), [(X86, "efi: mem"), (ARM64, "efi:   0x"), (SURFACE, "BIOS-e820: [mem")]
)
def test_lines_of_a_table_are_taken_at_once(
    prefix: str, text: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [line for line in unstamped(text).splitlines() if words in line]
    shown: list[str] = []
    for form in (DmesgE820, DmesgEfi):
        feed = form.feed
        monkeypatch.setattr(
            form, "feed", lambda s, n, line, feed=feed: (shown.append(line), feed(s, n, line))
        )
    memmap = read_text(tmp_path / "log", "".join(f"{prefix}{line}\n" for line in lines))
    assert len(lines) > 15
    assert sum(len(m.entries) for m in memmap.maps) > 15
    # The first of each table, joined to what stands before it, and the next below one.
    assert 1 <= len(set(shown)) <= 5


def test_too_many_entries_are_counted_to_the_line(tmp_path: Path) -> None:
    text = "".join(
        f"BIOS-e820: [mem 0x{i << 12:016x}-0x{(i << 12) + 1:016x}] usable\n" for i in range(65600)
    )
    with pytest.raises(InputError, match="line 65537: more than 65536 entries"):
        read_text(tmp_path / "log", text)


def test_no_form_has_a_trigger_in_a_plain_prefix() -> None:
    for prefix in PREFIXES[:11]:
        assert re.fullmatch(PLAIN_PREFIX, prefix.encode())
        for form in registry.line_forms():
            assert not any(re.search(t, prefix.encode() + b"\n") for t in form.triggers)


def test_an_efi_line_in_four_pieces_does_not_cost_the_next_one(tmp_path: Path) -> None:
    text = """\
efi: mem00: [Boot Code
|   |WB|WT
|WC|UC]
range=[0x0000000000000000-0x0000000000000fff] (0MB)
efi: mem01: [Conventional|   |WB|WT|WC|UC] range=[0x0000000000001000-0x000000000009ffff] (0MB)
efi: mem02: [Conventional|   |WB|WT|WC|UC] range=[0x0000000000100000-0x0000000000805fff] (7MB)
"""
    memmap = read_text(tmp_path / "log", text)
    assert [e.start for e in primary(memmap).entries] == [0, 0x1000, 0x100000]
    assert not memmap.problems


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

    def taken(self) -> int:
        return len(self.seen)

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


# Hostile -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "range=[0x1\r-0x1fff [" * 190,
        "mem1: [" * 200 + "range=[0x1-0x1fff [\r" * 200,
        "range=[0x1\r\r\r\r-0x1fff [\r \r \r \r" * 120,
        "efi: 0x123456789-0x123456789 [" * 70 + " " * 1900 + "]x",
        "efi: 0x123456789-0x123456789 [" * 70 + " " * 1900 + "|] range=[0x",
        "00001000-0009fbff : <BAD" + " " * 4000 + "x",
        "00001000-0009fbff : " + "</p> " * 800 + "x",
        "00001000-0009fbff : x" + "<p>" * 1300,
    ],
)
def test_no_line_takes_long(line: str, tmp_path: Path) -> None:
    """A part of a line is joined to few others; no pattern tries what it has tried before."""
    lines = 100_000 // len(line)
    start = time.process_time()
    outcome(tmp_path / "log", f"{line}\n" * lines)
    assert time.process_time() - start < 1.5  # up to a quarter minute, had each part all before it


@pytest.mark.parametrize("at", range(4))
def test_a_broken_line_is_joined_over_the_end_of_a_block(at: int, tmp_path: Path) -> None:
    lines = [
        "efi: mem00: [Boot Code\n", "|   |WB|WT\n", "|WC|UC]\n",
        "range=[0x0000000000000000-0x0000000000000fff] (0MB)\n",
    ]  # fmt: skip
    before = "".join(lines[:at])
    filler = "x" * (((1 << 16) - len(before)) - 1) + "\n"
    memmap = read_text(tmp_path / "log", filler + "".join(lines))
    assert [(e.start, e.type) for e in primary(memmap).entries] == [(0, "boot_services_code")]


def test_the_rest_of_a_broken_line_may_follow_carriage_returns(tmp_path: Path) -> None:
    text = (
        "efi: mem00: [Boot Code|   |WB|WT|WC|UC]\n"
        "\r \rrange=[0x0000000000000000-0x0000000000000fff] (0MB)\n"
        "efi: mem01: [Boot Code|   |WB|WT|WC|UC]\r"
        "range=[0x0000000000001000-0x0000000000001fff] (0MB)\n"
    )
    memmap = read_text(tmp_path / "log", text)
    assert [e.start for e in primary(memmap).entries] == [0, 0x1000]


def test_every_pattern_can_be_compiled() -> None:
    """They are when they are first used: a wrong one would be found by a user."""
    found = 0
    for info in pkgutil.walk_packages(maps.__path__, f"{maps.__name__}."):
        module = import_module(info.name)
        for owner in (module, *(v for v in vars(module).values() if isinstance(v, type))):
            for value in vars(owner).values():
                if isinstance(value, _Lazy):
                    assert isinstance(value.pattern, str | bytes)
                    assert copy.deepcopy(value).flags == value.flags
                    found += 1
    assert found > 50
