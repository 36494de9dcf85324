"""Small structures beside the list: kexec-metadata, the scratch array, x86's setup_data.

Source: include/linux/kho/abi/kexec_handover.h; arch/x86/include/uapi/asm/setup_data.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hwpkho.abi import headers

KEXEC_METADATA_SIZE = 73
KEXEC_METADATA_VERSION = 1
SCRATCH_ENTRY = 16
#: Areas that are read of a scratch array; a kernel makes a handful per NUMA node.
MAX_SCRATCH_AREAS = 4096

SETUP_DATA_SIZE = 16
SETUP_KEXEC_KHO = 10
KHO_DATA_SIZE = 32


class KexecMetadata(NamedTuple):
    """``struct kho_kexec_metadata``: which kernel handed over, and after how many kexecs."""

    previous_release: str
    kexec_count: int

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> KexecMetadata:
        """Read at least 73 bytes; ValueError for fewer, another version or an endless release."""
        if len(raw) < KEXEC_METADATA_SIZE:
            raise ValueError(f"{len(raw)} bytes, the structure has {KEXEC_METADATA_SIZE}")
        h = headers.parse(headers.KEXEC_METADATA, raw[:KEXEC_METADATA_SIZE])
        if h.version != KEXEC_METADATA_VERSION:
            raise ValueError(f"version {h.version}, known is {KEXEC_METADATA_VERSION}")
        release, end, _ = h.release.partition(b"\0")
        if not end:
            raise ValueError("the release has no end")
        return cls(release.decode("ascii", "backslashreplace"), h.kexec_count)

    def build(self) -> bytes:
        """Return the 73 bytes; ValueError for a release of more than 64 bytes."""
        release = self.previous_release.encode("ascii")
        if len(release) > 64 or b"\0" in release:
            raise ValueError("a kernel release has at most 64 characters")
        return headers.build(
            headers.KEXEC_METADATA,
            version=KEXEC_METADATA_VERSION,
            release=release.ljust(65, b"\0"),
            kexec_count=self.kexec_count,
        )


def parse_scratch(raw: bytes | memoryview) -> list[tuple[int, int]]:
    """Return the ``(address, size)`` areas, bytes, of a scratch array; trailing bytes are left."""
    return list(struct.iter_unpack("<QQ", bytes(raw[: len(raw) // SCRATCH_ENTRY * SCRATCH_ENTRY])))


def build_scratch(areas: list[tuple[int, int]]) -> bytes:
    """Return the array of ``(address, size)`` areas."""
    return b"".join(struct.pack("<QQ", *area) for area in areas)


class KhoData(NamedTuple):
    """x86 setup_data payload of type SETUP_KEXEC_KHO: where everything is, for the next kernel.

    Addresses and sizes in bytes; ``fdt_size`` is the page, not the tree's totalsize.
    """

    fdt_addr: int
    fdt_size: int
    scratch_addr: int
    scratch_size: int

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> KhoData:
        """Read 32 bytes; ValueError for any other length."""
        h = headers.parse(headers.KHO_DATA, raw)
        return cls(h.fdt_addr, h.fdt_size, h.scratch_addr, h.scratch_size)

    def build(self) -> bytes:
        """Return the 32 bytes."""
        return headers.build(
            headers.KHO_DATA,
            fdt_addr=self.fdt_addr,
            fdt_size=self.fdt_size,
            scratch_addr=self.scratch_addr,
            scratch_size=self.scratch_size,
        )
