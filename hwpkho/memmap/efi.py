"""UEFI memory descriptors: type numbers, attribute bits, and what the x86 EFI stub makes of them.

Source: UEFI specification 2.10, section 7.2.3 (EFI_MEMORY_DESCRIPTOR); include/linux/efi.h;
drivers/firmware/efi/libstub/x86-stub.c (setup_e820).
"""

from __future__ import annotations

from hwpkho.memmap import e820

#: Type names of hwpkho.memmap/1; the index is the UEFI type number.
TYPES = (
    "reserved",
    "loader_code",
    "loader_data",
    "boot_services_code",
    "boot_services_data",
    "runtime_services_code",
    "runtime_services_data",
    "conventional",
    "unusable",
    "acpi_reclaim",
    "acpi_nvs",
    "mmio",
    "mmio_port",
    "pal_code",
    "persistent",
    "unaccepted",
)

#: Bytes per descriptor page, whatever the kernel's page size.
PAGE = 4096

# Attribute bits (EFI_MEMORY_*).
UC, WC, WT, WB, UCE = 0x1, 0x2, 0x4, 0x8, 0x10
WP, RP, XP, NV, MORE_RELIABLE, RO = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000
SP, CPU_CRYPTO, HOT_PLUGGABLE = 0x40000, 0x80000, 0x100000
ISA_MASK, ISA_VALID, RUNTIME = 0x0FFFF000_00000000, 1 << 62, 1 << 63

#: Every bit that the specification defines.
KNOWN = (
    UC | WC | WT | WB | UCE | WP | RP | XP | NV | MORE_RELIABLE | RO | SP | CPU_CRYPTO
    | HOT_PLUGGABLE | ISA_MASK | ISA_VALID | RUNTIME
)  # fmt: skip

#: With none of these the range is not memory at all (efi-init.c is_memory).
MEMORY = WB | WT | WC

BOOT_SERVICES = frozenset(("boot_services_code", "boot_services_data"))

#: Free for the operating system once boot services have ended.
USABLE = BOOT_SERVICES | {"loader_code", "loader_data", "conventional"}

_TO_E820 = {
    **dict.fromkeys(USABLE, e820.RAM),
    "unaccepted": e820.RAM,
    "reserved": e820.RESERVED,
    "runtime_services_code": e820.RESERVED,
    "runtime_services_data": e820.RESERVED,
    "mmio": e820.RESERVED,
    "mmio_port": e820.RESERVED,
    "pal_code": e820.RESERVED,
    "unusable": e820.UNUSABLE,
    "acpi_reclaim": e820.ACPI,
    "acpi_nvs": e820.NVS,
    "persistent": e820.PMEM,
}


def type_name(number: int) -> str:
    """Return the type of hwpkho.memmap/1 of a UEFI memory type number."""
    return TYPES[number] if number < len(TYPES) else f"type_{number}"


def type_in_text(number: str) -> str | None:
    """Return the type that a text's decimal number means, None where it has more than 32 bits."""
    return type_name(int(number)) if int(number) <= e820.MAX_TYPE else None


def to_e820(name: str, attr: int, *, soft_reserve: bool = True) -> int | None:
    """Return the e820 type number that the x86 stub gives a descriptor, None where it drops it."""
    if soft_reserve and attr & SP and name in USABLE:
        return e820.SOFT_RESERVED
    return _TO_E820.get(name)
