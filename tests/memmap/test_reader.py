"""Reading as such: which input is what, boots, several files, and every refusal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hwpkho.base.reading import Input
from hwpkho.codes.memmap import DAMAGED
from hwpkho.errors import InputError, UsageError
from hwpkho.logs.text import blocks
from hwpkho.memmap import read_memmap, registry
from hwpkho.memmap.formats.base import FileForm, LineForm
from hwpkho.memmap.gaps import settle
from hwpkho.memmap.names import MAP_NAMES, rank
from hwpkho.memmap.tables import MAX_E820_ENTRIES, MAX_TABLES, Tables
from tests.support.examples import much
from tests.support.mapfiles import FIXTURES, named, plain, primary, read_text, rows

SURFACE = str(FIXTURES / "01-dmesg-e820/surface-book.txt")
TWO_BOOTS = str(FIXTURES / "01-dmesg-e820/kdump-two-boots.txt")
USER = str(FIXTURES / "01-dmesg-e820/persistent12-user.txt")
IOMEM = str(FIXTURES / "06-proc-iomem/qemu-dimm-nvdimm-crashkernel.txt")
IOMEM_ARM64 = str(FIXTURES / "06-proc-iomem/qemu-arm64-6.1.txt")
EFI_ARM64 = str(FIXTURES / "02b-dmesg-efi-arm64/qemu-arm64-7.3.4.txt")

LOG = """\
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
"""
FITTING_IOMEM = """\
00001000-0009fbff : System RAM
00100000-3fffffff : System RAM
  01000000-01ffffff : Kernel code
