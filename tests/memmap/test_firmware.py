"""Maps of firmware, boot loaders and documents with lines lost or damaged: nothing is invented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from hwpkho.memmap.gaps import TOP
from hwpkho.memmap.view import regions
from tests.support.examples import much, times
from tests.support.mapfiles import FIXTURES, named, primary, read_text, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.memmap.model import Map, MemoryMap

GIB = 1 << 30

SHELL = "03-efi-shell/thinkpad-e14-utf16.txt"
GRUB = "04-grub/qemu-ovmf-lsefimmap.txt"
LSMMAP = "04-grub/qemu-seabios-lsmmap.txt"
EFIDEBUG = "05-uboot/efidebug-memmap-sample.txt"
SMAP = "08-xen-freebsd-esxi/freebsd-smap.txt"
FREEBSD_EFI = "08-xen-freebsd-esxi/freebsd-arm64-efi-table.txt"

ESXI = """\
<6>MMap[0]: 0x0 - 0x8dfff len=581632, type=7, attr=0xf
<6>MMap[1]: 0x8e000 - 0x8ffff len=8192, type=0, attr=0xf
<6>MMap[2]: 0x90000 - 0x9ffff len=65536, type=7, attr=0xf
<6>MMap[3]: 0x100000 - 0x734fffff len=1933574144, type=7, attr=0xf
<6>MMap[4]: 0x73500000 - 0x735fffff len=1048576, type=4, attr=0xf
<6>MMap[5]: 0x73600000 - 0x73cfffff len=7340032, type=7, attr=0xf
"""
#: As v2025.07 prints it on an RK3588, shortened.
BDINFO = """\
boot_params = 0x0000000000000000
DRAM bank   = 0x0000000000000000
-> start    = 0x0000000000200000
-> size     = 0x00000000efe00000
DRAM bank   = 0x0000000000000001
-> start    = 0x0000000100000000
-> size     = 0x00000002fc000000
DRAM bank   = 0x0000000000000002
-> start    = 0x00000004f0000000
-> size     = 0x0000000010000000
flashstart  = 0x0000000000000000
"""
LMB = """\
lmb_dump_all:
 memory.count = 0x3
 memory[0]\t[0x200000-0xefffffff], 0xefe00000 bytes, flags: none
 memory[1]\t[0x100000000-0x3fbffffff], 0x2fc000000 bytes, flags: none
 memory[2]\t[0x4f0000000-0x4ffffffff], 0x10000000 bytes, flags: none
 reserved.count = 0x3
 reserved[0]\t[0xecbcd000-0xecbcffff], 0x3000 bytes, flags: no-notify, no-overwrite
 reserved[1]\t[0xecbd0510-0xefffffff], 0x342faf0 bytes, flags: no-overwrite
 reserved[2]\t[0x4f0000000-0x4ffffffff], 0x10000000 bytes, flags: no-map
