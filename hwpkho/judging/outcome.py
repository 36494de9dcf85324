"""What becomes of the whole handover, rule by rule in the order in which the kernel looks.

Source: kho_populate(), kho_memory_init(), kho_retrieve_subtree() and kho_restore_vmalloc() in
kernel/liveupdate/kexec_handover.c (Linux 7.3.4) and the proposed consumer in
mm/memory-failure.c; measured on a real arm64 kernel where a code says so. A rule is a function
and a line in ``RULES``; the first that decides ends the judgement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import kho as roots
from hwpkho.abi.fdt import ALIGNMENT
from hwpkho.abi.vmalloc import SHIFT_BITS
from hwpkho.base.arch import linear
from hwpkho.base.counting import counted
from hwpkho.codes.blob import ARRAY_OUTSIDE, BLOB_SHORT, CHUNK_OUTSIDE, TOTAL_PAGES
from hwpkho.codes.preserved import LUO_REFUSED, SESSION_BLOCK
from hwpkho.codes.root import (
    OLDER_CONSUMER,
    OTHER_VERSION,
    ROOT_ABSENT,
    SUBTREE_NOWHERE,
    SUBTREE_REFUSED,
)
from hwpkho.codes.tracker import BLOCK_OUTSIDE, NO_RAM, NODE_OUTSIDE, UNMARKED, WRONG_TREE
from hwpkho.handover.luo import luo_of
from hwpkho.judging import scratch
from hwpkho.judging.decision import Decision, spent
from hwpkho.judging.result import Finding, How, Outcome, finding, of_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.codes import Problem
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel

#: Bytes of a blob's version, which every consumer of the struct revision reads first.
_VERSION = 4


def judge_handover(handover: Handover, kernel: NextKernel) -> Decision:
    """Return what the next kernel does with the handover as a whole."""
    for rule in RULES:
        decision = rule(handover, kernel)
        if decision is not None:
            return decision
    return Decision("replay")


def _off(_: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where kho=off is given: the next kernel ignores any handover."""
    if not kernel.kho_off:
        return None
    message = "the next kernel is booted with kho=off and ignores any handover"
    return Decision("absent", finding(OLDER_CONSUMER, message), how="unheeded")


