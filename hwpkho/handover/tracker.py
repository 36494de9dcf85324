"""Walks a preserved-memory tracker through a source.

Work is bounded by the distinct pages of the image: a node that is reached twice, or begins in the
page of another, is read as the kernel does, but not over and over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.tracker import bitmap as tracker_bitmap
from hwpkho.abi.tracker import radix
from hwpkho.base.addresses import align_down, page_shift
from hwpkho.base.arch import linear, phys_bits
from hwpkho.errors import InputError
from hwpkho.handover.preserved import Preserved, UnlistedPreserved
from hwpkho.handover.tracker_facts import Defect, TrackerWalk
from hwpkho.handover.vmalloc import MAX_AGAIN
from hwpkho.images.base import MIN_PAGE

if TYPE_CHECKING:
    from hwpkho.abi.kho import Version
    from hwpkho.images.base import Source


#: Damage is sampled, not collected without end.
_MAX_DEFECTS = 64
#: Nodes at odd addresses, read as they stand, may be as many as the image has words.
_MAX_OVERLAPS = 1 << 14
#: An image that lacks so many pages of a tracker says nothing more about it.
_MAX_ABSENT = 1 << 16
#: Pages that all walks over one image may look at, and as many more for each page that it has:
#: the real trackers of a machine share no page.
_PAGES, _PAGES_PER_PAGE = 1 << 18, 4


class Trackers:
    """Walks over the trackers of one source, each made once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._walks: dict[tuple[int, int, int], TrackerWalk] = {}
        self._seen = 0

    def walk(self, start: int, page_size: int, version: Version) -> TrackerWalk:
        """See :func:`walk`.

        Raises InputError where root FDTs share pages of their trackers so often that no kernel
        can have made them.
        """
        key = start, page_size, version.number
        if key not in self._walks:
            found = walk(self._source, start, page_size, version)
            self._seen += len(found.nodes) + len(found.absent)
            if self._seen > _PAGES and self._seen > _PAGES + _PAGES_PER_PAGE * self._pages():
                raise InputError(
                    f"{self._source.name}: the trackers of {len(self._walks) + 1} root FDTs share "
                    "their pages; choose the real one with --root-fdt"
                )
            self._walks[key] = found
        return self._walks[key]

    def keep(self, found: TrackerWalk) -> None:
        """Say that what ``found`` was read from is a tracker: until then it was only looked at."""
        for phys, size in found.looks:
            self._source.keep(phys, size)

    def hold(self, found: TrackerWalk) -> None:
        """Say that it is none: what stands where it was belongs to somebody else."""
        for phys, size in found.looks[:1]:
            self._source.hold(phys, size)

    def _pages(self) -> int:
        return sum(size for _, size in self._source.extents()) // MIN_PAGE


def walk(source: Source, start: int, page_size: int, version: Version) -> TrackerWalk:
    """Walk the tracker at physical address ``start``; ``page_size`` in bytes.

    Raises InputError where more nodes overlap than it is sensible to follow.
    """
    if version.tracker == "bitmap":
        return _walk_bitmaps(source, start, page_size)
    return _walk_radix(source, start, radix.geometry(page_size, version.number))


def _enough(found: TrackerWalk) -> bool:
    return len(found.damaged) >= _MAX_DEFECTS or len(found.absent) >= _MAX_ABSENT


def _walk_radix(source: Source, start: int, shape: radix.Geometry) -> TrackerWalk:
    size, bits = shape.page_size, phys_bits(source.arch)
    kind = Preserved if shape.lists else UnlistedPreserved
    found = TrackerWalk(kind(shape.shift, 1 << shape.bitmap_bits), [], [], [], shape.lists)
    visited: set[int] = set()
    touched: set[int] = set()  # the pages in which these begin: nodes at odd addresses overlap
    again = 0
    stack = [(start, shape.levels - 1, 0)]
    while stack and not _enough(found):
        told, level, prefix = stack.pop()
        node = linear(told, source.arch)
        if node >> bits:
            message = f"node address 0x{node:x} is not a physical address"
            found.damaged.append(Defect(message, node))
            continue
        if node != told or node % size:
            what = "page aligned" if node % size else "a physical address"
            _note_odd(found, f"node address 0x{told:x} is not {what}: 0x{node:x} is read", node)
        if node in visited:
            again += 1
            _note_odd(found, f"node 0x{node:x} is reached twice", node)
            if again > MAX_AGAIN:
                # A loop: the next kernel takes every way through it.
                message = f"node 0x{node:x} is reached over and over"
                found.damaged.append(Defect(message, node))
                break
        page = _node(source, node, size, found)
        if page is None:
            found.absent.append(node)
            continue
        if node not in visited:
            visited.add(node)
            touched.add(align_down(node, size))
            found.nodes.append(node)
            if len(found.nodes) - len(touched) > _MAX_OVERLAPS:
                raise InputError(
                    f"{source.name}: more than {_MAX_OVERLAPS} nodes of the tracker at "
                    f"0x{start:x} overlap: no kernel made it"
                )
            found.places[node] = level, prefix
        if level == 0:
            _take_bitmap(found, page, prefix, shape, node)
            continue
        table = radix.parse_table(page)
        if not any(table):
            continue
        children = [
            (child, level - 1, prefix << shape.table_bits | index)
            for index, child in enumerate(table)
            if child
        ]
        stack.extend(reversed(children))
    return found


