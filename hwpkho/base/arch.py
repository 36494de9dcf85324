"""The architectures that have KHO: one row each, with everything that differs between them.

Other modules read the row and do not compare names; only the formats of memory maps that a single
architecture prints name it. Sources: arch/x86 and arch/arm64 of Linux 7.3.4, and the header named
at each field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Assumed where neither the input nor ``--arch`` states one.
DEFAULT = "x86_64"


class PageSize(NamedTuple):
    """Constants of a kernel that depend on its page size.

    Attributes:
        section_bits: SECTION_SIZE_BITS (asm/sparsemem.h): log2 of a memory section's bytes.
        early_pages: NR_FIX_BTMAPS (asm/fixmap.h): the most pages that early_memremap() maps.
        early_scratch: A scratch size, bytes, with which every arm64 kernel of
            docs/kernel-rig.md died: it allocates page tables and per-CPU areas from scratch.
        max_order: MAX_PAGE_ORDER (arch/arm64/Kconfig, ARCH_FORCE_MAX_ORDER): the page allocator's
            largest order, which is that of a huge page or above.
    """

    section_bits: int
    early_pages: int
    early_scratch: int
    max_order: int = 10


class LowMemory(NamedTuple):
    """Memory from address 0 on that the kernel reserves, whatever its memory map says.

    Attributes:
        end: Physical address of its end, bytes, exclusive.
        label: What reports call it.
    """

    end: int
    label: str


class BootLine(NamedTuple):
    """A line that only kernels of one architecture print as they boot.

    Attributes:
        needle: What every such line contains (:class:`hwpkho.logs.scanner.LineReader`).
        pattern: Regular expression that matches in such lines only.
    """

    needle: bytes
    pattern: str


class Arch(NamedTuple):
    """One architecture.

    Attributes:
        name: Its name on the command line and in JSON documents.
        elf: e_machine and EI_CLASS of its ELF headers.
        machine: As ``uname -m`` prints it; also in kdump headers and in a kernel's first log line.
        prstatus: sizeof(struct elf_prstatus), bytes.
        pages: Page size in bytes → constants that depend on it, the usual page size first.
        boot: How a boot loader passes a handover to the kernel: in a list of setup_data, or in
            /chosen of the device tree.
        memory: What the kernel builds its memory from: ``e820``, or ``memblock`` filled from the
            EFI map or device tree. A name of :data:`hwpkho.memmap.view.VIEWS`.
        crash_align: Alignment in bytes that crashkernel= requires of an address.
        phys_bits: Bits of the largest physical address.
        linear_bits: How many low bits of a physical address reach the linear map: arm64's
            __phys_to_virt() ORs PAGE_OFFSET into the address. The kernel removes memory above them
            at boot. None: all bits.
        whole_pages: Whether the kernel leaves a partial page at the end of memory unmapped
            (map_mem()).
        low: None where the kernel reserves no memory from address 0 on.
        page_struct: sizeof(struct page), bytes.
        memblock_ranges: How many separate ranges memblock can reserve, beside the kernel's own,
            before it may grow its table. Measured on x86: a kernel boots with 112, not with 121.
            arm64: 128 + NR_CPUS + 1 less about 16, with NR_CPUS 512; it boots with 151, more was
            not measured.
        trampoline: Whether the kernel needs RAM in the first MiB to start further processors.
        boot_lines: Lines that name it where the first line of a boot is cut off or damaged.
    """

    name: str
    elf: tuple[int, int]
    machine: str
    prstatus: int
    pages: Mapping[int, PageSize]
    boot: Literal["setup_data", "device-tree"]
    memory: str
    crash_align: int
    phys_bits: int = 52
    linear_bits: int | None = None
    whole_pages: bool = False
    low: LowMemory | None = None
    page_struct: int = 64
    memblock_ranges: int = 625
    trampoline: bool = False
    boot_lines: tuple[BootLine, ...] = ()

    @property
    def low_end(self) -> int:
        """End of :attr:`low`, bytes, exclusive; 0 where there is none."""
        return self.low.end if self.low else 0

    def has_pages(self, page_size: int | None) -> bool:
        """Tell whether its kernels have pages of ``page_size`` bytes; True for None (unknown)."""
        return page_size is None or page_size in self.pages

    def page_sizes(self) -> str:
        """Return its page sizes, bytes, for messages: ``4096`` or ``4096, 16384 or 65536``."""
        *others, last = map(str, self.pages)
        return f"{', '.join(others)} or {last}" if others else last

    def linear(self, phys: int) -> int:
        """Return the physical address that phys_to_virt(``phys``) makes a kernel read.

        The three arm64 kernels of docs/kernel-rig.md read through addresses with higher bits set; a
        kernel built for 48 bits of virtual address ignores four bits more.
        """
        return phys if self.linear_bits is None else phys & ((1 << self.linear_bits) - 1)

    def removes(self, phys: int) -> bool:
        """Tell whether the kernel removes memory at ``phys`` (bytes) early in boot."""
        return self.linear_bits is not None and phys >> self.linear_bits > 0


X86_64 = Arch(
    name="x86_64",
    elf=(62, 2),
    machine="x86_64",
    prstatus=336,
    pages={4096: PageSize(27, 64, 2 << 20)},
    boot="setup_data",
    memory="e820",
    crash_align=16 << 20,
    low=LowMemory(1 << 20, "first MiB, kept by the kernel"),  # arch/x86/realmode/init.c
    memblock_ranges=115,
    trampoline=True,
)

ARM64 = Arch(
    name="arm64",
    elf=(183, 2),
    machine="aarch64",
    prstatus=392,
    pages={
        4096: PageSize(27, 65, 2 << 20),
        16384: PageSize(27, 17, 3 << 18, 11),
        65536: PageSize(29, 5, 1 << 19, 13),
    },
    boot="device-tree",
    memory="memblock",
    crash_align=2 << 20,
    linear_bits=52,
    whole_pages=True,
    boot_lines=(  # arch/arm64/kernel/setup.c and cpuinfo.c
        BootLine(
            b"Linux on physical CPU 0x", r"\bBooting Linux on physical CPU 0x[0-9a-f]{10} \[0x"
        ),
        BootLine(rb"Processor \[", r"\bCPU[0-9]*: AArch64 Processor \["),
    ),
)

ARCHES: Registry[Arch] = Registry(
    "architecture", {"x86_64": f"{__name__}:X86_64", "arm64": f"{__name__}:ARM64"}
)


def known(name: str | None) -> Arch | None:
    """Return the row called ``name``; None for None and for an architecture without KHO."""
    return ARCHES[name] if name is not None and name in ARCHES else None


def by_machine(name: str) -> str:
    """Return the architecture's name for ``name`` as uname -m prints it; others unchanged."""
    return next((arch.name for arch in ARCHES if arch.machine == name), name)