devicetree  = separate
"""

#: Texts with numbers, totals or a count: a line that is not there is missed.
COUNTED: dict[str, Callable[[], str]] = {
    "EFI shell with totals": lambda: text_of(SHELL),
    "ESXi": lambda: ESXI,
    "bdinfo": lambda: BDINFO + LMB,
    "lmb alone": lambda: LMB,
}
#: Texts of which only a line that is there in part can be missed.
OTHERS: dict[str, Callable[[], str]] = {
    "lsefimmap": lambda: text_of(GRUB),
    "lsmmap": lambda: text_of(LSMMAP),
    "efidebug": lambda: text_of(EFIDEBUG),
    "SMAP": lambda: text_of(SMAP),
    "FreeBSD's EFI table": lambda: text_of(FREEBSD_EFI),
}


def spans(map_: Map) -> list[tuple[int, int, str]]:
    return sorted((e.start, e.end, e.type) for e in map_.entries)


def nothing_invented(whole: MemoryMap, damaged: MemoryMap) -> None:
    """Whatever the whole map has, the damaged one has too, or its place is a gap.

    Where all reservations are lost a warning says so: banks alone have none either.
    """
    for map_ in whole.maps:
        left = [m for m in damaged.maps if m.name == map_.name]
        if not left and map_.name == "lmb_reserved":
            assert any("none of them is there" in p.message for p in damaged.problems)
            continue
        (found,) = left
        there = spans(found)
        for start, end, type_ in spans(map_):
            if (start, end, type_) in there:
                continue
            assert any(
                g.start is None or (g.start <= start and end <= (g.end or 0)) for g in found.gaps
            ), (map_.name, hex(start), hex(end))
    for problem in (g.problem for m in damaged.maps for g in m.gaps):
        assert problem in damaged.problems
        assert problem.severity in ("warning", "error")


def map_lines(text: str, whole: MemoryMap) -> list[int]:
    """Numbers of lines that name an address at which an entry of a map starts."""
    starts = {e.start for m in whole.maps for e in m.entries}
    out = []
    for i, line in enumerate(text.splitlines()):
        words = line.replace("-", " ").replace("[", " ").replace(",", " ").replace("=", " ").split()
        numbers = []
        for word in words:
            try:
                numbers.append(int(word, 16))
            except ValueError:
                continue
        if len(numbers) > 1 and any(n in starts for n in numbers[:3]) and "count" not in line:
            out.append(i)
    return out


DAMAGED = times(1, suppress_health_check=list(HealthCheck))

#: A character that is typed, scanned or transferred wrong.
CONFUSED = {"0": "O", "1": "l", "5": "S", "8": "B", "b": "h", "f": "t", "7": "?"}


@DAMAGED
@given(data=st.data())
def test_a_line_that_is_cut_or_garbled_is_missed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = data.draw(st.sampled_from([*COUNTED, *OTHERS]))
    text = ({**COUNTED, **OTHERS}[name])()
    log = tmp_path_factory.getbasetemp() / "firmware"
    whole = read_text(log, text)
    lines = text.splitlines()
    at = data.draw(st.sampled_from(map_lines(text, whole)))
    line = lines[at]
    if data.draw(st.booleans()):
        # Not at the very end: what is lost there may say nothing.
        sound = len(line.rstrip()) - 22
        begins = len(line) - len(line.lstrip()) + 14
        assume(begins < sound)
        lines[at] = line[: data.draw(st.integers(begins, sound))]
    else:
        digits = [i for i, c in enumerate(line) if c in CONFUSED and i > 0]
        first = next((i for i in digits if line[i - 1] in "x0123456789abcdefABCDEF"), None)
        assume(first is not None)
        place = data.draw(st.sampled_from([i for i in digits if i >= (first or 0)][:16]))
        lines[at] = line[:place] + CONFUSED[line[place]] + line[place + 1 :]
    try:
        damaged = read_text(log, "\n".join(lines) + "\n")
    except InputError:
        return
    nothing_invented(whole, damaged)


@DAMAGED
@given(data=st.data())
def test_a_line_that_is_not_there_is_missed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = COUNTED[data.draw(st.sampled_from(list(COUNTED)))]()
    log = tmp_path_factory.getbasetemp() / "firmware"
    whole = read_text(log, text)
    lines = text.splitlines()
    found = map_lines(text, whole)
    gone = data.draw(st.sets(st.sampled_from(found), min_size=1, max_size=3))
    if "MMap[5]" in text:
        gone.discard(found[-1])  # nothing tells how many there are
    left = [line for i, line in enumerate(lines) if i not in gone]
    try:
        damaged = read_text(log, "\n".join(left) + "\n")
    except InputError:
        return
    nothing_invented(whole, damaged)


@DAMAGED
@given(data=st.data())
def test_an_input_that_ends_within_a_line_is_missed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = ({**COUNTED, **OTHERS}[data.draw(st.sampled_from([*COUNTED, *OTHERS]))])()
    log = tmp_path_factory.getbasetemp() / "firmware"
    whole = read_text(log, text)
    lines = text.splitlines(keepends=True)
    at = data.draw(st.sampled_from(map_lines(text, whole)[1:] or map_lines(text, whole)))
    line = lines[at].rstrip()
    begins = next(i for i, c in enumerate(line) if c.isalpha()) + 1
    cut = data.draw(st.integers(begins, max(begins, len(line) - 22)))
    try:
        damaged = read_text(log, "".join(lines[:at]) + line[:cut])
    except InputError:
        return
    assert any(p.severity in ("warning", "error") for p in damaged.problems)


@pytest.mark.parametrize(
    ("name", "start", "kept"),
    [
        ("SMAP", "SMAP type=01 base=0000000000000000", 16),
        ("FreeBSD's EFI table", "RuntimeServicesData 000037c20000", 18),
        ("FreeBSD's EFI table", "RuntimeServicesData 000037c20000", 24),
    ],
)
def test_the_first_and_the_last_row_are_missed(
    name: str, start: str, kept: int, tmp_path: Path
) -> None:
    text = OTHERS[name]()
    whole = read_text(tmp_path / "whole", text)
    lines = [line[:kept] if line.lstrip().startswith(start) else line for line in text.splitlines()]
    damaged = read_text(tmp_path / "log", "\n".join(lines) + "\n")
    assert primary(damaged).gaps
    nothing_invented(whole, damaged)


@pytest.mark.parametrize(
    ("name", "rest"),
    [("lsefimmap", "conv-mem"), ("FreeBSD's EFI table", "    RuntimeServicesData")],
)
@pytest.mark.parametrize("letters", [1, 2, 4])
def test_an_input_that_ends_after_a_letter_of_a_row_is_missed(
    name: str, rest: str, letters: int, tmp_path: Path
) -> None:
    text = OTHERS[name]()
    at = text.index(rest, text.index(rest) + 1)
    begins = next(i for i, c in enumerate(rest) if c.isalpha())
    damaged = read_text(tmp_path / "log", text[: at + begins + letters])
    assert any(p.severity == "warning" for p in damaged.problems)


def test_a_digit_of_the_other_case_was_misread(tmp_path: Path) -> None:
    text = text_of(EFIDEBUG).replace("4de28000-000000004df0c", "4de2B000-000000004df0c")
    damaged = read_text(tmp_path / "log", text)
    assert [(g.start, g.end) for g in primary(damaged).gaps] == [(0x4DE28000, 0x4DF0BFFF)]


@pytest.mark.parametrize("banks", [True, False])
def test_lost_reservations_are_told(banks: bool, tmp_path: Path) -> None:
    text = BDINFO * banks + without(LMB, " reserved[")
    (problem,) = read_text(tmp_path / "log", text).problems
    assert (problem.code, problem.severity) == ("HP531", "warning")
    assert "reserved.count = 3: none of them is there" in problem.message


def test_lost_memory_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"memory\.count = 3: none of them is there"):
        read_text(tmp_path / "log", without(LMB, " memory["))


# Totals --------------------------------------------------------------------------------------


def shell_rows(text: str) -> list[int]:
    return [
        i for i, line in enumerate(text.splitlines()) if line.count("-") == 1 and "0000" in line
    ]


def test_a_shell_line_that_is_lost_is_found_by_the_totals(tmp_path: Path) -> None:
    text = text_of(SHELL)
    whole = read_text(tmp_path / "log", text)
    lines = text.splitlines(keepends=True)
    row = next(i for i in shell_rows(text) if "Available  0000000100000000" in lines[i])
    damaged = read_text(tmp_path / "log", "".join(lines[:row] + lines[row + 1 :]))
    nothing_invented(whole, damaged)
    found = [p for p in damaged.problems if p.code == "HP530"]
    assert found
    assert "pages of conventional where the lines have" in found[0].message


def test_a_type_that_is_wrong_is_found_by_the_totals(tmp_path: Path) -> None:
    text = text_of(SHELL)
    lines = text.splitlines(keepends=True)
    row = next(i for i in shell_rows(text) if lines[i].startswith("ACPI_NVS"))
    start = int(lines[row].split()[1].split("-")[0], 16)
    lines[row] = lines[row].replace("ACPI_NVS ", "Available")
    damaged = read_text(tmp_path / "log", "".join(lines))
    places = [(g.start or 0, g.end or 0) for g in primary(damaged).gaps]
    assert any(a <= start <= b for a, b in places)


@pytest.mark.parametrize("more", [[], [0], [0, 0]])
def test_sfo_summaries_of_all_versions(more: list[int], tmp_path: Path) -> None:
    rows = (
        'MemoryMap,"Available","0","9FFFF","A0","F"\n'
        'MemoryMap,"BootServiceData","100000","1FFFFF","100","F"\n'
    )
    values = [0x1A0000, 0, 0, 0x100000, 0, 0, 0, 0, 0xA0000, 0, 0, 0, 0, 0, 0, *more]
    summary = "MemoryMapSummary," + ",".join(f'"{v}"' for v in values) + "\n"
    assert not read_text(tmp_path / "log", rows + summary).problems
    damaged = read_text(tmp_path / "log", rows.splitlines(keepends=True)[0] + summary)
    assert [(g.start, g.end, g.problem.code) for g in primary(damaged).gaps] == [
        (0xA0000, TOP, "HP530")
    ]


def test_available_once_counted_persistent_memory_too(tmp_path: Path) -> None:
    text = (
        "Available  0000000000000000-000000000009FFFF 00000000000000A0 000000000000000F\n"
        "Persistent 0000000100000000-00000001000FFFFF 0000000000000100 000000000000000F\n"
        " \n"
        "  Available :            416 Pages (1,703,936 Bytes)\n"
    )
    assert not primary(read_text(tmp_path / "log", text)).gaps


# U-Boot --------------------------------------------------------------------------------------


def without(text: str, *parts: str) -> str:
    return "".join(
        line for line in text.splitlines(keepends=True) if not any(p in line for p in parts)
    )


BANK_1 = (0x100000000, 0x3FBFFFFFF)
ROOM_1 = (0xF0000000, 0x4EFFFFFFF)


@pytest.mark.parametrize("lmb", [True, False])
@pytest.mark.parametrize(
    ("lost", "code"),
    [
        (["0x00000002fc000000"], "HP532"),
        (["-> start    = 0x0000000100000000"], "HP532"),
        (["0x00000002fc000000", "-> start    = 0x0000000100000000"], "HP532"),
        (["0x00000002fc000000", "= 0x0000000100000000", "DRAM bank   = 0x0000000000000001"], None),
    ],
)
def test_a_bank_in_part_is_a_gap(
    lost: list[str], code: str | None, lmb: bool, tmp_path: Path
) -> None:
    """lmb's list of the same dump tells the place, else the banks around it."""
    memmap = read_text(tmp_path / "log", without(BDINFO, *lost) + (LMB if lmb else ""))
    found = named(memmap, "uboot_dram")
    assert [e.start for e in found.entries] == [0x200000, 0x4F0000000]
    start, end = BANK_1 if lmb else ROOM_1
    assert any((g.start, g.end) == (start, end) for g in found.gaps)
    code = code or ("HP533" if lmb else "HP508")
    assert code in {g.problem.code for g in found.gaps}


