"""Damaged lines of each text form, half lines that nothing completes, damaged documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from hwpkho.memmap.gaps import TOP
from hwpkho.memmap.tables import MAX_ENTRIES
from tests.support.mapfiles import plain, primary, read_text, rows
from tests.support.measure import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHELL = "Available  0000000000001000-0000000000001FFF 0000000000000001 000000000000000F\n"
GRUB = "conv-mem  0000000000001000-0000000000001fff 00000001      4KiB UC WC WT WB\n"
GRUB_MMAP = "base_addr = 0x1000, length = 0x1000, available RAM\n"
UBOOT = "CONVENTIONAL     0000000000001000-0000000000002000 WB\n"
XEN = "(XEN) Xen-e820 RAM map:\n(XEN)  [0000000000001000, 0000000000001fff] (usable)\n"
SMAP = "SMAP type=01 base=0000000000001000 len=0000000000001000\n"
FREEBSD = (
    "                   Type     Physical      Virtual   #Pages Attr\n"
    "     ConventionalMemory 000000001000 000000000000 00000001 WB\n"
)
ESXI = "MMap[0]: 0x1000 - 0x1fff, len=0x1000, type=1, attr=0x1\n"
E820 = "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable\n"
EFI = "efi: mem00: type=7, attr=0xf, range=[0x0000000000001000-0x0000000000002000) (0MB)\n"
XEN_EFI = "(XEN)  0000000001000-0000000001fff type=7 attr=000000000000000f\n"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (SHELL, "Avoidable  0000000000002000-0000000000002FFF 0000000000000001 000000000000000F"),
        (SHELL, "Available  0000000000002000-0000000000001000 0000000000000001 000000000000000F"),
        (SHELL, "Available  0000000000002000-0000000000002FFF\nand more text"),
        (SHELL, "Available  0000000000002000-0000000000002FFF\n" * 2),
        (GRUB, "conv-mum  0000000000002000-0000000000002fff 00000001      4KiB UC WC WT WB"),
        (GRUB, "conv-mem  0000000000002000-0000000000002fff 00000001      4KiB UC XX"),
        (GRUB_MMAP, "base_addr = 0x2000, length = 0x1000, terrible RAM"),
        (UBOOT, "(unknown)        0000000000002000-0000000000003000 WB"),
        (UBOOT, "CONVENTIONAL     0000000000002000-0000000000003000 WB|QQ"),
        (XEN, "(XEN)  [0000000000002000, 0000000000002fff] (edible)"),
        (XEN, "(XEN)  [0000000000002000, 00000000"),
        (SMAP, "SMAP type=xx, xattr=01, base=0000000000002000, len=0000000000001000"),
        (FREEBSD, "     ConventionalHonesty 000000002000 000000000000 00000001 WB"),
        (FREEBSD, "     ConventionalMemory 000000002000 0000"),
        (ESXI, "MMap[1]: 0x2000 - 0x2fff, len=0x1000, kind=1"),
        # A type has 32 bits.
        (ESXI, "MMap[1]: 0x2000 - 0x2fff, len=0x1000, type=4294967296, attr=0x1"),
        (E820, "BIOS-e820: [mem 0x0000000000002000-0x0000000000002fff] type 4294967296"),
        (XEN, "(XEN)  [0000000000002000, 0000000000002fff] type 9999999999"),
        (XEN_EFI, "(XEN)  0000000002000-0000000002fff type=4294967296 attr=000000000000000f"),
        (EFI, "efi: mem01: type=4294967296, attr=0xf, range=[0x2000-0x3000) (0MB)"),
        (EFI, "efi: mem01: [type=4294967296|   | ] range=[0x2000-0x3000) (0MB)"),
    ],
)
def test_a_damaged_line_makes_a_gap(good: str, bad: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert plain(rows(primary(read_text(path, good)))) in (
        [(0x1000, 0x1FFF, "conventional")],
        [(0x1000, 0x1FFF, "usable")],
    )
    number = good.count("\n") + 1
    memmap = read_text(path, f"{good}{bad}\n")
    assert {(g.start, g.end) for g in primary(memmap).gaps} == {(0x2000, TOP)}
    (found,) = [p for p in memmap.problems if p.code in ("HP501", "HP502")]
    assert found.message.startswith(f"line {number}: ")
    assert (found.severity, found.phys) == ("warning", 0x2000)


def test_a_bank_without_a_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1: DRAM bank: no start"):
        read_text(tmp_path / "log", "-> size     = 0x0000000040000000\n")


@pytest.mark.parametrize(
    "text",
    [
        # The half line is one of the table: something of the map is lost.
        "efi:   0x000040000000-0x000043ffffff [Conventional|   |\nsomething else\n",
        "efi: mem00: [Conventional|  |\nnoise\nnoise\nnoise|UC] range=[0x1000-0x1fff] (0MB)\n",
        "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] ACPI\nsomething else\n",
    ],
)
def test_half_a_line_that_nothing_completes_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line [12]: .*expected"):
        read_text(tmp_path / "log", text)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (
            "efi:   0x000040000000-0x000043ffffff\nefi:   0x000044000000-0x000047ffffff [MMIO]\n",
            0x44,
        ),
        ("BIOS-e820:\nBIOS-e820: [mem 0x0000000044000000-0x0000000047ffffff] usable\n", 0x44),
    ],
)
def test_half_a_line_at_the_head_is_a_gap_from_0(text: str, end: int, tmp_path: Path) -> None:
    gap = primary(read_text(tmp_path / "log", text)).gaps[0]
    assert (gap.start, gap.end) == (0, (end << 24) - 1)
    assert gap.problem.code == "HP501"


def test_half_a_line_of_something_else_is_no_matter(tmp_path: Path) -> None:
    text = (
        "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable\n"
        "change of user:\n"
        "drm: range=[0x0000000000001000-0x0000000000001fff] (4KB)\n"
        "and this\n"
    )
    memmap = read_text(tmp_path / "log", text)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert not memmap.problems


def test_a_log_that_ends_within_an_arm64_line_says_so(tmp_path: Path) -> None:
    text = (
        "efi:   0x000040000000-0x000043ffffff [Conventional|   |WB|  |  |  ]\n"
        "efi:   0x000044000000-0x000047ffffff [Conven"
    )
    memmap = read_text(tmp_path / "log", text)
    assert [p.code for p in memmap.problems] == ["HP507"]


def test_a_shell_capture_that_ends_within_a_line_says_so(tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "log", SHELL + "Available  0000000000002000-0000000000002FFF 000")
    assert [p.code for p in memmap.problems] == ["HP507"]


def test_lines_broken_with_blank_lines_between(tmp_path: Path) -> None:
    text = (
        "efi:   0x000040000000-0x000043ffffff\n\n[Conventional|   |WB|  |  |  ]\n\n"
        "BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff]\n\n\nusable\n"
        "Available  0000000000002000-0000000000002FFF\n\n0000000000000001 000000000000000F\n"
    )
    memmap = read_text(tmp_path / "log", text)
    assert [len(m.entries) for m in memmap.maps] == [1, 1, 1]


def test_map_lines_of_one_name_that_differ_once(tmp_path: Path) -> None:
    line = "efi: mem00: [Conventional|WB] range=[0x{0:x}000-0x{0:x}fff] (0MB)\n"
    memmap = read_text(tmp_path / "log", line.format(1) + line.format(2))
    assert "HP508" in {p.code for p in memmap.problems}


# The document --------------------------------------------------------------------------------


def document(**changes: Any) -> dict[str, Any]:
    entry = {"start": 0, "end": 4095, "type": "usable", "attributes": {}, "ram": True}
    map_ = {"name": "e820_firmware", "boot": 0, "primary": True, "entries": [entry]}
    return {"schema": "hwpkho.memmap/1", "arch": "x86_64", "maps": [map_], **changes}


def change(**fields: Any) -> Callable[[dict[str, Any]], None]:
    def apply(doc: dict[str, Any]) -> None:
        map_ = doc["maps"][0]
        for name, value in fields.items():
            target = map_["entries"][0] if name in map_["entries"][0] else map_
            target[name] = value

    return apply


@pytest.mark.parametrize(
    "bend",
    [
        change(start=-1),
        change(start=1.5),
        change(start=True),
        change(end=1 << 64),
        change(start=8192),
        change(type=7),
        change(type=""),
        change(attributes=[]),
        change(attributes={"attr": -1}),
        change(attributes={"attr": 1 << 64}),
        change(attributes={"attr": True}),
        change(attributes={"attr": "0xf"}),
        change(name=None),
        change(name="\x1b[31me820"),
        change(name="e820_\u202efirmware"),
        change(name="e820 firmware\n"),
        change(name="x" * 65),
        change(boot=-1),
        change(boot="0"),
        change(boot=1 << 40),
        change(entries={}),
        lambda doc: doc.update(maps=[]),
        lambda doc: doc.update(maps=7),
        lambda doc: doc.update(maps=["x"]),
        lambda doc: doc.pop("maps"),
        lambda doc: doc["maps"].append(doc["maps"][0]),
        lambda doc: doc["maps"][0]["entries"][0].pop("end"),
        lambda doc: doc["maps"][0].update(entries=[{}] * (MAX_ENTRIES + 1)),
        lambda doc: doc.update(x="hwpkho.memmap/1", schema="hwpkho.decode/1"),
    ],
)
def test_a_document_that_is_not_as_its_schema_says_is_refused(
    bend: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    doc = document()
    path = tmp_path / "map.json"
    path.write_text(json.dumps(doc))
    assert len(read_memmap([str(path)]).maps) == 1
    bend(doc)
    path.write_text(json.dumps(doc))
    with pytest.raises(InputError) as caught:
        read_memmap([str(path)])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ['{"schema": "hwpkho.memmap/1"', '{"schema": "hwpkho.memmap/1"}x'])
def test_a_document_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a JSON document"):
        read_text(tmp_path / "map.json", text)


def test_a_document_of_two_boots(tmp_path: Path) -> None:
    doc = document()
    second = json.loads(json.dumps(doc["maps"][0])) | {"boot": 1}
    second["entries"][0]["end"] = 8191
    doc["maps"].append(second)
    path = tmp_path / "map.json"
    path.write_text("\ufeff" + json.dumps(doc), encoding="utf-8")
    with pytest.raises(InputError, match="--boot"):
        read_memmap([str(path)])
    assert read_memmap([str(path)], boot="last").maps[0].entries[0].end == 8191


E820_HEADING = "[    0.000000] user-defined physical RAM map:\n"
E820_ROW = "[    0.000000] user: [mem 0x{:016x}-0x{:016x}] usable\n"
OLD_E820_ROW = "[    0.000000]  BIOS-e820: {0:016x} - {2:016x} (usable)\n"
ARM_ROW = "[    0.000000] efi:   0x{:012x}-0x{:012x} [Loader Code |   |  |  |  |WB|WT|  |  ]\n"
SHELL_ROW = "available  {:016X}-{:016X}  0000000000000001 0000000000000008\n"
GRUB_ROW = "conv-mem  {:016x}-{:016x} 00000001      4KiB UC WC WT WB\n"
MMAP_ROW = "base_addr = 0x{0:x}, length = 0x1000, available RAM\n"
UBOOT_ROW = "CONVENTIONAL     {0:016x}-{2:016x} WB|RT\n"
FREEBSD_ROW = "     ConventionalMemory {0:012x} 000000000000 00000001 WC WT WB\n"
SMAP_ROW = "SMAP type=01 base={0:016x} len=0000000000001000\n"
IOMEM_ROW = "{:08x}-{:08x} : Reserved\n"


def rows_of(row: str, *starts: int) -> list[str]:
    return [row.format(start, start + 0xFFF, start + 0x1000) for start in starts]


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        (E820_ROW, "[    0.00"),
        (E820_ROW, "[    0.000000] us"),
        (E820_ROW, "[    0.000000] u#er: [mem 0x0000000000002000-0x0000000000002fff] usable"),
        (E820_ROW, "[    0.000000] user: [me# 0x0000000000002000-0x0000000000002fff] usable"),
        (E820_ROW, "m 0x0000000000002000-0x0000000000002fff] usable"),
        (E820_ROW, "able"),
        (E820_ROW, "[ fff] usable"),
        (E820_ROW, "[usable"),
        (E820_ROW, "[    0.000000] BIOS e820: [mem 0x0000000000002000-0x0000000000002fff] usable"),
        (E820_ROW, "[    0.000000] user: [mem 0x0000000000002000-0x0000000000002fff] type 1#"),
        (E820_ROW, "[    0.000000] user: [usable"),
        (E820_ROW, "[    0.000000] user: NVS"),
        (OLD_E820_ROW, "[    0.000000]  BIO"),
        (OLD_E820_ROW, "[    0.000000]  BIO#-e820: 0000000000002000 - 0000000000003000 (usable)"),
        (OLD_E820_ROW, "[    0.000000]  BIOS-e820: 00000002000 - 0000000000003000 (usable)"),
        (OLD_E820_ROW, "able)"),
        (ARM_ROW, "[    0.000000] efi:   0x000000002000-0x000000002fff [Loader Code |  |  ]"),
        (ARM_ROW, "  ]"),
        (ARM_ROW, "[    0.00"),
        (SHELL_ROW, "available"),
        (SHELL_ROW, "0000008"),
        (GRUB_ROW, "conv-mem  0000000000002000-0000000000002fff 00000001      4KiB #C WC WT WB"),
        (GRUB_ROW, "conv-mem  0000000000002000-0000000000002fff 00000001      4KiB UC WC WT W#"),
        (GRUB_ROW, "00001      4KiB UC WC WT WB"),
        (GRUB_ROW, "WC WT WB"),
        (MMAP_ROW, "x1000, available RAM"),
        (MMAP_ROW, "lable RAM"),
        (MMAP_ROW, "base_a available RAM"),
        (MMAP_ROW, "base_ade RAM"),
        (UBOOT_ROW, "002000-0000000000003000 WB|RT"),
        (UBOOT_ROW, "WB|RT"),
        (FREEBSD_ROW, "     Conv#ntionalMemory 000000002000 000000000000 00000001 WC WT WB"),
        (FREEBSD_ROW, "nalMemory 000000002000 000000000000 00000001 WC WT WB"),
        (FREEBSD_ROW, "000001 WC WT WB"),
        (FREEBSD_ROW, "     ConventionalMemory 00000002000 000000000000 00000001 WC WT WB"),
        (FREEBSD_ROW, "     ConventionalMemory 0000000002000 000000000000 00000001 WC WT WB"),
        (FREEBSD_ROW, "WC WT WB"),
        (FREEBSD_ROW, "     ConventionalMemory 000000002000 000000000000 00000001 WC WT B"),
        (SMAP_ROW, "SMAP ty=0000000000002000 len=0000000000001000"),
        (SMAP_ROW, "ase=0000000000002000 len=0000000000001000"),
        (SMAP_ROW, "0002000 len=0000000000001000"),
        (SMAP_ROW, "SMAP type=01 base=0000000000002000 len=00000000000001000"),
        (SMAP_ROW, "SMAP type=011 base=0000000000002000 len=0000000000001000"),
        (SMAP_ROW, "SMAP type=01 base=0000002000 len=0000000000001000"),
        (IOMEM_ROW, "erved"),
        (IOMEM_ROW, "00002000-00002fff : Sys#em RAM"),
        (IOMEM_ROW, "00002000-00002fff : stem RAM"),
        (IOMEM_ROW, "00002000-00002fff : Sy"),
    ],
)
def test_what_is_left_of_a_line_between_two_others_makes_a_gap(
    row: str, bad: str, tmp_path: Path
) -> None:
    before, after = rows_of(row, 0x1000, 0x4000)
    heading = {E820_ROW: E820_HEADING, FREEBSD_ROW: FREEBSD.partition("\n")[0] + "\n"}.get(row, "")
    text = f"{heading}{before}{bad}\n{after}"
    table = primary(read_text(tmp_path / "log", text))
    assert any(
        gap.start is not None and gap.end is not None and gap.start <= 0x2000 <= gap.end
        for gap in table.gaps
    )


@pytest.mark.parametrize("first", [", available RAM", " 0x9fc00, available RAM"])
def test_the_end_of_a_first_row_of_lsmmap_makes_a_gap(first: str, tmp_path: Path) -> None:
    (second,) = rows_of(MMAP_ROW, 0x4000)
    (gap,) = primary(read_text(tmp_path / "log", f"grub> lsmmap\n{first}\n{second}")).gaps
    assert (gap.start, gap.end) == (0, 0x3FFF)


def test_the_end_of_a_row_of_lsmmap_behind_another_makes_a_gap(tmp_path: Path) -> None:
    first, last = rows_of(MMAP_ROW, 0x1000, 0x4000)
    text = f"{first.rstrip()} 0x1000, available RAM\n{last}"
    (gap,) = primary(read_text(tmp_path / "log", text)).gaps
    assert (gap.start, gap.end) == (0x2000, 0x3FFF)


@pytest.mark.parametrize("last", ["5000 WB", "-0000000000005000 WB|RT", "05000 WB"])
def test_the_end_of_a_last_row_of_uboot_makes_a_gap(last: str, tmp_path: Path) -> None:
    """No command prints a number and attributes."""
    (first,) = rows_of(UBOOT_ROW, 0x1000)
    (gap,) = primary(read_text(tmp_path / "log", f"{first}{last}\n=> printenv\n")).gaps
    assert gap.start == 0x2000


@pytest.mark.parametrize("row", [SHELL_ROW, FREEBSD_ROW, SMAP_ROW])
def test_rows_whose_line_end_is_lost_are_all_taken(row: str, tmp_path: Path) -> None:
    first, second, third = rows_of(row, 0x1000, 0x2000, 0x4000)
    heading = FREEBSD.partition("\n")[0] + "\n" if row == FREEBSD_ROW else ""
    joint = "     " if row == FREEBSD_ROW else ""
    text = heading + first.rstrip("\n") + joint + second + third
    found = primary(read_text(tmp_path / "log", text))
    assert [entry.start for entry in found.entries] == [0x1000, 0x2000, 0x4000]
    assert not found.gaps


@pytest.mark.parametrize(
    ("row", "half"),
    [
        (FREEBSD_ROW, "     LoaderData 000000002000 0000"),
        (SHELL_ROW, "  BS_Data    0000000000002000-0000000000002FFF"),
        (SHELL_ROW, "  BS_Data    00"),
    ],
)
@pytest.mark.parametrize("behind", ["\n", "     "])
def test_half_a_row_behind_one_whose_line_end_is_lost_makes_a_gap(
    row: str, half: str, behind: str, tmp_path: Path
) -> None:
    first, last = rows_of(row, 0x1000, 0x4000)
    heading = FREEBSD.partition("\n")[0] + "\n" if row == FREEBSD_ROW else ""
    text = heading + first.rstrip("\n") + half + behind + last
    found = primary(read_text(tmp_path / "log", text))
    assert [entry.start for entry in found.entries] == [0x1000, 0x4000]
    assert [(gap.start, gap.end) for gap in found.gaps] == [(0x2000, 0x3FFF)]


@pytest.mark.parametrize("lost", [18, 20, 24, 30, 40, 46])
@pytest.mark.parametrize("row", [E820_ROW, OLD_E820_ROW])
def test_the_end_of_a_row_behind_another_makes_a_gap(row: str, lost: int, tmp_path: Path) -> None:
    """The line end is lost, and the beginning of the line behind it."""
    first, second, last = rows_of(row, 0x1000, 0x2000, 0x4000)
    heading = E820_HEADING if row == E820_ROW else ""
    text = f"{heading}{first.rstrip()}{second[lost:]}{last}"
    (gap,) = primary(read_text(tmp_path / "log", text)).gaps
    assert (gap.start in (0, 0x2000), gap.end) == (True, 0x3FFF)


@pytest.mark.parametrize(
    "message",
    [
        "e820: remove [mem 0x00000000000a0000-0x00000000000fffff] usable",
        "found SMP MP-table at [mem 0x000f5a40-0x000f5a4f]",
        "last_pfn = 0x240000 max_arch_pfn = 0x400000000",
    ],
)
@pytest.mark.parametrize("joint", ["", "\n"])
def test_another_message_behind_a_row_of_e820_is_none(
    joint: str, message: str, tmp_path: Path
) -> None:
    *_, last = rows_of(E820_ROW, 0x1000)
    text = f"{E820_HEADING}{last.rstrip()}{joint}[    0.000000] {message}\n"
    assert not primary(read_text(tmp_path / "log", text)).gaps


@pytest.mark.parametrize(
    "last",
    ["us?? 0x0000000000002000-0x0000000000002fff] usable", "BI???002000-0x0000000000002fff] usable",
     "[    0.000000] BI???e820: [mem 0x0000000000002000-0x0000000000002fff] usable",
     "OS-e820: 0000000000002000 - 0000000000003000 (usable)"],
)  # fmt: skip
def test_a_range_and_type_behind_a_damaged_prefix_below_e820_makes_a_gap(
    last: str, tmp_path: Path
) -> None:
    (first,) = rows_of(E820_ROW, 0x1000)
    (gap,) = primary(read_text(tmp_path / "log", f"{E820_HEADING}{first}{last}\n")).gaps
    assert gap.start == 0x2000


def test_a_row_of_e820_whose_numbers_differ_in_length_is_none(tmp_path: Path) -> None:
    first, second = rows_of(E820_ROW, 0x1000, 0x4000)
    text = f"{E820_HEADING}{first.replace('-0x000', '-0x')}{second}"
    found = primary(read_text(tmp_path / "log", text))
    assert ([e.start for e in found.entries], len(found.gaps)) == ([0x4000], 1)


@pytest.mark.parametrize("row", [E820_ROW, OLD_E820_ROW, ARM_ROW])
def test_a_log_that_ends_within_the_stamp_below_a_table_says_so(
    row: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """What it was, is not known: another line of the table, perhaps."""
    text = "".join(rows_of(row, 0, 0x1000))
    for stamp in ("[    0.0000", "[    0.000000] "):
        with subtests.test(stamp):
            memmap = read_text(tmp_path / "log", text + stamp)
            assert [problem.code for problem in memmap.problems] == ["HP507"]
            assert primary(memmap).gaps[0].start == 0x2000
    assert not read_text(tmp_path / "log", f"{text}{stamp}\n").problems  # a message without text


@pytest.mark.parametrize("rest", ["", " (0", " (0M"])
def test_a_log_that_ends_within_the_size_of_a_descriptor_says_so(rest: str, tmp_path: Path) -> None:
    line = "efi: mem{:02}: [Loader Code |RUN|WB] range=[0x{:016x}-0x{:016x}]"
    text = line.format(0, 0, 0xFFF) + " (0MB)\n" + line.format(1, 0x1000, 0x1FFF) + rest
    memmap = read_text(tmp_path / "log", text)
    assert [problem.code for problem in memmap.problems] == ["HP507"]


def test_a_log_that_ends_behind_the_size_of_a_descriptor_is_whole(tmp_path: Path) -> None:
    line = "efi: mem{:02}: [Loader Code |RUN|WB] range=[0x{:016x}-0x{:016x}] (0MB)"
    text = line.format(0, 0, 0xFFF) + "\n" + line.format(1, 0x1000, 0x1FFF)
    memmap = read_text(tmp_path / "log", text)
    assert not memmap.problems
    assert not primary(memmap).gaps


@pytest.mark.parametrize("bad", ["user: [mem 0x000000000?000000-0x0000000000000fff] usable", "us"])
def test_a_damaged_first_line_below_a_heading_makes_a_gap(bad: str, tmp_path: Path) -> None:
    """It is in the map of that heading, and no other line of it has been seen."""
    (after,) = rows_of(E820_ROW, 0x4000)
    table = primary(read_text(tmp_path / "log", f"{E820_HEADING}[    0.000000] {bad}\n{after}"))
    assert [(gap.start, gap.end) for gap in table.gaps] == [(0, 0x3FFF)]


@pytest.mark.parametrize("row", [E820_ROW, OLD_E820_ROW, ARM_ROW, FREEBSD_ROW, SMAP_ROW, GRUB_ROW])
def test_a_line_of_blanks_between_two_others_costs_no_time(row: str, tmp_path: Path) -> None:
    """Each blank was tried as the end of those in front of it: ten seconds for three such lines."""
    (line,) = rows_of(row, 0x1000)
    heading = FREEBSD.partition("\n")[0] + "\n" if row == FREEBSD_ROW else ""
    text = heading + (line + " " * 4000 + "x\n") * 3 + line
    text += (line[:35] + " " * 4000 + "x\n" + line + "0-" + " " * 4000 + "x\n") * 3
    within(1, lambda: read_text(tmp_path / "log", text))


@pytest.mark.parametrize("row", [SHELL_ROW, UBOOT_ROW, GRUB_ROW])
def test_blanks_below_a_row_of_a_listing_cost_no_time(row: str, tmp_path: Path) -> None:
    """At each blank the line was searched for the colon of another form: 0.1 s a line."""
    text = "".join(line + " " * 4000 + "x\n" for line in rows_of(row, *range(0, 0x20000, 0x1000)))
    within(1, lambda: read_text(tmp_path / "log", text))


@pytest.mark.parametrize("bad", ["| " + " " * 4000 + "x", "| " + " " * 4000 + "QQ" + " " * 4000])
def test_a_column_of_blanks_costs_no_time(bad: str, tmp_path: Path) -> None:
    """Each way to share the blanks out was tried: 0.14 s for each line."""
    text = "".join(
        f"{row}{(bad + chr(10)) * 3}" for row in rows_of(ARM_ROW, *range(0, 8 << 12, 1 << 12))
    )
    within(1, lambda: read_text(tmp_path / "log", text))


ARM_COLUMNS = "|   |  |  |  |  |  |  |  |   |WB|WT|WC|UC"
ARM_LIST = "efi:   0x{:012x}-0x{:012x} [Loader Code {}]\n"
X86_LIST = "efi: mem{2:02}: [Loader Code {3}] range=[0x{0:016x}-0x{1:016x}] (0MB)\n"


@pytest.mark.parametrize("x86", [False, True])
def test_a_first_line_that_lost_columns_is_the_only_damaged_one(x86: bool, tmp_path: Path) -> None:
    def row(at: int, columns: str) -> str:
        start, end = at << 12, (at << 12) + 0xFFF
        return (
            X86_LIST.format(start, end, at, columns)
            if x86
            else ARM_LIST.format(start, end, columns)
        )

    text = row(0, "|   |  |WB|  |  |  ") + "".join(row(at, ARM_COLUMNS) for at in (1, 2, 3))
    found = primary(read_text(tmp_path / "log", text))
    assert [(gap.start, gap.end) for gap in found.gaps] == [(0, 0xFFF)]
    assert {0x1000, 0x2000, 0x3000} <= {entry.start for entry in found.entries}


#: What stands in front of a message, and between two of them.
JOURNALS = {
    "an empty message": ("Nov 28 17:20:03 h kernel: ", "Nov 28 17:20:03 h kernel: \n"),
    "one with a stamp": (
        "Nov 28 17:20:03 h kernel: [    0.000000] ",
        "Nov 28 17:20:03 h kernel: [    0.000000] \n",
    ),
    "one of a process": (
        "Nov 28 17:20:03 cafe5 xl[12345]: ",
        "Nov 28 17:20:03 cafe5 xl[12345]: x\n",
    ),
    "json": ('{"_PID":"12345","MESSAGE":"', '{"MESSAGE":"x","_BOOT_ID":"0123abcd"}\n'),
    "verbose": ("    MESSAGE=", f"    _BOOT_ID={'0123abcd' * 4}\n"),
    "export": ("MESSAGE=", f"_MACHINE_ID={'0123abcd' * 4}\n"),
    "json-pretty": ('\t"MESSAGE" : "', f'\t"_BOOT_ID" : "{"0123abcd" * 4}",\n'),
}


@pytest.mark.parametrize("row", [OLD_E820_ROW, ARM_ROW])
@pytest.mark.parametrize("how", JOURNALS)
def test_what_a_journal_has_between_messages_is_no_lost_line(
    row: str, how: str, tmp_path: Path
) -> None:
    said, between = JOURNALS[how]
    before, after = (
        said + line.removeprefix("[    0.000000] ") for line in rows_of(row, 0, 0x2000)
    )
    memmap = read_text(tmp_path / "log", f"{before}{between}{after}")
    assert not memmap.problems
    assert not primary(memmap).gaps
