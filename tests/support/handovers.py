"""Builds handovers in memory, page by page, sound ones and (by poking into them) others.

This is no producer's code path: it uses the codecs' build functions and nothing above them, so it
can make what the `encode` command refuses to make.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hwpkho.abi import kho as root
from hwpkho.abi import vmalloc
from hwpkho.abi.hwpoison import HwpoisonBlob, fdt_v1, struct_v1
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.scratch import build_scratch
from hwpkho.abi.setup_data import KhoData
from hwpkho.abi.tracker import TRACKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from hwpkho.abi.kho import SubtreeRef

Blocks = list[tuple[int, int]]
MACHINES = {"x86_64": 62, "arm64": 183}


@dataclass
class Made:
    """Where the parts of a handover were put (physical addresses)."""

    root: int
    tracker: int
    blob: int
    chunks: list[int]
    pages: list[int]
    nodes: list[int]
    metadata: int
    subtrees: list[SubtreeRef]
    blocks: Blocks


@dataclass
class Machine:
    """Memory that is filled from ``at`` on, one page after the other, with a gap after each."""

    page_size: int = 4096
    arch: str = "arm64"
    at: int = 0x4000_0000
    gap: int = 1
    memory: dict[int, bytes] = field(default_factory=dict)

    def put(self, data: bytes = b"", pages: int = 1) -> int:
        """Place ``data`` in fresh pages, naturally aligned; return its address."""
        size = pages * self.page_size
        phys = -(-self.at // size) * size
        self.at = phys + size + self.gap * self.page_size
        self.memory[phys] = data.ljust(size, b"\0")
        return phys

    def handover(
        self,
        pfns: Sequence[int] | None = (0x1000, 0x2222, 0x1001),
        *,
        revision: str = "struct-v1",
        kho: int = 4,
        capacity: int | None = None,
        order: int = 0,
        kexec_count: int | None = 0,
        subtrees: Sequence[tuple[str, bytes]] = (),
        mark: Callable[[Blocks], Blocks] = lambda blocks: blocks,
        stale: int = 0,
        named: tuple[str, ...] = (),
    ) -> Made:
        """Make a handover; ``pfns`` None leaves the hwpoison subtree out.

        ``mark`` may change what the tracker marks; ``stale`` fills the array past count; ``named``
        stands behind the KHO version.
        """
        version, size = root.numbered(kho)._replace(parts=named), self.page_size
        made = Made(0, 0, 0, [], [], [], 0, [], [])
        refs: list[root.SubtreeRef] = []
        made.root = self.put()
        blocks: Blocks = [(made.root, 0)]
        if kexec_count is not None:
            data = KexecMetadata("7.3.4", kexec_count).build()
            made.metadata = self.put(data)
            refs.append(root.SubtreeRef("kexec-metadata", made.metadata, len(data)))
            blocks.append((made.metadata, 0))
        for name, data in subtrees:
            at = self.put(data)
            refs.append(root.SubtreeRef(name, at, len(data)))
            blocks.append((at, 0))
        if pfns is not None:
            per_block = (size << order) // 8
            need = max(1, -(-(capacity or max(1, len(pfns))) // per_block))
            words = array("Q", pfns)
            words.extend([stale] * (need * per_block - len(words)))
            data = words.tobytes()
            made.pages = [
                self.put(data[i * per_block * 8 : (i + 1) * per_block * 8], 1 << order)
                for i in range(need)
            ]
            parts = vmalloc.split(made.pages, size)
            made.chunks = [self.put() for _ in parts]
            following = 0
            for at, part in zip(reversed(made.chunks), reversed(parts), strict=True):
                self.memory[at] = vmalloc.Chunk(following, part).build(size)
                following = at
            area = vmalloc.KhoVmalloc(
                made.chunks[0], need << order, 2 if order else vmalloc.VM_ALLOC, order
            )
            codec = fdt_v1 if revision == "fdt-v1" else struct_v1
            blob = codec.build(HwpoisonBlob(revision, 1, len(pfns), area), size)
            made.blob = self.put(blob)
            refs.append(root.SubtreeRef("hwpoison", made.blob, len(blob)))
            blocks += [(made.blob, 0), *((at, 0) for at in made.chunks)]
            blocks += [(at, order) for at in made.pages]
        made.blocks = mark(blocks)
        made.tracker, nodes = self.tracker(made.blocks, kho)
        made.nodes = list(nodes)
        self.memory.update(nodes)
        made.subtrees = refs[::-1]
        self.memory[made.root] = root.build(version, made.tracker, made.subtrees).ljust(size, b"\0")
        return made

    def array_pages(self, made: Made, count: int) -> None:
        """Let the array have so many pages more, marked by the tracker and not in memory."""
        first = 0x20_0000_0000
        more = [first + i * self.page_size for i in range(count)]
        following = 0
        for part in reversed(vmalloc.split(made.pages + more, self.page_size)):
            following = self.put(vmalloc.Chunk(following, part).build(self.page_size))
            made.blocks.append((following, 0))
        self.poke(made.blob + 16, "<QI", following, len(made.pages) + count)
        made.blocks += [(at, 0) for at in more]
        tracker, nodes = self.tracker(made.blocks, 4)
        self.memory.update(nodes)
        self.swap(made.root, struct.pack("<Q", made.tracker), struct.pack("<Q", tracker))

    def tracker(self, blocks: Blocks, kho: int) -> tuple[int, dict[int, bytes]]:
        """Make the tracker that marks ``blocks``; return its address and its pages."""
        tracker = TRACKERS[root.numbered(kho).tracker]
        return tracker.build(blocks, self.page_size, self.put)

    def write(self, phys: int, data: bytes) -> None:
        """Overwrite bytes that are there already; KeyError where there are none."""
        for start, held in self.memory.items():
            if start <= phys and phys + len(data) <= start + len(held):
                skip = phys - start
                self.memory[start] = held[:skip] + data + held[skip + len(data) :]
                return
        raise KeyError(hex(phys))

    def poke(self, phys: int, layout: str, *values: int) -> None:
        """Overwrite with packed values."""
        self.write(phys, struct.pack(layout, *values))

    def swap(self, phys: int, old: bytes, new: bytes) -> None:
        """Replace a string inside the block of memory at ``phys``; both of one length."""
        held = self.memory[phys]
        assert held.count(old) == 1
        assert len(old) == len(new)
        self.memory[phys] = held.replace(old, new)

    def boot_data(self, made: Made, areas: list[tuple[int, int]], length: int | None = None) -> int:
        """Put a scratch array and x86 boot data that lead to it; return its address."""
        array_at = self.put(build_scratch(areas))
        data = KhoData(
            made.root, self.page_size, array_at, 16 * len(areas) if length is None else length
        ).build()
        setup = self.put(struct.pack("<QII", 0, 10, len(data)) + data)
        other = self.put(struct.pack("<QII", setup, 1, 0))
        zero_page = bytearray(4096)
        zero_page[0x202:0x206] = b"HdrS"
        struct.pack_into("<Q", zero_page, 0x250, other)
        self.put(bytes(zero_page))
        return array_at

    def elf(self, **options: Any) -> bytes:
        """Return an ELF core of the memory; see :func:`elf`."""
        return elf(sorted(self.memory.items()), self.arch, **options)

    def save(self, folder: Path, name: str = "memory.elf", **options: Any) -> Path:
        """Write the ELF core into a folder."""
        path = folder / name
        path.write_bytes(self.elf(**options))
        return path


def elf(
    load: Iterable[tuple[int, bytes]],
    arch: str = "arm64",
    *,
    phoff: int = 64,
    skew: int = 0,
    xnum: bool = False,
    notes: bytes = b"",
    memsz: Callable[[int], int] = lambda filesz: filesz,
) -> bytes:
    """Return an ELF core; ``skew`` moves the data off page bounds, ``xnum`` forces PN_XNUM."""
    load = list(load)
    n = len(load) + 1
    xnum = xnum or n >= 0xFFFF
    shoff = phoff + 56 * n
    base = shoff + 64 * xnum + skew
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, MACHINES[arch], 1, 0, phoff,
        shoff if xnum else 0, 0, 64, 56, 0xFFFF if xnum else n, 64 * xnum, int(xnum), 0,
    )  # fmt: skip
    table = [struct.pack("<IIQQQQQQ", 4, 0, base, 0, 0, len(notes), 0, 0)]
    at = base + len(notes)
    for phys, data in load:
        table.append(struct.pack("<IIQQQQQQ", 1, 7, at, 0, phys, len(data), memsz(len(data)), 0))
        at += len(data)
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, n, 0, 0) if xnum else b""
    return b"".join(
        (head.ljust(phoff, b"\0"), *table, section, bytes(skew), notes, *(d for _, d in load))
    )


def note(owner: bytes, text: bytes) -> bytes:
    """Return one ELF note."""

    def pad(raw: bytes) -> bytes:
        return raw + bytes(-len(raw) % 4)

    return struct.pack("<III", len(owner) + 1, len(text), 0) + pad(owner + b"\0") + pad(text)


def no_handover(vmcoreinfo: bytes = b"", memory: bytes = bytes(1 << 16)) -> bytes:
    """Return an ELF core of a kernel that hands nothing over, with its VMCOREINFO."""
    return elf(
        [(0x100000, memory)], "x86_64", notes=note(b"VMCOREINFO", vmcoreinfo) if vmcoreinfo else b""
    )