@pytest.mark.parametrize("value", ["0x00000002fc00", "0x00000002fcO00000", "0x0000[  1.0]", ""])
def test_a_size_that_cannot_be_read_is_a_gap(value: str, tmp_path: Path) -> None:
    text = BDINFO.replace("0x00000002fc000000", value)
    found = named(read_text(tmp_path / "log", text), "uboot_dram")
    assert [(g.start, g.end, g.problem.code) for g in found.gaps] == [(*ROOM_1, "HP532")]


def test_short_numbers_of_32_bit_machines_are_whole(tmp_path: Path) -> None:
    text = "DRAM bank   = 0x00000000\n-> start    = 0x80000000\n-> size     = 0x20000000\n"
    assert not read_text(tmp_path / "log", text).problems


def test_an_input_that_ends_within_a_bank(tmp_path: Path) -> None:
    begin = BDINFO.index("DRAM bank   = 0x0000000000000002") + 4
    found = {}
    for cut in range(begin, len(BDINFO) - 46, much(3, 1)):
        map_ = named(read_text(tmp_path / "log", BDINFO[:cut]), "uboot_dram")
        found[cut] = (len(map_.entries), [g.start for g in map_.gaps][:1])
    assert found == dict.fromkeys(found, (2, [0x3FC000000]))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_reserved_region_that_is_lost_is_a_gap(index: int, tmp_path: Path) -> None:
    text = without(LMB, f"reserved[{index}]")
    memmap = read_text(tmp_path / "log", text)
    (gap,) = named(memmap, "lmb_reserved").gaps
    assert gap.problem.code == ("HP531" if index == 2 else "HP508")
    places = [(0, 0xECBD050F), (0xECBD0000, 0x4EFFFFFFF), (0xF0000000, TOP)]
    assert (gap.start, gap.end) == places[index]


