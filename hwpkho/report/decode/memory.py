"""What a picture of a handover shows: its bad pages and who owns the preserved memory; no map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.report.parts.memory import of_pages, with_handover

if TYPE_CHECKING:
    from hwpkho.handover.model import Handover
    from hwpkho.report.parts.memory import Memory


def of_handover(h: Handover) -> Memory:
    """Return the bad pages of ``h`` and what it preserves; an unknown page size counts as 4 KiB."""
    size = h.page_size or DEFAULT_PAGE_SIZE
    listed = pfn_set(h.hwpoison.pfns) if h.hwpoison and h.hwpoison.pfns else PfnSet()
    return with_handover(of_pages(listed, size), h, size)
