"""Finds the root FDTs in a memory image, and tells them from copies.

A root FDT is at the start of a page. A page that looks like one may be a page-cache copy of the
debugfs file, or left over from an older kernel. The real one is marked in its own tracker.
kexec-metadata gives the order of generations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import fdt
from hwpkho.abi import kho as roots
from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE, KexecMetadata
from hwpkho.base import arch as arches
from hwpkho.base.options import option
from hwpkho.errors import InputError
from hwpkho.handover import boot_loader
from hwpkho.images.base import MIN_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.codes import Severity
    from hwpkho.handover.tracker import Trackers
    from hwpkho.images.base import Read, Source

#: The most different pages that look like root FDTs; no machine has so many.
MAX_CANDIDATES = 32
#: The most such pages, copies included: each read of the debugfs file leaves one in the page cache.
MAX_COPIES = 4096


class Candidate(NamedTuple):
    """A page whose content is a root FDT.

    Attributes:
        phys: Physical address, bytes.
        root: The parsed tree.
        kexec_count: From kexec-metadata, None where missing.
        marked: Whether the tracker that it names marks this very page; None before the page size
            is known, and where the image lacks nodes of the tracker that may.
    """

    phys: int
    root: roots.RootFdt
    kexec_count: int | None
    marked: bool | None = None


class Rejected(NamedTuple):
    """A page that looks like a root FDT but was ignored: physical address, reason, severity."""

    phys: int
    why: str
    severity: Severity = "note"


class Search(NamedTuple):
    """The result of searching an image; addresses are physical and ascend.

    Attributes:
        candidates: Pages that are root FDTs.
        lookalikes: ``(phys, why it is not one)`` of pages that only begin like a root FDT.
        magics: ``(phys, totalsize)``, bytes, of all FDTs at page starts.
        notes: Addresses of pages that begin like a kernel's VMCOREINFO.
    """

    candidates: list[Candidate]
    lookalikes: list[tuple[int, str]]
    magics: list[tuple[int, int]]
    notes: list[int]


def search(source: Source) -> Search:
    """Search the page starts of an image for FDTs and VMCOREINFO.

    Raises InputError where more pages look like root FDTs than any machine has.
    """
    found = Search([], [], [], [])
    known: dict[bytes, Candidate | str] = {}  # by content; a str says why it is not a root FDT
    # Not needed where the image has a VMCOREINFO note.
    wanted = boot_loader.by_setup_data(source.arch) and not source.vmcoreinfo
    notes = (boot_loader.VMCOREINFO,) if wanted else ()
    for phys in source.find_pages(fdt.MAGIC, *notes):
        head = source.peek(phys, MIN_PAGE)
        total = fdt.totalsize(head or source.peek(phys, 8) or b"")
        if total is None:
            found.notes.append(phys)
            continue
        found.magics.append((phys, total))
        # The kernel writes "compatible" first, so the first page shows it, however long the tree.
        if head is not None and not roots.looks_like_root(head):
            continue
        page = read_root_page(source.look, phys)
        if not roots.looks_like_root(page):
            if head is None:
                continue
            # A wrong totalsize may have cut off what shows that it is a root FDT.
            page = bytes(source.look(phys, MIN_PAGE) or head)
        if page not in known:
            if len(known) == MAX_CANDIDATES:
                raise InputError(
                    f"{source.name}: more than {MAX_CANDIDATES} different pages look like a root "
                    f"FDT; choose one with {option('root_fdt')}"
                )
            known[page] = _parsed(source, phys, page)
        judged = known[page]
        if len(found.candidates) + len(found.lookalikes) == MAX_COPIES:
            raise InputError(
                f"{source.name}: more than {MAX_COPIES} pages look like a root FDT; choose one "
                f"with {option('root_fdt')}"
            )
        if isinstance(judged, str):
            found.lookalikes.append((phys, judged))
        else:
            found.candidates.append(judged._replace(phys=phys))
    return found


def _parsed(source: Source, phys: int, page: bytes) -> Candidate | str:
    """Parse a page that looks like a root FDT; return why it is not one, where it is not."""
    try:
        root = roots.parse(page)
    except InputError as error:
        return str(error)
    if roots.is_root(root):
        return Candidate(phys, root, kexec_count(source, root))
    return root.tree.error or "its compatible is not kho-v…"


def read_root_page(read: Read, phys: int) -> bytes:
    """Return the bytes of the FDT at ``phys``, up to its totalsize and a page of the largest size.

    Fewer where the image lacks some, none where it lacks the header.
    """
    head = read(phys, fdt.HEADER_SIZE)
    total = fdt.totalsize(head) if head else None
    if total is None or head is None:
        return bytes(head or b"")
    data = read(phys, min(max(total, fdt.HEADER_SIZE), arches.page_sizes()[-1]))
    if data is None:
        # The totalsize is wrong: take the rest of the 4 KiB page.
        data = read(phys, MIN_PAGE - phys % MIN_PAGE)
    return bytes(data if data is not None else head)


def kexec_count(source: Source, root: roots.RootFdt) -> int | None:
    """Return the kexec count of a root FDT's kexec-metadata, None where it cannot be read."""
    ref = root.find(roots.KEXEC_METADATA)
    if ref is None or ref.phys is None:
        return None
    raw = source.look(ref.phys, KEXEC_METADATA_SIZE)
    if raw is None:
        return None
    try:
        return KexecMetadata.parse(raw).kexec_count
    except ValueError:
        return None


