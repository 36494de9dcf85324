"""The facts of one handover: what is in memory, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping

    from hwpkho.abi.hwpoison import HwpoisonBlob
    from hwpkho.abi.kexec_metadata import KexecMetadata
    from hwpkho.abi.kho import RootFdt
    from hwpkho.abi.role import Role
    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.codes import Problem
    from hwpkho.handover.owners import Account, Owner

TrackerState = Literal["complete", "partial", "gone"]
#: Whether the blob and its list were read: ``read``; ``consumed``: the running kernel has replayed
#: the list and freed its pages; ``not-given``: only copies were given, and memory is needed;
#: ``absent``: the image lacks the blob; ``nowhere``: its address is above all memory;
#: ``refused``: the kernel refuses the node; ``malformed``: the blob is not valid;
#: ``array-absent``: the image lacks a page of the array, and nothing else is wrong.
ListState = Literal[
    "read", "consumed", "not-given", "absent", "nowhere", "refused", "malformed", "array-absent"
]
#: How a chain of chunks ends: ``whole``: with next 0; ``first-zero``: first is 0; ``absent``: the
#: image lacks a chunk; ``nowhere``: a chunk's address is not a physical address; ``cycle``: it
#: comes back to a chunk; ``stopped``: the kernel gives up there.
ChainEnd = Literal["whole", "first-zero", "absent", "nowhere", "cycle", "stopped"]


class Subtree(NamedTuple):
    """One subtree of the root.

    Attributes:
        name: The node's name.
        phys: Physical address of its blob (bytes), None where unknown.
        size: Registered size (bytes), None where unknown.
        kind: ``hwpoison``, ``kexec-metadata``, ``memblock``, ``luo``, None for an unknown one.
        details: What is known of its blob, ready for JSON; None where nothing is.
        content: The preserved memory that it leads to; None where there is only the blob, or
            hwpkho does not know.
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
        compatible: Its first compatible string; None where it has none or cannot be read.
        totalsize: Bytes; None where it cannot be read.
        memory_map: Physical address of the tracker, None where the kernel refuses it.
        subtrees: In the order of the nodes.
        fdt: The parsed tree, None where it cannot be read.
        size: Its size as the boot loader passes it on, bytes; None where unknown.
    """

    phys: int | None
    compatible: str | None
    totalsize: int | None
    memory_map: int | None
    subtrees: tuple[Subtree, ...]
    fdt: RootFdt | None = None
    size: int | None = None


class Scratch(NamedTuple):
    """The scratch areas.

    Attributes:
        array: Physical address of the array, None where only the areas are known.
        length: Bytes of the array as the boot loader passes it on, None where unknown.
        areas: ``(start, size)``, bytes; None where the image lacks the array.
    """

    array: int | None
    length: int | None
    areas: tuple[tuple[int, int], ...] | None


class Chain(NamedTuple):
    """The chain of chunks of a vmalloc area, as kho_restore_vmalloc() checks it.

    Attributes:
        end: How the chain ends.
        at: Physical address of the chunk at which it ends before its end; None otherwise.
        adds_up: Whether the entries read so far match ``total_pages``.
        once: Whether no page is listed twice.
    """

    end: ChainEnd
    at: int | None = None
    adds_up: bool = True
    once: bool = True

    @property
    def restorable(self) -> bool:
        """Whether the next kernel can restore the area, judging by the chain alone."""
        return self.end == "whole" and self.adds_up and self.once


class HwpoisonList(NamedTuple):
    """The hwpoison subtree.

    Attributes:
        phys: Physical address of the blob (bytes), None where only a copy was given.
        size: Registered size (bytes), None where this KHO version has none.
        blob: Its fields, None where the consumer refuses it or it was not read.
        chunks: Physical addresses of the chunk pages that were read, in chain order; None where
            they were not read.
        pages: Physical address of each vmalloc entry, array('Q'); None where not read.
        pfns: The list in array order, array('Q'); None where it was not read.
        revision: ``fdt-v1`` or ``struct-v1``, also for a blob of an unsupported version; None
            where unknown.
        version: Version of the blob, supported or not; None where it has none.
        state: Whether the blob and the list were read.
        chain: The chain of chunks, None where it was not read.
        problem: The reported problem that keeps the list from being read, else None.
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
        """log2 of the pages that a vmalloc entry stands for; 0 where the list cannot be read."""
        if self.blob is None or self.pfns is None:
            return 0
        return self.blob.vmalloc.effective_order

    def beyond(self, page_size: int) -> bool:
        """Tell whether the blob's count exceeds the array's capacity; ``page_size`` in bytes."""
        return self.blob is not None and self.blob.count > self.blob.vmalloc.capacity(page_size)


