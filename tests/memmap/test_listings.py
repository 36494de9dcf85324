"""Listings of firmware and boot loaders, printed more than once: the same table, or two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from tests.support.mapfiles import FIXTURES, named, plain, primary, read_text, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Row = tuple[int, int, str]  # first byte, past the last, type

SORTED = "13-damaged/uboot-efidebug-mem-and-sorted.txt"
DIFFERING = "13-damaged/uboot-efidebug-two-differ.txt"


class Listing(NamedTuple):
    """How a tool prints a table: its heading, a row, its names of four types, the map's name."""

    heading: str
    row: Callable[[int, int, str], str]
    types: dict[str, str]
    name: str


def pages(a: int, b: int) -> int:
    return (b - a) >> 12


EFI_NAMES = ("conventional", "boot_services_data", "runtime_services_code", "mmio")
E820_NAMES = ("usable", "reserved", "acpi_data", "acpi_nvs")


def named_types(names: Sequence[str], words: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, words, strict=True))


LISTINGS = {
    "efidebug": Listing(
        "=> efidebug mem\n"
        "Type             Start            End              Attributes\n"
        "================ ================ ================ ==========\n",
        lambda a, b, t: f"{t:16} {a:016x}-{b:016x} WB",
        named_types(EFI_NAMES, ("CONVENTIONAL", "BOOT DATA", "RUNTIME CODE", "IO")),
        "efi",
    ),
    "efidebug since 2026.10": Listing(
        "=> efidebug memmap\n"
        "Type                    Start            End              Attributes\n"
        "======================= ================ ================ ==========\n",
        lambda a, b, t: f"{t:23} {a:016x}-{b:016x} WB",
        named_types(
            EFI_NAMES,
            ("ConventionalMemory", "BootServicesData", "RuntimeServicesCode", "MemoryMappedIO"),
        ),
        "efi",
    ),
    "EFI shell": Listing(
        "Shell> memmap\n"
        "Type       Start            End              # Pages          Attributes\n",
        lambda a, b, t: f"{t:10} {a:016X}-{b - 1:016X} {pages(a, b):016X} {15:016X}",
        named_types(EFI_NAMES, ("Available", "BS_Data", "RT_Code", "MMIO")),
        "efi_shell",
    ),
    "EFI shell -sfo": Listing(
        'ShellCommand,"memmap"\n',
        lambda a, b, t: f'MemoryMap,"{t}","{a:X}","{b - 1:X}","{pages(a, b):X}","F"',
        named_types(EFI_NAMES, ("Available", "BootServiceData", "RuntimeCode", "MemoryMappedIO")),
        "efi_shell",
    ),
    "lsefimmap": Listing(
        "grub> lsefimmap\n"
        "Type      Physical start  - end             #Pages        Size Attributes\n",
        lambda a, b, t: (
            f"{t:8}  {a:016x}-{b - 1:016x} {pages(a, b):08x} {(b - a) >> 10:6}KiB UC WC WT WB"
        ),
        named_types(EFI_NAMES, ("conv-mem", "BS-data", "RT-code", "MMIO")),
        "grub_efi",
    ),
    "lsmmap": Listing(
        "grub> lsmmap\n",
        lambda a, b, t: f"base_addr = 0x{a:x}, length = 0x{b - a:x}, {t}",
        named_types(
            E820_NAMES,
            ("available RAM", "reserved RAM", "ACPI reclaimable RAM",
             "ACPI non-volatile storage RAM"),
        ),
        "grub_mmap",
    ),
    "FreeBSD's SMAP": Listing(
        "Copyright (c) 1992-2023 The FreeBSD Project.\n",
        lambda a, b, t: f"SMAP type={t} base={a:016x} len={b - a:016x}",
        named_types(E820_NAMES, ("01", "02", "03", "04")),
        "freebsd_smap",
    ),
    "FreeBSD's EFI table": Listing(
        "                   Type     Physical      Virtual   #Pages Attr\n",
        lambda a, b, t: f"{t:>23} {a:012x} {0:>12}x0 {pages(a, b):08x} UC WC WT WB".replace(
            "0x0 ", "0 "
        ),
        named_types(
            EFI_NAMES,
            ("ConventionalMemory", "BootServicesData", "RuntimeServicesCode", "MemoryMappedIO"),
        ),
        "freebsd_efi",
    ),
}  # fmt: skip

ROWS: list[Row] = [
    (0, 0xA0000, "0"),
    (0x40000000, 0x44000000, "0"),
    (0x44000000, 0x44020000, "1"),
    (0x48000000, 0xE0000000, "0"),
    (0x13C3F0000, 0x13C470000, "2"),
    (0x4000000, 0x8000000, "3"),
    (0x9010000, 0x9011000, "3"),
]


def listed(listing: Listing, table: Sequence[Row]) -> str:
    words = list(listing.types.values())
    lines = (listing.row(a, b, words[int(t)]) for a, b, t in table)
    return listing.heading + "".join(f"{line}\n" for line in lines)


def known(listing: Listing, table: Sequence[Row]) -> list[Row]:
    types = list(listing.types)
    return [(a, b - 1, types[int(t)]) for a, b, t in table]


def headed(listing: Listing) -> bool:
    """Whether the tool prints a heading; a prompt or a kernel's banner is none."""
    return listing.name not in ("grub_mmap", "freebsd_smap")


@pytest.fixture(params=list(LISTINGS))
def listing(request: pytest.FixtureRequest) -> Listing:
    return LISTINGS[request.param]


def test_uboot_table_and_the_same_sorted_are_one() -> None:
    memmap = read_memmap([str(FIXTURES / SORTED)])
    assert [m.name for m in memmap.maps] == ["efi"]
    assert [(p.code, p.severity) for p in memmap.problems] == [("HP511", "note")]
    assert "line 18" in memmap.problems[0].message


