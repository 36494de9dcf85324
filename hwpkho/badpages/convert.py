"""Converts lists to another page size."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from hwpkho.badpages.sets import first_seen
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import MAX_PFNS, Listing
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages, Mention


def convert(pages: BadPages, page_size: int) -> BadPages:
    """Return the list in pages of ``page_size`` bytes.

    A page becomes all smaller pages in it, in order. Smaller pages become a larger one only where
    all of its smaller pages are listed. Raises InputError where the result would include good
    memory, or is too long.
    """
    shift = page_shift(pages.taken_page_size) - page_shift(page_size)
    if not shift:
        return pages
    pfns = _split(pages, page_size, shift) if shift > 0 else _joined(pages, page_size, -shift)
    mentions = [_moved(m, shift) for m in pages.mentions]
    return replace(pages, pfns=pfns, page_size=page_size, mentions=mentions)


def _moved(mention: Mention, shift: int) -> Mention:
    """Return the mention in pages ``1 << shift`` times smaller; larger where ``shift`` < 0."""
    first, end = mention.first, mention.last + 1
    if shift > 0:
        return mention._replace(first=first << shift, last=(end << shift) - 1)
    return mention._replace(first=first >> -shift, last=end - 1 >> -shift)


def _split(pages: BadPages, page_size: int, shift: int) -> Listing:
    """Return the ``1 << shift`` smaller pages of each page."""
    large = pages.pfns
    if large.count << shift > MAX_PFNS:
        raise InputError(f"{pages.name}: in pages of {page_size} bytes the list is too long")
    high = next((pfn for pfn in large.last if pfn >> (64 - shift)), None)
    if high is not None:
        raise InputError(f"{pages.name}: PFN 0x{high:x} lies beyond 2^64 bytes")
    first = array("Q", (pfn << shift for pfn in large.first))
    last = array("Q", (((pfn + 1) << shift) - 1 for pfn in large.last))
    return Listing(first, last)


def _joined(pages: BadPages, page_size: int, shift: int) -> Listing:
    """Return the larger pages; InputError where one of their ``1 << shift`` pages is not listed."""
    there, whole = pfn_set(pages.pfns), 1 << shift
    for ends in there:
        for pfn in ends:
            frame = pfn >> shift
            listed = there.pages(frame << shift, (frame << shift) + whole - 1)
            if listed != whole:
                raise InputError(
                    f"{pages.name}: only {listed} of the {whole} pages in frame 0x{frame:x} of "
                    f"{page_size} bytes {'is' if listed == 1 else 'are'} listed; converting would "
                    "lose good memory"
                )
    sides = (pages.pfns.first, pages.pfns.last)
    return first_seen([Listing(*(array("Q", (pfn >> shift for pfn in side)) for side in sides))])
