"""One handover as it was read: what stands in memory, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from hwpkho.abi.hwpoison import HwpoisonBlob
    from hwpkho.abi.kexec_metadata import KexecMetadata
    from hwpkho.abi.kho import RootFdt
    from hwpkho.abi.role import Role
    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.codes import Problem
    from hwpkho.handover.owners import Account, Owner

TrackerState = Literal["complete", "partial", "gone"]
#: How the blob and its list were found: ``read``; ``consumed`` by the running kernel;
#: ``not-given``: only copies were given, and the memory is needed; ``absent``: the image lacks the
#: blob; ``nowhere``: it lies above all memory of the image; ``refused``: the kernel refuses the
#: node; ``malformed``: it is no valid blob; ``array-absent``: the image lacks a page of the array,
#: and nothing else is wrong.
ListState = Literal[
    "read", "consumed", "not-given", "absent", "nowhere", "refused", "malformed", "array-absent"
]
#: How a chain of chunks ends: ``whole``: with next 0; ``first-zero``: it never begins; ``absent``:
#: the image lacks a chunk; ``nowhere``: at no physical address; ``cycle``: at a chunk that was read
#: already; ``stopped``: the kernel does not look further.
ChainEnd = Literal["whole", "first-zero", "absent", "nowhere", "cycle", "stopped"]


class Subtree(NamedTuple):
    """One subtree of the root.

    Attributes:
        name: The node's name.
        phys: Physical address of its blob (bytes), None where unknown.
        size: Registered size (bytes), None where unknown.
        kind: ``hwpoison``, ``kexec-metadata``, ``memblock``, ``luo``, None for an unknown one.
        details: What is known of its content, ready for JSON.
        content: What it leads to, None where it is its blob and no more, or nobody knows.
    """

    name: str
    phys: int | None
    size: int | None
    kind: str | None = None
    details: Mapping[str, Any] | None = None
    content: Owner | None = None


class Root(NamedTuple):
    """The root FDT.

    Attributes:
        phys: Physical address (bytes), None where only a copy of it was given.
        compatible: Its first compatible string.
        totalsize: Bytes.
        memory_map: Physical address of the tracker, None where the kernel would refuse it.
        subtrees: In the order of the nodes.
        fdt: The parsed tree, None where the copy is cut off.
        size: Bytes that the boot loader hands over for it, None where that is not known.
    """

    phys: int | None
    compatible: str | None
    totalsize: int | None
    memory_map: int | None
    subtrees: tuple[Subtree, ...]
    fdt: RootFdt | None = None
    size: int | None = None


class Scratch(NamedTuple):
    """Where scratch is.

    Attributes:
        array: Physical address of the array, None where only the areas are known.
        length: Bytes of the array as handed over, None where unknown.
        areas: ``(start, size)``, bytes; None where the array is not in the image.
    """

    array: int | None
    length: int | None
    areas: tuple[tuple[int, int], ...] | None


class Chain(NamedTuple):
    """What the chunks of the array say together, as kho_restore_vmalloc() adds it up.

    Attributes:
        end: How the chain ends.
        at: Physical address of the chunk at which it ends otherwise than whole, None without one.
        adds_up: Whether the entries make ``total_pages``, as far as they were read.
        once: Whether every page is named once only.
    """

    end: ChainEnd
    at: int | None = None
    adds_up: bool = True
    once: bool = True

    @property
    def restorable(self) -> bool:
        """Whether the next kernel can restore the area, as far as the chain tells."""
        return self.end == "whole" and self.adds_up and self.once


class HwpoisonList(NamedTuple):
    """The hwpoison subtree.

    Attributes:
        phys: Physical address of the blob (bytes), None where only a copy was given.
        size: Registered size (bytes), None where this KHO version has none.
        blob: Its fields, None where it is not one that the consumer takes.
        chunks: Physical addresses of the chunk pages that were read, in chain order; None where
            the memory was not given.
        pages: Physical address of each vmalloc entry, array('Q'); None likewise.
        pfns: The list in array order, array('Q'); None where not sound or not reachable.
        revision: ``fdt-v1`` or ``struct-v1``, also of a blob with another version; None where
            unknown.
        version: Of the blob, supported or not; None where it has none.
        state: How the blob and the list were found.
        chain: What the chunks say, None where they were not read.
        problem: What keeps the list from being read, as it was reported; None where nothing does.
    """

    phys: int | None
    size: int | None
    blob: HwpoisonBlob | None
    chunks: list[int] | None = None
    pages: array[int] | None = None
    pfns: array[int] | None = None
    revision: str | None = None
    version: int | None = None
    state: ListState = "read"
    chain: Chain | None = None
    problem: Problem | None = None

    @property
    def order(self) -> int:
        """Log2 of the pages that an entry stands for; 0 where the list cannot be read."""
        if self.blob is None or self.pfns is None:
            return 0
        return self.blob.vmalloc.effective_order

    def beyond(self, page_size: int) -> bool:
        """Tell whether ``count`` exceeds what the array's pages hold; ``page_size`` in bytes."""
        return self.blob is not None and self.blob.count > self.blob.vmalloc.capacity(page_size)


