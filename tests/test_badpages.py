"""The model of a list of bad pages, and lists in another page size."""

from __future__ import annotations

import pytest

from hwpkho.badpages.convert import convert
from hwpkho.badpages.model import BadPages, Mention, told_page_size
from hwpkho.base.listing import Listing
from hwpkho.errors import InputError


def test_a_list_in_another_page_size_keeps_who_said_it() -> None:
    said = Mention(1, 2, "poisoned", "2026-11-28T14:00:00Z", "dmesg", "line 7")
    large = BadPages("x", Listing([2, 1]), 65536, mentions=[said], notes=("n",))
    small = convert(large, 4096)
    assert small.pfns.tolist() == [*range(32, 48), *range(16, 32)]
    assert small.mentions == [said._replace(first=16, last=47)]
    assert (small.page_size, small.name, small.notes) == (4096, "x", ("n",))
    back = convert(small, 65536)
    assert (back.pfns.tolist(), back.mentions) == ([2, 1], [said])
    assert convert(small, 4096) is small
    with pytest.raises(InputError, match="only 1 of the 4 pages in frame 0x0 of 16384 bytes"):
        convert(BadPages("x", Listing([1])), 16384)


def test_page_size_told_or_asked() -> None:
    silent, told = BadPages("x", Listing()), BadPages("x", Listing(), 16384)
    assert (silent.taken_page_size, told.taken_page_size) == (4096, 16384)
    assert told_page_size(silent, None) is None
    assert told_page_size(silent, 65536) == 65536
    assert told_page_size(told, None) == told_page_size(told, 16384) == 16384
    with pytest.raises(InputError, match="PFNs of one are not PFNs of the other"):
        told_page_size(told, 4096)
