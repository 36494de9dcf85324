"""What becomes of the whole handover, rule by rule in the order in which the kernel looks.

Source: kho_populate(), kho_memory_init(), kho_retrieve_subtree() and kho_restore_vmalloc() in
kernel/liveupdate/kexec_handover.c (Linux 7.3.4) and the proposed consumer in
mm/memory-failure.c; measured on a real arm64 kernel where a code says so. A rule is a function
and a line in ``RULES``; the first that decides ends the judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwpkho.codecs import root as roots
from hwpkho.codecs.fdt import ALIGNMENT
from hwpkho.codecs.vmalloc import SHIFT_BITS
from hwpkho.codes import Problem, registry
from hwpkho.codes import blob as blob_codes
from hwpkho.codes import image as image_codes
from hwpkho.codes import root as root_codes
from hwpkho.codes import tracker as tracker_codes
from hwpkho.model.validation import Finding, Outcome, finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.codes import Code
    from hwpkho.model.handover import Handover
    from hwpkho.rules.ground import Ground


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided: the outcome (None: cannot be told), and why where no problem says it."""

    outcome: Outcome | None
    finding: Finding | None = None


def judge(handover: Handover, ground: Ground) -> Decision:
    """Return what the next kernel does with the handover as a whole."""
    for rule in RULES:
        decision = rule(handover, ground)
        if decision is not None:
            return decision
    return Decision("replay")


def _problem(h: Handover, *codes: Code) -> Problem | None:
    ids = {c.id for c in codes}
    return next((p for p in h.problems if p.code in ids), None)


def _root(h: Handover, _: Ground) -> Decision | None:
    if h.root is None or h.root.fdt is None:
        known = _problem(h, root_codes.DAMAGED, root_codes.ROOT_ABSENT) is not None
        return Decision("refused") if known else Decision(None)
    misplaced = h.root.phys is not None and h.root.phys % ALIGNMENT
    return Decision("refused") if misplaced else None


def _version(h: Handover, ground: Ground) -> Decision | None:
    fdt = h.root.fdt if h.root else None
    if fdt is None:
        return None
    if ground.kho_off:
        message = "the next kernel is booted with kho=off and ignores any handover"
        return Decision("absent", finding(root_codes.OLDER_CONSUMER, message))
    speaks = f"kho-v{ground.consumer}"
    if speaks in fdt.compatible:
        return None
    shown = h.root.compatible if h.root and h.root.compatible else "no compatible"
    phys = h.root.phys if h.root else None
    if fdt.version and ground.consumer < fdt.version.number:
        message = f"the next kernel speaks {speaks}, older than the handover's {shown}"
        return Decision("absent", finding(root_codes.OLDER_CONSUMER, message, phys=phys))
    message = f"the next kernel speaks {speaks}, the handover says {shown}"
    return Decision("refused", finding(root_codes.OTHER_VERSION, message, phys=phys))


def _tracker_address(h: Handover, _: Ground) -> Decision | None:
    return Decision("refused") if _problem(h, root_codes.NO_MAP) else None


def _scratch(h: Handover, ground: Ground) -> Decision | None:
    scratch = h.scratch
    if scratch is None:
        return None
    if scratch.length == 0:
        message = "no scratch is handed over: the next kernel ignores the handover"
        return Decision("refused", finding(tracker_codes.NO_SCRATCH, message, phys=scratch.array))
    if scratch.length is not None and scratch.length < 16:
        return Decision("crash")
    if scratch.array is not None and ground.outside(scratch.array):
        message = f"the scratch array at 0x{scratch.array:x} lies outside RAM"
        code = tracker_codes.SCRATCH_OUTSIDE
        return Decision("crash", finding(code, message, phys=scratch.array))
    for start, size in scratch.areas or ():
        if size and ground.outside(start, size):
            message = f"scratch area 0x{start:x} of {size} bytes lies outside RAM"
            code = tracker_codes.SCRATCH_OUTSIDE
            return Decision("crash", finding(code, message, phys=start))
    if scratch.areas:
        total, needed = sum(size for _, size in scratch.areas), ground.page_structs()
        if total <= needed:
            message = f"{total} bytes of scratch are too few: the page structs alone take {needed}"
            code = tracker_codes.SCRATCH_SMALL
            return Decision("crash", finding(code, message, phys=scratch.array))
    return None


def _spent(h: Handover) -> bool:
    """Whether this is the incoming handover of a running kernel, its tracker long reused."""
    return h.role == "in" and h.tracker == "gone"


def _tracker(h: Handover, ground: Ground) -> Decision | None:
    walk = h.walk
    if walk is None or _spent(h):
        return None
    outside = next((phys for phys in walk.absent if ground.outside(phys)), None)
    if outside is not None:
        message = f"tracker node 0x{outside:x} lies outside RAM"
        return Decision("crash", finding(tracker_codes.NODE_OUTSIDE, message, phys=outside))
    if walk.damaged:
        defect = walk.damaged[0]
        known = _problem(h, tracker_codes.DAMAGED) is not None
        found = finding(tracker_codes.WRONG_TREE, defect.message, phys=defect.phys)
        return Decision("crash", None if known else found)
    return _blocks(h, ground)


def _blocks(h: Handover, ground: Ground) -> Decision | None:
    """Every preserved block must be RAM: the kernel initialises its struct pages."""
    if h.walk is None or ground.frames is None:
        return None
    shift = h.walk.preserved.page_shift
    for first, end, order in h.walk.preserved.spans():
        if not ground.outside(first, end - first):
            continue
        phys = h.walk.preserved.first_outside(
            first, order, ground.ram_within(first >> shift, (end >> shift) - 1)
        )
        if phys is not None:
            message = f"the preserved block of order {order} at 0x{phys:x} lies outside RAM"
            return Decision("crash", finding(tracker_codes.BLOCK_OUTSIDE, message, phys=phys))
    return None