class Unmarked(NamedTuple):
    """A page of the handover that the tracker does not mark as it must.

    Attributes:
        problem: That, as it was reported.
        free: Whether nothing marks the page, so that the kernel may reuse it before it reads it.
    """

    problem: Problem
    free: bool


#: What leaves open which handover counts: ``root``: which page is the root FDT that the next kernel
#: reads; ``copy``: the page of which only a copy is good; ``list``: the running kernel has taken a
#: list and gives none on; ``outgoing``: its own handover was not found.
Doubt = Literal["root", "copy", "list", "outgoing"]


class Handover(NamedTuple):
    """A handover: one root FDT and everything it leads to.

    Attributes:
        source: The input it was read from, as the user named it, printable.
        page_size: Bytes, None where unknown.
        arch: A name of ``ARCHES`` or None.
        role: ``in``: from the kernel before; ``out``: for the next; None where unknown.
        root: None where only a blob was given.
        tracker: Whether the tracker marks everything it must; None where there is no memory.
        walk: What the walk over the tracker found, None where there was none.
        scratch: None where unknown.
        metadata: kexec-metadata, None where missing or unreadable.
        hwpoison: None where there is no hwpoison subtree.
        problems: In the order they were met.
        root_unread: Why the root FDT in memory cannot be read: ``damaged`` or ``absent``; None
            where it was read, or nobody looked.
        root_problem: What keeps the kernel from reading the root FDT, to its end at least, as it
            was reported; None where nothing does.
        unmarked: The first page of the handover that the tracker does not mark as it must; None
            where it marks all of them.
        in_scratch: That a page of the handover lies in scratch, in part at least, as it was
            reported.
        no_list: That there is no hwpoison subtree, as it was reported.
        doubts: Problems that leave open which root FDT the next kernel reads, or show that it
            cannot read it.
        in_doubt: What that is about.
        account: Who owns what the tracker marks; None where the tracker is not there.
    """

    source: str
    page_size: int | None
    arch: str | None
    role: Role | None
    root: Root | None
    tracker: TrackerState | None
    scratch: Scratch | None
    metadata: KexecMetadata | None
    hwpoison: HwpoisonList | None
    problems: tuple[Problem, ...] = ()
    walk: TrackerWalk | None = None
    root_unread: Literal["damaged", "absent"] | None = None
    root_problem: Problem | None = None
    unmarked: Unmarked | None = None
    in_scratch: Problem | None = None
    no_list: Problem | None = None
    doubts: tuple[Problem, ...] = ()
    in_doubt: frozenset[Doubt] = frozenset()
    account: Account | None = None

    @property
    def unread(self) -> bool:
        """Whether damage to the root FDT hides whether there is a hwpoison subtree."""
        fdt = self.root.fdt if self.root else None
        damaged = self.root_unread is not None or (fdt is not None and fdt.tree.error is not None)
        return damaged and self.hwpoison is None

    def __str__(self) -> str:
        where = f"root FDT 0x{self.root.phys:x}" if self.root and self.root.phys else self.source
        damaged = ", its root FDT damaged in memory" if self.root_unread == "damaged" else ""
        return f"{where} ({self.role or 'role unknown'}{damaged})"
