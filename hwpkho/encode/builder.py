"""Places a handover and builds its pages, as a careful producer does.

Each structure has pages of its own; none of them is in scratch, poisoned, at address 0 or in low
memory that the kernel reserves. Source: kho_preserve_vmalloc(), kho_preserve_pages(),
kho_add_subtree() in kernel/liveupdate/kexec_handover.c (Linux 7.3.4) and what real kernels did with
handovers made here.
"""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING

from hwpkho.abi import hwpoison as blobs
from hwpkho.abi import kho as roots
from hwpkho.abi.hwpoison import HwpoisonBlob
from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.scratch import build_scratch
from hwpkho.abi.tracker import TRACKERS
from hwpkho.abi.vmalloc import Chunk, KhoVmalloc, slots, split
from hwpkho.base.addresses import align_down, align_up, human_bytes
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.base.ranges import difference, holding, union
from hwpkho.encode.layout import Layout, Piece
from hwpkho.encode.space import NoRoomError, Space
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.encode.request import Request

#: A handover without a requested address begins at a multiple of this, bytes.
_START_ALIGN = 2 << 20

#: Preserved blocks: physical address and order of each.
Blocks = list[tuple[int, int]]


def build(request: Request) -> Layout:
    """Return the handover that ``request`` wants, placed and built.

    Raises UsageError where the request contradicts itself or does not fit into the free memory.
    """
    return place(request)[0]


def place(request: Request) -> tuple[Layout, Blocks]:
    """Return the handover and its preserved blocks; raises UsageError as :func:`build`."""
    request.check()
    free = free_frames(request)
    for ranges in _places(request, free):
        builder = _Builder(request, Space(ranges, _poison(request, ranges)))
        try:
            return builder.build(), builder.blocks
        except NoRoomError as error:
            wanted = error.wanted
    total = sum(end - first for first, end in free) * request.page_size
    raise UsageError(
        f"no room: the {human_bytes(total)} outside scratch have no contiguous "
        f"{human_bytes(wanted * request.page_size)} without a poisoned page; "
        f"the array alone takes {human_bytes(request.total_pages * request.page_size)}"
    )


