"""``/proc/kpageflags``: a word of 64 bits for each page frame, in the host's byte order.

All pages of a hugetlb page show the folio's KPF_HWPOISON: which of them are bad cannot be seen.

Source: include/uapi/linux/kernel-page-flags.h; fs/proc/page.c (stable_page_flags, kpage_read).
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a word.
WORD = 8
COMPOUND_HEAD, HUGE, HWPOISON = 15, 17, 19


def _byte(bit: int) -> int:
    """Return which byte of a word in memory contains a bit."""
    return bit // 8 if sys.byteorder == "little" else 7 - bit // 8


def _marks(bits: tuple[int, ...], without: tuple[int, ...] = ()) -> bytes:
    """Return a table for bytes.translate(): 1 where ``bits`` are set and ``without`` are not.

    All of them must be in the same byte of the word.
    """
    on, off = (sum(1 << b % 8 for b in which) for which in (bits, without))
    return bytes(1 if byte & on == on and not byte & off else 0 for byte in range(256))


_ZEROS = re.compile(rb"\0{8,}")
_TOP = 7 if sys.byteorder == "little" else 0
_POISONED = _marks((HWPOISON,))
_SINGLE = _marks((HWPOISON,), (HUGE,))
_HUGE = _marks((HWPOISON, HUGE))
_HEAD = _marks((COMPOUND_HEAD,))


class Poisoned(NamedTuple):
    """A run of pages with KPF_HWPOISON in one block of words; it may continue in the next block.

    Attributes:
        first: Index of the run's first word in the block.
        last: Index of its last word, inclusive.
        huge: Whether it is a hugetlb page or a part of one.
    """

    first: int
    last: int
    huge: bool


def poisoned(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the indices of the first and last word (inclusive) of each run with KPF_HWPOISON."""
    # Slicing bytes with a step is five times as fast as slicing a memoryview.
    return _runs(data[_byte(HWPOISON) :: WORD].translate(_POISONED))


def by_size(data: bytes) -> Iterator[Poisoned]:
    """Yield the runs with KPF_HWPOISON: first those of other pages, then those of hugetlb pages.

    A run of a hugetlb page ends before the head of the next hugetlb page.
    """
    flags = data[_byte(HWPOISON) :: WORD]
    for first, last in _runs(flags.translate(_SINGLE)):
        yield Poisoned(first, last, huge=False)
    huge = flags.translate(_HUGE)
    if 1 not in huge:
        return
    heads = data[_byte(COMPOUND_HEAD) :: WORD].translate(_HEAD)
    for first, last in _runs(huge):
        at = first
        while at <= last:
            following = heads.find(1, at + 1, last + 1)
            end = last if following < 0 else following - 1
            yield Poisoned(at, end, huge=True)
            at = end + 1


def without_flags(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the indices of the first and last word (inclusive) of each run of words that are 0.

    Pages that the kernel allocated for itself have no flags, slab and page cache excepted.
    """
    for zeros in _ZEROS.finditer(data):
        first, end = -(-zeros.start() // WORD), zeros.end() // WORD
        if first < end:
            yield first, end - 1


def is_head(word: bytes) -> bool:
    """Tell whether a word of 8 bytes has KPF_COMPOUND_HEAD: the first page of a folio."""
    return bool(_HEAD[word[_byte(COMPOUND_HEAD)]])


def odd(data: bytes) -> bool:
    """Tell whether any word has one of its top 8 bits set, which no kernel uses."""
    return any(data[_TOP::WORD])


def _runs(marks: bytes) -> Iterator[tuple[int, int]]:
    first = marks.find(1)
    while first >= 0:
        stop = marks.find(0, first)
        stop = len(marks) if stop < 0 else stop
        yield first, stop - 1
        first = marks.find(1, stop)