def _subtree(h: Handover, ground: Ground) -> Decision | None:
    fdt = h.root.fdt if h.root else None
    ref = fdt.find(roots.HWPOISON) if fdt else None
    if ref is None:
        if h.hwpoison is not None:
            return None  # a copy of the blob, whose node lies behind the cut of the root's copy
        # libfdt, looking for the node, meets the damage before the end of the tree.
        whole = h.root is not None and h.root.phys is not None
        return Decision("dropped" if whole and fdt and fdt.tree.error else "absent")
    if ref.defect:
        message = f"hwpoison: {ref.defect}"
        at = h.root.phys if h.root else None
        return Decision("dropped", finding(root_codes.SUBTREE_REFUSED, message, phys=at))
    if ref.phys is not None and ground.outside(ref.phys):
        message = f"the hwpoison blob at 0x{ref.phys:x} lies outside RAM"
        known = _problem(h, root_codes.SUBTREE_NOWHERE)
        found = finding(root_codes.SUBTREE_NOWHERE, message, phys=ref.phys)
        return Decision("crash", None if known else found)
    if _problem(h, root_codes.SUBTREE_NOWHERE):
        return Decision("crash")
    return None


def _blob(h: Handover, _: Ground) -> Decision | None:
    if h.hwpoison is None or h.hwpoison.blob is not None:
        return None
    codes = (blob_codes.BLOB_VERSION, blob_codes.BLOB_SHORT, blob_codes.BLOB_DAMAGED)
    return Decision("dropped" if _problem(h, *codes) else None)


def _reach(h: Handover, _: Ground) -> Decision | None:
    """Without its memory, or consumed, the list cannot be judged any further."""
    gone = (blob_codes.LIST_UNREACHED, blob_codes.CONSUMED, image_codes.NO_MEMORY)
    return Decision(None) if _problem(h, *gone) else None


def _area(h: Handover, ground: Ground) -> Decision | None:
    blob = h.hwpoison.blob if h.hwpoison else None
    if blob is None:
        return None
    v = blob.vmalloc
    if v.order >= SHIFT_BITS:
        fits = 1 << v.order % SHIFT_BITS <= v.total_pages
        return Decision("crash" if fits else "dropped")
    for p in h.problems:
        if p.code not in (blob_codes.CHUNK_NOWHERE.id, blob_codes.CHUNK_ABSENT.id):
            continue
        if p.phys is not None and ground.outside(p.phys):
            message = f"chunk 0x{p.phys:x} lies outside RAM"
            return Decision("crash", finding(blob_codes.CHUNK_OUTSIDE, message, phys=p.phys))
        if p.code == blob_codes.CHUNK_ABSENT.id:
            marked = h.walk is None or h.walk.preserved.block_around(p.phys or 0) is not None
            # A page that is not preserved holds whatever chance put there.
            return Decision(None if marked else "dropped")
    dropping = (
        blob_codes.FIRST_ZERO,
        blob_codes.CHAIN_CYCLE,
        blob_codes.CHUNK_NOWHERE,
        blob_codes.TOTAL_PAGES,
        blob_codes.HOLE,
        blob_codes.PAGE_TWICE,
    )
    if _problem(h, *dropping):
        return Decision("dropped")
    if not v.total_pages:
        message = "total_pages is 0: there is no area to restore"
        return Decision("dropped", finding(blob_codes.TOTAL_PAGES, message, phys=v.first))
    return None


def _marked(h: Handover, ground: Ground) -> Decision | None:
    if _spent(h):
        return None
    codes = (tracker_codes.UNMARKED, tracker_codes.MERGED, tracker_codes.SCRATCH_OVERLAP)
    if _problem(h, *codes):
        return Decision("dropped")
    if _problem(h, tracker_codes.GONE):
        message = "the tracker marks nothing of this handover: what stands there then is chance"
        return Decision("dropped", finding(tracker_codes.UNMARKED, message))
    for phys in (h.hwpoison and h.hwpoison.pages) or ():
        if ground.outside(phys):
            message = f"array page 0x{phys:x} lies outside RAM"
            return Decision("dropped", finding(blob_codes.ARRAY_OUTSIDE, message, phys=phys))
    return None


def _count(h: Handover, _: Ground) -> Decision | None:
    return Decision("crash") if _problem(h, blob_codes.COUNT_BEYOND) else None


def _tracker_seen(h: Handover, _: Ground) -> Decision | None:
    """A tracker that the image holds in part leaves open what the rest of it does."""
    return Decision(None) if h.walk is not None and h.walk.absent and not _spent(h) else None


RULES: tuple[Callable[[Handover, Ground], Decision | None], ...] = (
    _root,
    _version,
    _tracker_address,
    _scratch,
    _tracker,
    _subtree,
    _blob,
    _reach,
    _area,
    _marked,
    _count,
    _tracker_seen,
)


def as_findings(problems: Iterable[Problem], outcome: Outcome | None) -> list[Finding]:
    """Return decode's problems as findings.

    In a handover that replays, a defect that would be an error by itself (of a foreign subtree,
    say) did not keep the list from being replayed: a warning.
    """
    known = registry()
    unread = (blob_codes.ARRAY_ABSENT.id,)
    found = []
    for p in problems:
        code = known[p.code]
        mild = outcome in ("replay", "absent") and p.severity == "error" and p.code not in unread
        severity = "warning" if mild else p.severity
        found.append(Finding(p.code, severity, code.certainty, p.message, phys=p.phys))
    return found
