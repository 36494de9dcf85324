"""Which map counts, what overlaps become, and what a frame of any size is."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError, UsageError
from hwpkho.memmap import efi as uefi
from hwpkho.memmap.formats.devicetree import DeviceTree
from hwpkho.memmap.formats.zero_page import ZeroPage
from hwpkho.memmap.model import Entry, MemoryMap
from hwpkho.memmap.names import MAP_NAMES, MapName
from hwpkho.memmap.view.regions import Regions, view_of
from hwpkho.memmap.view.spans import Layer, Span, combine, fill, flatten, occupy
from tests.support import certain
from tests.support.examples import much
from tests.support.mapdata import FIXTURES, GIB, MIB, entries, machine, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.memmap.view.spans import Kind

WB, SP = {"attr": uefi.WB}, {"attr": uefi.WB | uefi.SP}
K = 1024
WHOSE: tuple[Literal["running", "next"], ...] = ("running", "next")


def shown(regions: Regions) -> list[tuple[int, int, str, str]]:
    return [(r.start, r.end + 1, r.kind, r.label) for r in regions.regions]


def kinds(regions: Regions) -> list[tuple[int, int, str]]:
    return [row[:3] for row in shown(regions)]


def codes(regions: Regions) -> list[str]:
    return [p.code for p in regions.problems]


def e820(*found: tuple[int, int, str]) -> list[Entry]:
    return entries((0, 640 * K, "usable"), (MIB, GIB, "usable"), *found)


def iomem(*found: tuple[int, int, int, str]) -> list[Entry]:
    """Resources as (depth, first byte, exclusive end, name)."""
    return [Entry(a, b - 1, name, {"depth": depth}) for depth, a, b, name in found]


# Which map counts

#: Entries of each kind of map, as the registry of names calls the kinds.
SAMPLES: dict[str, list[Entry]] = {
    "e820": e820((GIB, 2 * GIB, "reserved")),
    "e820 or efi": e820(),
    "efi": entries((0, GIB, "conventional", WB), (GIB, 2 * GIB, "boot_services_data", WB)),
    "banks": entries((0, GIB, "memory")),
    "resources": iomem(
        (0, 0, GIB, "System RAM"), (1, MIB, 2 * MIB, "Kernel code"), (1, 3 * MIB, GIB, "reserved"),
        (0, GIB, 2 * GIB, "reserved"),
    ),
    "reservations": entries((MIB, 2 * MIB, "reserved"), (3 * MIB, 4 * MIB, "x", {"no-map": True})),
    "limit": entries((0, GIB // 2, "usable_range")),
    "other": entries((0, GIB, "runtime_services_data", WB)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("row", MAP_NAMES.all(), ids=lambda row: row.name)
def test_a_map_is_judged_by_its_row_and_not_by_its_name(
    row: MapName, arch: str, subtests: pytest.Subtests
) -> None:
    """The same row under another name: alone, and beside maps of other kinds."""

    def judged(name: str, iomem_of: Literal["running", "next"], *others: str) -> str:
        maps = {
            name: SAMPLES[row.entries],
            **{other: SAMPLES[MAP_NAMES[other].entries] for other in others},
        }
        try:
            found = view_of(machine(arch, **maps), iomem_of=iomem_of)
            return str((found.regions, found.base, found.maps, found.problems, found.images))
        except InputError as error:
            return str(error)

    MAP_NAMES.register("renamed", row._replace(name="renamed"), before=row.name)
    try:
        for others in ((), ("e820_firmware",), ("efi",), ("devicetree",), ("iomem",)):
            for whose in WHOSE:
                with subtests.test(f"{whose} {others}"):
                    if row.name in others:
                        continue
                    named = judged("renamed", whose, *others).replace("renamed", row.name)
                    assert named == judged(row.name, whose, *others)
    finally:
        MAP_NAMES.unregister("renamed")


def test_the_final_map_of_x86_counts_and_its_own_types_fill_holes() -> None:
    regions = view_of(
        machine(
            e820_firmware=e820((GIB, 2 * GIB, "usable")),
            e820_user=e820((2 * GIB, 3 * GIB, "pram")),
            efi=entries((0, 640 * K, "conventional", WB), (MIB, 2 * GIB, "conventional", WB),
                        (3 * GIB, 4 * GIB, "mmio", {"attr": 1})),
        )
    )  # fmt: skip
    assert regions.maps == ("e820_user", "efi")
    assert kinds(regions) == [
        (0, 640 * K, "in-use"), (MIB, GIB, "ram"), (2 * GIB, 3 * GIB, "device"),
        (3 * GIB, 4 * GIB, "firmware"),
    ]  # fmt: skip
    assert codes(regions) == []  # mem= is no disagreement: the firmware's map agrees


@pytest.mark.parametrize(
    ("names", "base"),
    [
        (("e820_firmware", "e820_user", "e820_modified"), "e820_modified"),
        (("e820_firmware", "e820_user"), "e820_user"),
        (("sysfs_memmap", "zero_page", "e820_firmware"), "e820_firmware"),
        (("sysfs_memmap", "zero_page"), "zero_page"),
        (("e820_entries", "sysfs_memmap"), "sysfs_memmap"),
        (("e820_entries", "grub_mmap"), "grub_mmap"),
        (("xen_e820", "xen_dom0"), "xen_e820"),
    ],
)
def test_order_of_x86_maps(names: tuple[str, ...], base: str) -> None:
    found = {name: e820() for name in names}
    assert view_of(machine(**found)).base == base


def test_the_next_kernel_gets_the_firmware_map_and_its_own_command_line() -> None:
    both = machine(e820_firmware=e820((GIB, 2 * GIB, "usable")), e820_user=e820())
    assert view_of(both, next_cmdline="quiet").ram_bytes() == 640 * K + 2 * GIB - MIB
    assert view_of(both, next_cmdline="mem=1536M").ram_bytes() == 640 * K + 1536 * MIB - MIB
    alone = view_of(machine(e820_user=e820()), next_cmdline="quiet")
    assert codes(alone) == ["HP559"]


def test_zero_page_and_its_overflow_are_one_table() -> None:
    regions = view_of(
        machine(zero_page=e820(), e820_setup_data=entries((2 * GIB, 3 * GIB, "usable")))
    )
    assert regions.maps[0] == "zero_page"
    assert kinds(regions) == [
        (0, 640 * K, "in-use"), (MIB, GIB, "ram"), (2 * GIB, 3 * GIB, "ram"),
    ]  # fmt: skip


def test_map_and_boot_may_be_chosen() -> None:
    boots = MemoryMap(
        "log", "dmesg", "x86_64", "input",
        machine(e820_firmware=e820()).maps
        + machine(boot=1, e820_firmware=e820((GIB, 2 * GIB, "usable")), e820_user=e820()).maps,
    )  # fmt: skip
    assert view_of(boots).ram_bytes() == 640 * K + GIB - MIB
    assert view_of(boots, boot=1).base == "e820_user"
    assert view_of(boots, boot=1, map_name="e820_firmware").ram_bytes() == 640 * K + 2 * GIB - MIB
    with pytest.raises(UsageError, match="--boot 2: no such boot; there are: 0, 1"):
        view_of(boots, boot=2)
    with pytest.raises(UsageError, match="--map efi: no such map; there are: e820_firmware"):
        view_of(boots, map_name="efi")
    with pytest.raises(UsageError, match="--map xen_dom0: its addresses are pseudo-physical"):
        view_of(machine(xen_dom0=e820()), map_name="xen_dom0")


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("name", ["xen_dom0", "efi_runtime", "efi_print_2", "lmb_reserved"])
def test_maps_that_nothing_is_judged_by(arch: str, name: str) -> None:
    with pytest.raises(InputError, match=f"no map to judge by: none of those found .{name}."):
        view_of(machine(arch, **{name: e820()}))


def test_other_architectures_are_refused() -> None:
    with pytest.raises(InputError, match="a memory map of riscv64: only x86_64 and arm64"):
        view_of(machine("riscv64", devicetree=entries((GIB, 2 * GIB, "memory"))))


def test_no_ram_is_refused() -> None:
    nothing = machine(e820_firmware=entries((MIB, GIB, "reserved")))
    with pytest.raises(InputError, match="leaves the next kernel no RAM"):
        view_of(nothing)
    with pytest.raises(UsageError, match="--next-cmdline: leaves the next kernel no RAM"):
        view_of(machine(e820_firmware=e820()), next_cmdline="memmap=0")


# x86 details


def test_e820_kinds_and_overlaps() -> None:
    regions = view_of(
        machine(
            e820_firmware=e820(
                (512 * MIB, 513 * MIB, "reserved"),
                (GIB, GIB + MIB, "unusable"),
                (2 * GIB, 3 * GIB, "soft_reserved"),
                (3 * GIB, 4 * GIB, "pmem"),
                (4 * GIB, 5 * GIB, "type_20"),
                (5 * GIB, 6 * GIB, "unknown"),
            )
        )
    )
    assert shown(regions)[1:] == [
        (MIB, 512 * MIB, "ram", "System RAM"),
        (512 * MIB, 513 * MIB, "firmware", "reserved"),
        (513 * MIB, GIB, "ram", "System RAM"),
        (GIB, GIB + MIB, "retired", "unusable"),
        (2 * GIB, 3 * GIB, "device", "soft reserved"),
        (3 * GIB, 4 * GIB, "device", "persistent memory"),
        (4 * GIB, 5 * GIB, "firmware", "type 20"),
        (5 * GIB, 6 * GIB, "firmware", "type 4294967295"),
    ]
    assert codes(regions) == ["HP564"]
    assert "0x20000000-0x200fffff is reserved and System RAM" in regions.problems[0].message


def test_boot_services_memory_with_and_without_efi_debug() -> None:
    found = machine(
        efi=entries(
            (MIB, GIB, "conventional", WB),
            (GIB, 2 * GIB, "boot_services_data", WB),
            (2 * GIB, 3 * GIB, "runtime_services_data", WB),
            (3 * GIB, 4 * GIB, "conventional", SP),
            (4 * GIB, 5 * GIB, "unaccepted", WB),
            (5 * GIB, 6 * GIB, "type_1879048192", WB),
        )
    )
    free = view_of(found)
    assert shown(free) == [
        (MIB, GIB, "ram", "System RAM"),
        (GIB, 2 * GIB, "ram", "EFI boot_services_data"),
        (2 * GIB, 3 * GIB, "firmware", "EFI runtime_services_data"),
        (3 * GIB, 4 * GIB, "device", "EFI conventional"),
        (4 * GIB, 5 * GIB, "ram", "EFI unaccepted"),
        (5 * GIB, 6 * GIB, "firmware", "EFI type_1879048192"),
    ]
    assert codes(free) == ["HP563"]
    kept = view_of(found, next_cmdline="efi=debug")
    assert shown(kept)[1] == (GIB, 2 * GIB, "in-use", "EFI boot_services_data")
    assert certain(view_of(found, next_cmdline="efi=nosoftreserve").at(3 * GIB)).kind == "ram"


def test_specific_purpose_memory_is_a_devices_whatever_e820_says() -> None:
    regions = view_of(
        machine(
            e820_firmware=e820((GIB, 2 * GIB, "usable")),
            efi=entries((MIB, GIB, "conventional", WB), (GIB, 2 * GIB, "conventional", SP)),
        )
    )
    assert certain(regions.at(GIB)).kind == "device"
    assert codes(regions) == ["HP552"]


def test_maps_that_disagree_are_told() -> None:
    regions = view_of(
        machine(
            e820_firmware=e820(),
            efi=entries((MIB, GIB // 2, "conventional", WB), (GIB // 2, GIB, "reserved", WB)),
            iomem=iomem((0, MIB, GIB, "System RAM"), (0, GIB, 2 * GIB, "System RAM")),
        )
    )
    assert codes(regions) == ["HP552", "HP552"]
    messages = [p.message for p in regions.problems]
    assert messages[0].startswith("RAM by e820_firmware, but not by efi: 0x20000000-0x3fffffff")
    assert messages[1].startswith("RAM by iomem, but not by e820_firmware: 0x40000000-0x7fffffff")
    assert certain(regions.at(GIB // 2)).kind == "ram"
    assert regions.at(GIB) is None


# /proc/iomem

RESOURCES = iomem(
    (0, 0, 4 * K, "Reserved"), (0, 4 * K, 640 * K, "System RAM"),
    (0, 640 * K, 768 * K, "PCI Bus 0000:00"),
    (0, MIB, GIB, "System RAM"), (1, 16 * MIB, 20 * MIB, "Kernel code"),
    (1, 100 * MIB, 200 * MIB, "Crash kernel"), (1, 300 * MIB, 301 * MIB, "GART"),
    (0, GIB, GIB + MIB, "Unusable memory"), (0, 2 * GIB, 4 * GIB, "CXL Window 0"),
    (1, 2 * GIB, 4 * GIB, "region0"), (2, 2 * GIB, 3 * GIB, "dax0.0"),
    (3, 2 * GIB, 3 * GIB, "System RAM (kmem)"),
)  # fmt: skip


def test_iomem_of_the_running_kernel() -> None:
    regions = view_of(machine(iomem=RESOURCES))
    assert shown(regions) == [
        (0, 4 * K, "firmware", "reserved"),
        (4 * K, 640 * K, "in-use", "first MiB, kept by the kernel"),
        (640 * K, 768 * K, "firmware", "PCI Bus 0000:00"),
        (MIB, GIB, "ram", "System RAM"),
        (GIB, GIB + MIB, "retired", "unusable"),
        (2 * GIB, 3 * GIB, "ram", "System RAM"),
        (3 * GIB, 4 * GIB, "device", "region0"),
    ]
    assert codes(regions) == ["HP562"]


def test_iomem_of_the_next_kernel() -> None:
    regions = view_of(machine(iomem=RESOURCES), iomem_of="next")
    assert shown(regions)[3:8] == [
        (MIB, 16 * MIB, "ram", "System RAM"),
        (16 * MIB, 20 * MIB, "in-use", "Kernel code"),
        (20 * MIB, 100 * MIB, "ram", "System RAM"),
        (100 * MIB, 200 * MIB, "in-use", "Crash kernel"),
        (200 * MIB, GIB, "ram", "System RAM"),
    ]
    assert codes(regions) == []
    with_e820 = view_of(machine(e820_firmware=e820(), iomem=RESOURCES), iomem_of="next")
    assert certain(with_e820.at(16 * MIB)).kind == "in-use"
    assert certain(with_e820.at(3 * GIB)).kind == "device"


def test_iomem_and_a_command_line() -> None:
    regions = view_of(machine(iomem=RESOURCES), next_cmdline="mem=512M crashkernel=64M@256M")
    assert kinds(regions)[3:6] == [
        (MIB, 256 * MIB, "ram"), (256 * MIB, 320 * MIB, "in-use"), (320 * MIB, 512 * MIB, "ram"),
    ]  # fmt: skip
    assert regions.at(2 * GIB) is None


def test_reserved_in_iomem_of_arm64() -> None:
    found = iomem(
        (0, GIB, 2 * GIB, "System RAM"), (1, GIB, GIB + MIB, "reserved"),
        (0, 2 * GIB, 2 * GIB + MIB, "reserved"),
    )  # fmt: skip
    running = view_of(machine("arm64", iomem=found))
    assert kinds(running) == [(GIB, 2 * GIB, "ram"), (2 * GIB, 2 * GIB + MIB, "firmware")]
    later = view_of(machine("arm64", iomem=found), iomem_of="next")
    assert kinds(later)[0] == (GIB, GIB + MIB, "in-use")


# arm64


def test_arm64_takes_the_efi_map_and_keeps_the_reservations_of_the_tree() -> None:
    regions = view_of(
        machine(
            "arm64",
            devicetree=entries((0, 8 * GIB, "memory")),
            reserved_memory=entries(
                (GIB, GIB + MIB, "reserved_memory", {"node": "a@40000000"}),
                (2 * GIB, 2 * GIB + MIB, "reserved_memory", {"node": "b", "no-map": True}),
                (3 * GIB, 3 * GIB + MIB, "reserved_memory",
                 {"node": "c", "reusable": True, "compatible": "shared-dma-pool"}),
                (9 * GIB, 9 * GIB + MIB, "reserved_memory", {"node": "d"}),
            ),
            memreserve=entries((GIB + MIB, GIB + 2 * MIB, "memreserve")),
            efi=entries(
                (GIB, 4 * GIB, "conventional", WB), (4 * GIB, 5 * GIB, "acpi_reclaim", WB),
                (5 * GIB, 6 * GIB, "persistent", WB),
                (6 * GIB, 7 * GIB, "conventional", {"attr": 1}),
                (7 * GIB, 8 * GIB, "unaccepted", WB),
            ),
        )
    )  # fmt: skip
    assert regions.base == "efi"
    assert [(a // MIB, b // MIB, kind) for a, b, kind in kinds(regions)] == [
        (1024, 1025, "in-use"), (1025, 1026, "in-use"), (1026, 2048, "ram"),
        (2048, 2049, "firmware"), (2049, 3072, "ram"), (3072, 3073, "ram"), (3073, 4096, "ram"),
        (4096, 5120, "firmware"), (5120, 6144, "ram"), (6144, 7168, "firmware"),
        (7168, 8192, "firmware"), (9216, 9217, "firmware"),
    ]  # fmt: skip
    assert codes(regions) == ["HP552"]  # the tree's memory, which is dropped


def test_unmapped_stays_unmapped_where_efi_descriptors_overlap() -> None:
    regions = view_of(
        machine(
            "arm64",
            efi=entries(
                (2 * GIB, 3 * GIB, "runtime_services_data", WB),
                (GIB, 4 * GIB, "conventional", WB),
                (0, 8 * GIB, "mmio", {"attr": 1}),
            ),
        )
    )
    assert [k for _, _, k in kinds(regions)] == ["firmware", "ram", "firmware", "ram", "firmware"]
    assert codes(regions) == ["HP564"]


def test_usable_memory_range() -> None:
    found = {
        "devicetree": entries((GIB, 4 * GIB, "memory")),
        "usable_memory_range": entries((3 * GIB, 4 * GIB, "memory"), (GIB, GIB + MIB, "memory")),
    }
    regions = view_of(machine("arm64", **found))
    assert kinds(regions) == [(GIB, GIB + MIB, "ram"), (3 * GIB, 4 * GIB, "ram")]


def test_board_tree() -> None:
    maps = read(DeviceTree(), (FIXTURES / "hisilicon-hi6220-hikey.dtb").read_bytes())
    regions = view_of(machine("arm64", **{m.name: m.entries for m in maps}))
    assert len(maps[0].entries) == 6
    assert [r.label for r in regions.regions if r.kind != "ram"] == [
        "reserved_memory ramoops@21f00000"
    ]  # a hole of /memory: the map gives it to somebody else
    assert regions.ram_bytes() == sum(e.end - e.start + 1 for e in maps[0].entries)


def test_u_boot(subtests: pytest.Subtests) -> None:
    found = {
        "uboot_dram": entries((GIB, 2 * GIB, "dram_bank")),
        "lmb_reserved": entries(
            (GIB, GIB + MIB, "lmb_reserved"),
            (GIB + MIB, GIB + 2 * MIB, "lmb_reserved", {"flags": "no-map"}),
        ),
    }
    for arch in ("arm64", "x86_64"):
        with subtests.test(arch):
            assert kinds(view_of(machine(arch, **found))) == [
                (GIB, GIB + MIB, "ram"), (GIB + MIB, GIB + 2 * MIB, "firmware"),
                (GIB + 2 * MIB, 2 * GIB, "ram"),
            ]  # fmt: skip


# Frames


def test_frames_of_all_sizes(subtests: pytest.Subtests) -> None:
    (page,) = read(ZeroPage(), (FIXTURES / "boot_params-b73.bin").read_bytes())
    regions = view_of(machine(zero_page=page.entries))
    for size in (4096, 16384, 65536):
        with subtests.test(str(size)):
            frames = regions.frames(size)
            assert frames.first[0] == 0
            # 0x9fc00 is where low memory ends: nobody owns the page around it.
            assert frames.kind[frames.find(0x9FC00 // size) or 0] == "firmware"
            assert frames.find(0xA0000 // size) is None
            top = frames.find(0x7FFDB000 // size)
            assert top is not None
            # 0x7ffdc000 is aligned to 16 KiB but not to 64 KiB: the last large page is shared.
            assert frames.kind[top] == ("firmware" if size == 65536 else "ram")
            assert frames.find(1 << 52) is None
            assert regions.frames(size) is frames
    other = view_of(machine(zero_page=page.entries))
    assert regions == other  # whatever either was asked before
    assert regions != other._replace(arch="arm64")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(0x1000, 0x1800, "memory"), (0x1800, 0x3000, "memory")], ["ram", "ram"]),
        ([(0x1000, 0x1800, "memory"), (0x1900, 0x3000, "memory")], [None, "ram"]),
        ([(0x1000, 0x1800, "memory"), (0x1800, 0x2000, "unusable")], ["retired", None]),
        ([(0x1100, 0x1200, "unusable")], ["retired", None]),
        ([(0x1000, 0x2800, "memory"), (0x2900, 0x2a00, "pmem")], ["ram", "device"]),
    ],
)  # fmt: skip
def test_shared_pages(parts: list[tuple[int, int, str]], expected: list[str | None]) -> None:
    regions = view_of(machine("arm64", devicetree=entries(*parts, (GIB, 2 * GIB, "memory"))))
    frames = regions.frames(4096)
    found = [frames.find(pfn) for pfn in (1, 2)]
    assert [frames.kind[i] if i is not None else None for i in found] == expected


def test_page_that_a_reservation_touches_is_in_use() -> None:
    found = iomem((0, GIB, 2 * GIB, "System RAM"), (1, GIB + 100, GIB + 200, "reserved"))
    frames = view_of(machine("arm64", iomem=found), iomem_of="next").frames(4096)
    assert [(a, b, k) for a, b, k in zip(frames.first, frames.last, frames.kind, strict=True)] == [
        (GIB >> 12, GIB >> 12, "in-use"), ((GIB >> 12) + 1, (2 * GIB >> 12) - 1, "ram"),
    ]  # fmt: skip


def test_top_of_the_address_space() -> None:
    last = (1 << 64) - 1
    regions = view_of(machine(e820_firmware=[*e820(), Entry(last - 4095, last, "reserved")]))
    assert certain(regions.at(last)).kind == "firmware"
    assert regions.frames(4096).last[-1] == (1 << 52) - 1


# Properties

ranges = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 200), st.sampled_from(
        ("usable", "reserved", "acpi_nvs", "unusable", "pmem", "soft_reserved", "type_9"))),
    min_size=1, max_size=20,
)  # fmt: skip


def table(found: list[tuple[int, int, str]], unit: int) -> list[Entry]:
    low = entries((0, MIB, "usable"), (8 * GIB, 9 * GIB, "usable"))
    return [*low, *(Entry(MIB + a * unit, MIB + (a + n) * unit - 1, t) for a, n, t in found)]


@given(ranges, st.sampled_from((64, 4096, 5008)), st.sampled_from((4096, 16384, 65536)))
def test_disjoint_sorted_and_the_same_in_any_order(
    found: list[tuple[int, int, str]], unit: int, size: int
) -> None:
    regions = view_of(machine(e820_firmware=table(found, unit)))
    assert all(a.end < b.start for a, b in pairwise(regions.regions))
    assert all(r.start <= r.end for r in regions.regions)
    again = view_of(machine(e820_firmware=table(found[::-1], unit)))
    assert again.regions == regions.regions
    frames = regions.frames(size)
    runs = list(zip(frames.first, frames.last, frames.kind, frames.label, strict=True))
    assert all(a[1] < b[0] for a, b in pairwise(runs))
    for first, last, kind, label in runs:
        for pfn in (first, last):
            bytes_ = range(pfn * size, (pfn + 1) * size, 16)
            parts = [regions.at(b) for b in bytes_]
            assert any(p is not None and p.kind == kind and p.label == label for p in parts)
            assert kind != "ram" or all(p is not None and p.kind == "ram" for p in parts)


spans = st.lists(
    st.builds(
        lambda a, n, kind, p: Layer(Span(a, a + n, kind, kind, ""), p),
        st.integers(0, 60), st.integers(0, 30), st.sampled_from(("ram", "firmware", "device")),
        st.integers(0, 3),
    ),
    max_size=15,
)  # fmt: skip


@given(spans)
def test_flatten_shows_the_topmost(layers: list[Layer]) -> None:
    flat, overlaps = flatten(layers)
    for byte in range(100):
        here = [layer for layer in layers if layer.span.start <= byte < layer.span.end]
        top = max(enumerate(here), key=lambda item: (item[1].priority, item[0]), default=None)
        seen = [s for s in flat if s.start <= byte < s.end]
        assert [s.kind for s in seen] == ([top[1].span.kind] if top else [])
    assert all(a.end <= b.start for a, b in pairwise(flat))
    assert all(seen.kind != hidden.kind for seen, hidden in overlaps)


@given(spans, spans)
def test_combine_asks_for_every_byte(one: list[Layer], two: list[Layer]) -> None:
    below, above = flatten(one)[0], flatten(two)[0]
    both = combine(below, above, fill)
    for byte in range(100):
        first = next((s for s in (*below, *above) if s.start <= byte < s.end), None)
        seen = [s.kind for s in both if s.start <= byte < s.end]
        assert seen == ([first.kind] if first else [])


NAMES = (
    "e820_firmware", "e820_user", "zero_page", "e820_setup_data", "efi", "iomem", "devicetree",
    "reserved_memory", "memreserve", "usable_memory_range", "sysfs_memmap", "grub_efi", "esxi",
)  # fmt: skip
TYPES = (
    "usable", "reserved", "conventional", "boot_services_data", "memory", "System RAM", "mmio",
    "Kernel code", "unusable", "persistent", "soft_reserved", "type_77", "", "unknown",
)  # fmt: skip
any_entry = st.builds(
    lambda a, n, kind, attributes: Entry(a, min(a + n, (1 << 64) - 1), kind, attributes),
    st.one_of(st.integers(0, 1 << 33), st.integers((1 << 64) - (1 << 20), (1 << 64) - 1)),
    st.one_of(st.integers(0, 1 << 33), st.integers(0, 1 << 64)),
    st.sampled_from(TYPES),
    st.sampled_from(({}, {"attr": 8}, {"attr": 0x4000F}, {"attr": 1}, {"depth": 1}, {"depth": 9},
                     {"no-map": True}, {"reusable": True}, {"depth": -1})),
)  # fmt: skip
LINES = (
    None, "", "mem=1G", "memmap=1G@4G efi=debug", "memmap=exactmap,1G@0,1G@4G",
    "crashkernel=64M@1G", "memmap=2G%0-1+5 efi=nosoftreserve",
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(any_entry, max_size=6), max_size=5),
    st.sampled_from(("x86_64", "arm64")), st.sampled_from(("running", "next")),
    st.sampled_from(LINES),
)  # fmt: skip
def test_any_maps(
    found: dict[str, list[Entry]], arch: str, whose: Literal["running", "next"], line: str | None
) -> None:
    try:
        regions = view_of(machine(arch, **found), iomem_of=whose, next_cmdline=line)
    except (InputError, UsageError) as error:
        one_line(error)
        return
    assert all(a.end < b.start for a, b in pairwise(regions.regions))
    assert all(p.message.isprintable() for p in regions.problems)
    frames = regions.frames(16384)
    assert all(a < b for a, b in pairwise(frames.first))


def one_line(error: Exception) -> None:
    assert str(error).isprintable()


def test_thousands_of_entries() -> None:
    count = much(3000, 10_000)
    many = [Entry(i << 20, (i << 20) + (3 << 19), "usable" if i % 3 else "reserved")
            for i in range(count)]  # fmt: skip
    regions = view_of(machine(e820_firmware=many, iomem=[
        Entry(e.start, e.end, "System RAM", {"depth": 0}) for e in many]))  # fmt: skip
    assert len(regions.regions) > count // 2
    assert len(regions.frames(4096).first) > count // 2


@st.composite
def painted(draw: st.DrawFn) -> list[Layer]:
    """Layers within 24 bytes."""
    found = []
    for i in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, 23))
        end = draw(st.integers(start, 24))
        kind: Kind = draw(st.sampled_from(("ram", "firmware")))
        found.append(Layer(Span(start, end, kind, draw(st.sampled_from("ab")), f"{i % 2}"), i))
    return found


def by_byte(spans: Sequence[Span]) -> list[tuple[str, ...] | None]:
    """What each byte is; the spans must ascend."""
    assert all(
        a.end <= b.start and a.start < a.end
        for a, b in pairwise([*spans, Span(99, 100, "ram", "", "")])
    )
    return [next((s[2:] for s in spans if s.start <= at < s.end), None) for at in range(25)]


@given(painted(), painted())
def test_layers_are_painted_byte_by_byte(below: list[Layer], above: list[Layer]) -> None:
    flat = [flatten(layers)[0] for layers in (below, above)]
    for layers, spans in zip((below, above), flat, strict=True):
        seen = [
            max(
                (x for x in layers if x.span.start <= at < x.span.end),
                key=lambda x: x.priority,
                default=None,
            )
            for at in range(25)
        ]
        assert by_byte(spans) == [x and x.span[2:] for x in seen]
        assert not any(a.end == b.start and a[2:] == b[2:] for a, b in pairwise(spans))
    for choose, one_by_one in (
        (fill, lambda one, two: one or two),
        (occupy, lambda one, two: two if one and one[0] == "ram" and two else one),
    ):
        got = by_byte(combine(flat[0], flat[1], choose))
        assert got == [one_by_one(a, b) for a, b in zip(*map(by_byte, flat), strict=True)]
