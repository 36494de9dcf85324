"""A preserved vmalloc area: ``struct kho_vmalloc`` and its chain of chunks.

Source: include/linux/kho/abi/kexec_handover.h and kho_preserve_vmalloc() in
kernel/liveupdate/kexec_handover.c (Linux 7.3.4).
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 16

#: The flags a producer writes for VM_ALLOC and VM_ALLOW_HUGE_VMAP; the bits are KHO's own.
VM_ALLOC, VM_ALLOW_HUGE_VMAP = 1, 2
KNOWN_FLAGS = VM_ALLOC | VM_ALLOW_HUGE_VMAP

#: The largest order that encode writes: that of the page allocator with 4 KiB pages.
MAX_ORDER = 10
#: Width of the int in which the kernel computes ``1 << order``: larger orders wrap on arm64 and
#: x86-64.
SHIFT_BITS = 32
#: Width of the type in which it computes the size of a block.
_SIZE_BITS = 64


class KhoVmalloc(NamedTuple):
    """``struct kho_vmalloc``.

    Attributes:
        first: Physical address of the first chunk, bytes; 0 where there is none.
        total_pages: Pages (not entries) of the area.
        flags: 1 = VM_ALLOC, 2 = VM_ALLOW_HUGE_VMAP.
        order: Each entry stands for ``1 << order`` contiguous pages.
    """

    first: int
    total_pages: int
    flags: int = VM_ALLOC
    order: int = 0

    @classmethod
    def parse(cls, raw: bytes | memoryview) -> KhoVmalloc:
        """Read it from 16 bytes; ValueError for any other length."""
        from hwpkho.abi import headers

        h = headers.parse(headers.KHO_VMALLOC, raw)
        return cls(h.first, h.total_pages, h.flags, h.order)

    def build(self) -> bytes:
        """Return its 16 bytes."""
        from hwpkho.abi import headers

        return headers.build(
            headers.KHO_VMALLOC,
            first=self.first,
            total_pages=self.total_pages,
            flags=self.flags,
            order=self.order,
        )

    @property
    def entries(self) -> int:
        """Number of entries that the chunks must list."""
        return self.total_pages >> self.order

    @property
    def effective_order(self) -> int:
        """The order as 64-bit shifts see it; see :attr:`entry_order` for the 32-bit one."""
        return self.order % _SIZE_BITS

    @property
    def entry_order(self) -> int:
        """log2 of the pages that the kernel restores for an entry: ``1 << order`` is an int."""
        return self.order % SHIFT_BITS

    def capacity(self, page_size: int) -> int:
        """Return how many u64 fit into the area, e.g. PFNs; ``page_size`` in bytes."""
        return self.total_pages * page_size // 8


def slots(page_size: int) -> int:
    """Return how many entries a chunk of ``page_size`` bytes holds: 511, 2047 or 8191."""
    return (page_size - 8) // 8


class Chunk(NamedTuple):
    """One page of the chain.

    Attributes:
        next: Physical address of the next chunk, 0 ends the chain.
        entries: Physical addresses up to the first zero, ``array('Q')``.
        hole: Whether there are entries behind that zero, which the kernel does not read.
    """

    next: int
    entries: array[int]
    hole: bool = False

    @classmethod
    def parse(cls, page: bytes | memoryview) -> Chunk:
        """Read one page; its length is the page size."""
        words = array("Q")
        words.frombytes(page)
        if sys.byteorder == "big":
            words.byteswap()
        entries = words[1:]
        try:
            end = entries.index(0)
        except ValueError:
            return cls(words[0], entries)
        return cls(words[0], entries[:end], any(entries[end:]))

    def build(self, page_size: int) -> bytes:
        """Return the page of ``page_size`` bytes; ValueError where the entries do not fit."""
        if len(self.entries) > slots(page_size):
            raise ValueError(f"{len(self.entries)} entries in a chunk of {slots(page_size)}")
        words = array("Q", (self.next,)) + self.entries
        if sys.byteorder == "big":
            words.byteswap()
        return words.tobytes().ljust(page_size, b"\0")


def split(entries: Sequence[int], page_size: int) -> list[array[int]]:
    """Split entries into chunks as the producer does.

    It starts a new chunk as soon as one is full, so a full last chunk is followed by an empty one;
    even no entries make one chunk.
    """
    n = slots(page_size)
    return [array("Q", entries[i : i + n]) for i in range(0, len(entries) + 1, n)]
