"""A handover that was made: the addresses of its parts, and the bytes of its pages."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from hwpkho.base.pfnset import pfn_set
from hwpkho.base.ranges import union

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator

    from hwpkho.abi.hwpoison import HwpoisonBlob
    from hwpkho.abi.kexec_metadata import KexecMetadata
    from hwpkho.abi.kho import SubtreeRef, Version
    from hwpkho.base.listing import Listing
    from hwpkho.base.pfnset import PfnSet

#: ``(physical address, bytes)``; the bytes are a whole number of pages.
Piece = tuple[int, bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Broken:
    """A handover after a damage.

    Attributes:
        name: Name of the damage in ``DAMAGES``.
        about: What is broken.
        pieces: All pages, ascending and disjoint.
        kho_fdt: Address and size of the root FDT as handed over, bytes.
        kho_scratch: Address and length of the scratch array as handed over, bytes.
        in_blob: Whether the damage changed the blob's own bytes.
    """

    name: str
    about: str
    pieces: list[Piece] = field(repr=False)
    kho_fdt: tuple[int, int]
    kho_scratch: tuple[int, int]
    in_blob: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A handover placed in memory, ready to be written.

    Attributes:
        page_size: Bytes.
        arch: A name of ``ARCHES``.
        version: Its KHO version.
        root: Physical address of the root FDT.
        totalsize: Bytes of the root FDT.
        subtrees: As the root lists them, newest first.
        metadata: The fields of kexec-metadata, None where there is none.
        blob: The hwpoison blob's fields.
        blob_phys: Physical address of the blob.
        raw_blob: The blob's bytes as registered.
        chunks: Physical addresses of the vmalloc's chunks.
        array: Physical address of each vmalloc entry, ``array('Q')``.
        tracker: Physical addresses of the tracker's pages; the first is not always the root.
        memory_map: Physical address of the tracker.
        blocks: How many preserved blocks the tracker marks.
        scratch_array: Physical address of the scratch array, None without scratch.
        scratch: Scratch areas ``(start, size)``, bytes.
        pfns: The PFNs that the array holds; its words are made when they are written.
        block: Bytes of a vmalloc entry.
        others: All pages but those of the array, disjoint.
        broken: The handover after a damage, None for a sound one. The other fields, ``raw_blob``
            excepted, are of the handover before the damage.
    """

    page_size: int
    arch: str
    version: Version
    root: int
    totalsize: int
    subtrees: tuple[SubtreeRef, ...]
    metadata: KexecMetadata | None
    blob: HwpoisonBlob
    blob_phys: int
    raw_blob: bytes
    chunks: list[int]
    array: array[int]
    tracker: list[int]
    memory_map: int
    blocks: int
    scratch_array: int | None
    scratch: tuple[tuple[int, int], ...]
    pfns: Listing = field(repr=False)
    block: int
    others: list[Piece] = field(repr=False)
    broken: Broken | None = None

    @property
    def kho_fdt(self) -> tuple[int, int]:
        """Address and size of the root FDT as a boot loader passes them: the size is the page's."""
        if self.broken is not None:
            return self.broken.kho_fdt
        return self.root, self.page_size

    @property
    def kho_scratch(self) -> tuple[int, int]:
        """Address and size of the scratch array as a boot loader passes them, zeros without one."""
        if self.broken is not None:
            return self.broken.kho_scratch
        return self.scratch_array or 0, 16 * len(self.scratch)

    @property
    def poison(self) -> PfnSet:
        """The same PFNs as a set, made at each call: nothing was placed there."""
        return pfn_set(self.pfns)

    def extents(self) -> list[tuple[int, int]]:
        """Return ``(phys, size)``, bytes, of all pages, adjacent ones joined."""
        if self.broken is not None:
            sizes = [(phys, len(data)) for phys, data in self.broken.pieces]
        else:
            sizes = [(phys, self.block) for phys in self.array]
            sizes += [(phys, len(data)) for phys, data in self.others]
        found = union((phys, phys + size) for phys, size in sizes)
        return [(start, end - start) for start, end in found]

    @property
    def pieces(self) -> list[Piece]:
        """All pages, ascending and disjoint, made at each call: 128 MiB for 16 Mi PFNs."""
        if self.broken is not None:
            return self.broken.pieces
        words = self.pfns.array()
        if sys.byteorder == "big":
            words = words[:]
            words.byteswap()
        data, empty = memoryview(words).cast("B"), bytes(self.block)
        found = list(self.others)
        part: bytes | memoryview
        for index, phys in enumerate(self.array):
            part = data[index * self.block : (index + 1) * self.block]
            if len(part) < self.block:
                part = bytes(part) + empty[len(part) :] if part else empty
            found.append((phys, part))
        return sorted(found, key=itemgetter(0))


def joined(pieces: Iterable[Piece]) -> Iterator[tuple[int, list[bytes | memoryview]]]:
    """Yield ``(phys, parts)`` for each run of adjacent pieces; ``pieces`` are ascending."""
    start, end = 0, -1
    parts: list[bytes | memoryview] = []
    for phys, data in pieces:
        if phys != end:
            if parts:
                yield start, parts
            start, parts = phys, []
        parts.append(data)
        end = phys + len(data)
    if parts:
        yield start, parts
