"""For each code that validate alone can report: a case that provokes it, small and constructed.

Codes that decode reports are provoked in provoking_decode.py. A case is a function that writes its
files into a folder and returns the arguments of ``hwpkho validate --json``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from hwpkho.codes import (
    blob,
    limits,
    memmap,
    memmap_forms,
    memmap_gaps,
    memmap_view,
    pfnlist,
    tracker,
)
from hwpkho.codes import root as root_codes
from tests.support import replays
from tests.support.handovers import Machine, no_handover
from tests.support.mapdata import GIB, MIB, e820

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.codes import Code

Case = list[object]
Make = Callable[["Path"], Case]
CASES: dict[str, Make] = {}
#: Codes that only a batch has: arguments of ``hwpkho validate``.
BATCH: dict[str, Make] = {}
#: Codes that are about several lists: files for ``hwpkho merge``.
MERGED: dict[str, Make] = {}

IOMEM = "00000000-00000fff : Reserved\n00100000-7fffffff : System RAM\n"
E820 = """\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000080000000-0x000000008fffffff] reserved
"""
EFI = (
    "efi: mem00: [Conventional Memory|   |  |  |  |  |  |  |  |   |WB|WT|WC|UC] "
    "range=[0x0000000000100000-0x000000007fffffff] (2047MB)\n"
)


def provokes(*codes: Code) -> Callable[[Make], Make]:
    """Register a function that makes a case which shows each of ``codes``."""

    def register(make: Make) -> Make:
        CASES.update((code.id, make) for code in codes)
        return make

    return register


def listed(folder: Path, map_: str | bytes | None, *options: object, pfns: str = "0x5000") -> Case:
    """A bare list beside a map; ``map_`` None for none."""
    (folder / "list.txt").write_text(pfns + "\n")
    args: Case = [folder / "list.txt", *options]
    if map_ is not None:
        path = folder / "map"
        path.write_bytes(map_.encode() if isinstance(map_, str) else map_)
        args += ["--memmap", path]
    return args


def made(folder: Path, m: Machine, *options: object, iomem: str = IOMEM) -> Case:
    """A handover in an ELF core of arm64, judged by an iomem."""
    (folder / "iomem.txt").write_text(iomem)
    return [m.save(folder), "--memmap", folder / "iomem.txt", *options]


def replayed(name: str) -> Callable[[Path], Case]:
    """A handover that was fed to a real kernel."""

    def make(folder: Path) -> Case:
        case = replays.unpack(name, folder)
        return [case / "memory", "--memmap", case / "iomem.txt", *replays.arguments(name)]

    return make


provokes(root_codes.OTHER_VERSION)(replayed("arm64-4k-B-k-compat-v3"))
provokes(root_codes.SUBTREE_REFUSED)(replayed("arm64-4k-B-k-blob-size-missing"))
provokes(blob.CHUNK_OUTSIDE)(replayed("arm64-4k-B-i-next-outside"))
provokes(tracker.BLOCK_OUTSIDE)(replayed("arm64-4k-B-j-preserve-outside-ram"))
provokes(tracker.SCRATCH_OUTSIDE)(replayed("arm64-4k-B-l-scratch-outside-ram"))
provokes(pfnlist.NOT_RAM)(replayed("arm64-4k-B-a-outside-ram-above"))
provokes(pfnlist.DUPLICATE)(replayed("arm64-4k-B-b-duplicate"))
provokes(pfnlist.IN_SCRATCH)(replayed("arm64-4k-B-e-in-scratch-free"))
provokes(pfnlist.HANDOVER_PAGE)(replayed("arm64-4k-B-f-blob-page"))
provokes(pfnlist.TRANSIENT)(replayed("arm64-4k-B-f-chunk-page"))
provokes(pfnlist.IN_USE)(replayed("arm64-4k-B-h-kernel-text"))


@provokes(tracker.SCRATCH_SMALL)
def _scratch_small(folder: Path) -> Case:
    m = Machine()
    m.handover()
    array = m.put(struct.pack("<QQ", 0x7600_0000, 16 << 20))
    iomem = "40000000-7fffffff : System RAM\n"
    return made(folder, m, "--kho-scratch", f"0x{array:x}:16", iomem=iomem)


@provokes(tracker.NO_RAM)
def _no_ram(folder: Path) -> Case:
    m = Machine()
    m.handover(mark=lambda blocks: [*blocks, (0x4000_0000, 18)])
    return made(folder, m, iomem="40000000-7fffffff : System RAM\n")


@provokes(root_codes.OLDER_CONSUMER)
def _older_consumer(folder: Path) -> Case:
    m = Machine()
    m.handover()
    return made(folder, m, "--consumer-kho", "v2")


@provokes(root_codes.ROOT_ABSENT)
def _root_absent(folder: Path) -> Case:
    m = Machine()
    m.handover()
    return made(folder, m, "--root-fdt", "0x66660000", "--page-size", 4096)


@provokes(blob.ARRAY_OUTSIDE)
def _array_outside(folder: Path) -> Case:
    """A tracker that lists its blocks would say so first; that of kho-v2 with 16 KiB cannot."""
    m = Machine(page_size=16384)
    h = m.handover(kho=2, capacity=4096)
    page = h.pages[1]  # behind the last live entry: it was never read
    iomem = (
        f"40000000-{page - 1:08x} : System RAM\n{page:08x}-{page + 16383:08x} : Reserved\n"
        f"{page + 16384:08x}-7fffffff : System RAM\n"
    )
    return made(folder, m, "--consumer-kho", "v2", "--page-size", 16384, iomem=iomem)


@provokes(tracker.NODE_OUTSIDE)
def _node_outside(folder: Path) -> Case:
    m = Machine()
    h = m.handover()
    m.poke(h.tracker, "<Q", 0x99_0000_0000)
    return made(folder, m, "--page-size", 4096)


@provokes(tracker.NO_SCRATCH)
def _no_scratch(folder: Path) -> Case:
    m = Machine()
    m.handover()
    return made(folder, m, "--kho-scratch", "none")


@provokes(tracker.WRONG_TREE)
def _wrong_tree(folder: Path) -> Case:
    """Neither a tree nor the tree of this handover: nothing in it is marked."""
    m = Machine()
    h = m.handover()
    for node in h.nodes:
        m.memory[node] = struct.pack("<Q", 0x1001) * 512
    return made(folder, m, "--page-size", 4096)


def _map_case(code: Code, map_: str | bytes | None, *options: object, pfns: str = "0x5000") -> None:
    provokes(code)(lambda folder: listed(folder, map_, *options, pfns=pfns))


_EFI_LINE = "efi: mem{:02}: [{}|{}|  |WB|WT|WC|UC] range=[0x{:x}-0x{:x}] ({}MB)\n"
_EFI_RAM = _EFI_LINE.format(0, "Conventional", "   ", MIB, 2 * GIB - 1, 2047)
_RUNTIME = _EFI_LINE.format(0, "Runtime Data", "RUN", 2 * GIB, 2 * GIB + MIB - 1, 1)
_IOMEM_RAM = "00100000-7fffffff : System RAM\n"

_MMAP = "MMap[0]: 0x0 - 0x1ffffffffffffffff len=0x1, type=1, attr=0x1\n"
_map_case(memmap.DAMAGED, E820 + _MMAP)
_map_case(memmap.REVERSED, E820 + _IOMEM_RAM + "90000000-80000000 : Reserved\n")
_map_case(memmap.BEYOND, E820 + "SMAP type=01 base=ffffffffffff0000 len=0000000000100000\n")
_map_case(
    memmap.EMPTY_RANGE, E820 + "BIOS-e820: [mem 0x0000000090000000-0x000000008fffffff] reserved\n"
)
_map_case(memmap.REPEATED, E820 + E820.splitlines()[-1] + "\n")
_EFI_NEXT = _EFI_LINE.format(1, "Reserved", "   ", 2 * GIB, 2 * GIB + MIB - 1, 7)
_map_case(memmap.PAGES_MISMATCH, _EFI_RAM + _EFI_NEXT)
_map_case(memmap.CUT, E820 + "BIOS-e820: [mem 0x0000000090000000-0x00000")
_map_case(
    memmap.LOST_LINES,
    _EFI_RAM + _EFI_LINE.format(7, "Conventional", "   ", GIB * 4, GIB * 5 - 1, 1024),
)
_map_case(
    memmap.IOMEM_ZEROS, E820 + "00000000-00000000 : System RAM\n00000000-00000000 : Kernel code\n"
)
_map_case(memmap.SAME_BOOTS, ("[    0.000000] Linux version 6.1\n" + E820) * 2)
_map_case(memmap_view.LIST_BEYOND, E820, pfns="0x100000,0x100001")


@provokes(memmap_view.WRONG_MAP)
def _wrong_map(folder: Path) -> Case:
    m = Machine(at=0x6000_0000)
    m.handover()
    return made(folder, m, iomem="00100000-5fffffff : System RAM\n")


@provokes(memmap_view.MAP_DECIDES)
def _map_decides(folder: Path) -> Case:
    m = Machine(at=0x6000_0000)
    m.handover(mark=lambda own: [*own, (0x9_0000_0000, 0)])
    return made(folder, m, iomem="00100000-7fffffff : System RAM\n")


_map_case(memmap.RUNTIME_ONLY, E820 + _RUNTIME)
_map_case(
    memmap.OUT_OF_ORDER, "".join(f"{line}\n" for line in (E820.splitlines()[i] for i in (1, 0, 2)))
)
_map_case(
    memmap.PAGE_COUNT_ONLY,
    "efi:   0x000000100000-0x00007fffffff [Conventional]\n",
    "--arch",
    "arm64",
)
_SHELL = "Available  0000000000000000-000000003FFFFFFF 0000000000040000 000000000000000F\n"
_map_case(memmap_forms.TOTALS_DIFFER, _SHELL + "  Available :        262,145 Pages\n")
_BANK = "DRAM bank   = 0x{:016x}\n-> start    = 0x{:016x}\n"
_BANK_0 = _BANK.format(0, 0) + f"-> size     = 0x{GIB:016x}\n"
_REGION = " {}[{}]\t[0x{:x}-0x{:x}], 0x{:x} bytes, flags: none\n"
_TAKEN = _REGION.format("reserved", 0, GIB // 2, GIB // 2 + MIB - 1, MIB)
_ARM64 = ("--arch", "arm64")
_map_case(memmap_forms.COUNT_DIFFERS, _BANK_0 + " reserved.count = 0x2\n" + _TAKEN, *_ARM64)
_map_case(memmap_forms.INCOMPLETE, _BANK_0 + _BANK.format(1, 4 * GIB), *_ARM64)
_map_case(
    memmap_forms.BANK_MISSING,
    _BANK_0 + _REGION.format("memory", 0, 4 * GIB, 5 * GIB - 1, GIB),
    *_ARM64,
)
_map_case(memmap_forms.MISPRINTED, "U-Boot 2025.04 (Apr 07 2025)\n" + _BANK_0 + _TAKEN, *_ARM64)
_map_case(
    memmap_forms.DESCRIPTORS_OVERLAP,
    "CONVENTIONAL     0000000000000000-0000000040000000 WB\n"
    "CONVENTIONAL     0000000080000000-00000000c0000000 WB\n"
    "BOOT DATA        00000000bff00000-00000000c0000000 WB\n",
    *_ARM64,
)
_map_case(memmap_view.ENTRY_IGNORED, e820((0, 0xA0000, 1), (MIB, GIB, 1), (GIB * 2, 0, 2)))
_map_case(
    memmap_view.MAP_PARTIAL, struct.pack("<QII", 0, 1, 40) + e820((0, 0xA0000, 1), (MIB, GIB, 1))
)
_map_case(memmap_view.MAPS_DISAGREE, E820 + _EFI_RAM.replace("Conventional", "Reserved"))
_map_case(memmap_view.RUNNING_KERNEL, _IOMEM_RAM + "  01000000-01ffffff : Kernel code\n")
_map_case(memmap_view.BOOT_SERVICES, _EFI_RAM.replace("Conventional", "Boot Data"))
_map_case(memmap_view.OVERLAP, E820.replace("mem 0x0000000080000000", "mem 0x000000007f000000"))
_map_case(memmap_view.CMDLINE_NOTE, E820, "--next-cmdline", "crashkernel=64M")
_map_case(memmap_view.CMDLINE_WARNING, E820, "--next-cmdline", "crashkernel=64M@0x1234")


_map_case(memmap_gaps.MESSAGES_LOST, E820 + "** 4 printk messages dropped **\n")
_map_case(memmap_gaps.HEAD_LOST, E820.replace("0x0000000000000000-", "0x0000000000080000-", 1))
_map_case(
    memmap_gaps.LINE_MISSING,
    E820 + "BIOS-e820: [gap 0x0000000090000000-0x00000000ffffffff]\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff]  System RAM\n",
)
_map_case(memmap_gaps.OVERLAPPING, E820.replace("mem 0x0000000080000000", "mem 0x000000007f000000"))


_map_case(
    memmap_gaps.FIRMWARE_DISAGREES,
    E820
    + "".join(
        f"reserve setup_data: [mem {line.split('mem ')[1]}\n" for line in E820.splitlines()[:2]
    ),
)
_map_case(memmap_gaps.NOT_THE_MAP, E820 + "    fb300000-fb31ffff : e1000e\n")


@provokes(memmap_gaps.IN_GAP)
def _in_gap(folder: Path) -> Case:
    text = E820.replace("0x0000000000100000-", "0x00000000001OOOOO-")
    return listed(folder, text)


@provokes(memmap_gaps.GAP_FILLED)
def _gap_filled(folder: Path) -> Case:
    text = E820.replace("0x0000000000100000-", "0x00000000001OOOOO-")
    other = folder / "iomem"
    other.write_text("00000000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n")
    return [*listed(folder, text), "--memmap", other]


@provokes(memmap.SAME_TABLE)
def _same_table(folder: Path) -> Case:
    other = folder / "again"
    other.write_text(E820)
    return [*listed(folder, E820), "--memmap", other]


@provokes(memmap.NO_MAP_IN_LOG)
def _no_map_in_log(folder: Path) -> Case:
    log = folder / "dmesg"
    log.write_text("[    0.000000] Linux version 6.1.0 (a@b) (gcc)\n")
    return [*listed(folder, IOMEM), "--memmap", log]


@provokes(memmap.FILES_DISAGREE)
def _files_disagree(folder: Path) -> Case:
    other = folder / "iomem"
    other.write_text("00100000-7fffffff : Reserved\n80000000-8fffffff : System RAM\n")
    return [*listed(folder, E820), "--memmap", other]


@provokes(memmap_view.TYPE_UNKNOWN)
def _type_unknown(folder: Path) -> Case:
    for number, (start, end, type_) in enumerate(
        (("0x100000", "0x7fffffff", "System RAM"), ("0x80000000", "0x8fffffff", "My memory"))
    ):
        entry = folder / "memmap" / str(number)
        entry.mkdir(parents=True)
        for name, text in (("start", start), ("end", end), ("type", type_)):
            (entry / name).write_text(text + "\n")
    return [*listed(folder, None), "--memmap", folder / "memmap"]


_DTS = """/dts-v1/;
/ {{
    #address-cells = <1>; #size-cells = <1>;
    memory@40000000 {{ device_type = "memory"; reg = <0x40000000 0x40000000>; }};
    {}
}};
"""


def _dts_case(code: Code, body: str, *extra: Callable[[Path], object]) -> None:
    source = _DTS.format(body)
    provokes(code)(
        lambda folder: [
            *listed(folder, source, "--arch", "arm64", pfns="0x50000"), *(x(folder) for x in extra)
        ]
    )  # fmt: skip


_RESERVED = "reserved-memory {{ #address-cells = <{0}>; #size-cells = <1>; ranges; {1} }};"
_dts_case(
    memmap_view.DT_RESERVATIONS_IGNORED,
    _RESERVED.format(2, "a@50000000 { reg = <0 0x50000000 0x1000>; };"),
)
_dts_case(memmap_view.DT_PLACED_AT_BOOT, _RESERVED.format(1, "a { size = <0x100000>; };"))
_dts_case(
    memmap_view.DT_UEFI,
    "chosen { linux,uefi-mmap-start = <0 0x1234000>; linux,uefi-mmap-size = <480>; };",
)
_dts_case(memmap_view.DT_ODD, "memory@90000000 { reg = <0x90000000 0x1000>; };")
_dts_case(memmap_view.DTS_SKIPPED, "A_MACRO(x, y);")


@provokes(memmap_view.DT_NO_MEMORY)
def _dt_no_memory(folder: Path) -> Case:
    tree = folder / "tree.dts"
    tree.write_text(
        "/dts-v1/;\n/memreserve/ 0x40000000 0x1000;\n"
        "/ { #address-cells = <1>; #size-cells = <1>; };\n"
    )
    return [
        *listed(folder, "40000000-7fffffff : System RAM\n", "--arch", "arm64", pfns="0x50000"),
        "--memmap", tree,
    ]  # fmt: skip


@provokes(memmap_view.KHO_OFF)
def _kho_off(folder: Path) -> Case:
    m = Machine(arch="x86_64")
    m.handover()
    return made(folder, m, "--next-cmdline", "kho=off")


provokes(pfnlist.NO_MEMMAP)(lambda folder: listed(folder, None))
_map_case(pfnlist.FIRMWARE, E820, pfns="0x80000")
_map_case(pfnlist.RETIRED, E820.replace("reserved", "unusable"), pfns="0x80000")
_map_case(pfnlist.DEVICE, E820.replace("reserved", "soft reserved"), pfns="0x80000")
_map_case(
    pfnlist.SECTION_HOLE,
    "00100000-0fffffff : System RAM\n10000000-13ffffff : System RAM\n",
    pfns="0x15000",
)
_map_case(pfnlist.EARLY_BOOT, E820, pfns="0x500")
_map_case(pfnlist.ENTRY_UNUSABLE, E820, pfns="memmap=4K$0x500000,1M!0x600000")
_map_case(pfnlist.MASK_SHORT, E820, pfns="badram 0x7ddf0000,0xffffc000")
_map_case(
    pfnlist.NO_BCD_OBJECT,
    E820,
    pfns="bcdedit /set badmemorylist 1\nbcdedit /set {badmemory} badmemorylist 0x5000",
)
_map_case(pfnlist.DOLLAR_EATEN, E820, pfns='GRUB_CMDLINE_LINUX="memmap=4K$0x5000000"')
_map_case(
    pfnlist.LOG_LOWER_BOUND, E820, pfns="[ 1.000000] Memory failure: 0x5000: already poisoned"
)

_map_case(
    pfnlist.SEVERAL_MACHINES,
    E820,
    pfns="".join(
        f"Nov 28 10:00:00 {host} kernel: [ 1.000000] Memory failure: 0x5000: already poisoned\n"
        for host in ("alpha", "beta")
    ),
)


_map_case(pfnlist.LIKE_ADDRESSES, E820, pfns="0x50000000")


@provokes(blob.NOTHING_LEFT)
def _nothing_left(folder: Path) -> Case:
    m = Machine()
    m.handover([], revision="fdt-v1")
    return made(folder, m)


_map_case(limits.MAX_PAGES, E820, "--max-pages", 1, pfns="0x5000-0x5001")
_map_case(limits.MAX_FRACTION, E820, "--max-fraction", 0.0001, pfns="0x5000-0x5100")
_map_case(limits.MAX_PER_GIB, E820, "--max-per-gib", 1, pfns="0x5000-0x5001")
_map_case(limits.SKIPPED, None, "--max-fraction", 0.1)


@provokes(limits.BASELINE_STALE)
def _baseline_stale(folder: Path) -> Case:
    accepted = folder / "accepted.toml"
    accepted.write_text('[[accept]]\ncode = "HP601"\nreason = "the DIMM was taken out"\n')
    return listed(folder, E820, "--baseline", accepted)


def _two_logs(edac: str) -> Make:
    """Return what writes a log in which the kernel takes a page out, and one of EDAC about it."""

    def make(folder: Path) -> Case:
        (folder / "kernel.log").write_text(
            "[   12.500000] Memory failure: 0x5000: recovery action for dirty LRU page: Recovered\n"
        )
        (folder / "edac.log").write_text(
            f"[    3.000000] EDAC MC0: 1 {edac} memory read error on DIMM_A1 (channel:0 slot:0 "
            "page:0x5000 offset:0x0 grain:32 syndrome:0x0)\n"
        )
        return [folder / "kernel.log", folder / "edac.log"]

    return make


MERGED[pfnlist.SOURCES_DISAGREE.id] = _two_logs("CE")
MERGED[pfnlist.KINDS_DIFFER.id] = _two_logs("UE")


@provokes(root_codes.NO_KHO)
def _no_kho(folder: Path) -> Case:
    (folder / "vmcore").write_bytes(no_handover(b"OSRELEASE=6.1.0-13-amd64\nPAGESIZE=4096\n"))
    return [folder / "vmcore"]


def _not_judged(folder: Path) -> Case:
    (folder / "host7").mkdir()
    (folder / "host7" / "memory.elf").write_bytes(b"")
    return ["--batch", folder]


BATCH[limits.NOT_JUDGED.id] = _not_judged