def test_uboot_tables_that_differ_are_two_moments() -> None:
    path = str(FIXTURES / DIFFERING)
    with pytest.raises(
        InputError, match=r"two moments.* line 4 \(efi, 11 .*line 18 \(efi, 10 .*--boot"
    ):
        read_memmap([path])
    assert len(primary(read_memmap([path], boot="0")).entries) == 11
    assert len(primary(read_memmap([path], boot="last")).entries) == 10


def test_a_table_printed_twice_is_one(listing: Listing, tmp_path: Path) -> None:
    text = listed(listing, ROWS)
    memmap = read_text(tmp_path / "log", text + "\n" + text)
    assert [m.name for m in memmap.maps] == [listing.name]
    assert plain(rows(primary(memmap))) == known(listing, ROWS)
    assert {p.severity for p in memmap.problems} == {"note"}


def test_a_table_printed_in_another_order_is_one(listing: Listing, tmp_path: Path) -> None:
    text = listed(listing, ROWS) + listed(listing, sorted(ROWS))
    memmap = read_text(tmp_path / "log", text)
    assert [m.name for m in memmap.maps] == [listing.name]
    assert plain(rows(primary(memmap))) == known(listing, ROWS)


def test_two_headed_tables_that_differ_are_refused(
    listing: Listing, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    changed = [ROWS[0], *ROWS[2:]]
    for name, first, second in (
        ("a row less", ROWS, changed),
        ("a row more", changed, ROWS),
        ("another order, too", ROWS, sorted(changed)),
    ):
        with subtests.test(name):
            text = listed(listing, first) + listed(listing, second)
            with pytest.raises(InputError, match=r"two moments.*boot 0 .*boot 1 .*--boot"):
                read_text(tmp_path / "log", text)
            shown = [primary(read_text(tmp_path / "log", text, boot=boot)) for boot in ("0", "1")]
            assert [plain(rows(x)) for x in shown] == [known(listing, x) for x in (first, second)]


def test_a_heading_starts_another_table_of_other_ranges(listing: Listing, tmp_path: Path) -> None:
    """Nothing but the heading tells: the second table has no row of the first."""
    if not headed(listing):
        return
    moved = [(a + (1 << 40), b + (1 << 40), t) for a, b, t in ROWS]
    with pytest.raises(InputError, match="two moments"):
        read_text(tmp_path / "log", listed(listing, ROWS) + listed(listing, moved))


def test_shell_tables_in_both_forms_are_one(tmp_path: Path) -> None:
    text = listed(LISTINGS["EFI shell"], ROWS) + listed(LISTINGS["EFI shell -sfo"], ROWS[::-1])
    memmap = read_text(tmp_path / "log", text)
    assert plain(rows(primary(memmap))) == known(LISTINGS["EFI shell"], ROWS)


def test_grub_s_two_commands_are_two_maps(tmp_path: Path) -> None:
    text = listed(LISTINGS["lsefimmap"], ROWS) + listed(LISTINGS["lsmmap"], ROWS)
    memmap = read_text(tmp_path / "log", text * 2)
    assert {m.name for m in memmap.maps} == {"grub_efi", "grub_mmap"}
    assert len({m.boot for m in memmap.maps}) == 1


def test_files_with_the_same_table_in_another_order_combine(tmp_path: Path) -> None:
    listing = LISTINGS["efidebug"]
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(listed(listing, ROWS))
    two.write_text(listed(listing, sorted(ROWS)))
    memmap = read_memmap([str(one), str(two)])
    assert plain(rows(primary(memmap))) == known(listing, ROWS)


def test_esxi_list_of_two_moments(tmp_path: Path) -> None:
    """The lists begin alike: what they share is no duplicate of one of them."""
    lines = [
        "MMap[0]: 0x0 - 0x8dfff len=581632, type=7, attr=0xf",
        "MMap[1]: 0x8e000 - 0x8ffff len=8192, type=0, attr=0xf",
        "MMap[2]: 0x90000 - 0x9ffff len=65536, type=7, attr=0xf",
    ]
    later = [*lines[:2], lines[2].replace("type=7", "type=4")]
    text = "\n".join([*lines, *later, ""])
    with pytest.raises(InputError, match=r"two moments.*line 1 \(esxi, 3 .*line 6 \(esxi, 3 "):
        read_text(tmp_path / "log", text)
    last = named(read_text(tmp_path / "log", text, boot="1"), "esxi")
    assert [e.type for e in last.entries] == ["conventional", "reserved", "boot_services_data"]


tables = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.integers(1, 64), st.sampled_from("0123")),
    min_size=2, max_size=12, unique_by=lambda r: r[0],
).map(lambda found: [(n << 20, (n << 20) + (p << 12), t) for n, p, t in found])  # fmt: skip


@given(st.data())
def test_any_order_is_one_table_and_any_difference_two(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    listing = LISTINGS[data.draw(st.sampled_from(list(LISTINGS)))]
    table = data.draw(tables)
    other = data.draw(st.permutations(table))
    log = tmp_path_factory.getbasetemp() / "listings"
    memmap = read_text(log, listed(listing, table) + listed(listing, other))
    assert [m.name for m in memmap.maps] == [listing.name]
    assert plain(rows(primary(memmap))) == known(listing, table)
    gone = data.draw(st.integers(0, len(table) - 1))
    less = [r for i, r in enumerate(table) if i != gone]
    if headed(listing) and less:
        with pytest.raises(InputError, match="two moments"):
            read_text(log, listed(listing, table) + listed(listing, less))
