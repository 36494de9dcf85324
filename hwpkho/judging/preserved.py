"""Bad pages in what LUO preserves: whose they are, and what the next kernel makes of them.

Measured on Linux 7.3.4: a page that is a folio of its own stays fenced off; one in a larger folio
is handed back to its owner, and with the folio to the allocator when the file is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.kho import LUO
from hwpkho.base.addresses import page_shift
from hwpkho.codes import preserved as codes
from hwpkho.judging.file_memory import FileMemory
from hwpkho.judging.rulings import Ruling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.base.pfnset import PfnSet
    from hwpkho.handover.luo.model import LuoTree

#: What covers a page, and the ruling on it: first and last PFN, inclusive.
Covered = tuple[int, int, Ruling]


def of_luo(tree: LuoTree, pfns: PfnSet, page_size: int) -> Iterator[Covered]:
    """Yield what LUO owns that may hold some of ``pfns``: its own pages, then those of its files.

    ``page_size`` in bytes.
    """
    shift = page_shift(page_size)
    if tree.phys is not None and tree.phys >> shift in pfns:
        blob = tree.phys >> shift
        yield blob, blob, Ruling("replays", codes.LUO_BLOB_POISONED.id, f"{LUO} blob")
    for page in tree.pages:
        first = page.phys >> shift
        if pfns.following(first) is not None:
            ruling = Ruling("handover", codes.LUO_POISONED.id, f"{LUO}: {page.what}")
            yield first, first + (1 << page.order) - 1, ruling
    for session, file in tree.files():
        memory = FileMemory(session, file, page_size)
        for place in memory.hit(pfns):
            if place.order is None:
                code = codes.ORDER_UNKNOWN
            elif place.order == 0:  # wherever it is in the file, the allocator keeps it out
                code = codes.CONTAINED
            elif place.beyond_end:
                code = codes.BEYOND_END
            else:
                code = codes.REACHABLE
            ruling = Ruling("preserved", code.id, memory.name, owner=memory)
            yield place.first, place.last, ruling
