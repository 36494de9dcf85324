"""``/proc/kpageflags``: a word of 64 bits for each page frame, in the host's byte order.

All pages of a huge page of hugetlb show the flag of the folio: which of them are bad is not in it.

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
    """Return which byte of a word has a bit."""
    return bit // 8 if sys.byteorder == "little" else 7 - bit // 8


def _marks(bits: tuple[int, ...], without: tuple[int, ...] = ()) -> bytes:
    """Return for each value of a byte whether ``bits`` are set in it, and ``without`` are not.

    All of them are in one byte of the word.
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
    """The pages with the flag of one block; a run may go on in the next.

    Attributes:
        first: Index of the first word of a run.
        last: Of the last, inclusive.
        huge: Whether it is, or is a part of, a huge page of hugetlb.
    """

    first: int
    last: int
    huge: bool


def poisoned(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield index of the first and last word (inclusive) of each run with KPF_HWPOISON."""
    # A step in bytes is taken five times as fast as one in a memoryview.
    return _runs(data[_byte(HWPOISON) :: WORD].translate(_POISONED))


def by_size(data: bytes) -> Iterator[Poisoned]:
    """Yield the runs with KPF_HWPOISON: first those of single pages, then those of huge ones.

    A run of huge pages ends before the head of the next one.
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
    """Yield index of the first and last word (inclusive) of each run of words that are 0.

    Of such pages are those that the kernel allocated for itself, slab and page cache aside.
    """
    for zeros in _ZEROS.finditer(data):
        first, end = -(-zeros.start() // WORD), zeros.end() // WORD
        if first < end:
            yield first, end - 1


def is_head(word: bytes) -> bool:
    """Tell whether a word is of the first page of a folio."""
    return bool(_HEAD[word[_byte(COMPOUND_HEAD)]])


def odd(data: bytes) -> bool:
    """Tell whether bits are set that no kernel has in page flags."""
    return any(data[_TOP::WORD])


def _runs(marks: bytes) -> Iterator[tuple[int, int]]:
    first = marks.find(1)
    while first >= 0:
        stop = marks.find(0, first)
        stop = len(marks) if stop < 0 else stop
        yield first, stop - 1
        first = marks.find(1, stop)
