"""e820 maps in kernel logs, line by line: eras, wordings that no fixture has, damaged lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap.view.regions import view_of
from tests.support.mapfiles import named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem

MIB = 1 << 20


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("usable", "usable"),
        (" System RAM", "usable"),
        ("reserved", "reserved"),
        (" device reserved", "reserved"),
        ("ACPI data", "acpi_data"),
        ("ACPI NVS", "acpi_nvs"),
        ("unusable", "unusable"),
        ("persistent (type 7)", "pmem"),
        ("persistent (type 12)", "pram"),
        (" persistent RAM (type 7)", "pmem"),
        (" persistent RAM (type 12)", "pram"),
        ("soft reserved", "soft_reserved"),
        ("type 16", "type_16"),
        ("type 20", "type_20"),
        ("type 4294967295", "type_4294967295"),
        (" 639   KB System RAM", "usable"),
        ("usable   <-- all of it?", "usable"),
    ],
)
def test_e820_words_of_all_eras(word: str, type_: str, log: Path) -> None:
    memmap = read_text(log, f"BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] {word}\n")
    assert plain(rows(primary(memmap))) == [(0x1000, 0x9FFFF, type_)]


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("(usable)", "usable"),
        ("(reserved)", "reserved"),
        ("(ACPI data)", "acpi_data"),
        ("(ACPI NVS)", "acpi_nvs"),
        ("(unusable)", "unusable"),
        ("type 6", "type_6"),
        ("(type 6)", "type_6"),
    ],
)
def test_e820_before_3_5_ends_one_past_the_last_byte(word: str, type_: str, log: Path) -> None:
    memmap = read_text(log, f" BIOS-e820: 0000000000000000 - 000000000009f000 {word}\n")
    assert plain(rows(primary(memmap))) == [(0, 0x9EFFF, type_)]


def test_e820_sum_that_wrapped_to_zero_is_the_end_of_memory(log: Path) -> None:
    memmap = read_text(log, " BIOS-e820: fffffffffff00000 - 0000000000000000 (reserved)\n")
    assert plain(rows(primary(memmap))) == [((1 << 64) - MIB, (1 << 64) - 1, "reserved")]


def test_e820_of_2_2_gives_size_and_start(log: Path) -> None:
    text = (
        "BIOS-provided physical RAM map:\n"
        " BIOS-e820: 000000000009fc00 @ 0000000000000000 (usable)\n"
        " BIOS-e820: 0000000003f00000 @ 0000000000100000 (usable)\n"
    )
    assert plain(rows(primary(read_text(log, text)))) == [
        (0, 0x9FBFF, "usable"),
        (MIB, 64 * MIB - 1, "usable"),
    ]


@pytest.mark.parametrize(
    ("first", "gaps"),
    [
        ("[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable", 0),
        ("BIOS-e820: [mem\n0x0000000000000000-0x000000000009fbff] usable", 0),
        ("BIOS-e820: [mem 0x0000000000000000-0x000000\n000009fbff] usable", 0),
        ("BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usa\nble", 0),
        ("BIOS-e820: [mem 0x000000000", 1),
        ("0000000000000-0x000000000009fbff] usable", 1),
        (' ","_BOOT_ID":"0123abcd"}', 0),
        ('", "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable"]', 0),
    ],
)
def test_e820_first_line_behind_the_heading(first: str, gaps: int, log: Path) -> None:
    """A copy has lost the line end, or a string of JSON ends there; mails and screens break it."""
    text = (
        f"[    0.000000] BIOS-provided physical RAM map: {first}\n"
        "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable\n"
        "[    0.000000] BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved\n"
    )
    found = primary(read_text(log, text))
    assert [(gap.start, gap.end) for gap in found.gaps] == [(0, MIB - 1)] * gaps
    assert len(found.entries) == 2 + ("BIOS" in first and not gaps)


def test_e820_first_line_below_the_heading_of_any_map(log: Path) -> None:
    """Broken by a mail, cut off, or lost; other messages are in front of the heading."""
    row = "[    0.000000] {}: [mem {}0x0000000000000000-0x000000000009fbff] usable\n"
    below = row.replace("0000000000000000", "0000000000100000").replace("09fbff", "ffffff")
    lost = []
    for heading, who in (("extended", "reserve setup_data"), ("modified", "modified")):
        for first in (row.format(who, "\n"), "", row.format(who, "")[:50] + "\n"):
            text = f"[    0.000000] {heading} physical RAM map:\n{first}{below.format(who, '')}"
            found = primary(read_text(log, text))
            lost.append((len(found.entries), [(gap.start, gap.end) for gap in found.gaps]))
    assert lost == [(2, []), (1, [(0, MIB - 1)]), (1, [(0, MIB - 1)])] * 2


def test_e820_maps_of_one_boot_are_kept_apart(log: Path) -> None:
    text = "".join(
        f"[    0.000000] {who}: [mem 0x0000000000000000-0x{end:016x}] usable\n"
        for who, end in (
            ("BIOS-e820", 0xFFF),
            ("reserve setup_data", 0x1FFF),
            ("modified", 0x2FFF),
            ("user", 0x3FFF),
            ("Xen", 0x4FFF),
        )
    )
    memmap = read_text(log, text)
    ends = {m.name: m.entries[0].end for m in memmap.maps}
    assert ends == {
        "e820_firmware": 0xFFF,
        "e820_setup_data": 0x1FFF,
        "e820_modified": 0x2FFF,
        "e820_user": 0x3FFF,
        "xen_dom0": 0x4FFF,
    }
    assert primary(memmap).name == "e820_firmware"


def test_e820_decoys_are_no_entries(log: Path) -> None:
    text = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff]  System RAM
[    0.000000] [Firmware Bug]: out of order E820 entry!
[    0.000000] BIOS-e820: [gap 0x00000000000a0000-0x00000000000fffff]
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff]  System RAM
[    0.000000] e820: update [mem 0x0000000000000000-0x0000000000000fff] System RAM ==> device reserved
[    0.000000] e820: remove [mem 0x00000000000a0000-0x00000000000fffff]
[    0.000000] efi: Remove mem50: MMIO range=[0x00000000f0000000-0x00000000f7ffffff] (128MB) from e820 map
[    0.000000] efi: Not removing mem53: MMIO range=[0xfec10000-0xfec10fff] (4KB) from e820 map
[    0.100000] PM: Registered nosave memory: [mem 0x0000000000000000-0x0000000000000fff]
[    0.100000] [gap 0x80000000-0xffffffff] available for PCI devices
[    0.100000] e820: register RAM buffer resource [mem 0x7ffe0000-0x7fffffff]
[    0.100000] init_memory_mapping: [mem 0x0000000000000000-0x000000007fffffff]
"""  # noqa: E501 - as the kernel prints it
    memmap = read_text(log, text)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert plain(rows(primary(memmap))) == [
        (0, 0x9FFFF, "usable"),
        (MIB, 2048 * MIB - 1, "usable"),
    ]


