"""``hwpkho memmap``: documents, reports, texts written back, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import hwpkho
from hwpkho.report.parts import to_scale
from tests.support import schemas
from tests.support.examples import some
from tests.support.forged import FORGED
from tests.support.mapfiles import FIXTURES, READABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

E820 = FIXTURES / "01-dmesg-e820/surface-book.txt"
USER = FIXTURES / "01-dmesg-e820/persistent12-user.txt"
TWO_BOOTS = FIXTURES / "01-dmesg-e820/kdump-two-boots.txt"
EFI = FIXTURES / "02-dmesg-efi/qemu-7.3.4-ovmf.txt"
EFI_ARM64 = FIXTURES / "02b-dmesg-efi-arm64/qemu-arm64-7.3.4.txt"
IOMEM = FIXTURES / "06-proc-iomem/qemu-dimm-nvdimm-crashkernel.txt"
IOMEM_ARM64 = FIXTURES / "06-proc-iomem/qemu-arm64-6.1.txt"
BDINFO = FIXTURES / "05-uboot/qemu-bdinfo-arm64.txt"


@pytest.mark.parametrize("name", some(READABLE, 2))
def test_every_document_is_as_its_schema_says(name: str, cli: Callable[..., Result]) -> None:
    result = cli("memmap", "--json", FIXTURES / name)
    assert result.code == 0, result.err
    lost = [g for m in result.json["maps"] if m["primary"] for g in m["gaps"]]
    assert len(result.err.splitlines()) == len(lost)
    schemas.check(result.json, "memmap")
    maps = result.json["maps"]
    assert [m["primary"] for m in maps].count(True) == 1
    assert len({m["name"] for m in maps}) == len(maps)


def test_the_same_input_gives_the_same_bytes(cli: Callable[..., Result]) -> None:
    assert cli("memmap", "--json", EFI).out == cli("memmap", "--json", EFI).out


def test_document_of_a_small_map(cli: Callable[..., Result]) -> None:
    document = cli("memmap", "--json", FIXTURES / "01-dmesg-e820/firecracker-two-lines.txt").json
    assert document["schema"] == "hwpkho.memmap/1"
    assert document["tool"] == {"name": "hwpkho", "version": hwpkho.__version__}
    assert (document["form"], document["arch"], document["arch_from"]) == (
        "dmesg-e820",
        "x86_64",
        "input",
    )
    assert document["maps"] == [
        {
            "name": "e820_firmware",
            "boot": 0,
            "primary": True,
            "entries": [
                {"start": 0, "end": 0x9FBFF, "type": "usable", "attributes": {}, "ram": True},
                {
                    "start": 0x100000,
                    "end": 0x3FFFFFFF,
                    "type": "usable",
                    "attributes": {},
                    "ram": True,
                },
            ],
            "gaps": [],
        }
    ]
    assert document["next"]["by"] == ["e820_firmware"]
    assert [r["kind"] for r in document["next"]["regions"]] == ["in-use", "ram"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--boot", "5", E820], 2, "--boot 5"),
        (["--boot", "x", E820], 2, "--boot x"),
        (["--map", "efi", E820], 2, "--map efi"),
        (["--arch", "sparc", E820], 2, "sparc"),
        (["--json", "--to", "e820", E820], 2, "exclude"),
        (["-", "-"], 2, "only once"),
        ([], 2, "FILE"),
        ([TWO_BOOTS], 3, "boot 1"),
        (["/nonexistent"], 3, "No such file"),
        ([FIXTURES / "11-negative/empty.txt"], 3, "empty"),
        (["--next-cmdline", "memmap=bogus@", E820], 2, "memmap="),
        (["--next-cmdline", "mem=1G", "--to", "e820", E820], 2, "--next-cmdline"),
        (["--to", "e820", EFI_ARM64], 2, "not an e820 map"),
        (["--to", "e820", IOMEM_ARM64], 2, "iomem of arm64 is not an e820 map"),
    ],
)
def test_exit_codes_and_one_line(
    args: list[Any], code: int, message: str, cli: Callable[..., Result]
) -> None:
    result = cli("memmap", *args)
    assert result.code == code
    assert result.out == ""
    assert len(result.err.strip().splitlines()) == 1
    assert message in result.err


def test_report_has_table_summary_and_picture(cli: Callable[..., Result]) -> None:
    result = cli("memmap", EFI)
    assert result.code == 0
    assert "0x00100000-0x00805fff    7.0 MiB  conventional  [RAM]" in result.out
    assert "runtime_services_data (runtime)" in result.out
    assert "also there, shown with --map: e820_firmware (16), efi_print_2 (102)" in result.out
    assert "RAM " in result.out
    assert "holes" in result.out
    assert "█" in result.out
    assert "HP563" in result.out
    assert "\x1b" not in result.out
    drawn = [line for line in result.out.splitlines() if "█" in line and "0x" in line]
    assert 5 < len(drawn) < to_scale.MAX_ROWS
    assert max(map(len, drawn)) <= 80


def test_report_of_a_boot_and_of_a_map(cli: Callable[..., Result]) -> None:
    assert "5 ranges" in cli("memmap", "--boot", "last", TWO_BOOTS).out
    assert "e820_user, 14 ranges" in cli("memmap", "--map", "e820_user", USER).said


def test_report_for_a_next_command_line(cli: Callable[..., Result]) -> None:
    result = cli("memmap", "--next-cmdline", "mem=1G", E820)
    assert "to the next kernel with mem=1G" in result.out
    document = cli("memmap", "--json", "--next-cmdline", "mem=1G", E820).json
    assert document["next"]["cmdline"] == "mem=1G"
    assert max(r["end"] for r in document["next"]["regions"] if r["kind"] == "ram") < 1 << 30


def test_report_of_what_cannot_be_judged(tmp_path: Path, cli: Callable[..., Result]) -> None:
    log = tmp_path / "riscv"
    log.write_text(
        "Linux version 6.6.0 (b@h) (riscv64-linux-gnu-gcc 13.2.0) #1 SMP\n"
        "efi:   0x000080000000-0x0000ffffffff [Conventional|   |  |  |   |WB|WT|WC|UC]\n"
        "efi:   0x000100000000-0x0001000fffff [Reserved    |   |  |  |   |WB|WT|WC|UC]\n"
    )
    result = cli("memmap", log)
    assert result.code == 0
    assert "by this map alone" in result.out
    assert "riscv64 (from the input)" in result.out
    assert cli("memmap", "--json", log).json["next"] is None


def test_names_from_the_input_cannot_reach_the_terminal(
    tmp_path: Path, cli: Callable[..., Result]
) -> None:
    log = tmp_path / "iomem"
    log.write_text("00001000-0009ffff : System RAM\n00100000-001fffff : \u202eevil\x07\u009b2J\n")
    result = cli("memmap", log)
    assert result.code == 0
    assert all(c.isprintable() or c == "\n" for c in result.out)


@pytest.mark.parametrize("path", [E820, USER])
def test_e820_text_reads_back_as_the_same_map(
    path: Path, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    out = tmp_path / "out"
    assert cli("memmap", "--to", "e820", "-o", out, path).out == ""
    before, after = (cli("memmap", "--json", p).json["maps"][0] for p in (path, out))
    assert after == before


@pytest.mark.parametrize("path", [IOMEM, IOMEM_ARM64])
def test_iomem_text_reads_back_as_the_same_bytes(path: Path, cli: Callable[..., Result]) -> None:
    assert cli("memmap", "--to", "iomem", path).out == path.read_text()


@pytest.mark.parametrize("path", [E820, EFI, EFI_ARM64, IOMEM, BDINFO])
def test_json_text_reads_back_as_the_same_maps(
    path: Path, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    out = tmp_path / "map.json"
    out.write_text(cli("memmap", "--to", "json", path).out)
    before, after = (cli("memmap", "--json", p).json for p in (path, out))
    assert after["maps"] == before["maps"]
    assert after["arch"] == before["arch"]
    assert after["next"] == before["next"]


def test_efi_map_as_the_boot_stub_turns_it_into_e820(cli: Callable[..., Result]) -> None:
    written = cli("memmap", "--to", "e820", EFI)
    kernel = cli("memmap", "--to", "e820", "--map", "e820_firmware", EFI)
    # The firmware's ACPI tables aside, the kernel printed the very table that the stub made.
    assert written.out.splitlines()[:8] == kernel.out.splitlines()[:8]


def test_e820_as_iomem_joins_ram_and_names_types(cli: Callable[..., Result]) -> None:
    lines = cli("memmap", "--to", "iomem", USER).out.splitlines()
    assert lines[0] == "00000000-00093fff : System RAM"
    assert "Persistent Memory" not in "".join(lines)
    user = cli("memmap", "--to", "iomem", "--map", "e820_user", USER).out
    assert "Persistent Memory (legacy)" in user


def test_arm64_efi_map_as_iomem(cli: Callable[..., Result]) -> None:
    lines = cli("memmap", "--to", "iomem", EFI_ARM64).out.splitlines()
    assert lines[0] == "40000000-99c4ffff : System RAM"
    assert all(line.endswith((" : System RAM", " : reserved")) for line in lines)


def test_iomem_as_e820_takes_the_outermost_resources(cli: Callable[..., Result]) -> None:
    lines = cli("memmap", "--to", "e820", IOMEM).out.splitlines()
    assert "BIOS-e820: [mem 0x0000000140000000-0x000000017fffffff] usable" in lines
    assert not any("Crash" in line for line in lines)


def test_unknown_type_has_no_e820_number(tmp_path: Path, cli: Callable[..., Result]) -> None:
    grep = tmp_path / "grep"
    grep.write_text("/0/start:0x0\n/0/end:0xfff\n/0/type:Unknown E820 type\n")
    result = cli("memmap", "--to", "e820", grep)
    assert result.code == 2
    assert "unknown" in result.err


# What is printed is read again as what it is


def _iomem_document(*names: str) -> str:
    entries = [
        {"start": n << 20, "end": (n << 20) + 4095, "type": name, "attributes": {"depth": 0}}
        for n, name in enumerate(names, 1)
    ]
    maps = [{"name": "iomem", "boot": 0, "entries": entries}]
    return json.dumps({"schema": "hwpkho.memmap/1", "arch": "x86_64", "maps": maps})


@pytest.mark.parametrize("name", FORGED)
def test_no_name_makes_a_line_of_its_own(
    name: str, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    document, out = tmp_path / "map.json", tmp_path / "out"
    document.write_text(_iomem_document("System RAM", name, "Reserved"))
    got = cli("memmap", "--to", "iomem", document)
    assert got.code == 0
    assert got.out.count("\n") == 3
    assert "\x1b" not in got.out
    out.write_text(got.out)
    (again,) = cli("memmap", "--json", out).json["maps"]
    assert again["name"] == "iomem"
    assert [e["start"] >> 20 for e in again["entries"]] == [1, 2, 3]
    (before,) = cli("memmap", "--json", document).json["maps"]
    assert [e["ram"] for e in again["entries"]] == [e["ram"] for e in before["entries"]]


@pytest.mark.parametrize("depth", [300_000_000, 1 << 80, -5, True, "7"])
def test_a_depth_is_no_size(depth: object, tmp_path: Path, cli: Callable[..., Result]) -> None:
    document = tmp_path / "map.json"
    text = _iomem_document("System RAM").replace('"depth": 0', f'"depth": {json.dumps(depth)}')
    document.write_text(text)
    got = cli("memmap", "--to", "iomem", document)
    assert got.code in (0, 3)
    assert len(got.out) < 500
