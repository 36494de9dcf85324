"""Proves the page size of a kernel: as the image records it, or as the trackers in it show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.abi import kho as roots
from hwpkho.base import arch as arches
from hwpkho.base.options import option
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.find_root import Candidate
    from hwpkho.handover.tracker import Trackers
    from hwpkho.images.base import Source


def recorded_page_size(source: Source) -> int | None:
    """Return the page size (bytes) that the image records or its architecture implies, or None."""
    arch = arches.known(source.arch)
    if arch is not None and len(arch.pages) == 1:
        return next(iter(arch.pages))
    hint = re.search(rb"^PAGESIZE=([0-9]{1,6})$", source.vmcoreinfo, re.MULTILINE)
    recorded = int(hint[1]) if hint else source.page_size_hint
    return recorded if recorded in arches.page_sizes() else None


def page_size_of(
    source: Source,
    trackers: Trackers,
    candidates: Sequence[Candidate],
    copies: Sequence[DebugfsCopy] = (),
) -> int:
    """Return the page size (bytes) that the image records or its trackers prove.

    ``copies`` are of handovers whose root FDT is not among ``candidates``. Raises InputError where
    several sizes fit, or none does.
    """
    recorded = recorded_page_size(source)
    if recorded is not None:
        return recorded
    sizes = arches.page_sizes()
    aligned = [size for size in sizes if _aligned(candidates, size)]
    # Page-aligned addresses can rule out a size, but two aligned sizes leave it open.
    if len(aligned) == 1:
        return aligned[0]
    proven = [s for s in sizes if any(_fits(trackers, c, s) for c in candidates)]
    if not proven:
        found = [root for copy in copies if (root := copy.root()) is not None]
        proven = [s for s in sizes if any(_fits_copy(trackers, r, s) for r in found)]
    if len(proven) > 1:
        marked = {s: sum(_marked_subtrees(trackers, c, s) for c in candidates) for s in proven}
        proven = [s for s in proven if marked[s] == max(marked.values())]
    if len(proven) == 1:
        return proven[0]
    registered = set() if proven else _registered(candidates)
    if len(registered) == 1:
        return registered.pop()
    if not proven:
        # A tracker that is damaged in part may still mark the root FDT and all blobs.
        left = [s for s in sizes if any(_marks_all(trackers, c, s) for c in candidates)]
        if len(left) == 1:
            return left[0]
    fits = ", ".join(map(str, proven or aligned)) or "none"
    raise InputError(
        f"{source.name}: the page size is unknown: no tracker proves one, the addresses suit "
        f"{fits}; give {option('page_size', 'BYTES')}, what getconf PAGESIZE says on that machine"
    )


def _registered(candidates: Sequence[Candidate]) -> set[int]:
    """Return the page sizes that the registered sizes of the hwpoison blobs tell."""
    from hwpkho.abi import hwpoison as blobs  # rarely needed

    refs = [ref for c in candidates if (ref := c.root.find(roots.HWPOISON)) is not None]
    known = {
        blobs.page_size_by(ref.size, blobs.REVISIONS, arches.page_sizes())
        for ref in refs
        if ref.size is not None
    }
    return {size for size in known if size is not None}


def _aligned(candidates: Sequence[Candidate], page_size: int) -> bool:
    """Tell whether the addresses allow this page size.

    All trackers must be aligned to it, but only one root FDT: the others may be copies of the
    debugfs file inside larger files, at any address.
    """
    maps = {c.root.memory_map or 0 for c in candidates}
    here = not candidates or any(not c.phys % page_size for c in candidates)
    return here and not any(at % page_size for at in maps)


def _fits(trackers: Trackers, candidate: Candidate, page_size: int) -> bool:
    """Tell whether a candidate's tracker, read with this page size, is intact and marks it."""
    root = candidate.root
    if not root.memory_map or root.version is None or candidate.phys % page_size:
        return False
    walk = trackers.walk(root.memory_map, page_size, root.version)
    return walk.intact and walk.preserved.block_around(candidate.phys) is not None


def _marks_all(trackers: Trackers, candidate: Candidate, page_size: int) -> bool:
    """Tell whether a candidate's tracker, though damaged, marks the root FDT and all its blobs.

    Read with a wrong page size, it may mark one of them by accident, but not all.
    """
    root = candidate.root
    if not root.memory_map or root.version is None or candidate.phys % page_size:
        return False
    preserved = trackers.walk(root.memory_map, page_size, root.version).preserved
    blobs = [s.phys for s in root.subtrees if s.phys is not None]
    pages = (candidate.phys, *blobs)
    return bool(blobs) and all(preserved.block_around(phys) is not None for phys in pages)


def _fits_copy(trackers: Trackers, root: roots.RootFdt, page_size: int) -> bool:
    """Tell whether the tracker of a copied root FDT is intact and marks all blobs."""
    if not root.memory_map or root.version is None or root.memory_map % page_size:
        return False
    walk = trackers.walk(root.memory_map, page_size, root.version)
    blobs = [s.phys for s in root.subtrees if s.phys is not None]
    marked = (walk.preserved.block_around(phys) is not None for phys in blobs)
    return walk.intact and bool(blobs) and all(marked)


def _marked_subtrees(trackers: Trackers, candidate: Candidate, page_size: int) -> int:
    """Return how many of its blobs a candidate's tracker marks, read with this page size.

    Read with a wrong page size, it may mark one of them by accident, but not all.
    """
    root = candidate.root
    if not _fits(trackers, candidate, page_size) or not root.memory_map or root.version is None:
        return 0
    preserved = trackers.walk(root.memory_map, page_size, root.version).preserved
    blobs = (s.phys for s in root.subtrees if s.phys is not None)
    return sum(preserved.block_around(phys) is not None for phys in blobs)