100000000-13fffffff : System RAM
"""


@pytest.fixture
def files(tmp_path: Path) -> Any:
    def write(**texts: str) -> list[str]:
        paths = []
        for name, text in texts.items():
            path = tmp_path / name
            path.write_text(text)
            paths.append(str(path))
        return paths

    return write


# Options -------------------------------------------------------------------------------------


def test_map_option_keeps_one_map_and_makes_it_primary() -> None:
    memmap = read_memmap([USER], map_name="e820_user")
    assert [(m.name, m.primary) for m in memmap.maps] == [("e820_user", True)]
    assert "pram" in {e.type for e in memmap.maps[0].entries}


def test_map_option_names_what_there_is() -> None:
    with pytest.raises(UsageError, match="the input has e820_firmware, e820_user"):
        read_memmap([USER], map_name="efi\x1b[2J")


def test_map_option_decides_which_boots_there_are() -> None:
    memmap = read_memmap([TWO_BOOTS], map_name="e820_setup_data")
    assert len(memmap.maps) == 1


@pytest.mark.parametrize("boot", ["-1", "1.5", "x", "", "99999999999", "²"])
def test_boot_option_is_a_number_or_last(boot: str) -> None:
    with pytest.raises(UsageError, match="--boot"):
        read_memmap([TWO_BOOTS], boot=boot)


def test_boot_option_beyond_the_boots() -> None:
    with pytest.raises(UsageError, match="boots 0 to 1"):
        read_memmap([TWO_BOOTS], boot="2")
    with pytest.raises(UsageError, match="one boot"):
        read_memmap([SURFACE], boot="1")
    assert read_memmap([SURFACE], boot="0").maps[0].boot == 0
    assert read_memmap([SURFACE], boot="last").maps[0].boot == 0


def test_arch_from_input_option_or_default() -> None:
    assert read_memmap([EFI_ARM64]).arch_from == "input"
    rpi = str(FIXTURES / "08-xen-freebsd-esxi/freebsd-arm64-efi-table.txt")
    told = read_memmap([rpi], arch="arm64")
    assert (told.arch, told.arch_from) == ("arm64", "option")
    untold = read_memmap([rpi])
    assert (untold.arch, untold.arch_from) == ("x86_64", "default")


def test_arch_option_may_confirm_the_input_but_not_contradict_it() -> None:
    assert read_memmap([EFI_ARM64], arch="arm64").arch_from == "input"
    with pytest.raises(InputError, match="is of arm64, --arch says x86_64"):
        read_memmap([EFI_ARM64], arch="x86_64")


def test_nothing_and_the_same_file_twice_are_no_request() -> None:
    with pytest.raises(UsageError, match="no memory map"):
        read_memmap([])
    with pytest.raises(UsageError, match="twice"):
        read_memmap([SURFACE, SURFACE])


# Boots ---------------------------------------------------------------------------------------


def test_boots_without_a_map_do_not_count(tmp_path: Path) -> None:
    banner = "Linux version 6.1.0 (b@h) (gcc 12) #1 SMP\n"
    memmap = read_text(tmp_path / "log", banner * 3 + LOG + banner)
    assert {m.boot for m in memmap.maps} == {0}
    assert not memmap.problems


def test_equal_boots_show_the_first(tmp_path: Path) -> None:
    banner = "Linux version 6.1.0 (b@h) (gcc 12) #1 SMP\n"
    user = "user: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
    memmap = read_text(tmp_path / "log", banner + LOG + banner + LOG + user)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert [p.code for p in memmap.problems] == ["HP510"]
    last = read_text(tmp_path / "log", banner + LOG + banner + LOG + user, boot="last")
    assert [m.name for m in last.maps] == ["e820_firmware", "e820_user"]


def test_iomem_belongs_to_the_boot_it_stands_in(tmp_path: Path) -> None:
    banner = "Linux version 6.1.0 (b@h) (gcc 12) #1 SMP\n"
    first = FITTING_IOMEM + banner + LOG
    memmap = read_text(tmp_path / "log", first)
    assert [m.name for m in memmap.maps] == ["iomem", "e820_firmware"]
    memmap = read_text(tmp_path / "log", banner + LOG + FITTING_IOMEM)
    assert primary(memmap).name == "e820_firmware"


def test_many_boots_are_named_briefly(tmp_path: Path) -> None:
    text = "".join(
        f"Linux version 6.1.0 #1\nBIOS-e820: [mem 0x0000000000000000-0x{i:016x}] usable\n"
        for i in range(0xFFF, 0xFFF + 40)
    )
    with pytest.raises(InputError, match=r"40 boots.*boot 7.*and 32 more") as caught:
        read_text(tmp_path / "log", text)
    assert len(str(caught.value)) < 1000


def test_damage_in_another_boot_is_no_obstacle(tmp_path: Path) -> None:
    broken = LOG.replace("0x000000003fffffff] usable", "0x000000003fffffff] whatever")
    text = "Linux version 6.1.0 #1\n" + broken + "Linux version 6.1.0 #1\n" + LOG
    path = tmp_path / "log"
    assert len(primary(read_text(path, text, boot="1")).entries) == 3
    assert not read_text(path, text, boot="1").problems
    (found,) = read_text(path, text, boot="0").problems
    assert (found.code, found.message[:7]) == ("HP501", "line 3:")


def test_a_damaged_map_beside_the_one_that_counts_is_left_out(tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "log", LOG + "base_addr = 0x0, length = 0x9fc00, strange RAM\n")
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert [(p.code, p.severity) for p in memmap.problems] == [("HP501", "warning")]


# Several files -------------------------------------------------------------------------------


def test_files_of_one_machine_combine(files: Any) -> None:
    memmap = read_memmap(files(log=LOG, iomem=FITTING_IOMEM))
    assert [m.name for m in memmap.maps] == ["e820_firmware", "iomem"]
    assert primary(memmap).name == "e820_firmware"
    assert not memmap.problems
    assert " + " in memmap.source


def test_files_that_disagree_about_ram_are_reported(files: Any, subtests: pytest.Subtests) -> None:
    other = FITTING_IOMEM + "200000000-2ffffffff : System RAM\n"
    log = LOG + "BIOS-e820: [mem 0x0000000200000000-0x000000023fffffff] reserved\n"
    lost = log.replace("23fffffff] reserved", "2")
    for texts in ({"a": other}, {"a": other, "b": other}, {"a": lost, "b": other}):
        with subtests.test(" ".join(texts)):
            memmap = read_memmap(files(**texts, log=log))  # among many copies, once
            (found,) = [p for p in memmap.problems if p.code == "HP514"]
            assert found.phys == 0x200000000
            assert "1 GiB" in found.message


def test_files_with_different_maps_of_one_name_are_refused(files: Any) -> None:
    with pytest.raises(InputError, match="not of one machine"):
        read_memmap(files(a=LOG, b=LOG.replace("13fffffff", "17fffffff")))


def test_the_same_map_in_two_files_counts_once(files: Any) -> None:
    memmap = read_memmap(files(a=LOG, b="something\n" + LOG))
    assert len(memmap.maps) == 1
    assert [p.code for p in memmap.problems] == ["HP511"]


def test_files_of_two_architectures_are_refused() -> None:
    with pytest.raises(InputError, match="different architectures"):
        read_memmap([SURFACE, IOMEM_ARM64])


def test_the_boot_chosen_is_that_of_the_log(files: Any) -> None:
    (iomem,) = files(iomem="00001000-00001fff : System RAM\n")
    memmap = read_memmap([iomem, TWO_BOOTS], boot="1")
    assert {m.boot for m in memmap.maps} == {1}
    assert {m.name for m in memmap.maps} == {"iomem", "e820_firmware", "e820_setup_data"}


# Inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [Path(IOMEM).read_text().encode("utf-16"), b"a\0\0\n" + Path(IOMEM).read_bytes()],
    ids=["utf-16", "NULs"],
)  # fmt: skip
def test_a_map_is_found_in_a_folder_as_in_a_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f" / "iomem.txt"
    path.parent.mkdir()
    path.write_bytes(data)
    assert primary(read_memmap([str(path.parent)])) == primary(read_memmap([str(path)]))


def test_a_pipe_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_memmap([SURFACE])
    reading, writing = os.pipe()
    os.write(writing, Path(SURFACE).read_bytes())
    os.close(writing)
    with os.fdopen(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        memmap = read_memmap(["-"])
    assert memmap.maps == expected.maps
    assert memmap.source == "-"


def test_a_binary_map_can_come_through_a_pipe() -> None:
    data = b"".join(
        n.to_bytes(8, "little") + (0x1000).to_bytes(8, "little") + (1).to_bytes(4, "little")
        for n in range(0, 0x10000, 0x1000)
    )
    out, into = os.pipe()
    os.write(into, data)
    os.close(into)
    assert len(primary(read_memmap([f"/dev/fd/{out}"])).entries) == 16
    os.close(out)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/dev/zero", "device"),
        ("/nonexistent/file", "No such file"),
        (str(FIXTURES), "no memory map in this folder"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_memmap([name])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("\n \n\r\n", "blank"),
        ("hello\n", "no memory map found"),
        ("[    0.100000] usb 1-1: new device\n", "beginning is missing"),
        ("[    0.000000] Linux version 6.1.0 #1 SMP\n", "efi=debug"),
        ("MemTotal:       65816196 kB\n", "meminfo"),
        ("reg00: base=0x000000000 (    0MB), size= 2048MB, count=1: write-back\n", "mtrr"),
        ("> efi: mem00: type=3D7, attr=3D0xf, range=3D[0x0-0x57fff) (0MB) a=b\n", "quopri"),
        ('{"log":"00100000-3fffffff : System RAM\\n"}\n', "within something else"),
        ("MEMORY RANGES\n0000000000000000-000000000009fbff (0)\n", "kexec -d"),
        ("00400000-0040b000 r-xp 00000000 08:01 1 /bin/cat\n", "virtual addresses"),
    ],
)
def test_files_given_by_mistake_are_told_apart(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        read_text(tmp_path / "file", text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x1f\x8b\x08", "the gzip stream is damaged"),
        (b"LPKSHHRH", "journalctl"),
        (b"\x7fELF\x02\x01", r"ELF type 0 .*: the machine's map is elsewhere"),
        (b"KDUMP   \x06", "memory image"),
        (b"EMiL\1\0\0\0", "memory image"),
        (b"AVML\2\0\0\0", "memory image"),
    ],
)
def test_binary_files_that_hold_no_map(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        read_text(tmp_path / "file", data + bytes(5000))


def test_names_are_printable_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2Jb\nc"
    with pytest.raises(InputError) as caught:
        read_text(path, "hello\n")
    assert str(caught.value).isprintable()


def test_a_sparse_log_costs_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.seek(1 << 40)
        file.write(LOG.encode())
    assert len(primary(read_memmap([str(path)])).entries) == 3


def test_an_input_of_many_pieces_keeps_its_lines_whole(tmp_path: Path) -> None:
    filler = "x" * 997 + "\n"
    text = filler * 300 + LOG + filler * 300
    memmap = read_text(tmp_path / "log", text)
    assert len(primary(memmap).entries) == 3
    with Input(str(tmp_path / "log")) as source:
        found = list(blocks(source.pieces()))
    assert b"".join(found) == text.encode()
    assert len(found) > 5


@pytest.mark.parametrize("at", range(65520, 65545))
def test_a_line_broken_at_the_edge_of_a_piece_is_joined(at: int, tmp_path: Path) -> None:
    head = "y" * (at - 1) + "\n"
    text = head + "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]\nusable\n"
    assert plain(rows(primary(read_text(tmp_path / "log", text)))) == [(0, 0x9FBFF, "usable")]


@pytest.mark.parametrize("at", range(65500, 65560, 7))
def test_efi_halves_at_the_edge_of_a_piece_are_joined(at: int, tmp_path: Path) -> None:
    head = "y" * (at - 1) + "\n"
    text = head + (
        "efi: mem00: [Conventional|   |  |WB|WT|WC|UC]\n"
        "range=[0x0000000000001000-0x0000000000001fff] (0MB)\n"
    )
    memmap = read_text(tmp_path / "log", text)
    assert plain(rows(named(memmap, "efi"))) == [(0x1000, 0x1FFF, "conventional")]


# Registry and bounds -------------------------------------------------------------------------


def test_every_registered_form_is_one() -> None:
    files, lines = registry.file_forms(), registry.line_forms()
    assert all(isinstance(form, FileForm) for form in files)
    assert all(isinstance(form, LineForm) for form in lines)
    forms: list[FileForm | LineForm] = [*files, *lines]
    names = [form.name for form in forms]
    assert len(set(names)) == len(names)
    assert all(form.about for form in forms)


def test_every_module_of_a_form_is_registered() -> None:
    folder = Path(registry.__file__).parent / "formats"
    modules = {p.stem for p in folder.glob("*.py")} - {"__init__", "base"}
    registered = {*registry.FILE_FORMS.names(), *registry.LINE_FORMS.names()}
    assert registered <= modules


def test_order_of_preference() -> None:
    assert rank("efi") < rank("e820_firmware") < rank("e820_user") < rank("iomem")
    assert rank("xen_efi") < rank("xen_efi_ram")
    assert rank("xen_e820") < rank("xen_e820_initial") < rank("xen_dom0")
    assert rank("grub_efi") < rank("grub_mmap")
    assert rank("no such map") == len(MAP_NAMES)


def test_a_table_of_repetitions_is_refused_at_once(tmp_path: Path) -> None:
    line = "BIOS-e820: [mem 0x0000000000000000-0x000000000009ebff] usable\n"
    assert read_text(tmp_path / "some", line * 4097).maps[0].entries
    with pytest.raises(InputError, match="line 4098: more than 4096 repeated or damaged lines"):
        read_text(tmp_path / "more", line * 5000)
    boot = "Linux version 6.1\n" + line * 40
    assert read_text(tmp_path / "boots", boot * much(120, 500)).maps[0].entries


@pytest.mark.slow  # of entries test_scanner.py counts them to the line
def test_hostile_logs_hit_a_bound(tmp_path: Path) -> None:
    many = b"".join(
        b"BIOS-e820: [mem 0x%016x-0x%016x] usable\n" % (i << 12, (i << 12) + 1)
        for i in range(MAX_E820_ENTRIES + 1)
    )
    with pytest.raises(InputError, match=f"more than {MAX_E820_ENTRIES} entries"):
        read_text(tmp_path / "log", many)
    boots = b"Linux version 6.1 #1\nBIOS-e820: [mem 0x0000000000000000-0x0000000000000fff] usable\n"
    with pytest.raises(InputError, match=f"more than {MAX_TABLES} tables"):
        read_text(tmp_path / "log", boots * (MAX_TABLES + 1))


def test_problems_of_a_table_are_bounded_but_not_that_it_is_unusable() -> None:
    tables = Tables()
    for line in range(1, 100):
        tables.add("x", line, 0x1000, 0xFFF, "usable")  # empty: a note
    tables.lose("x", 100, DAMAGED, "cannot be read")
    (table,) = tables.finish()
    settle(table)
    assert len(table.problems) == 16
    assert [p.message for p in table.unusable] == ["line 100: cannot be read"]


def test_equal_tables_share_their_entries() -> None:
    tables = Tables()
    for _ in range(3):
        for start in range(0, 0x10000, 0x1000):
            tables.add("x", 1, start, start + 0xFFF, f"type_{start}")
        tables.begin("x")
    first, *others = tables.finish()
    assert all(table.entries is first.entries for table in others)