def free_frames(request: Request) -> list[tuple[int, int]]:
    """Return the ranges of PFNs that may be used, ``(first, end)``, end exclusive, ascending.

    Poisoned frames are not left out. Raises UsageError where the requested address is in low memory
    that the kernel reserves, or outside the RAM given.
    """
    size = request.page_size
    low = max(request.machine.low_end, size)
    if request.at is not None:
        if request.at < low:
            kept = human_bytes(low)
            raise UsageError(
                f"{option('at', hex(request.at))}: {request.arch} keeps the first {kept} to itself"
            )
        low = request.at
    ram = [(-(-a // size), (a + n) // size) for a, n in request.ram]
    if not request.ram:
        ram = [(0, request.phys_end // size)]
    if request.at is not None and not holding(union(ram), low // size):
        raise UsageError(f"{option('at', hex(low))} lies outside the RAM given")
    holes = [(0, low // size), *((a // size, (a + n) // size) for a, n in request.scratch)]
    return list(difference(union(ram), union(holes)))


def _poison(request: Request, ranges: list[tuple[int, int]]) -> PfnSet:
    """Return what the list has between the start and the end of ``ranges``, or more."""
    if not ranges:
        return PfnSet()
    # Only these are sorted: a million PFNs in any order are mostly elsewhere.
    return pfn_set(request.pfns.touching(ranges[0][0], ranges[-1][1] - 1))


def _places(request: Request, free: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield the free ranges to try, best first.

    The first has room to spare: the frames from a requested address on, else the end of the highest
    range, where boot loaders put nothing. The last is all free memory, which is taken from its
    start on.
    """
    size = request.page_size
    foreign = sum(_pages(blob, size) for _, blob in request.subtrees)
    # Generous: chunks and tracker take a few per mille of the array, alignment an entry.
    want = 2 * (request.total_pages + foreign) + (1 << request.order) + 64
    if request.at is not None:
        yield [(first, min(end, first + want)) for first, end in free[:1]]
    for first, end in reversed(free if request.at is None else []):
        start = max(first, align_down(max(0, end - want) * size, _START_ALIGN) // size)
        if end - start >= want:
            yield [(start, end)]
            break
    yield free


class _Builder:
    """Builds one handover; takes frames from ``space`` in the order of the handover's parts."""

    def __init__(self, request: Request, space: Space) -> None:
        self.request, self.space = request, space
        self.pieces: list[Piece] = []
        self.blocks: Blocks = []

    def build(self) -> Layout:
        request, size = self.request, self.request.page_size
        root = self._run(1)
        blob_phys = self._run(1)
        self.blocks += [(root, 0), (blob_phys, 0)]
        places = self._array()
        chunks = self._chunks(places)
        area = KhoVmalloc(chunks[0], request.total_pages, request.wanted_flags, request.order)
        revision = request.wanted_revision
        blob = HwpoisonBlob(revision, 1, request.pfns.count, area)
        raw_blob = blobs.REVISIONS[revision].build(blob, size)
        self._put(blob_phys, raw_blob)
        subtrees = [roots.SubtreeRef(roots.HWPOISON, blob_phys, len(raw_blob))]
        for name, raw in request.all_subtrees:
            subtrees.append(roots.SubtreeRef(name, self._preserved(raw), len(raw)))
        memory_map, tracker = self._tracker()
        scratch = request.scratch
        scratch_array = None
        if scratch:
            raw = build_scratch(list(scratch))
            scratch_array = self._run(_pages(raw, size))
            self._put(scratch_array, raw)
        raw_root = roots.build(request.version, memory_map, subtrees)
        if len(raw_root) > size:
            raise UsageError(f"{len(subtrees)} subtrees do not fit into one page of root FDT")
        self._put(root, raw_root)
        return Layout(
            size, request.arch, request.version, root, len(raw_root), tuple(subtrees),
            self._metadata(), blob, blob_phys, raw_blob, chunks, places, tracker, memory_map,
            len(self.blocks), scratch_array, scratch, request.pfns, size << request.order,
            self.pieces,
        )  # fmt: skip

    def _metadata(self) -> KexecMetadata | None:
        """Return the fields of kexec-metadata, also where its blob was given; None without it."""
        raw = dict(self.request.all_subtrees).get(roots.KEXEC_METADATA)
        try:
            return KexecMetadata.parse(raw) if raw is not None else None
        except ValueError:
            return None

    def _run(self, pages: int, align: int = 1) -> int:
        return self.space.run(pages, align) * self.request.page_size

    def _put(self, phys: int, raw: bytes) -> None:
        self.pieces.append((phys, raw.ljust(align_up(len(raw), self.request.page_size), b"\0")))

    def _array(self) -> array[int]:
        """Place the array, return its entries' addresses: one block of the vmalloc's order each."""
        request = self.request
        order, size = request.order, request.page_size
        entries = request.total_pages >> order
        places = array("Q", (pfn * size for pfn in self.space.blocks(entries, 1 << order)))
        self.blocks += [(phys, order) for phys in places]
        return places

    def _chunks(self, places: array[int]) -> list[int]:
        size = self.request.page_size
        at = [pfn * size for pfn in self.space.blocks(len(places) // slots(size) + 1)]
        for phys, following, entries in zip(at, [*at[1:], 0], split(places, size), strict=True):
            self._put(phys, Chunk(following, entries).build(size))
        self.blocks += [(phys, 0) for phys in at]
        return at

    def _preserved(self, raw: bytes) -> int:
        """Place a blob in contiguous pages, marked as kho_preserve_pages() does; return where."""
        size = self.request.page_size
        pages = _pages(raw, size)
        phys = self._run(pages)
        self._put(phys, raw)
        self.blocks += [(pfn * size, order) for pfn, order in greedy_blocks(phys // size, pages)]
        return phys

    def _tracker(self) -> tuple[int, list[int]]:
        """Build the tracker over all blocks; return its address and those of its pages."""
        size = self.request.page_size
        # How many pages it takes does not depend on where they are: built once to count them.
        numbers = count(size, size)
        needed = len(self._tracker_pages(numbers.__next__)[1])
        at = [pfn * size for pfn in self.space.blocks(needed)]
        first, pages = self._tracker_pages(iter(at).__next__)
        self.pieces += pages.items()
        return first, at

    def _tracker_pages(self, allocate: Callable[[], int]) -> tuple[int, dict[int, bytes]]:
        tracker = TRACKERS[self.request.version.tracker]
        return tracker.build(self.blocks, self.request.page_size, allocate)


def greedy_blocks(pfn: int, pages: int) -> Iterator[tuple[int, int]]:
    """Yield ``(pfn, order)`` of the blocks into which kho_preserve_pages() splits a run.

    Each is the largest naturally aligned power of two that fits: ``min(ctz(pfn),
    ilog2(remaining))``.
    """
    while pages:
        order = min((pfn & -pfn).bit_length() - 1, pages.bit_length() - 1)
        yield pfn, order
        pfn += 1 << order
        pages -= 1 << order


def _pages(raw: bytes, page_size: int) -> int:
    return -(-len(raw) // page_size)