def test_e820_type_alone_on_the_next_line(log: Path) -> None:
    text = """\
> BIOS-e820: [mem 0x0000000000000000-0x000000000009efff]
> usable
> BIOS-e820: [mem 0x000000000009f000-0x000000000009ffff] ACPI
> NVS
> BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] persistent
> (type 12)
> BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] type
> 20
> BIOS-e820:
> [mem 0x0000000000300000-0x00000000003fffff] reserved
"""
    types = [e.type for e in primary(read_text(log, text)).entries]
    assert types == ["usable", "acpi_nvs", "pram", "type_20", "reserved"]


def test_e820_lines_that_have_lost_their_ends(log: Path) -> None:
    entry = "BIOS-e820: [mem 0x{:016x}-0x{:016x}] usable"
    text = " ".join(entry.format(i << 20, (i << 20) + 4095) for i in range(20))
    assert len(primary(read_text(log, text)).entries) == 20
    text = "".join(f"[    0.0]{entry.format(i << 20, (i << 20) + 4095)}" for i in range(100))
    memmap = read_text(log, text)
    (cut,) = [p for p in memmap.problems if p.code == "HP501"]
    assert (cut.severity, "line 1 " in cut.message) == ("warning", True)


def test_e820_from_a_word_processor(log: Path, subtests: pytest.Subtests) -> None:
    line = "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    for text in (
        line.replace("-0x", "\u20130x"),
        line.replace(" ", "\u2003"),
        line.replace(" ", "\u200b \u3000"),
        line.replace("-", "\u2011"),
    ):
        with subtests.test(ascii(text)):
            assert plain(rows(primary(read_text(log, text)))) == [(0, 0x9FFFF, "usable")]


