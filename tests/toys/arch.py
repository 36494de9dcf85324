"""An architecture: 8 KiB pages, 40 bits of physical address, and 2 MiB that its kernel keeps."""

from __future__ import annotations

from hwpkho.base.arch import ARCHES, Arch, LowMemory, PageSize

TOY = Arch(
    name="toy",
    elf=(0x9026, 2),
    machine="toy64",
    prstatus=344,
    pages={8192: PageSize(section_bits=28, early_pages=32, early_scratch=1 << 20)},
    boot="device-tree",
    memory="memblock",
    crash_align=4 << 20,
    phys_bits=40,
    low=LowMemory(2 << 20, "toy's own"),
)


def register() -> None:
    ARCHES.register(TOY.name, TOY)


def unregister() -> None:
    ARCHES.unregister(TOY.name)
