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
        ("0x30..0x32\n", [0x30, 0x31, 0x32]),
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
        ("      Memtest86+ v6.20\n Pass: 1     Errors: 12\n", "none has its address"),
        ("00027ca9f010 (9.94GB) test 7\n", "does not tell the exact address"),
        ("  0   0   5   00027ca9f010 (9.94GB)  Parity error detected near this address", "near"),
        ("0x20,0x30..0x2f\n", "are no pages"),
        (_HEAD.format("Bad pages") + "0x20,0x3", ""),
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


def test_an_error_whose_address_is_damaged_is_said(tmp_path, cli) -> None:
    row = "  3      0     5   00027{}a9eed0 (9.82GB)  ffffffffffffffff  fffffffffffffeff\n"
    assert said(cli, tmp_path, row.format("?"), "--from", "memtest86plus").code == 3
    got = said(cli, tmp_path, row.format("4") + row.format("?"))
    assert (got.code, got.json["pfns"]) == (0, [0x274A9E])
    assert got.json["problems"][0]["where"] == "line 2"
