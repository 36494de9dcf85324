"""What is allowed in a handover that encode makes, and will not do in a real boot."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import distinct
from hwpkho.codes.blob import EMPTY, NOTHING_LEFT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.encode.layout import Layout
    from hwpkho.encode.request import Request

#: Scratch that a 4 KiB kernel with 1 GiB of RAM was seen to need, bytes.
_ENOUGH_SCRATCH = 24 << 20


def of_layout(request: Request, layout: Layout) -> Iterator[str]:
    """Yield what is allowed but would not work in a real boot, one line each.

    ``layout`` was made of ``request``.
    """
    beyond = request.beyond()
    if beyond is not None:
        pfn = next(islice(request.pfns, beyond, None))
        yield (
            f"entry {beyond} of the list, 0x{pfn:x}, lies beyond every physical "
            "address: an address instead of a PFN?"
        )
    repeats = request.pfns.count - distinct(request.pfns)
    if repeats:
        yield counted(
            repeats,
            "of the PFNs repeats another: kept as it is",
            "of the PFNs repeat another: kept as they are",
        )
    if not layout.blob.count:
        yield empty("the list is empty", layout.blob.revision)
    scratch = sum(size for _, size in layout.scratch)
    if not scratch:
        yield "without scratch the next kernel ignores the whole handover"
    elif scratch < _ENOUGH_SCRATCH:
        yield (
            f"{scratch >> 10} KiB of scratch: a kernel with 1 GiB of RAM needed "
            f"{human_bytes(_ENOUGH_SCRATCH)} to boot"
        )
    if request.at is not None and layout.root != request.at:
        yield f"0x{request.at:x} is poisoned or scratch: the root FDT is at 0x{layout.root:x}"


def empty(why: str, revision: str) -> str:
    """Say what an empty list does to the next kernel."""
    if REVISIONS[revision].EMPTY_PANICS:
        return f"warning: {why}: the next kernel panics at boot ({NOTHING_LEFT.id})"
    return f"warning: {why}: a debugfs read in the next kernel oopses ({EMPTY.id})"
