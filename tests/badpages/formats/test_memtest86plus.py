"""Screens of memtest86+."""

from __future__ import annotations

import pytest

from hwpkho.badpages.formats import memtest86plus
from tests.support import neighbours
from tests.support.examples import much
from tests.support.neighbours import pages, said


@pytest.mark.parametrize("truth", neighbours.samples("memtest86plus"), ids=lambda p: p.name)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth)


_TABLE = """
      Memtest86+ v6.20      | AMD Ryzen
pCPU  Pass  Test  Failing Address        Expected          Found
----  ----  ----  ---------------------  ----------------  ----------------
  3      0    5   00027ca9f010 (9.94GB)  0000000000000000  0000000000000400
  3      0    7   000274a9eed0 (9.82GB)  0000000000000000  0000000000000400
  1      1    0   00027ca9f510 (9.94GB)  0000000000000000  0000000000000400
"""


def test_the_table_of_single_errors(tmp_path, cli) -> None:
    got = said(cli, tmp_path, _TABLE)
    assert got.json["pfns"] == [0x27CA9F]
    assert got.json["form"] == "memtest86plus"
    assert [e["where"] for e in got.json["entries"]] == ["line 5"]
    assert {p["code"] for p in got.json["problems"]} == {"HP612"}


_HEAD = "{} (excludes test 0 and test 7)\n-------------------------------\n"


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (_HEAD.format("Bad pages") + "0x20,0x30..0x32,\n0x40", [0x20, 0x30, 0x31, 0x32, 0x40]),
        ("Bad pages: 0x30..0x32\n", [0x30, 0x31, 0x32]),
        (_HEAD.format("Linux memmap") + "memmap=0x8$0x20ff8,0x10$0x30ff8,\n       0x8$0x40000",
         [0x20, 0x30, 0x31, 0x40]),
        ("memmap=0x8$0x20ff8,0x8,0x30ff8", [0x20, 0x30]),
        ("  6    0   00060380860 -  1539.5MB  3c000000  3c000004  00000004     1\n", [0x60380]),
        (" 12      0    5   00027ca9f010 (9.94GB)  Correctable ECC Error - CH# 0\n", []),
        ("      Memtest86+ v6.20\n Pass: 1     Errors: 0\n", []),
        ("badram=0x7ddf0000,0xffffc000\n", range(0x7DDF0, 0x7DDF4)),
    ],
)  # fmt: skip
def test_screens(text, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 0, got.err
    assert got.json["form"] == "memtest86plus"
    assert pages(got.json["pfns"]) == set(listed)
    assert {e["kind"] for e in got.json["entries"]} <= {"uncorrected"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  Lowest Error Address: 00027ca9f010 (9.94GB)\n", "only limits"),
        ("      Memtest86+ v6.20\n Pass: 1     Errors: 12\n", "none has an address"),
        ("00027ca9f010 (9.94GB) test 7\n", "does not give the exact address"),
        ("  0   0   5   00027ca9f010 (9.94GB)  Parity error detected near this address", "near"),
        ("0x20,0x30..0x2f\n", "is not a range of pages"),
        (_HEAD.format("Bad pages") + "0x20,0x3", ""),
        (_HEAD.format("BadRAM Patterns") + "nbadram=0x1000,0xfffff000\n", "none can be read"),
        (_HEAD.format("Linux memmap") + "memmap=0x8$0x20ff8,0x8\n", "no address"),
        (_HEAD.format("Linux memmap") + "memmap=0x8$0x2\x07evil\n", "\\x07evil"),
    ],
)
def test_what_is_refused(text, says, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    if not says:
        assert got.code == 0
        return
    assert got.code == 3
    assert says in got.err
    assert "\x1b" not in got.err


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("badram=0x9000,0xfffff000,\n", [9]),
        ("badram=0x9000,0xfffff000, |\n", [9]),
        (_HEAD.format("Linux memmap") + "memmap=0x8$0x9ff8,\n       0x8$0xa000,", [9, 0xA]),
        (_HEAD.format("Bad pages") + "0x9..0xa,\n0xc,\n\n", [9, 0xA, 0xC]),
    ],
)
def test_a_list_whose_next_row_is_missing_is_said(text, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert (got.code, pages(got.json["pfns"])) == (0, set(listed)), got.err
    assert "the list ends in a comma: its next row is missing" in got.err


def test_more_lists_than_a_machine_shows_are_refused(tmp_path, cli, monkeypatch) -> None:
    most = much(1 << 11, memtest86plus.MAX_LISTS)
    monkeypatch.setattr(memtest86plus, "MAX_LISTS", most)
    got = said(cli, tmp_path, "badram=0x1000,0xfffff000\n" + "0x20,0x30..0x32\n" * most)
    assert (got.code, got.out) == (3, "")
    assert f"line {most + 1}: more than {most} lists" in got.err


def test_merged_patterns_hold_good_pages(tmp_path, cli) -> None:
    got = said(cli, tmp_path, "badram=0x1000,0xffffffffffffc000\n")
    assert got.json["loss"] == {"good_pages": 2, "bad_pages_left": 0}
    assert said(cli, tmp_path, "badram=0x1000,0xffffffffffffe000\n").json["loss"] is None


def test_an_error_behind_another_is_said(tmp_path, cli) -> None:
    row = "   3     0     6  00027ca9f010 (9.94GB)  5a5a5a5a  5a5a5a5b "
    got = said(cli, tmp_path, row + row.replace("27ca", "27cb") + "\n")
    assert (got.code, got.json["pfns"]) == (0, [0x27CA9F])
    assert "another error stands on its line" in got.err


def test_an_error_whose_address_is_damaged_is_said(tmp_path, cli) -> None:
    row = "  3      0     5   00027{}a9eed0 (9.82GB)  ffffffffffffffff  fffffffffffffeff\n"
    assert said(cli, tmp_path, row.format("?"), "--from", "memtest86plus").code == 3
    got = said(cli, tmp_path, row.format("4") + row.format("?"))
    assert (got.code, got.json["pfns"]) == (0, [0x274A9E])
    assert got.json["problems"][0]["where"] == "line 2"


def _drawn(first: int, *lines: str) -> str:
    """Return rows as system/serial.c (tty_send_region) sends them."""
    return "".join(
        f"\x1b[{row};1H\x1b[0m{line:80}" for row, line in enumerate(lines, first)
    ).replace("Memtest86+", "\x1b[7mMemtest86+\x1b[0m")


_COLUMNS = (
    "pCPU  Pass  Test  Failing Address        Expected          Found",
    "----  ----  ----  ---------------------  ----------------  ----------------",
)
_ERROR = "  3      0     5   000274a9e{:03x} (9.82GB)  ffffffffffffffff  fffffffffffffeff"
_SCREEN = _drawn(1, "      Memtest86+ v7.20      | AMD EPYC", "CLK/Temp: 2450 MHz  45C | Pass  1%")


@pytest.mark.parametrize("before", ["", "Welcome to GRUB!\r\n"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ((*_COLUMNS, _ERROR.format(0xED0)), {0x274A9E}),
        ((*_COLUMNS, *(_ERROR.format(8 * i) for i in range(11))), {0x274A9E}),
        ((_HEAD.format("BadRAM Patterns").split("\n")[0], "----",
          "badram=0x1850602400,0xffffffffffffff00,0x40a0602000,", "       0xfffffffffffff000"),
         {0x1850602, 0x40A0602}),
        ((_HEAD.format("Bad pages").split("\n")[0], "----", "0x20,0x22..0x23,", "0x30"),
         {0x20, 0x22, 0x23, 0x30}),
        ((), set()),
    ],
)  # fmt: skip
def test_a_serial_console_is_drawn_row_by_row(lines, listed, end, before, tmp_path, cli) -> None:
    rows = (*lines, *[""] * (14 - len(lines)))
    text = before + _SCREEN + (_drawn(11, *rows) + end) * 200 + _drawn(25, "<ESC> exit")
    got = said(cli, tmp_path, text)
    assert (got.code, got.json["form"]) == (0, "memtest86plus"), got.err
    assert pages(got.json["pfns"]) == listed


_PASSMARK = (
    "2018-01-27 07:19:35 - [MEM ERROR - Data] Test: {}, CPU: 1, Address: {}, Expected: 0, Actual: 1"
)
_ECC = (
    "2018-09-25 16:59:04 - [MEM ERROR - ECC] Test: 3, Address: 9440, ECC Corrected: {}, Syndrome: 1"
)
_REPORT = """\
<tr><td class="value">Lowest Error Address</td>
<td class="altvalue">0x9440 (0MB)</td></tr>
<tr><td class="header">Last 10 Errors</td></tr>
<tr><td class="value">2020-04-23 08:25:21 - [Data Error] Test: 7, CPU: 0, Address: 9440, Expected: \
00000008, Actual: 00002008</td></tr>
"""
_MTLOG = "MTLOG ts=63.4 ev=error type={} test={} cpu=2 addr=0x0000009440 expect=0x0 actual=0x400"


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (_PASSMARK.format(5, "225A8C108"), {(0x225A8C, "uncorrected")}),
        (_PASSMARK.format(5, "9440") + " " + _PASSMARK.format(7, "a440"),
         {(9, "uncorrected"), (10, "uncorrected")}),
        (_PASSMARK.format(6, "a440") + "\r\n" + _PASSMARK.format(13, "9440"), {(9, "uncorrected")}),
        (_ECC.format("yes"), {(9, "corrected")}),
        (_ECC.format("no"), {(9, "uncorrected")}),
        (_REPORT, {(9, "uncorrected")}),
        ("MtSupportRunAllTests - Test time: 8 (Test 3 cumulative error count: 0)", set()),
        (_MTLOG.format("data", 5) + "\r\nMTLOG ts=70.1 ev=done passes=1 status=fail\r\n",
         {(9, "uncorrected")}),
        ("MTLOG ts=0.0 ev=start version=9.00\r\nMTLOG ts=70.1 ev=done status=pass\r\n", set()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_logs_and_reports(text, listed, encoding, tmp_path, cli) -> None:
    got = said(cli, tmp_path, f"{text}\n".encode(encoding), "--kinds", "uncorrected,corrected")
    assert got.code == 0, got.err
    assert got.json["form"] == "memtest86plus"
    assert {(e["first"], e["kind"]) for e in got.json["entries"]} == listed
    assert ("the first error of each test only" in got.err) == ("ev=error" in text)


@pytest.mark.parametrize(
    "text",
    [
        _PASSMARK.format(6, "9440"),
        _PASSMARK.format(5, "94?0"),
        _PASSMARK.format(5, "9440").split(": 9440")[0],
        _REPORT.split('<tr><td class="header">')[0],
        "Lowest Error Address  : 0x1BCF1E250  (7119 MB)",
        "MtSupportRunAllTests - Test execution time: 84.8 (Test 3 cumulative error count: 2)",
        _MTLOG.format("data", 7),
        _MTLOG.format("sort", 5),
        _MTLOG.format("data", 5).split("0009440")[0],
        "MTLOG ts=70.1 ev=done passes=1 status=fail",
    ],
)
def test_errors_without_a_page_are_refused(text, tmp_path, cli) -> None:
    assert said(cli, tmp_path, text + "\n").code == 3