@pytest.mark.parametrize(
    "line",
    [
        "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] sometimes",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] AC(XEN) hello",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000000fff00] usable",
        "BIOS-e820: [mem 0x00000000001O0000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x0000000000100000-0x0O000000001fffff] usable",
        "BIOS-e820: [mem 0x000000000010000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x00000[    0.000000] 00000100000-0x00000000001fffff] usable",
        "BIOS-e820: [mem 0x0000000000100BIOS-e820: [mem 0x0000000000100000-0x0000 usable",
        "BIOS-e82O: [mem 0x0000000000100000-0x00000000001fffff] usable",
        "BI0S-e820: [mem 0x0000000000100000-0x00000000001fffff] usable",
        "S-e820: [mem 0x0000000000100000-0x00000000001fffff] usable",
        "BIOS-e820: [gap 0x00a0000-0x00000000001fffff]",
        "BIOS-e820: [gap 0x00000000000a0000-0x00000000001fffff]  device reserved",
        " BIOS-e820: 0000000000100000 - 0000000000090000 (usable)",
        " BIOS-e820: 00000000001O0000 - 0000000000200000 (usable)",
    ],
)
def test_e820_line_that_cannot_be_read_makes_a_gap(line: str, log: Path) -> None:
    text = f"""\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
{line}
BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] usable
"""
    memmap = read_text(log, text)
    (found,) = memmap.problems
    assert found.code in ("HP501", "HP502")
    assert found.message.startswith("line 2: ")
    assert "0xa0000-0x1fffff" in found.message
    assert [(g.start, g.end) for g in primary(memmap).gaps] == [(0xA0000, 0x1FFFFF)]
    assert len(primary(memmap).entries) == 2


@pytest.mark.parametrize(
    "line",
    [
        "e820: update [mem 0x0000000000100000-0x00000000001fffff] usable ==> reserved",
        "e820: remove [mem 0x0000000000100000-0x00000000001fffff] usable",
        "PM: Registered nosave memory: [mem 0x0000000000100000-0x00000000001fffff]",
        "init_memory_mapping: [mem 0x0000000000100000-0x00000000001fffff]",
        "SRAT: Node 0 PXM 0 [mem 0x0000000000100000-0x00000000001fffff]",
        "BIOS-e820: [gap 0x00000000000a0000-0x00000000001fffff]",
        "user: page_owner is disabled",
    ],
)
def test_lines_that_are_no_entries_make_no_gap(line: str, log: Path) -> None:
    text = f"""\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
{line}
BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] usable
"""
    memmap = read_text(log, text)
    assert not memmap.problems
    assert not primary(memmap).gaps


def test_e820_log_that_ends_within_a_line_says_so(log: Path) -> None:
    text = """\
BIOS-e820: [mem 0x0000000000000000-0x00000000001fffff] usable
BIOS-e820: [mem 0x0000000000200000-0x00000000"""
    memmap = read_text(log, text)
    assert len(primary(memmap).entries) == 1
    assert codes(memmap.problems) == {"HP507"}


