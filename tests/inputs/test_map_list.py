"""A memory map as a list: what it calls unusable itself."""

from __future__ import annotations

import struct

import pytest

_E820 = """BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000080000000-0x0000000080001fff] {}
BIOS-e820: [mem 0x0000000080002000-0x00000000ffffffff] reserved
"""
_IOMEM = "00100000-7fffffff : System RAM\n80000000-80001fff : {}\n"
_ZERO_PAGE = b"".join(
    struct.pack("<QQI", *entry)
    for entry in ((0, 0xA0000, 1), (1 << 20, 1 << 30, 1), (0x8000_0000, 0x2000, 5))
)


@pytest.mark.parametrize(
    "text",
    [_E820.format("unusable"), _IOMEM.format("Unusable memory"), _ZERO_PAGE],
    ids=["e820", "iomem", "binary"],
)
@pytest.mark.parametrize("named", [[], ["--from", "e820"]])
def test_unusable_ranges(text, named, tmp_path, cli) -> None:
    path = tmp_path / "map"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    got = cli("list", "--json", *named, path)
    assert got.code == 0, got.err
    assert (got.json["form"], got.json["pfns"]) == ("e820", [[0x80000, 0x80001]])
    assert {e["kind"] for e in got.json["entries"]} == {"excluded"}
    assert "reserved ranges are not" in got.err


def test_a_map_that_calls_nothing_unusable(tmp_path, cli) -> None:
    path = tmp_path / "map"
    path.write_text(_IOMEM.format("Reserved"))
    got = cli("list", "--json", path)
    assert (got.code, got.json["pfns"], got.json["form"]) == (0, [], "e820")
    assert cli("merge", path, path).code == 3  # most likely it was meant as a map


def test_out_of_a_pipe(tmp_path, cli, monkeypatch) -> None:
    (tmp_path / "map").write_text(_IOMEM.format("Unusable memory"))
    with (tmp_path / "map").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert cli("list", "--pfns", "-").out == "0x80000\n0x80001\n"


_LOG = """\
[    0.000000] Linux version 6.1.0 (a@b) #1 SMP
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000003fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x0000000040001fff] unusable
"""


def test_a_log_that_names_no_bad_page_is_its_map(tmp_path, cli) -> None:
    log = tmp_path / "dmesg"
    log.write_text(_LOG)
    got = cli("list", "--json", log)
    assert (got.json["form"], got.json["pfns"]) == ("e820", [[0x40000, 0x40001]])
    assert {e["kind"] for e in got.json["entries"]} == {"excluded"}
    log.write_text(f"{_LOG}[    5.000000] Memory failure: 0x9: already hardware poisoned\n")
    got = cli("list", "--json", log)
    assert (got.json["form"], got.json["pfns"]) == ("kernel-log", [9])
    assert "form e820 lists it" in got.err
    assert cli("list", "--json", "--from", "e820", log).json["pfns"] == [[0x40000, 0x40001]]


def test_a_map_is_no_command_line(tmp_path, cli) -> None:
    """Boot loaders print command lines beside their maps."""
    text = "console=ttyS0 root=/dev/sda1\n00100000-3fffffff : System RAM\n"
    path = tmp_path / "iomem"
    path.write_text(text)
    assert cli("validate", path).code == 3
