"""What early boot needs before it reads the handover: a mapping of it, and enough scratch.

Source: kho_populate() and kho_extend_scratch() in kernel/liveupdate/kexec_handover.c, map_mem() and
arm64_memblock_init() in arch/arm64/mm (Linux 7.3.4). The numbers are measured: bisected on the
rig's three arm64 kernels with 1 to 3 GiB of RAM.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END, align_down, align_up
from hwpkho.base.counting import counted
from hwpkho.base.ranges import holding, union
from hwpkho.codes.tracker import NO_SCRATCH, SCRATCH_BAD, SCRATCH_OUTSIDE, SCRATCH_SMALL
from hwpkho.handover.membership import Page
from hwpkho.handover.scratch import overlap
from hwpkho.judging.decision import Decision
from hwpkho.judging.result import finding

if TYPE_CHECKING:
    from hwpkho.codes import Problem
    from hwpkho.handover.model import Handover
    from hwpkho.judging.next_kernel import NextKernel

#: kho_extend_scratch() looks at RAM by the GiB.
_GIB_BITS = 30
#: GiB blocks that are looked at, at most: one free one is enough.
_MAX_PARTS = 4096
#: Bytes at the end of scratch that early boot may take beside the struct pages; 3 to 5 MiB seen.
_EARLY_BOOT = 8 << 20
#: Bytes that it may take before kho_extend_scratch() gives it more memory.
_EARLIEST = 1 << 20


def unmapped(kernel: NextKernel, phys: int, size: int) -> str | None:
    """Return why early_memremap() cannot map the range, None where it can (mm/early_ioremap.c).

    ``size`` in bytes.
    """
    if not 0 < size <= PHYS_END - phys:
        return f"{size} bytes at 0x{phys:x} are not a range of memory"
    end = align_up(phys + size, kernel.page_size)
    pages = (end - align_down(phys, kernel.page_size)) // kernel.page_size
    most = kernel.early_pages
    return f"early boot maps {most} pages at most, not {size} bytes" if pages > most else None


def judge_scratch(h: Handover, kernel: NextKernel) -> Decision | None:
    """Return the decision where the scratch that is handed over is fatal, None where it is not."""
    scratch = h.scratch
    if scratch is None:
        return None
    if scratch.length == 0:
        message = "no scratch is handed over: the next kernel ignores the handover"
        return Decision("refused", finding(NO_SCRATCH, message, phys=scratch.array))
    if scratch.length is not None and scratch.array is not None:
        why = unmapped(kernel, scratch.array, scratch.length)
        if why:
            message = f"the scratch array: {why}"
            found = finding(NO_SCRATCH, message, phys=scratch.array)
            return Decision("refused", found)
    if h.short_scratch:
        return Decision("crash", problem=h.short_scratch)
    if scratch.array is not None and kernel.outside(scratch.array):
        message = f"the scratch array at 0x{scratch.array:x} is outside RAM"
        code = SCRATCH_OUTSIDE
        return Decision("crash", finding(code, message, phys=scratch.array))
    for start, size in scratch.areas or ():
        if size and not kernel.removes(start) and kernel.outside(start, size):
            message = f"scratch area 0x{start:x} of {counted(size, 'byte')} is outside RAM"
            code = SCRATCH_OUTSIDE
            return Decision("crash", finding(code, message, phys=start))
    ends = (sum(area) for area in scratch.areas or ())
    top = max((end for end in ends if not kernel.removes(end)), default=0)
    if kernel.whole_pages and top % kernel.page_size:
        # Early boot allocates there first, and map_mem() maps whole pages only.
        message = f"the highest scratch area ends at 0x{top:x}, inside a page"
        return Decision("crash", finding(SCRATCH_BAD, message, phys=scratch.array))
    if scratch.areas:
        total = sum(size for start, size in scratch.areas if not kernel.removes(start))
        needed = _needed(h, kernel)
        if total <= needed:
            enough = counted(total, "byte of scratch is", "bytes of scratch are")
            message = f"{enough} too few: early boot takes more than {needed}"
            code = SCRATCH_SMALL
            return Decision("crash", finding(code, message, phys=scratch.array))
    return None


def _needed(h: Handover, kernel: NextKernel) -> int:
    """Return how many bytes of scratch are known to be too few, 0 without a map."""
    if kernel.frames is None:
        return 0
    first = kernel.early_scratch
    return first if _extends(h, kernel) else first + kernel.page_structs()


def _extends(h: Handover, kernel: NextKernel) -> bool:
    """Whether some GiB of RAM has no tracker node and no preserved block: it becomes scratch, too.

    Source: kho_extend_scratch() of 7.3, which itself allocates little.
    """
    if h.walk is None:
        return False
    nodes = {node >> _GIB_BITS for node in h.walk.nodes}
    parts = islice(kernel.parts(_GIB_BITS), _MAX_PARTS)
    without = (start for start in parts if start >> _GIB_BITS not in nodes)
    return any(True for _ in h.walk.preserved.without_blocks(without, 1 << _GIB_BITS))


def overwritten(h: Handover, kernel: NextKernel) -> Problem | None:
    """Return the problem of a page of the handover that early boot overwrites, None if none is.

    Early boot allocates from the end of scratch. Without a map, any page in scratch is one.
    """
    if not h.in_scratch or kernel.frames is None:
        return h.in_scratch[0] if h.in_scratch else None
    w, root = h.hwpoison, h.root
    taken = _EARLIEST if _extends(h, kernel) else kernel.page_structs() + _EARLY_BOOT
    areas = (h.scratch and h.scratch.areas) or ()
    used = union((max(s, s + n - taken), s + n) for s, n in areas)
    places = chain(
        (("root FDT", root.phys, 1),) if root else (),
        (("hwpoison blob", w.phys, 1),) if w else (),
        (("chunk", phys, 1) for phys in (w and w.chunks) or ()),
        (("array page", phys, kernel.page_size) for phys in (w and w.pages) or ()),
    )
    for what, phys, size in places:
        if phys is not None and holding(used, phys):
            page = Page(what, align_down(phys, size))
            reported = (p for p in h.in_scratch if p.phys == page.phys)
            return next(reported, None) or overlap(page, union((s, s + n) for s, n in areas))
    return None