def _note_odd(found: TrackerWalk, message: str, node: int) -> None:
    if len(found.odd) < _MAX_DEFECTS:
        found.odd.append(Defect(message, node))


def _node(source: Source, node: int, size: int, found: TrackerWalk) -> memoryview | None:
    """Read a node; of one that lies across two pages, the image may lack the second.

    Nothing that a kernel wrote for the tracker stands there: it is taken as empty.
    """
    page = source.look(node, size)
    if page is None and node % size:
        part = size - node % size
        page = source.look(node, part)
        if page is not None:
            found.looks.append((node, part))
            return memoryview(bytes(page).ljust(size, b"\0"))
    if page is not None:
        found.looks.append((node, size))
    return page


def _take_bitmap(
    found: TrackerWalk,
    page: memoryview,
    prefix: int,
    shape: radix.Geometry,
    node: int,
) -> None:
    """File a bitmap under the order that its keys tell.

    Keys of one bitmap share their order unless the order bit itself lies inside the bitmap, which
    happens at prefix 0 only: those few orders are cut apart.
    """
    bits, shift, leaves = shape.bitmap_bits, shape.shift, found.preserved.leaves
    if not shape.lists:
        # The order bit was lost on the way down: file it under the key itself, order 0.
        leaves[0, prefix] = page
        return
    if prefix:
        order = 64 - shift - (prefix.bit_length() - 1 + bits)
        if order < 0:
            if any(page):
                found.damaged.append(Defect(f"bitmap 0x{node:x} has keys above every order", node))
            return
        leaves[order, prefix ^ 1 << (prefix.bit_length() - 1)] = page
        return
    mask = int.from_bytes(page, "little")
    if mask & 1:
        found.damaged.append(Defect(f"bitmap 0x{node:x} has key 0, which tells no order", node))
    for top in range(bits):
        part = mask >> (1 << top) & ((1 << (1 << top)) - 1)
        if part:
            order = 64 - shift - top
            leaves[order, 0] = part.to_bytes(shape.page_size, "little")


def _walk_bitmaps(source: Source, start: int, page_size: int) -> TrackerWalk:
    chunks: list[tuple[int, tracker_bitmap.Chunk]] = []
    found = TrackerWalk(Preserved(page_shift(page_size), page_size * 8), [], [], [])
    visited: set[int] = set()
    bitmaps: set[int] = set()
    elements = 0
    at, bits = start, phys_bits(source.arch)
    while at and len(found.damaged) < _MAX_DEFECTS:
        if at % page_size or at >> bits or at in visited:
            why = "is reached twice" if at in visited else "is no page address"
            found.damaged.append(Defect(f"chunk 0x{at:x} {why}", at))
            break
        visited.add(at)
        page = source.look(at, page_size)
        if page is None:
            found.absent.append(at)
            break
        found.nodes.append(at)
        found.looks.append((at, page_size))
        chunk = tracker_bitmap.Chunk.parse(page)
        if chunk.announced != len(chunk.elements):
            found.damaged.append(Defect(f"chunk 0x{at:x} announces {chunk.announced} elements", at))
        if chunk.order > 64 - page_shift(page_size):
            found.damaged.append(Defect(f"chunk 0x{at:x} has order {chunk.order}", at))
        else:
            chunks.append((at, chunk))
            elements += len(chunk.elements)
            bitmaps.update(bitmap for _, bitmap in chunk.elements)
            if len(bitmaps) < elements:  # reported when the elements are looked at
                break
        at = chunk.next
    size = _bitmap_size(chunks, page_size)
    found.preserved.bits = size * 8
    for at, chunk in chunks:
        for phys_start, bitmap in chunk.elements:
            if _enough(found):
                return found
            _take_element(source, found, visited, (at, chunk.order, size), phys_start, bitmap)
    return found


def _take_element(
    source: Source,
    found: TrackerWalk,
    visited: set[int],
    chunk: tuple[int, int, int],
    phys_start: int,
    bitmap: int,
) -> None:
    at, order, size = chunk
    number, rest = divmod(phys_start, size * 8 << (found.preserved.page_shift + order))
    key = (order, number)
    if rest or bitmap % size or bitmap in visited or key in found.preserved.leaves:
        found.damaged.append(
            Defect(f"chunk 0x{at:x}: bitmap 0x{bitmap:x} for 0x{phys_start:x} makes no sense", at)
        )
        return
    visited.add(bitmap)
    page = source.look(bitmap, size)
    if page is None:
        found.absent.append(bitmap)
        return
    found.nodes.append(bitmap)
    found.looks.append((bitmap, size))
    found.preserved.leaves[key] = page


def _bitmap_size(chunks: list[tuple[int, tracker_bitmap.Chunk]], page_size: int) -> int:
    """Return the bytes of a bitmap: a page since 6.18, 512 before, told by the alignments."""
    shift = page_shift(page_size)
    for _, chunk in chunks:
        span = page_size * 8 << (shift + chunk.order)
        if any(start % span or bitmap % page_size for start, bitmap in chunk.elements):
            return tracker_bitmap.SMALL_BITMAP
    return page_size
