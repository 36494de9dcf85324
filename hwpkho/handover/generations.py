"""Decides which root FDT of a case is incoming and which is outgoing, and what that implies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hwpkho.abi import kho as roots
from hwpkho.codes import Problem, problem
from hwpkho.codes.root import GENERATIONS, NOT_PUBLISHED, OUTGOING_MISSING
from hwpkho.handover import find_root, joining

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.abi.role import Role
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.evidence import Damaged
    from hwpkho.handover.model import Doubt, Handover
    from hwpkho.handover.tracker import Trackers
    from hwpkho.images.base import Source


class Found:
    """A root FDT that was found, before its handover is read.

    Attributes:
        phys: Physical address, bytes; None where only a copy is known.
        page: Its bytes.
        root: The parsed tree, None where it cannot be read.
        kexec_count: From kexec-metadata, None where unknown.
        role: ``in``, ``out``, None where unknown.
        copy: Copies from debugfs.
        consumed: Whether the running kernel has freed its list's pages.
        refused: Whether that kernel is of another KHO version: it refused it, and replayed nothing,
            but its pages are free all the same.
        size: Bytes that the boot loader passes on for it, None where unknown.
        unread: Why it cannot be read in memory, None where it can.
        left: What can be read of a damaged one.
        root_problem: The problem that keeps the kernel from reading it.
        problems: What was reported so far.
        doubts: What leaves open which handover counts, and about what.
    """

    def __init__(
        self,
        phys: int | None,
        page: bytes,
        root: roots.RootFdt | None,
        kexec_count: int | None = None,
        role: Role | None = None,
        copy: DebugfsCopy | None = None,
        *,
        unread: Literal["damaged", "absent"] | None = None,
        left: roots.RootFdt | None = None,
    ) -> None:
        self.phys, self.page, self.root, self.left = phys, page, root, left
        self.kexec_count, self.role, self.copy = kexec_count, role, copy
        self.consumed = self.refused = False
        self.size: int | None = None
        self.unread = unread
        self.root_problem: Problem | None = None
        self.problems: list[Problem] = []
        self.doubts: list[tuple[Doubt, Problem]] = []


def not_left_over(
    real: list[find_root.Candidate], hurt: Sequence[Damaged]
) -> list[find_root.Candidate]:
    """Return ``real`` without those that are older than the predecessor of a damaged root FDT."""
    newest = max((d.kexec_count for d in hurt if d.kexec_count is not None), default=0)
    return [c for c in real if c.kexec_count is None or c.kexec_count >= newest - 1]


def set_roles(found: list[Found], booted: set[int]) -> None:
    """Set the roles: by what the boot loader passed on (``booted``), else by kexec counts.

    Sorts ``found`` where only ``booted`` shows the order.
    """
    counts = [f.kexec_count for f in found]
    for f in found:
        if f.phys in booted:
            f.role = "in"
    if len(found) < 2:
        return
    newest = max((n for n in counts if n is not None), default=None)
    ordered = None not in counts and len(set(counts)) == len(counts)
    if not ordered:
        rest = [f for f in found if f.role is None]
        if len(rest) == 1 and len(found) == 2:
            rest[0].role = "out"
            found.sort(key=lambda f: f is rest[0])
            return
        where = ", ".join(f"0x{f.phys:x}" for f in found if f.phys is not None)
        found[-1].problems.append(
            problem(
                GENERATIONS, f"kexec-metadata does not show the order of the root FDTs at {where}"
            )
        )
        return
    for f in found:
        f.role = "out" if f.kexec_count == newest else f.role or "in"


def set_running(found: Found, source: Source, trackers: Trackers, page_size: int) -> None:
    """Set the role ``in`` where the running kernel has freed and reused the handover's pages.

    These are the tracker's, and blobs that the kernel frees at boot; an outgoing handover still has
    them.
    """
    root, phys = found.root, found.phys
    if found.role is not None or root is None or phys is None:
        return
    if not root.memory_map or root.version is None or not joining.released(root, source):
        return
    walk = trackers.walk(root.memory_map, page_size, root.version)
    reused = walk.nodes and find_root.marked(trackers, phys, root, page_size) is False
    if reused:
        found.role = "in"


def set_consumed(found: Sequence[Found]) -> None:
    """Set ``consumed`` and ``refused`` on incoming handovers, by the outgoing one.

    The running kernel publishes a list only after it has replayed the incoming one. It refuses a
    root FDT without its own version, which is that of the outgoing one.
    """
    publishes = any(
        f.role == "out" and (_publishes(f.root or f.left) or (f.copy and _has_blob(f.copy)))
        for f in found
    )
    own = {text for f in found if f.role == "out" and f.root for text in f.root.compatible}
    for f in found:
        f.consumed = publishes and f.role == "in"
        f.refused = bool(own and f.role == "in" and f.root and own.isdisjoint(f.root.compatible))


def _publishes(root: roots.RootFdt | None) -> bool:
    return root is not None and root.find(roots.HWPOISON) is not None


def _has_blob(copy: DebugfsCopy) -> bool:
    return roots.HWPOISON in copy.subtrees


def own_missing(found: Sequence[Found], trackers: Trackers, page_size: int) -> Iterator[Problem]:
    """Yield a warning where the running kernel's own root FDT was not found in memory.

    A kernel makes its own root FDT before it reuses the pages of the incoming tracker. The next
    kernel reads that root FDT, not a copy.
    """
    for f in found:
        if f.phys is None and f.role == "out" and f.copy and not f.unread and len(found) > 1:
            message = (
                f"{f.copy.label}: the root FDT of this handover is damaged or not in the "
                "image; what is shown comes from the copy"
            )
            yield problem(OUTGOING_MISSING, message)
    if len(found) != 1 or found[0].role != "in" or found[0].unread:
        return
    root, phys = found[0].root, found[0].phys
    if root is None or phys is None or not root.memory_map or root.version is None:
        return
    walk = trackers.walk(root.memory_map, page_size, root.version)
    if walk.nodes and find_root.marked(trackers, phys, root, page_size) is False:
        message = (
            "the kernel that took this handover is running; its own root FDT is damaged or not "
            "in the image"
        )
        yield problem(OUTGOING_MISSING, message, phys)


def check_published(handovers: list[Handover]) -> list[Handover]:
    """Return the handovers, with a warning where the running kernel took a list but has none.

    That it took the list is certain where the list's pages are free: unrestored pages stay
    reserved.
    """
    taken = any(h.role == "in" and h.hwpoison and h.hwpoison.state == "consumed" for h in handovers)
    for i, h in enumerate(handovers):
        if taken and h.role == "out" and h.hwpoison is None and not h.unread and h.root:
            message = (
                "the running kernel took the incoming list, but its own handover "
                "has no hwpoison subtree"
            )
            lost = problem(NOT_PUBLISHED, message, h.root.phys)
            handovers[i] = h._replace(
                problems=(*h.problems, lost),
                doubts=(*h.doubts, lost),
                in_doubt=h.in_doubt | {"list"},
            )
    return handovers
