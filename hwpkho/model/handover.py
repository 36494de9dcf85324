"""One handover as it was read: what stands in memory, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from hwpkho.codecs.hwpoison import HwpoisonBlob
    from hwpkho.codecs.metadata import KexecMetadata
    from hwpkho.codecs.root import RootFdt
    from hwpkho.codes import Problem
    from hwpkho.walkers.tracker import TrackerWalk

Role = Literal["in", "out"]
TrackerState = Literal["complete", "partial", "gone"]


class Subtree(NamedTuple):
    """One subtree of the root.

    Attributes:
        name: The node's name.
        phys: Physical address of its blob (bytes), None where not told.
        size: Registered size (bytes), None where not told.
        kind: ``hwpoison``, ``kexec-metadata``, ``memblock``, ``luo``, None for an unknown one.
        details: What is known of its content, ready for JSON.
    """

    name: str
    phys: int | None
    size: int | None
    kind: str | None = None
    details: Mapping[str, Any] | None = None


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
        revision: ``fdt-v1`` or ``struct-v1`` as far as told, also of a blob with another version.
        version: Of the blob, known or not; None where it tells none.
    """

    phys: int | None
    size: int | None
    blob: HwpoisonBlob | None
    chunks: list[int] | None = None
    pages: array[int] | None = None
    pfns: array[int] | None = None
    revision: str | None = None
    version: int | None = None


class Handover(NamedTuple):
    """A handover: one root FDT and everything it leads to.

    Attributes:
        source: The input it was read from, as the user named it, printable.
        page_size: Bytes, None where nothing tells.
        arch: ``x86_64``, ``arm64`` or None.
        role: ``in``: from the kernel before; ``out``: for the next; None where nothing tells.
        root: None where only a blob was given.
        tracker: Whether the tracker marks everything it must; None where there is no memory.
        walk: What the walk over the tracker found, None where there was none.
        scratch: None where unknown.
        metadata: kexec-metadata, None where missing or unreadable.
        hwpoison: None where there is no hwpoison subtree.
        problems: In the order they were met.
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

    def __str__(self) -> str:
        where = f"root FDT 0x{self.root.phys:x}" if self.root and self.root.phys else self.source
        return f"{where} ({self.role or 'role unknown'})"