def _root(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where kho_populate() cannot map the root FDT, or refuses it."""
    if h.root_unread == "damaged":
        return Decision("refused", problem=h.root_problem)  # whatever a copy of it says
    if h.root is None or h.root.fdt is None:
        return Decision("refused", problem=h.root_problem) if h.root_unread else Decision(None)
    if h.root.phys is not None and h.root.size is not None:
        why = scratch.unmapped(kernel, h.root.phys, h.root.size)
        if why:
            message = f"the root FDT as it is handed over: {why}"
            found = finding(ROOT_ABSENT, message, phys=h.root.phys)
            return Decision("refused", found)
    misplaced = h.root.phys is not None and h.root.phys % ALIGNMENT
    return Decision("refused", problem=h.root_problem) if misplaced else None


def _version(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where the next kernel speaks another KHO version than the root FDT's."""
    fdt = h.root.fdt if h.root else None
    if fdt is None:
        return None
    speaks = kernel.version.compatible
    if speaks in fdt.compatible:
        return None
    if fdt.cut and not fdt.compatible:
        return Decision(None)
    shown = h.root.compatible if h.root and h.root.compatible else "no compatible"
    phys = h.root.phys if h.root else None
    if fdt.version and kernel.version.number < fdt.version.number:
        message = f"the next kernel speaks {speaks}, older than the handover's {shown}"
        return Decision("absent", finding(OLDER_CONSUMER, message, phys=phys), how="unheeded")
    message = f"the next kernel speaks {speaks}, the handover says {shown}"
    return Decision("refused", finding(OTHER_VERSION, message, phys=phys))


def _tracker_address(h: Handover, _: NextKernel) -> Decision | None:
    """Decide where the root FDT does not say where the tracker is."""
    return Decision("refused", problem=h.no_tracker) if h.no_tracker else None


def _tracker(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where the walk over the tracker's nodes, or a block that it marks, is fatal."""
    walk = h.walk
    if walk is None or spent(h):
        return None
    outside = next((phys for phys in walk.absent if kernel.outside(phys)), None)
    if outside is not None:
        message = f"tracker node 0x{outside:x} is outside RAM"
        code = WRONG_TREE if walk.odd else NODE_OUTSIDE
        return Decision("crash", finding(code, message, phys=outside))
    if h.damage:
        return Decision("crash", problem=h.damage)
    if walk.damaged:  # what the pages of a tracker that is gone hold now
        defect = walk.damaged[0]
        found = finding(WRONG_TREE, defect.message, phys=defect.phys)
        return Decision("crash", found)
    return _blocks(h, kernel)


def _blocks(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where a preserved block has no struct page, into which the kernel would write."""
    if h.walk is None or kernel.frames is None:
        return None
    preserved, structs = h.walk.preserved, list(kernel.sections(possible=True))
    for first, end, order in preserved.spans():
        if not kernel.outside(first, end - first):
            continue
        outside = preserved.outside(first, order, structs)
        if outside is not None:
            phys = outside[0]
            message = f"the preserved block of order {order} at 0x{phys:x} is outside RAM"
            return Decision("crash", finding(BLOCK_OUTSIDE, message, phys=phys))
    if preserved.pages >= kernel.possible_pages():
        message = "the preserved blocks leave the next kernel no RAM"
        return Decision("crash", finding(NO_RAM, message, phys=h.root and h.root.memory_map))
    return None


def _metadata(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where kho_in_kexec_metadata() would read outside RAM: it follows any address."""
    fdt = h.root.fdt if h.root else None
    ref = fdt.find(roots.KEXEC_METADATA) if fdt else None
    if ref is None or ref.defect or ref.phys is None or ref.size is None or ref.size < 4:
        return None
    if not kernel.outside(linear(ref.phys, h.arch)):
        return None
    message = f"kexec-metadata at 0x{ref.phys:x} is outside RAM"
    return Decision("crash", finding(SUBTREE_NOWHERE, message, phys=ref.phys))


def _luo(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where LUO, which starts long before the replay, panics."""
    fdt = h.root.fdt if h.root else None
    ref = fdt.find(roots.LUO) if fdt and not spent(h) else None
    if ref and ref.defect and kernel.version.luo != "none":
        # Any error but a missing node ends in luo_restore_fail().
        phys = h.root.phys if h.root else None
        return Decision("crash", finding(LUO_REFUSED, f"LUO: {ref.defect}", phys=phys))
    at = ref.phys if ref and not ref.defect else None
    if at is not None and kernel.outside(linear(at, h.arch)):
        message = f"the LUO blob at 0x{at:x} is outside RAM"
        return Decision("crash", finding(SUBTREE_NOWHERE, message, phys=at))
    tree = luo_of(h)
    if tree is None or spent(h):
        return None
    if tree.unread is not None and kernel.outside(linear(tree.unread, h.arch)):
        message = f"LUO: session block 0x{tree.unread:x} is outside RAM"
        return Decision("crash", finding(SESSION_BLOCK, message, phys=tree.unread))
    if tree.is_tree and kernel.version.luo == "structure":
        message = "LUO is a device tree, the next kernel takes a structure"
        return Decision("crash", finding(LUO_REFUSED, message, phys=tree.phys))
    if tree.compatible is not None and tree.fatal is None:
        parts = ";" in tree.compatible
        if tree.features is not None or parts != bool(kernel.version.parts):
            says = tree.compatible or "a header of features"
            message = f"LUO says {says}, the next kernel takes another form"
            return Decision("crash", finding(LUO_REFUSED, message, phys=tree.phys))
    return Decision("crash", problem=tree.fatal) if tree.fatal else None


def _subtree(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where the consumer gets no hwpoison blob, or one outside RAM."""
    fdt = h.root.fdt if h.root else None
    ref = fdt.find(roots.HWPOISON) if fdt else None
    if ref is None:
        if h.hwpoison is not None:
            return None  # a copy of the blob; its node is behind the cut of the root FDT's copy
        # libfdt, looking for the node, runs into the damage before the end of the tree.
        whole = h.root is not None and h.root.phys is not None
        if whole and fdt and fdt.tree.error:
            return Decision("dropped", problem=h.root_problem)
        return Decision("absent", problem=h.no_list)
    if ref.defect:
        message = f"hwpoison: {ref.defect}"
        at = h.root.phys if h.root else None
        return Decision("dropped", finding(SUBTREE_REFUSED, message, phys=at))
    if ref.phys is not None and kernel.outside(linear(ref.phys, h.arch)):
        if ref.size is not None and ref.size < _VERSION:
            # The struct revision checks the size first, and does not read the blob.
            message = f"the hwpoison blob has {counted(ref.size, 'byte')}"
            return Decision("dropped", finding(BLOB_SHORT, message, phys=ref.phys))
        if h.hwpoison is not None and h.hwpoison.state == "nowhere":
            return Decision("crash", problem=h.hwpoison.problem)
        message = f"the hwpoison blob at 0x{ref.phys:x} is outside RAM"
        found = finding(SUBTREE_NOWHERE, message, phys=ref.phys)
        return Decision("crash", found)
    return _unread_blob(h, kernel)


def _unread_blob(h: Handover, kernel: NextKernel) -> Decision | None:
    """Judge a blob that the image lacks by where it is."""
    w = h.hwpoison
    if w is None or w.phys is None or w.state not in ("absent", "nowhere"):
        return None
    if kernel.frames is None and w.state == "nowhere":
        return Decision("crash", problem=w.problem)
    if kernel.frames is None or _may_mark(h, w.phys):
        return Decision(None)
    # RAM that is not preserved: by then it holds something else than the blob.
    message = f"the hwpoison blob at 0x{w.phys:x} is not marked preserved"
    return Decision("dropped", finding(UNMARKED, message, phys=w.phys), how="chance")


def _may_mark(h: Handover, phys: int) -> bool:
    """Whether the tracker marks the page at ``phys``, or the image does not show what it marks."""
    if h.walk is None or h.walk.absent or spent(h):
        return True
    return h.walk.preserved.block_around(phys) is not None


def _blob(h: Handover, _: NextKernel) -> Decision | None:
    """Decide where the consumer refuses the blob; open where the blob could not be read."""
    if h.hwpoison is None or h.hwpoison.blob is not None:
        return None
    if h.hwpoison.state != "malformed":
        return Decision(None)
    return Decision("dropped", problem=h.hwpoison.problem)


def _list_unavailable(h: Handover, _: NextKernel) -> Decision | None:
    """Leave the outcome open where the input has no memory of the list, or it was consumed."""
    known = h.hwpoison is not None and h.hwpoison.state not in ("not-given", "consumed")
    return None if known else Decision(None)


def _area(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where kho_restore_vmalloc() refuses the array, or crashes on it."""
    w = h.hwpoison
    if w is None or w.blob is None or w.chain is None:
        return None
    chain, v = w.chain, w.blob.vmalloc
    last = [chain.at] if chain.at is not None and chain.end in ("nowhere", "absent") else []
    for phys in (*(w.chunks or ()), *last):
        if kernel.outside(phys):
            message = f"chunk 0x{phys:x} is outside RAM"
            return Decision("crash", finding(CHUNK_OUTSIDE, message, phys=phys))
    if chain.end == "absent" and chain.at is not None:
        if _may_mark(h, chain.at):
            return Decision(None)
        # By then a page that is not preserved holds arbitrary bytes.
        return Decision("dropped", problem=w.problem)
    if not chain.restorable:
        return Decision("dropped", problem=w.problem)
    if v.effective_order >= SHIFT_BITS:
        # The page count is right, but the blocks of that order reach beyond all memory.
        return Decision("crash", problem=w.problem)
    if not v.total_pages:
        message = "total_pages is 0: there is no area to restore"
        return Decision("dropped", finding(TOTAL_PAGES, message, phys=v.first))
    return None


def _marked(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where pages of the list may be reused before they are read."""
    if spent(h):
        return None
    overwritten = scratch.overwritten(h, kernel)
    if overwritten:
        return Decision("dropped", problem=overwritten, how="chance")
    gone = h.tracker == "gone"
    lacks = h.walk.absent if h.walk is not None else ()
    if gone:  # the words of a page that holds something else lead to no nodes
        lacks = [at for at in lacks if not at % kernel.page_size]
    if lacks and (h.unmarked or gone):
        return Decision(None)  # the nodes of the tracker that the image lacks may mark it
    if h.unmarked:
        how: How | None = "chance" if h.unmarked.free else None
        return Decision("dropped", problem=h.unmarked.problem, how=how)
    if gone:
        message = "the tracker marks no page of this handover: the next kernel may reuse them first"
        found = finding(UNMARKED, message, phys=h.root and h.root.memory_map)
        return Decision("dropped", found, how="chance")
    for phys in (h.hwpoison and h.hwpoison.pages) or ():
        if kernel.outside(phys):
            message = f"array page 0x{phys:x} is outside RAM"
            return Decision("dropped", finding(ARRAY_OUTSIDE, message, phys=phys))
    return None


def _count(h: Handover, kernel: NextKernel) -> Decision | None:
    """Decide where count exceeds the array: the consumer reads past it."""
    w = h.hwpoison
    if w is None or not w.beyond(kernel.page_size):
        return None
    return Decision("crash", problem=w.problem, how="always")


def _tracker_incomplete(h: Handover, _: NextKernel) -> Decision | None:
    """Leave the outcome open where the image lacks nodes of the tracker."""
    return Decision(None) if h.walk is not None and h.walk.absent and not spent(h) else None


RULES: tuple[Callable[[Handover, NextKernel], Decision | None], ...] = (
    _off,
    _root,
    _version,
    _tracker_address,
    scratch.judge_scratch,
    _tracker,
    _metadata,
    _luo,
    _subtree,
    _blob,
    _list_unavailable,
    _marked,  # before the area: the kernel stops at the first page that is not marked
    _area,
    _count,
    _tracker_incomplete,
)


def as_findings(
    problems: Iterable[Problem], outcome: Outcome | None, handover: Handover
) -> list[Finding]:
    """Return decode's problems as findings.

    Where the list replays, or none is handed over, an error (in another subtree, say) did no harm
    to the list and becomes a warning. That the image lacks the list's array stays an error.
    """
    w = handover.hwpoison
    unread = w.problem if w is not None and w.state == "array-absent" else None
    mild = outcome in ("replay", "absent")
    return [
        of_problem(p, "warning" if mild and p.severity == "error" and p != unread else None)
        for p in problems
    ]
