"""Who owns which memory, by type; and against the page flags of a real kernel."""

from __future__ import annotations

import pytest

from hwpkho.memmap import efi
from hwpkho.memmap.formats.efi_descriptors import EfiDescriptors
from hwpkho.memmap.view.ownership import is_ram, kind
from hwpkho.memmap.view.regions import view_of
from tests.support.mapdata import FIXTURES, TRUTH, machine, read

WB, SP = efi.WB, efi.SP


def test_page_flags_of_a_real_kernel() -> None:
    """Every frame that the kernel owned is RAM here, and nothing of what it never may own."""
    data = (FIXTURES / "e61nd-efi-memory-map.bin").read_bytes()
    (found,) = read(EfiDescriptors(), data)
    frames = view_of(machine(efi=found.entries)).frames(4096)
    usable = [(e.start >> 12, e.end >> 12) for e in found.entries if e.type in efi.USABLE]
    owned, wrong = 0, []
    for first, last, state in TRUTH["pfn_runs"]:
        for pfn in {*range(first, last + 1, 97), first, last, (first + last) // 2}:
            at = frames.find(pfn)
            ram = at is not None and frames.kind[at] == "ram"
            if state == "owned":
                right = ram
                owned += 1
            else:  # if it is RAM, the kernel kept for itself what no map tells; never below 1 MiB
                right = not ram or (pfn >= 256 and any(a <= pfn <= b for a, b in usable))
            if not right:
                wrong.append((hex(pfn), state))
    assert wrong == []
    assert owned > 1000


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize(
    ("map_name", "type_", "expected"),
    [
        ("e820_firmware", "usable", "ram"), ("e820_user", "reserved", "firmware"),
        ("e820_firmware", "acpi_data", "firmware"), ("e820_firmware", "acpi_nvs", "firmware"),
        ("e820_firmware", "unusable", "retired"), ("e820_firmware", "type_20", "firmware"),
        ("zero_page", "pmem", "device"), ("sysfs_memmap", "pram", "device"),
        ("sysfs_memmap", "unknown", "firmware"), ("e820_firmware", "soft_reserved", "device"),
        ("efi", "conventional", "ram"), ("efi", "loader_code", "ram"),
        ("efi", "loader_data", "ram"),
        ("efi", "boot_services_code", "ram"), ("grub_efi", "boot_services_data", "ram"),
        ("efi", "acpi_reclaim", "firmware"), ("efi", "runtime_services_data", "firmware"),
        ("efi", "mmio", "firmware"), ("efi", "pal_code", "firmware"),
        ("efi", "unusable", "retired"),
        ("efi", "type_2147483649", "firmware"),
        ("devicetree", "memory", "ram"), ("reserved_memory", "reserved_memory", "firmware"),
        ("memreserve", "memreserve", "firmware"), ("usable_memory_range", "memory", "none"),
        ("uboot_dram", "dram_bank", "ram"), ("lmb_reserved", "lmb_reserved", "firmware"),
        ("iomem", "System RAM", "ram"), ("iomem", "System RAM (kmem)", "ram"),
        ("iomem", "System RAM (virtio_mem)", "ram"), ("iomem", "Reserved", "firmware"),
        ("iomem", "Kernel code", "firmware"), ("iomem", "reserved", "firmware"),
        ("iomem", "Unusable memory", "retired"), ("iomem", "Persistent Memory", "device"),
        ("iomem", "Persistent Memory (legacy)", "device"), ("iomem", "Soft Reserved", "device"),
        ("iomem", "CXL Window 0", "device"), ("iomem", "usable", "firmware"),
    ],
)  # fmt: skip
def test_types(map_name: str, type_: str, expected: str, arch: str) -> None:
    assert kind(map_name, type_, {}, arch) == expected
    assert is_ram(map_name, type_, {}, arch) is (expected == "ram")


@pytest.mark.parametrize(
    ("type_", "attr", "x86", "arm64"),
    [
        ("conventional", WB, "ram", "ram"),
        ("conventional", 0, "ram", "firmware"),
        ("conventional", efi.WT | efi.UC, "ram", "firmware"),
        ("conventional", WB | SP, "device", "device"),
        ("boot_services_data", WB | SP, "device", "device"),
        ("conventional", WB | efi.MORE_RELIABLE | efi.CPU_CRYPTO | efi.HOT_PLUGGABLE, "ram", "ram"),
        ("persistent", WB, "device", "ram"),
        ("persistent", WB | SP, "device", "device"),
        ("persistent", 0, "device", "firmware"),
        ("unaccepted", WB, "ram", "firmware"),
        ("acpi_reclaim", WB, "firmware", "firmware"),
        ("runtime_services_code", WB | efi.RUNTIME, "firmware", "firmware"),
    ],
)
def test_attributes(type_: str, attr: int, x86: str, arm64: str) -> None:
    assert kind("efi", type_, {"attr": attr}, "x86_64") == x86
    assert kind("efi", type_, {"attr": attr}, "arm64") == arm64


def test_memory_that_is_wholly_not_to_be_mapped_is_no_ram() -> None:
    assert not is_ram("devicetree", "memory", {"no-map": True}, "arm64")


def test_no_type_of_the_registry_is_forgotten() -> None:
    assert {kind("efi", name, {}, "arm64") for name in efi.TYPES} == {"ram", "firmware", "retired"}
