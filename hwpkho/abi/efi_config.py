"""EFI configuration tables: an array of GUIDs, each with the physical address of a table.

Source: efi_config_table_64_t and the GUIDs in include/linux/efi.h (Linux 7.3.4); UEFI 2.10, 4.6.
"""

from __future__ import annotations

from uuid import UUID

#: Bytes of an entry: GUID, u64 address.
ENTRY = 24
#: GUID, as in memory → the name that the kernel's log has for it: tables that firmware and the EFI
#: stub install.
KNOWN = {
    UUID(text).bytes_le: name
    for text, name in (
        ("eb9d2d30-2d88-11d3-9a16-0090273fc14d", "ACPI"),
        ("8868e871-e4f1-11d3-bc22-0080c73c8881", "ACPI 2.0"),
        ("eb9d2d31-2d88-11d3-9a16-0090273fc14d", "SMBIOS"),
        ("f2fd1544-9794-4a2c-992e-e5bbcf20e394", "SMBIOS 3.0"),
        ("dcfa911d-26eb-469f-a220-38b7dc461220", "MEMATTR"),
        ("888eb0c6-8ede-4ff5-a8f0-9aee5cb977c2", "MEMRESERVE"),
        ("5568e427-68fc-4f3d-ac74-ca555231cc68", "INITRD"),
        ("1ce1e5bc-7ceb-42f2-81e5-8aadf180f57b", "RNG"),
        ("b122a263-3661-4f68-9929-78f8b0d62180", "ESRT"),
        ("eb66918a-7eef-402a-842e-931d21c38ae9", "RTPROP"),
        ("b1b621d5-f19c-41a5-830b-d9152c69aae0", "DTB"),
    )
}


def entry(raw: bytes | memoryview) -> tuple[bytes, int]:
    """Return the GUID and the table's physical address of a 24-byte entry.

    Raises ValueError for another length.
    """
    from hwpkho.abi import headers

    found = headers.parse(headers.EFI_CONFIG_ENTRY, raw)
    return found.guid, found.table


def build(guid: bytes, phys: int) -> bytes:
    """Return the 24-byte entry for a table at address ``phys``; ``guid`` as in memory."""
    from hwpkho.abi import headers

    return headers.build(headers.EFI_CONFIG_ENTRY, guid=guid, table=phys)
