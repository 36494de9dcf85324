"""What a picture of a handover shows, without a memory map: its list, and whose memory is where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.model import DEFAULT_PAGE_SIZE
from hwpkho.base.pfnset import pfn_set
from hwpkho.report.parts.memory import Memory, with_handover
from hwpkho.report.parts.to_scale import Marks

if TYPE_CHECKING:
    from hwpkho.handover.model import Handover


def of_handover(h: Handover) -> Memory:
    """Return it; pages are counted as 4 KiB where their size is not known."""
    size = h.page_size or DEFAULT_PAGE_SIZE
    listed = pfn_set(h.hwpoison.pfns) if h.hwpoison and h.hwpoison.pfns else None
    bad = [Marks("bad", listed, [(listed.first[0], listed.last[-1])], size)] if listed else []
    return with_handover(Memory(bad=bad), h, size)
