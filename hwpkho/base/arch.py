"""The architectures with KHO: one row each, and everything that differs between them.

Every other module asks a row; none compares names. Forms of memory maps that only one architecture
prints may name it. Sources: arch/x86 and arch/arm64 of Linux 7.3.4; the header named at each field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Assumed where neither the input nor ``--arch`` states one.
DEFAULT = "x86_64"


class PageSize(NamedTuple):
    """What a kernel with pages of one size has.

    Attributes:
        section_bits: SECTION_SIZE_BITS (asm/sparsemem.h): log2 of a memory section, bytes.
        early_pages: NR_FIX_BTMAPS (asm/fixmap.h): pages that early_memremap() maps at most.
        early_scratch: Bytes of scratch with which every kernel of the rig died: its page tables
            and per-CPU areas come from scratch. The rig's kernels are of arm64.
    """

    section_bits: int
    early_pages: int
    early_scratch: int


class LowMemory(NamedTuple):
    """Memory from address 0 on that the kernel keeps to itself, whatever its map says.

    Attributes:
        end: One past the last byte.
        label: What a map of it is called.
    """

    end: int
    label: str


class Arch(NamedTuple):
    """One architecture.

    Attributes:
        name: As hwpkho calls it: on the command line and in JSON documents.
        elf: Its machine and class in an ELF header (e_machine, EI_CLASS).
        machine: As ``uname -m`` says it; also in kdump headers and in a kernel's first log line.
        prstatus: Bytes of its struct elf_prstatus.
        pages: Page size in bytes → what depends on it. Its first one is the usual.
        boot: How a boot loader passes a handover to the kernel: in a list of setup_data, or in
            /chosen of the device tree.
        memory: What the kernel builds its memory from: ``e820``, or ``memblock`` filled from the
            EFI map or device tree. A name of :data:`hwpkho.memmap.view.VIEWS`.
        crash_align: Bytes; crashkernel= takes addresses that are multiples of it only.
        phys_bits: Bits of the largest physical address.
        linear_bits: How many bits of a physical address a kernel looks at: its
            __phys_to_virt() ORs the page offset in. Memory beyond is removed at boot. None: it
            looks at all.
        whole_pages: Whether memory that ends inside a page is not mapped there (map_mem()).
        low: None where the kernel keeps nothing to itself.
        page_struct: sizeof(struct page), bytes.
        places: Separate ranges that memblock can reserve beside the kernel's own before it may
            grow its table. x86: 112 boot, 121 do not; arm64: 128 + NR_CPUS + 1 less about 16, for
            NR_CPUS 512; 151 boot, more was not measured.
        trampoline: Whether the kernel needs RAM in the first MiB, to start further processors.
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
    places: int = 625
    trampoline: bool = False

    @property
    def low_end(self) -> int:
        """One past the memory that the kernel keeps to itself, bytes; 0 where it keeps none."""
        return self.low.end if self.low else 0

    def has_pages(self, page_size: int | None) -> bool:
        """Tell whether its kernels have pages of ``page_size`` bytes; None is not known: True."""
        return page_size is None or page_size in self.pages

    def page_sizes(self) -> str:
        """Return its page sizes, bytes, for messages: ``4096`` or ``4096, 16384 or 65536``."""
        *others, last = map(str, self.pages)
        return f"{', '.join(others)} or {last}" if others else last

    def linear(self, phys: int) -> int:
        """Return the physical address that a kernel reads when it is given ``phys``.

        All three kernels of the rig were seen to read through addresses with bits set above; one
        built for 48 bits of virtual address forgets four bits more.
        """
        return phys if self.linear_bits is None else phys & ((1 << self.linear_bits) - 1)

    def removes(self, phys: int) -> bool:
        """Tell whether the kernel removes memory at ``phys`` before it uses any of it."""
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
    places=115,
    trampoline=True,
)

ARM64 = Arch(
    name="arm64",
    elf=(183, 2),
    machine="aarch64",
    prstatus=392,
    pages={
        4096: PageSize(27, 65, 2 << 20),
        16384: PageSize(27, 17, 3 << 18),
        65536: PageSize(29, 5, 1 << 19),
    },
    boot="device-tree",
    memory="memblock",
    crash_align=2 << 20,
    linear_bits=52,
    whole_pages=True,
)

ARCHES: Registry[Arch] = Registry(
    "architecture", {"x86_64": f"{__name__}:X86_64", "arm64": f"{__name__}:ARM64"}
)


def known(name: str | None) -> Arch | None:
    """Return the row called ``name``, None for None and for an architecture without KHO."""
    return ARCHES[name] if name is not None and name in ARCHES else None


def by_machine(name: str) -> str:
    """Return what hwpkho calls the machine ``name`` of a uname; other names stay as they are."""
    return next((arch.name for arch in ARCHES if arch.machine == name), name)


def page_sizes() -> tuple[int, ...]:
    """Return the page sizes (bytes) of all kernels that have KHO, ascending."""
    return tuple(sorted({size for arch in ARCHES for size in arch.pages}))


def first_with(page_size: int, *, device_tree: bool = False) -> Arch | None:
    """Return the first with pages of this size, bytes; if wanted, one with a device tree.

    None where none has such pages.
    """
    found = [arch for arch in ARCHES if arch.has_pages(page_size)]
    with_tree = [arch for arch in found if arch.boot == "device-tree"]
    return next(iter(with_tree or found if device_tree else found), None)


def by_page_size(page_size: int | None) -> Arch | None:
    """Return the only architecture with pages of ``page_size`` bytes, None where several have."""
    found = [arch for arch in ARCHES if page_size in arch.pages]
    return found[0] if len(found) == 1 else None


def pages(name: str | None, page_size: int) -> PageSize:
    """Return what kernels with pages of ``page_size`` bytes have, of architecture ``name``.

    Where that is not known, or has no such pages, the most that one of the others has. Raises
    KeyError for a size that none has.
    """
    arch = known(name)
    if arch is not None and page_size in arch.pages:
        return arch.pages[page_size]
    found = [arch.pages[page_size] for arch in ARCHES if page_size in arch.pages]
    if not found:
        raise KeyError(page_size)
    return PageSize(*map(max, zip(*found, strict=True)))


def phys_bits(name: str | None) -> int:
    """Return the bits of the largest physical address; the most of any where it is not known."""
    arch = known(name)
    return max(a.phys_bits for a in ARCHES) if arch is None else arch.phys_bits


def linear(phys: int, name: str | None) -> int:
    """Return the physical address that a kernel reads when it is given ``phys``.

    That of an architecture that is not known looks at all of it.
    """
    arch = known(name)
    return phys if arch is None else arch.linear(phys)


def removes(phys: int, name: str | None) -> bool:
    """Tell whether a kernel removes memory at ``phys`` before it uses any of it."""
    arch = known(name)
    return arch is not None and arch.removes(phys)