def test_what_a_lost_reservation_may_have_taken_is_not_judged(tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "log", without(LMB, "reserved[2]"), arch="arm64")
    resolved = regions.view_of(memmap)
    kinds = {(r.start, r.end): r.kind for r in resolved.regions}
    assert kinds[(0x4F0000000, 0x4FFFFFFFF)] == "unknown"
    assert kinds[(0x200000, 0xEFFFFFFF)] == "ram"


def test_regions_of_which_2025_04_tells_nothing_are_not_judged(tmp_path: Path) -> None:
    text = "U-Boot 2025.04 (Apr 07 2025)\n" + LMB.replace("flags: no-map", "flags: none")
    memmap = read_text(tmp_path / "log", text, arch="arm64")
    (gap,) = named(memmap, "lmb_reserved").gaps
    assert (gap.start, gap.end, gap.problem.code) == (0x4F0000000, 0x4FFFFFFFF, "HP534")
    kinds = {r.start: r.kind for r in regions.view_of(memmap).regions}
    assert kinds[0x4F0000000] == "unknown"


def test_linux_memblock_dump_is_not_u_boot_s(tmp_path: Path) -> None:
    text = """\
DRAM bank   = 0x0000000000000000
-> start    = 0x0000000040000000
-> size     = 0x0000000040000000
[    0.000000] MEMBLOCK configuration:
[    0.000000]  memory size = 0x0000000080000000 reserved size = 0x0000000003000000
[    0.000000]  memory.cnt  = 0x2
[    0.000000]  memory[0x0]\t[0x0000000040000000-0x000000007fffffff], 0x40000000 bytes flags: 0x0
[    0.000000]  memory[0x1]\t[0x0000000880000000-0x00000008bfffffff], 0x40000000 bytes flags: 0x0
"""
    memmap = read_text(tmp_path / "log", text)
    assert [(e.start, e.end) for e in primary(memmap).entries] == [(0x40000000, 0x7FFFFFFF)]
    assert not primary(memmap).gaps