def choose(
    source: Source,
    trackers: Trackers,
    candidates: Sequence[Candidate],
    page_size: int,
    passed_on: Iterable[int],
    booted: Iterable[int] = (),
) -> tuple[list[Candidate], list[Rejected]]:
    """Return the real root FDTs, oldest generation first, and why the others are not.

    ``passed_on`` are addresses that a boot loader passed on, ``booted`` those of them that went to
    the running kernel or to one before it. Raises InputError where pages that name the same tracker
    differ and nothing shows which is real.
    """
    named = set(passed_on)
    groups: dict[int | None, list[Candidate]] = {}
    for c in candidates:
        key = c.root.memory_map
        groups.setdefault(key, []).append(
            Candidate(c.phys, c.root, c.kexec_count, marked(trackers, c.phys, c.root, page_size))
        )
    real: list[Candidate] = []
    dropped: list[Rejected] = []
    for group in groups.values():
        pages = [c for c in group if not c.phys % page_size] or group
        best = (
            [c for c in pages if c.phys in named and c.marked]
            or [c for c in pages if c.marked]
            or [c for c in pages if c.phys in named]
            or pages
        )
        one, doubt = _original(source, best, page_size) if len(best) > 1 else (best[0], None)
        real.append(one)
        dropped += [
            Rejected(c.phys, doubt, "warning")
            if doubt and c in best
            else Rejected(c.phys, "a copy of another")
            for c in group
            if c is not one
        ]
    real.sort(key=lambda c: (c.kexec_count is None, c.kexec_count or 0, c.phys))
    kept = _newest_two(real, named, set(booted))
    dropped += [_left_over(c, kept) for c in real if c not in kept]
    return kept, dropped


def _left_over(candidate: Candidate, kept: Sequence[Candidate]) -> Rejected:
    """Return why a root FDT was ignored, as a warning where it may be the outgoing one."""
    newest = max((c.kexec_count for c in kept if c.kexec_count is not None), default=None)
    count = candidate.kexec_count
    if newest is not None and count == newest + 1:
        why = "it counts one kexec more, but its tracker does not mark it: left over, or damaged"
        return Rejected(candidate.phys, why, "warning")
    return Rejected(candidate.phys, "left over from another kernel")


def _original(
    source: Source, copies: Sequence[Candidate], page_size: int
) -> tuple[Candidate, str | None]:
    """Return the real one of root FDTs that name the same tracker, and any remaining doubt.

    The kernel's own page still has property names behind totalsize, where fdt_open_into() put them
    before fdt_pack() moved them (seen in every real capture). A page-cache copy of the debugfs file
    has zeros there, or the next FDT where somebody joined files. Where that does not decide, the
    pages are equal and lead to the same structures; the one nearest to its tracker is taken,
    because a kernel allocates the two one after the other.
    """
    where = ", ".join(f"0x{c.phys:x}" for c in copies)
    if len({read_root_page(source.look, c.phys) for c in copies}) > 1:
        raise InputError(
            f"{source.name}: the root FDTs at {where} name the same tracker but differ, and "
            f"nothing shows which one is real; choose it with {option('root_fdt')}"
        )
    written = [c for c in copies if _has_leftovers(source, c, page_size)]
    if len(written) == 1:
        return written[0], None
    one = min(written or copies, key=lambda c: (abs(c.phys - (c.root.memory_map or 0)), c.phys))
    return one, f"0x{one.phys:x} has the same bytes and is nearer to the tracker"


def _has_leftovers(source: Source, candidate: Candidate, page_size: int) -> bool:
    end = candidate.phys + candidate.root.totalsize
    tail = source.look(end, -end % page_size)
    return tail is not None and any(tail) and fdt.MAGIC not in bytes(tail)


def marked(trackers: Trackers, phys: int, root: roots.RootFdt, page_size: int) -> bool | None:
    """Tell whether the tracker that ``root`` names marks the page at ``phys``; sizes in bytes.

    None where the image lacks nodes of the tracker that may mark it.
    """
    if not root.memory_map or root.version is None:
        return False
    walk = trackers.walk(root.memory_map, page_size, root.version)
    if walk.preserved.block_around(phys) is not None:
        return True
    # Nodes that no kernel wrote show that the pages hold something else by now.
    return None if walk.absent and not (walk.damaged or walk.odd) else False


def _newest_two(real: Sequence[Candidate], named: set[int], booted: set[int]) -> list[Candidate]:
    """Return the incoming and the outgoing root FDT, without leftovers of other kernels.

    The newest one is marked by its tracker; an unmarked one with a higher kexec count is of an
    older series of kexecs, unless it is the next one and the image lacks its tracker. The one
    with a count one below is the incoming one; of several, the one that the boot loader named,
    or else a marked one. Where the running kernel booted with the newest one, that is the
    incoming one, and there is no outgoing one yet.
    """
    counted = [c for c in real if c.kexec_count is not None]
    marked = [c for c in counted if c.marked] or [c for c in counted if c.phys in named] or counted
    newest = max((c.kexec_count or 0 for c in marked), default=0)
    if any(c.kexec_count == newest + 1 and c.marked is None for c in counted):
        newest += 1
    early = any(c.kexec_count == newest and c.phys in booted for c in counted)
    kept = [c for c in counted if newest - (not early) <= (c.kexec_count or 0) <= newest]
    for count in (newest - 1, newest):
        same = [c for c in kept if c.kexec_count == count]
        sure = [c for c in same if c.phys in named] or [c for c in same if c.marked]
        if sure:
            kept = [c for c in kept if c not in same or c in sure]
    complete = len(kept) > 1 or early  # one without a count can then be neither of the two
    return [
        c
        for c in real
        if c in kept or (c.kexec_count is None and (c.phys in named or c.marked or not complete))
    ]
