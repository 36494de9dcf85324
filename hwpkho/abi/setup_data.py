"""How an x86 boot loader passes a handover on: an entry of the setup_data list.

Source: arch/x86/include/uapi/asm/setup_data.h (struct setup_data, struct kho_data).
"""

from __future__ import annotations

from typing import NamedTuple

#: Bytes of an entry's head: next, type, length.
SETUP_DATA_SIZE = 16
SETUP_KEXEC_KHO = 10
KHO_DATA_SIZE = 32


class KhoData(NamedTuple):
    """``struct kho_data``, the payload of type SETUP_KEXEC_KHO: root FDT and scratch array.

    Physical addresses and sizes in bytes; ``fdt_size`` is that of the page, not the totalsize.
    """

    fdt_addr: int
    fdt_size: int
    scratch_addr: int
    scratch_size: int

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> KhoData:
        """Read it from 32 bytes; ValueError for any other length."""
        from hwpkho.abi import headers

        h = headers.parse(headers.KHO_DATA, raw)
        return cls(h.fdt_addr, h.fdt_size, h.scratch_addr, h.scratch_size)

    def build(self) -> bytes:
        """Return its 32 bytes."""
        from hwpkho.abi import headers

        return headers.build(
            headers.KHO_DATA,
            fdt_addr=self.fdt_addr,
            fdt_size=self.fdt_size,
            scratch_addr=self.scratch_addr,
            scratch_size=self.scratch_size,
        )