def test_an_old_region_without_its_size(tmp_path: Path) -> None:
    text = """\
    memory.cnt             = 0x2
    memory.reg[0x0].base   = 0x0
                   .size   = 0x100000
    memory.reg[0x1].base   = 0x80000000

    reserved.cnt           = 0x0
"""
    found = named(read_text(tmp_path / "log", text), "uboot_dram")
    assert [(g.start, g.end, g.problem.code) for g in found.gaps] == [(0x100000, TOP, "HP532")]


# Overlaps ------------------------------------------------------------------------------------


def test_descriptors_that_overlap_are_not_judged(tmp_path: Path) -> None:
    text = text_of(EFIDEBUG).replace(
        "000000004de28000-000000004df0c000", "000000004de28000-000000004df0d000"
    )
    found = primary(read_text(tmp_path / "log", text))
    assert [(g.start, g.end, g.problem.code) for g in found.gaps] == [
        (0x4DE28000, 0x4DF0CFFF, "HP535")
    ]


def test_device_memory_listed_twice_is_no_matter(tmp_path: Path) -> None:
    text = text_of(EFIDEBUG).rstrip("=> \n") + (
        "\nIO               00000000fe000000-00000000ff000000 UC|RT\n"
        "IO               00000000fec00000-00000000fec01000 UC|RT\n"
    )
    assert not primary(read_text(tmp_path / "log", text)).gaps


# Documents -----------------------------------------------------------------------------------


def test_gaps_come_back_from_a_document(tmp_path: Path, cli: Callable[..., Any]) -> None:
    source = FIXTURES / "13-damaged" / "uboot-bdinfo-bank-without-size.txt"
    written = cli("memmap", "--json", source)
    document = tmp_path / "map.json"
    document.write_text(written.out)
    first, again = read_memmap([str(source)]), read_memmap([str(document)])
    assert [m.gaps for m in again.maps] == [m.gaps for m in first.maps]
    gap = named(again, "uboot_dram").gaps[0]
    assert gap.problem in again.problems


@pytest.mark.parametrize(
    "gap",
    [
        {"start": 5, "end": 4, "code": "HP508"},
        {"start": None, "end": 4, "code": "HP508"},
        {"start": 0, "end": 1 << 64, "code": "HP508"},
        {"start": "0", "end": 4, "code": "HP508"},
        {"start": 0, "code": "HP508"},
        {"start": 0, "end": 4, "code": 508},
        7,
    ],
)
def test_gaps_of_a_document_that_are_none(gap: object, tmp_path: Path) -> None:
    entry = {"start": 0, "end": 4095, "type": "usable", "attributes": {}}
    map_ = {"name": "esxi", "boot": 0, "primary": True, "entries": [entry], "gaps": [gap]}
    document = {"schema": "hwpkho.memmap/1", "arch": "x86_64", "maps": [map_]}
    with pytest.raises(InputError, match=r"not valid hwpkho\.memmap/1"):
        read_text(tmp_path / "map", json.dumps(document))


def test_a_gap_without_a_place_comes_back(tmp_path: Path) -> None:
    entry = {"start": 0, "end": 4095, "type": "usable", "attributes": {}}
    gap = {"start": None, "end": None, "code": "HP501"}
    map_ = {"name": "esxi", "boot": 0, "primary": True, "entries": [entry], "gaps": [gap]}
    document = {"schema": "hwpkho.memmap/1", "arch": "x86_64", "maps": [map_]}
    memmap = read_text(tmp_path / "map", json.dumps(document))
    assert [p.severity for p in memmap.problems if p.code == "HP501"] == ["error"]
    with pytest.raises(InputError, match="lines of esxi are lost"):
        regions.view_of(memmap)