def machines() -> str:
    """Return a regular expression that matches each architecture as uname -m prints it."""
    return "|".join(re.escape(arch.machine) for arch in ARCHES)


def page_sizes() -> tuple[int, ...]:
    """Return the page sizes (bytes) of all kernels that have KHO, ascending."""
    return tuple(sorted({size for arch in ARCHES for size in arch.pages}))


def first_with(page_size: int, *, device_tree: bool = False) -> Arch | None:
    """Return the first architecture with pages of ``page_size`` bytes, None where there is none.

    With ``device_tree``, one that boots with a device tree is preferred.
    """
    found = [arch for arch in ARCHES if arch.has_pages(page_size)]
    with_tree = [arch for arch in found if arch.boot == "device-tree"]
    return next(iter(with_tree or found if device_tree else found), None)


def by_page_size(page_size: int | None) -> Arch | None:
    """Return the only architecture with pages of ``page_size`` bytes; None for several or none."""
    found = [arch for arch in ARCHES if page_size in arch.pages]
    return found[0] if len(found) == 1 else None


def pages(name: str | None, page_size: int) -> PageSize:
    """Return the constants of architecture ``name`` for pages of ``page_size`` bytes.

    Where ``name`` is unknown or has no such pages, each is the largest of any architecture. Raises
    KeyError for a size that no architecture has.
    """
    arch = known(name)
    if arch is not None and page_size in arch.pages:
        return arch.pages[page_size]
    found = [arch.pages[page_size] for arch in ARCHES if page_size in arch.pages]
    if not found:
        raise KeyError(page_size)
    return PageSize(*map(max, zip(*found, strict=True)))


def phys_bits(name: str | None) -> int:
    """Return the physical address bits of architecture ``name``; the most of any if unknown."""
    arch = known(name)
    return max(a.phys_bits for a in ARCHES) if arch is None else arch.phys_bits


def linear(phys: int, name: str | None) -> int:
    """Return :meth:`Arch.linear` of architecture ``name``; ``phys`` itself where it is unknown."""
    arch = known(name)
    return phys if arch is None else arch.linear(phys)


def removes(phys: int, name: str | None) -> bool:
    """Return :meth:`Arch.removes` of architecture ``name``; False where it is unknown."""
    arch = known(name)
    return arch is not None and arch.removes(phys)
