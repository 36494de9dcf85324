"""Finds out whether a root FDT in memory is damaged, by what else shows that there was one.

The kernel reads the root FDT at the address that it is given. Four things show that there is one:
what the boot loader passed on, a copy in debugfs, a tracker that marks the page, and what is left
of the page itself. Where no readable root FDT matches them, its page was damaged. A page that the
image lacks proves nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import fdt
from hwpkho.abi import kho as roots
from hwpkho.codes import Problem, problem
from hwpkho.codes.root import DESTROYED, DOUBTFUL
from hwpkho.handover import find_root
from hwpkho.images.base import MIN_PAGE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from hwpkho.abi.tracker.preserved import Preserved
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.tracker import Trackers
    from hwpkho.images.base import Source

#: The most single pages marked by a tracker that are compared with a copy.
_MAX_MARKED = 1 << 12
#: A page is the one that was copied if at least this share of the bytes agrees with the copy.
_ALIKE = 3 / 4


class Damaged(NamedTuple):
    """A page that looks like a damaged root FDT: the kernel would refuse it.

    Attributes:
        phys: Physical address, bytes.
        page: Its bytes.
        why: Why libfdt or the kernel refuses it.
        root: What can still be read of it, None where nothing can.
        kexec_count: From kexec-metadata, None where unknown.
        marked: Whether the tracker that it names marks this very page: then it is not a copy.
        cut: Whether it is zero from the strings block on, like page-cache copies of the debugfs
            file.
    """

    phys: int
    page: bytes
    why: str
    root: roots.RootFdt | None
    kexec_count: int | None
    marked: bool
    cut: bool


def damaged_roots(
    source: Source, trackers: Trackers, lookalikes: Iterable[tuple[int, str]], page_size: int
) -> list[Damaged]:
    """Return the damaged root FDTs among ``lookalikes``, ``(phys, why it is refused)`` each.

    ``page_size`` in bytes.
    """
    found: list[Damaged] = []
    known: dict[bytes, tuple[roots.RootFdt | None, int | None]] = {}
    for phys, why in lookalikes:
        page = bytes(source.look(phys, MIN_PAGE) or find_root.read_root_page(source.look, phys))
        if page not in known:
            root = roots.salvage(page)
            known[page] = root, find_root.kexec_count(source, root) if root else None
        root, count = known[page]
        marked = root is not None and not phys % page_size and find_root.marked(
            trackers, phys, root, page_size
        )  # fmt: skip
        found.append(Damaged(phys, page, why, root, count, bool(marked), _is_cut(page)))
    return found


def _is_cut(page: bytes) -> bool:
    start = int.from_bytes(page[12:16], "big")
    return 0 < start < len(page) and not any(page[start:])


def partition(
    damaged: Sequence[Damaged], real: Sequence[find_root.Candidate]
) -> tuple[list[Damaged], list[Damaged]]:
    """Return the damaged roots that belong to the running kernel, and those that may.

    ``real`` are the readable roots, oldest generation first. A damaged root that its tracker marks
    is the outgoing one if its kexec count is above the newest of these, and the incoming one if it
    is one below; others are left over from older kernels. A page that no tracker marks may be a
    copy: it is doubtful only where no tracker marks the newest readable root either.
    """
    counts = {c.kexec_count for c in real}
    newest = max((n for n in counts if n is not None), default=None)
    alive = any(c.marked for c in real if c.kexec_count == newest or newest is None)
    ours: list[Damaged] = []
    doubtful: list[Damaged] = []
    for d in damaged:
        if d.marked and (newest is None or d.kexec_count is None):
            (doubtful if alive else ours).append(d)
        elif d.marked and newest is not None and d.kexec_count is not None:
            if d.kexec_count > newest or d.kexec_count == newest - 1 not in counts:
                ours.append(d)
            elif d.kexec_count == newest:
                doubtful.append(d)
        elif not alive and not d.cut:
            doubtful.append(d)
    return ours, [] if ours else doubtful


def doubt(d: Damaged) -> Problem:
    """Return the warning that a damaged page may be the root FDT that the next kernel reads."""
    message = f"the page at 0x{d.phys:x} looks like a damaged root FDT: {d.why}"
    return problem(DOUBTFUL, message, d.phys)


def unread_by_boot(
    source: Source, boots: Sequence[BootHandover], roots_at: Collection[int]
) -> list[Problem]:
    """Return warnings about pages that a boot loader passed on and that are not root FDTs any more.

    ``roots_at`` are the addresses of root FDTs, damaged ones included. No warnings where one of
    them was passed on: other addresses are then left over from older boots.
    """
    named = sorted({b.fdt_addr for b in boots})
    if any(phys in roots_at for phys in named):
        return []
    return [
        problem(DOUBTFUL, f"0x{phys:x} was handed over as the root FDT, but is not one", phys)
        for phys in named
        if source.read(phys, len(fdt.MAGIC)) is not None
    ]


def behind_copy(
    source: Source,
    trackers: Trackers,
    copy: DebugfsCopy,
    seen: tuple[Sequence[find_root.Candidate], Sequence[Damaged]],
    page_size: int,
) -> Problem | None:
    """Return an error where the root FDT of which ``copy`` is a copy is damaged in memory.

    ``seen`` are the readable roots, none of which is the copy's, and the damaged ones. None where
    the image may just lack the page.
    """
    candidates, damaged = seen
    own, raw = copy.root(), copy.fdt
    if own is None or raw is None or own.memory_map is None or own.version is None:
        return None
    for d in damaged:
        if d.marked and d.root is not None and d.root.memory_map == own.memory_map:
            return _destroyed(copy, d.phys, d.why)
    walk = trackers.walk(own.memory_map, page_size, own.version)
    pages = single_pages(walk.preserved, own.memory_map) if walk.listed else None
    if not walk.intact or not pages:
        return None
    read = {c.phys for c in candidates}
    n, absent = min(len(raw), own.totalsize, page_size), False
    for phys in pages:
        if phys in read:
            continue
        page = source.read(phys, n)
        if page is None:
            absent = True
            continue
        alike = sum(a == b for a, b in zip(page, raw, strict=False))
        if alike >= n * _ALIKE:
            at = next((i for i in range(n) if page[i] != raw[i]), n)
            return _destroyed(copy, phys, f"byte {at} is 0x{page[at]:02x}, not 0x{raw[at]:02x}")
    if absent or len(pages) > _MAX_MARKED:
        return None
    why = f"none of the {len(pages)} pages that its tracker marks is a root FDT"
    if len(pages) == 1:
        why = "the one page that its tracker marks is no root FDT"
    return _destroyed(copy, None, why)


def _destroyed(copy: DebugfsCopy, phys: int | None, why: str) -> Problem:
    where = "" if phys is None else f" at 0x{phys:x}"
    message = (
        f"{copy.label}: the root FDT{where} is damaged in memory, only the copy is good: {why}"
    )
    return problem(DESTROYED, message, phys)


def single_pages(preserved: Preserved, near: int) -> list[int]:
    """Return the physical addresses of marked blocks of one page, the nearest to ``near`` first.

    A kernel allocates its root FDT and its tracker one after the other. At most ``_MAX_MARKED`` + 1
    are returned; that many show that there are too many to compare all.
    """
    found = list(islice(preserved.starts(0), _MAX_MARKED + 1))
    found.sort(key=lambda phys: abs(phys - near))
    return found
