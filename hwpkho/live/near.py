"""The memory of a running machine, of which only a few pages are searched.

Searching all of it takes minutes for each TiB. The running kernel shows where to look instead: its
debugfs names the tracker, and the tracker marks the root FDT. The root FDT that this kernel itself
has received is not in debugfs; it is in a page without any page flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt, kpageflags
from hwpkho.abi.kpageflags import WORD as FLAGS_WORD
from hwpkho.errors import InputError
from hwpkho.handover.evidence import single_pages
from hwpkho.handover.tracker import Trackers
from hwpkho.images.recorder import Recorder
from hwpkho.images.words import WORD, words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.images.base import Source
    from hwpkho.images.files import FileBytes

#: Bytes of page flags that are read at once.
_BLOCK = 1 << 20
#: Bytes at the start of a page that are compared with a magic number.
_HEAD = 8


class Near(Recorder):
    """Memory of which every byte can be read, and only some pages are searched.

    Attributes:
        pages: Physical addresses of the pages in which a root FDT may begin, ascending.
        tables: ``(phys, size)``, bytes, of where entries of EFI tables may be.
    """

    def __init__(
        self, inner: Source, pages: Iterable[int], tables: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Search only ``pages`` of ``inner``, and ``tables``."""
        super().__init__(inner)
        self.pages = sorted(set(pages))
        self.tables = tables

    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """See :meth:`Source.find_pages`."""
        for phys in self.pages:
            head = self.inner.peek(phys, _HEAD)
            if head is not None and bytes(head).startswith(magics):
                yield phys

    def find_words(self, word: bytes) -> Iterator[int]:
        """See :meth:`Source.find_words`."""
        for phys, size in self.tables:
            for offset in words_in(bytes(self.inner.peek(phys, size) or b""), word):
                if (phys + offset) % WORD == 0:
                    yield phys + offset


def marked(source: Source, copies: Iterable[DebugfsCopy], page_size: int) -> list[int]:
    """Return the addresses of the single pages that the trackers of ``copies`` mark.

    The root FDTs are among them. ``page_size`` in bytes. Where a tracker marks thousands of pages,
    only the first thousands count.
    """
    trackers, found = Trackers(source), list[int]()
    for copy in copies:
        try:
            root = copy.root()
            if root is None or root.memory_map is None or root.version is None:
                continue
            walk = trackers.walk(root.memory_map, page_size, root.version)
        except InputError:
            continue  # reading the handover reports that
        if walk.listed:
            found += single_pages(walk.preserved, root.memory_map)
    return found


def device_trees(source: Source, flags: FileBytes, page_size: int) -> Iterator[int]:
    """Yield the addresses of pages that begin like a device tree and have no page flag.

    ``flags`` is /proc/kpageflags, ``page_size`` in bytes.
    """
    for start, size in source.extents():
        begin, stop = start // page_size * FLAGS_WORD, (start + size) // page_size * FLAGS_WORD
        for at in range(begin, min(stop, flags.size), _BLOCK):
            data = bytes(flags.read(at, min(_BLOCK, stop - at, flags.size - at)))
            for first, last in kpageflags.without_flags(data):
                for pfn in range(at // FLAGS_WORD + first, at // FLAGS_WORD + last + 1):
                    head = source.peek(pfn * page_size, _HEAD)
                    if head is not None and bytes(head).startswith(fdt.MAGIC):
                        yield pfn * page_size
