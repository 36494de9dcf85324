"""A handover that was placed and can still be changed: where its parts are, and what they hold."""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from hwpkho.abi import fdt, kho
from hwpkho.abi.kho import HWPOISON, MEMORY_MAP
from hwpkho.abi.scratch import SCRATCH_ENTRY, build_scratch
from hwpkho.abi.tracker import TRACKERS, radix
from hwpkho.abi.vmalloc import VM_ALLOC, VM_ALLOW_HUGE_VMAP, Chunk, split
from hwpkho.base.addresses import align_up, human_bytes
from hwpkho.base.ranges import difference, union
from hwpkho.encode.builder import Blocks, free_frames, place
from hwpkho.encode.layout import Broken
from hwpkho.encode.space import NoRoomError, Space
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.encode.layout import Layout
    from hwpkho.encode.request import Request

#: An address outside RAM is so many times as high as the end of known RAM. Right above it a kernel
#: may have struct pages, which it has for whole sections, or more RAM than was named.
_FAR = 16


@dataclass(slots=True)
class Draft:
    """A handover and how it is handed over; addresses are physical, sizes in bytes.

    Attributes:
        request: What it was made of.
        layout: Where its parts were before any change.
        blocks: What the tracker marks, ``(phys, order)`` each.
        memory: Its pages: address → bytes, a whole number of pages each.
        tree: The root FDT as a tree; :meth:`write_root` puts it back.
        kho_fdt: Address and size of the root FDT as handed over.
        kho_scratch: Address and length of the scratch array as handed over.
        tracker: Address of the tracker.
        nodes: Addresses of the tracker's pages.
        entries: Addresses of the array's entries.
    """

    request: Request
    layout: Layout
    blocks: Blocks
    memory: dict[int, bytes]
    tree: fdt.Node
    kho_fdt: tuple[int, int]
    kho_scratch: tuple[int, int]
    tracker: int
    nodes: list[int]
    entries: list[int]
    _spaces: list[Space] = field(repr=False)

    @classmethod
    def of(cls, request: Request) -> Draft:
        """Return the sound handover that ``request`` wants; raises as :func:`.builder.build`."""
        layout, blocks = place(request)
        memory = {phys: bytes(data) for phys, data in layout.pieces}
        tree = kho.parse(memory[layout.root]).tree.root
        return cls(
            request, layout, list(blocks), memory, tree, layout.kho_fdt, layout.kho_scratch,
            layout.memory_map, list(layout.tracker), list(layout.array), _spaces(request, layout),
        )  # fmt: skip

    def broken(self, name: str, about: str) -> Layout:
        """Return the handover as it is now, broken by the damage ``name``."""
        blob = self.read(self.layout.blob_phys, len(self.layout.raw_blob))
        pieces = sorted(self.memory.items())
        changed = blob != self.layout.raw_blob
        made = Broken(name, about, [*pieces], self.kho_fdt, self.kho_scratch, changed)
        return replace(self.layout, raw_blob=blob, broken=made)

    # Memory

    @property
    def page(self) -> int:
        """Page size, bytes."""
        return self.layout.page_size

    def place(self, pages: int = 1, align: int | None = None) -> int:
        """Return the address of contiguous free pages, which are then taken.

        It is a multiple of ``align`` pages, a power of two; default: as large as the run. The
        tracker does not mark them, and :attr:`memory` does not hold them. Raises UsageError where
        there is no room.
        """
        if align is None:
            align = 1 << (pages - 1).bit_length()
        for space in self._spaces:
            try:
                return space.run(pages, align) * self.page
            except NoRoomError:
                continue
        room = human_bytes(pages * self.page)
        raise UsageError(f"no room: the damage takes {room} more, contiguous and aligned")

    def put(self, data: bytes = b"", pages: int = 1, align: int | None = None) -> int:
        """Return the address of pages as :meth:`place` does, filled with ``data``, then zeros."""
        phys = self.place(pages, align)
        self.memory[phys] = data.ljust(pages * self.page, b"\0")
        return phys

    def read(self, phys: int, size: int) -> bytes:
        """Return bytes of one piece of the handover; KeyError where they are not in it."""
        start, held = self._piece(phys, size)
        return held[phys - start : phys - start + size]

    def words(self, phys: int) -> list[int]:
        """Return the page at ``phys`` as 64-bit numbers; KeyError where it is not held."""
        return list(struct.unpack(f"<{self.page // 8}Q", self.read(phys, self.page)))

    def write(self, phys: int, data: bytes) -> None:
        """Overwrite bytes of one piece of the handover; KeyError where they are not in it."""
        start, held = self._piece(phys, len(data))
        skip = phys - start
        self.memory[start] = held[:skip] + data + held[skip + len(data) :]

    def poke(self, phys: int, form: str, *values: int) -> None:
        """Overwrite bytes with packed values, as :mod:`struct` has them."""
        self.write(phys, struct.pack(form, *values))

    def _piece(self, phys: int, size: int) -> tuple[int, bytes]:
        starts = sorted(self.memory)
        start = starts[max(0, bisect_right(starts, phys) - 1)]
        held = self.memory[start]
        if not start <= phys <= phys + size <= start + len(held):
            raise KeyError(hex(phys))
        return start, held

    def nowhere(self) -> int:
        """Return an address outside RAM: far above all that is known of the machine.

        Raises UsageError where known memory reaches into the upper half of the physical addresses.
        """
        request = self.request
        ends = [a + n for a, n in (*request.ram, *request.scratch, *self.layout.extents())]
        ends.append(request.known_end)
        # A list may have PFNs that no physical address has.
        listed = ((last + 1) * self.page for last in request.pfns.last)
        ends += [end for end in listed if end <= request.phys_end // 2]
        far = min(1 << (max(ends) * _FAR - 1).bit_length(), request.phys_end // 2)
        if far < max(ends):
            raise UsageError(f"no address far above the RAM is left: it reaches to 0x{max(ends):x}")
        return far

    # Root FDT

    @property
    def root(self) -> int:
        """Address of the root FDT."""
        return self.layout.root

    def write_root(self) -> None:
        """Write the tree over the root FDT's page."""
        self.memory[self.root] = fdt.build(self.tree).ljust(self.page, b"\0")

    def set_property(self, name: str, value: bytes | None, node: str | None = None) -> None:
        """Set a property of the root FDT or of a node in it; None removes it.

        Raises KeyError where there is no such property.
        """
        where = self.tree if node is None else self.tree.find(node)
        if where is None or where.get(name) is None:
            raise KeyError(name)
        kept = [p for p in where.properties if p.name != name]
        if value is not None:
            kept.insert(0, fdt.Property(name, value, 0))
        where.properties = kept
        self.write_root()

    def data(self, value: bytes | None, node: str = HWPOISON) -> None:
        """Set the address of its blob that a subtree's node has; None removes it."""
        self.set_property(self.request.version.data, value, node)

    # Blob and array

    @property
    def blob(self) -> int:
        """Address of the hwpoison blob."""
        return self.layout.blob_phys

    @property
    def chunks(self) -> list[int]:
        """Addresses of the array's chunks."""
        return self.layout.chunks

    @property
    def total_pages(self) -> int:
        """Pages of the array."""
        return self.layout.blob.vmalloc.total_pages

    @property
    def inner(self) -> int:
        """Index of an entry in the middle of the first chunk."""
        return min(len(self.entries), (self.page - 8) // 8) // 2

    def header(self, offset: int, form: str, *values: int) -> None:
        """Overwrite a field of the struct revision's blob at ``offset``, bytes."""
        self.poke(self.blob + offset, form, *values)

    def chunk(self, slot: int, value: int) -> None:
        """Overwrite a slot of the first chunk."""
        self.poke(self.chunks[0] + 8 * (slot + 1), "<Q", value)

    def next(self, value: int) -> None:
        """Overwrite the pointer of the last chunk, which ends the chain."""
        self.poke(self.chunks[-1], "<Q", value)

    def move_array(self, run: int = 1, skip: int = 0) -> int:
        """Move an array of single pages to adjacent pages; return the address of the first.

        Their number is a multiple of ``run``; the first is ``skip`` pages behind a multiple of
        ``run`` pages, or of 2. None of them is marked, and the chunks still list the old ones.
        """
        held = b"".join(self.memory.pop(entry) for entry in self.entries)
        gone = set(self.entries)
        self.blocks = [b for b in self.blocks if b[0] not in gone]
        pages = align_up(len(self.entries), run)
        start = self.place(pages + skip, max(run, 2)) + skip * self.page
        for i in range(pages):
            at = i * self.page
            self.memory[start + at] = held[at : at + self.page].ljust(self.page, b"\0")
        self.entries = [start + i * self.page for i in range(pages)]
        return start

    def list_entries(self, order: int = 0) -> None:
        """Write the only chunk and the struct revision's blob for entries of this order.

        Raises ValueError where one chunk does not hold them.
        """
        entries = self.entries[:: 1 << order]
        (part, *rest) = split(entries, self.page)
        if any(rest):
            raise ValueError(f"{len(entries)} entries in one chunk")
        self.memory[self.chunks[0]] = Chunk(0, part).build(self.page)
        flags = VM_ALLOC | (VM_ALLOW_HUGE_VMAP if order else 0)
        self.header(24, "<IHH", len(self.entries), flags, order)

    # Scratch

    def scratch(self, *areas: tuple[int, int]) -> None:
        """Hand over other scratch areas, ``(start, size)`` each."""
        self.kho_scratch = self.put(build_scratch(list(areas))), SCRATCH_ENTRY * len(areas)

    # Tracker

    def mark(self, blocks: Blocks) -> None:
        """Give the handover another tracker, which marks only these blocks."""
        for node in self.nodes:
            del self.memory[node]
        tracker = TRACKERS[self.request.version.tracker]
        self.tracker, nodes = tracker.build(blocks, self.page, self.place)
        self.hand_tracker(nodes)

    def hand_tracker(self, nodes: dict[int, bytes]) -> None:
        """Hand over these pages as the tracker, which begins at :attr:`tracker`."""
        self.nodes = list(nodes)
        self.memory.update(nodes)
        self.set_property(MEMORY_MAP, struct.pack("<Q", self.tracker))

    def mark_more(self, blocks: Blocks) -> None:
        """Mark these blocks as well."""
        self.mark([*self.blocks, *blocks])

    def unmark(self, *pages: int) -> None:
        """Leave the blocks that begin at these pages unmarked."""
        self.mark([b for b in self.blocks if b[0] not in pages])

    def leaf_of(self, phys: int) -> tuple[int, int]:
        """Return the address of the leaf for the page at ``phys``, and of the entry leading to it.

        The tracker must be a radix tree.
        """
        tracker = cast("radix.RadixTracker", TRACKERS[self.request.version.tracker])  # by TREE
        shape = tracker.geometry(self.page)
        key = radix.encode_key(phys, 0, shape.shift)
        node, entry = self.tracker, 0
        for level in range(shape.levels - 1, 0, -1):
            entry = node + 8 * shape.slot(key, level)
            (node,) = struct.unpack("<Q", self.read(entry, 8))
        return node, entry


def _spaces(request: Request, layout: Layout) -> list[Space]:
    """Return the free frames that are left: those behind the root FDT first."""
    size = layout.page_size
    taken = union((phys // size, (phys + n) // size) for phys, n in layout.extents())
    free = list(difference(free_frames(request), taken))
    poison, root = layout.poison, layout.root // size
    after = [(max(first, root), end) for first, end in free if end > root]
    before = [(first, min(end, root)) for first, end in free if first < root]
    return [Space(after, poison), Space(before, poison)]
