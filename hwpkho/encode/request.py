"""What is wanted of a handover, checked before anything is placed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import fdt
from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.abi.kho import DEFAULT, HWPOISON, KEXEC_METADATA, Version, numbered
from hwpkho.abi.vmalloc import MAX_ORDER, VM_ALLOC, VM_ALLOW_HUGE_VMAP
from hwpkho.base import arch as arches
from hwpkho.base.addresses import align_up, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.listing import MAX_PFNS
from hwpkho.base.options import areas, called, option
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.abi.kexec_metadata import KexecMetadata
    from hwpkho.base.arch import Arch
    from hwpkho.base.listing import Listing

#: Entries of the producer's first array; it doubles from there.
FIRST_CAPACITY = 512
#: Entries of the largest array: 1 GiB, which takes several chunks with pages of any size.
MAX_CAPACITY = 1 << 27
#: Bytes of the largest blob of a foreign subtree.
MAX_SUBTREE = 16 << 20
#: Bytes of all of them together.
MAX_SUBTREES = 64 << 20

#: A node's name with or without a unit address: the characters of the Devicetree Specification
#: (2.2.1), which allows 31 of them; longer names are in use.
NODE_NAME = re.compile(r"[0-9A-Za-z,._+-]{1,63}(@[0-9A-Za-z,._+-]{1,63})?")


class Request(NamedTuple):
    """What to make.

    Attributes:
        pfns: The list, in the order the array shall have; repeats are kept.
        page_size: Bytes.
        arch: A name of ``ARCHES``.
        kho: Number of the KHO version.
        revision: Revision of the hwpoison subtree; None: that of the KHO version.
        capacity: Entries that the array shall hold; None: 512, doubled until the list fits.
        order: Order of the vmalloc's entries.
        flags: Flags of the vmalloc; None: what a producer writes for this order.
        metadata: kexec-metadata; None for none, or where its blob is among ``subtrees``.
        subtrees: Further subtrees, ``(node name, blob)``, newest first.
        at: Physical address of the first page; None: chosen inside ``ram``.
        ram: Where pages may go, ``(start, size)`` in bytes; empty: anywhere from ``at`` on.
        scratch: Scratch areas, ``(start, size)`` in bytes.
        known_end: End of what a memory map knows of the machine, bytes; 0 without one.
    """

    pfns: Listing
    page_size: int = 4096
    arch: str = arches.DEFAULT
    kho: int = DEFAULT.number
    revision: str | None = None
    capacity: int | None = None
    order: int = 0
    flags: int | None = None
    metadata: KexecMetadata | None = None
    subtrees: tuple[tuple[str, bytes], ...] = ()
    at: int | None = None
    ram: tuple[tuple[int, int], ...] = ()
    scratch: tuple[tuple[int, int], ...] = ()
    known_end: int = 0

    @property
    def machine(self) -> Arch:
        """The architecture's row of ``ARCHES``."""
        return arches.ARCHES[self.arch]

    @property
    def phys_end(self) -> int:
        """One past the largest physical address, bytes."""
        return 1 << self.machine.phys_bits

    @property
    def version(self) -> Version:
        """The KHO version."""
        return numbered(self.kho)

    @property
    def wanted_revision(self) -> str:
        """The revision asked for, or that of the KHO version."""
        return self.revision or self.version.revision

    @property
    def wanted_flags(self) -> int:
        """The vmalloc flags asked for, or those for the order."""
        if self.flags is not None:
            return self.flags
        return VM_ALLOC | (VM_ALLOW_HUGE_VMAP if self.order else 0)

    @property
    def total_pages(self) -> int:
        """Pages of the array: whole entries of ``1 << order`` pages."""
        capacity = self.capacity
        if capacity is None:
            capacity = FIRST_CAPACITY
            while capacity < self.pfns.count:
                capacity *= 2
        return align_up(-(-capacity * 8 // self.page_size), 1 << self.order)

    @property
    def all_subtrees(self) -> tuple[tuple[str, bytes], ...]:
        """The subtrees beside hwpoison, newest first: the kernel adds kexec-metadata before any."""
        if self.metadata is None:
            return self.subtrees
        return (*self.subtrees, (KEXEC_METADATA, self.metadata.build()))

    def check(self) -> None:
        """Raise UsageError where a wish is out of range or two of them cannot go together."""
        self._check_format()
        self._check_places()
        self._check_subtrees()

    def beyond(self) -> int | None:
        """Return the index of the first PFN past the physical addresses, None if there is none.

        Such a list is made all the same: a kernel takes it, and that is worth trying.
        """
        limit = self.phys_end >> page_shift(self.page_size)
        if not self.pfns or max(self.pfns.last) < limit:
            return None
        before = 0
        for first, last in self.pfns.runs():
            if last >= limit:
                return before + max(0, limit - first)
            before += last - first + 1
        return None

    def _check_format(self) -> None:
        if self.arch not in arches.ARCHES:
            raise UsageError(
                f"{printable(self.arch)} is not one of {', '.join(arches.ARCHES.names())}"
            )
        if not self.machine.has_pages(self.page_size):
            sizes = self.machine.page_sizes()
            size = option("page_size", self.page_size)
            raise UsageError(f"{size}: {self.arch} has pages of {sizes} bytes")
        revision = self.wanted_revision
        if self.version.fdts:
            version = self.version.compatible
            if not REVISIONS[revision].IS_FDT:
                raise UsageError(f"{revision} cannot go with {version}, whose subtrees are FDTs")
            if self.metadata is not None:
                raise UsageError(
                    f"kexec-metadata cannot go with {version}, whose subtrees are FDTs"
                )
        if not 0 <= self.order <= MAX_ORDER:
            raise UsageError(f"{option('order', self.order)} is not from 0 to {MAX_ORDER}")
        if not 0 <= self.wanted_flags < 1 << 16:
            raise UsageError(f"{option('flags', hex(self.wanted_flags))} does not fit into 16 bits")
        if self.pfns.count > MAX_PFNS:
            raise UsageError(f"a list of {self.pfns.count} PFNs is longer than {MAX_PFNS}")
        if self.capacity is not None and not 0 < self.capacity <= MAX_CAPACITY:
            capacity = option("capacity", self.capacity)
            raise UsageError(f"{capacity} is not from 1 to {MAX_CAPACITY} entries")
        room = self.total_pages * self.page_size // 8
        if self.capacity is not None and room < self.pfns.count:
            raise UsageError(
                f"{self.pfns.count} PFNs do not fit into {counted(self.capacity, 'entry')}"
            )

    def _check_places(self) -> None:
        if self.at is None and not self.ram:
            raise UsageError(
                f"no place for the handover: give {option('at', 'PHYS')}, or "
                f"{areas('ram')} to have it placed"
            )
        limit, shown = self.phys_end, f"2^{self.machine.phys_bits}"
        if self.at is not None and (self.at % self.page_size or not 0 < self.at < limit):
            raise UsageError(
                f"{option('at', hex(self.at))} is not the address of a page of {self.page_size} "
                f"bytes below {shown} (0 counts as none)"
            )
        for start, size in self.ram:
            if not size or start + size > limit:
                ram = called("ram", "RAM")
                raise UsageError(f"{ram} 0x{start:x}:0x{size:x} is empty or reaches past {shown}")
        end = 0
        for start, size in sorted(self.scratch):
            area = option("scratch", f"0x{start:x}:0x{size:x}")
            if not size or start % self.page_size or size % self.page_size:
                raise UsageError(f"{area} is not a whole number of pages of {self.page_size} bytes")
            if start + size > limit:
                raise UsageError(f"{area} reaches past {shown}")
            if start < end:
                raise UsageError(f"{area} overlaps another area")
            end = start + size

    def _check_subtrees(self) -> None:
        taken = {HWPOISON} | ({KEXEC_METADATA} if self.metadata else set())
        total = 0
        for name, blob in self.subtrees:
            shown = f"{called('subtrees', 'subtree')} '{printable(name[:80])}'"
            if not NODE_NAME.fullmatch(name):
                raise UsageError(f"{shown}: is not a valid name of a device-tree node")
            if name in taken or name.split("@", 1)[0] in (HWPOISON, *taken & {KEXEC_METADATA}):
                raise UsageError(f"{shown}: a subtree of that name exists already")
            taken.add(name)
            total += len(blob)
            if not blob or len(blob) > MAX_SUBTREE or total > MAX_SUBTREES:
                raise UsageError(
                    f"{shown}: {len(blob)} bytes; a blob has 1 to {MAX_SUBTREE}, all "
                    f"together {MAX_SUBTREES}"
                )
            if self.version.fdts and blob[:4] != fdt.MAGIC:
                raise UsageError(f"{shown}: {self.version.compatible} takes FDTs only")