def test_e820_out_of_order_is_read_and_noted(log: Path) -> None:
    text = """\
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
"""
    memmap = read_text(log, text)
    assert [e.start for e in primary(memmap).entries] == [MIB, 0]
    assert codes(memmap.problems) == {"HP515"}


def test_e820_lists_of_several_boots_without_headers_are_not_merged(log: Path) -> None:
    first = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    )
    crash = (
        "BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable\n"
        "BIOS-e820: [mem 0x0000000027000000-0x0000000036ffffff] usable\n"
    )
    with pytest.raises(InputError, match="holds 2 boots"):
        read_text(log, first + crash)
    assert plain(rows(primary(read_text(log, first + crash, boot="1")))) == [
        (0x1000, 0x9FFFF, "usable"),
        (0x27000000, 0x36FFFFFF, "usable"),
    ]
    banner = "Linux version 6.1.0 (b@h) (gcc 12) #1 SMP\n"
    single = "BIOS-e820: [mem 0x0000000080000000-0x00000000ffffffff] usable\n"
    with pytest.raises(InputError, match="holds 2 boots"):
        read_text(log, banner + first + banner + single)


MIB, GIB = 1 << 20, 1 << 30


OVER_128 = """\
[    0.000000] Linux version 5.10.0 (x86_64-linux-gnu-gcc)
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] extended physical RAM map:
[    0.000000] extended: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] extended: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] extended: [mem 0x0000000100000000-0x00000008ffffffff] usable
"""


SETUP_DATA = """\
[    0.000000] extended physical RAM map:
[    0.000000] reserve setup_data: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000000100000-0x000000006fffffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000070000000-0x000000007fffffff] usable
[    0.000000] reserve setup_data: [mem 0x0000000100000000-0x00000008ffffffff] usable
"""


@pytest.mark.parametrize(("text", "count"), [(OVER_128, 3), (OVER_128 + SETUP_DATA, 4)])
@pytest.mark.parametrize("times", [1, 2])
def test_e820_entries_past_the_128th(text: str, count: int, times: int, log: Path) -> None:
    """e820__memory_setup_extended() prints all entries as "extended"; they are RAM, too."""
    memmap = read_text(log, text * times)
    assert [m.name for m in memmap.maps] == ["e820_firmware", "e820_setup_data"]
    assert len(named(memmap, "e820_setup_data").entries) == count
    assert primary(memmap).name == "e820_firmware"
    region = view_of(memmap).at(8 * GIB)
    assert region is not None
    assert region.kind == "ram"


def test_e820_of_two_extended_maps_the_one_before_the_command_line_counts(log: Path) -> None:
    """mem=1G took away what only the extended map has; the first was printed before."""
    cut = SETUP_DATA.replace("0x000000006fffffff", "0x000000003fffffff").splitlines(keepends=True)
    user = (
        "[    0.000000] user-defined physical RAM map:\n"
        "[    0.000000] user: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
        "[    0.000000] user: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    )
    memmap = read_text(log, OVER_128 + "".join(cut[:3]) + user)
    assert [m.name for m in memmap.maps] == ["e820_firmware", "e820_setup_data", "e820_user"]
    assert len(named(memmap, "e820_setup_data").entries) == 3


def test_e820_words_of_a_7_0_in_the_making(log: Path) -> None:
    text = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]  639   KB kernel usable RAM\n"
        "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff]    1   KB device reserved\n"
        "BIOS-e820: [gap 0x00000000000a0000-0x00000000000effff]  320   KB ...\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000007ffdbfff]    1.9 GB kernel usable RAM\n"
    )
    assert plain(rows(primary(read_text(log, text)))) == [
        (0, 0x9FBFF, "usable"),
        (0x9FC00, 0x9FFFF, "reserved"),
        (MIB, 0x7FFDBFFF, "usable"),
    ]