class Unmarked(NamedTuple):
    """A page of the handover that the tracker does not mark as it must.

    Attributes:
        problem: The reported problem.
        free: Whether no block covers the page, so that the kernel may reuse it before reading it.
    """

    problem: Problem
    free: bool


#: What is in doubt: ``root``: which page is the root FDT that the next kernel reads; ``copy``: the
#: root FDT in memory is damaged, only a copy is good; ``list``: the running kernel has taken a list
#: but does not publish one; ``outgoing``: its own handover was not found.
Doubt = Literal["root", "copy", "list", "outgoing"]


class Handover(NamedTuple):
    """A handover: one root FDT and everything it leads to.

    Attributes:
        source: The input it was read from, as the user named it, printable.
        page_size: Bytes, None where unknown.
        arch: A name of ``ARCHES`` or None.
        role: ``in``: from the previous kernel; ``out``: for the next; None where unknown.
        root: None where only a blob was given.
        tracker: Whether the tracker marks everything it must; None where it was not read.
        walk: What the walk over the tracker found, None where it was not walked.
        scratch: None where unknown.
        metadata: kexec-metadata, None where missing or unreadable.
        hwpoison: None where there is no hwpoison subtree.
        problems: In the order in which they were found.
        root_unread: Why the root FDT in memory cannot be read: ``damaged`` or ``absent``; None
            where it was read, or memory was not given.
        root_problem: The reported problem that keeps the kernel from reading the root FDT, or its
            end; else None.
        unmarked: The first page of the handover that the tracker does not mark as it must; None
            where it marks all of them.
        in_scratch: The reported problems of pages of the handover that lie in scratch, at least in
            part; of the first 1000.
        no_list: The reported problem that there is no hwpoison subtree, else None.
        doubts: Problems that leave open which root FDT the next kernel reads, or show that it
            cannot read it.
        in_doubt: What these doubts are about.
        account: Who owns what the tracker marks; None where the tracker was not read.
        no_tracker: The reported problem that the kernel refuses the tracker's address, else None.
        damage: The reported problem of the tracker that crashes the next kernel, else None.
        short_scratch: The reported problem that the scratch array is too short for an entry, else
            None.
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
    in_scratch: tuple[Problem, ...] = ()
    no_list: Problem | None = None
    doubts: tuple[Problem, ...] = ()
    in_doubt: frozenset[Doubt] = frozenset()
    account: Account | None = None
    no_tracker: Problem | None = None
    damage: Problem | None = None
    short_scratch: Problem | None = None

    @property
    def unread(self) -> bool:
        """Whether the root FDT is so damaged that it may have had a hwpoison subtree."""
        fdt = self.root.fdt if self.root else None
        damaged = self.root_unread is not None or (fdt is not None and fdt.tree.error is not None)
        return damaged and self.hwpoison is None

    def __str__(self) -> str:
        where = f"root FDT 0x{self.root.phys:x}" if self.root and self.root.phys else self.source
        damaged = ", its root FDT damaged in memory" if self.root_unread == "damaged" else ""
        return f"{where} ({self.role or 'role unknown'}{damaged})"


def page_size_of(handovers: Iterable[Handover]) -> int | None:
    """Return the page size (bytes) of the first handover that has one, None where none has."""
    return next((h.page_size for h in handovers if h.page_size), None)
