"""Which pages the running kernel has taken out of use, by ``/proc/kpageflags`` or a copy."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import kpageflags
from hwpkho.abi.kpageflags import WORD
from hwpkho.base.counting import counted
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.images.files import FileBytes

#: Bytes that are read at once: 1 MiB stays in a processor's cache.
_BLOCK = 1 << 20
#: Runs of bad pages, and bad huge pages, that a machine may have.
MAX_RUNS = 1 << 21


class PageFlags(NamedTuple):
    """The pages with KPF_HWPOISON.

    Attributes:
        single: Those that are bad themselves.
        folios: First and last PFN (inclusive) of each huge page of hugetlb with a bad page in it,
            ascending: all of its pages have the flag.
        frames: How many page frames there are words for.
    """

    single: PfnSet
    folios: Listing
    frames: int

    @property
    def flagged(self) -> PfnSet:
        """Every page with the flag."""
        return self.single | pfn_set(self.folios)


def read(file: FileBytes, frames: Iterable[tuple[int, int]] | None = None) -> PageFlags:
    """Return which of ``frames`` have KPF_HWPOISON; ``file`` is /proc/kpageflags or a copy.

    ``frames`` are ranges, first and last PFN (inclusive); None: all.

    Raises InputError where the file ends within a word, has no word at all, bits beside the flag
    that no kernel has, or more runs of bad pages than a machine has.
    """
    if not file.size:
        raise InputError(f"{file.shown}: the file is empty")
    if file.size % WORD:
        raise InputError(
            f"{file.shown}: {counted(file.size, 'byte is', 'bytes are')} not whole words of "
            f"{WORD}: cut off"
        )
    first, last = array("Q"), array("Q")
    huge_first, huge_last = array("Q"), array("Q")
    for at, data in _blocks(file, _ranges(file, frames)):
        pfn = at // WORD
        runs = list(kpageflags.by_size(data))
        if runs and kpageflags.odd(data):
            raise InputError(
                f"{file.shown}: bits are set that no kernel has in page flags: is it a copy?"
            )
        for run in runs:
            starts, ends = (huge_first, huge_last) if run.huge else (first, last)
            begin = pfn + run.first
            head = run.huge and kpageflags.is_head(data[run.first * WORD : (run.first + 1) * WORD])
            if ends and ends[-1] + 1 == begin and not head:
                ends[-1] = pfn + run.last
            else:
                starts.append(begin)
                ends.append(pfn + run.last)
        if len(first) + len(huge_first) > MAX_RUNS:
            raise InputError(
                f"{file.shown}: more than {MAX_RUNS} runs of bad pages: these are not page flags"
            )
    single = pfn_set(of_runs(zip(first, last, strict=True)))
    folios = of_runs(zip(huge_first, huge_last, strict=True))
    return PageFlags(single, folios, file.size // WORD)


def _ranges(file: FileBytes, frames: Iterable[tuple[int, int]] | None) -> Iterator[tuple[int, int]]:
    if frames is None:
        yield from file.data_ranges()
        return
    for first, last in frames:
        yield first * WORD, min((last + 1) * WORD, file.size)


def _blocks(file: FileBytes, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset, bytes)`` of the file: whole words, in blocks."""
    for start, end in ranges:
        for at in range(start - start % WORD, end, _BLOCK):
            yield at, bytes(file.read(at, min(_BLOCK, end + -end % WORD - at)))
