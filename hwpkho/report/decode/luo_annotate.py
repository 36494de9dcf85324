"""decode --annotate: LUO's own pages, the raw bytes beside what they mean.

A guest's memory may be a million folios: of folios that follow each other only the first and the
last are shown. A folio with a problem ends such a run, so that it is always shown.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import luo as abi
from hwpkho.abi import memfd
from hwpkho.abi.spans import Span
from hwpkho.abi.vmalloc import Chunk
from hwpkho.base.addresses import align_down
from hwpkho.codes.preserved import FOLIO_ODD, FOLIO_UNMARKED, OWNED_TWICE
from hwpkho.handover.luo import model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hwpkho.handover.luo.model import Folios, LuoTree
    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Source

#: Rows of a page that are shown; enough for a 64 KiB block of files, at three rows a file.
MAX_ROWS = 3 * 1024
#: Bytes read at once: a block of an array may have a high order.
_PIECE = 1 << 20
#: This many folios or more that follow each other, in memory and in the file, are shown as a run.
MIN_RUN = 5


class Part(NamedTuple):
    """A structure to dump.

    Attributes:
        title: What it is.
        phys: Physical address.
        size: Bytes.
        spans: What its bytes mean; empty if it is not in the image.
        of: Whose it is, for people; empty for LUO itself.
    """

    title: str
    phys: int
    size: int
    spans: list[Span]
    of: str = ""


def parts(h: Handover, tree: LuoTree, source: Source, page_size: int) -> Iterator[Part]:
    """Yield LUO's own pages in the order in which they were found; ``page_size`` in bytes."""
    arrays = _Arrays(h, tree, page_size)
    for page in tree.pages:
        title, whose = f"LUO {page.what}", "" if page.of == "LUO" else page.of
        # The kernel reads these by their size, across the end of a page if need be.
        size = {model.MEMFD: memfd.SIZE, model.ARRAY: arrays.size(page.phys)}.get(page.what)
        size = page_size if size is None else size
        raw = source.read(page.phys, min(size, _PIECE))
        if raw is None:
            yield Part(title, page.phys, size, [], whose)
            continue
        if page.what == model.ARRAY:
            members = arrays.rows(page.phys, _pieces(source, page.phys, size))
        else:
            members = iter((page.spans or _SPANS.get(page.what, _unknown))(bytes(raw)))
        spans = list(islice(members, MAX_ROWS))
        end = max((span.offset + span.size for span in spans), default=0)
        if next(members, None) is not None:
            spans.append(Span(end, 0, "and more"))
        yield Part(title, page.phys, end, spans, whose)


def _pieces(source: Source, phys: int, size: int) -> Iterator[bytes]:
    """Yield the bytes of a block in pieces, up to the first that is not in the image."""
    for at in range(phys, phys + size, _PIECE):
        raw = source.read(at, min(_PIECE, phys + size - at))
        if raw is None:
            return
        yield bytes(raw)


class _Row(NamedTuple):
    """A folio of an array.

    Attributes:
        n: Its index in the file's array.
        pfn: Its first PFN; 0 for an entry without a folio.
        flags: Those of its word.
        page: Its index in the file, in pages.
        order: Of the preserved block that starts there; None if none does, -1 without a tracker.
        wrong: The codes of its problems, to be appended to its meaning.
    """

    n: int
    pfn: int
    flags: int
    page: int
    order: int | None
    wrong: str

    def follows(self, other: _Row) -> bool:
        """Tell whether it begins where ``other`` ends, in memory and in the file."""
        if self.wrong or other.wrong or self.order is None or self.order < 0 or not other.pfn:
            return False
        step = 1 << self.order
        ends = other.pfn + step, other.page + step, other.order, other.flags
        return (self.pfn, self.page, self.order, self.flags) == ends

    def meaning(self) -> str:
        """Return what its bytes mean, with the codes of its problems."""
        if not self.pfn:
            return f"folio {self.n}: none, page {self.page} of the file"
        bits = [name for bit, name in _FLAGS if self.flags & bit]
        flags = f"0x{self.flags:x}" + (f" ({', '.join(bits)})" if bits else "")
        order = {None: ", no preserved block", -1: ""}.get(self.order, f", order {self.order}")
        text = f"folio {self.n}: PFN 0x{self.pfn:x}, flags {flags}, page {self.page} of the file"
        return text + order + self.wrong


_FLAGS = (memfd.DIRTY, "dirty"), (memfd.UPTODATE, "uptodate")


class _Arrays:
    """The arrays of folios of all files."""

    def __init__(self, h: Handover, tree: LuoTree, page_size: int) -> None:
        preserved = h.walk.preserved if h.walk and h.walk.nodes and h.tracker != "gone" else None
        self._order_at = preserved.order_at_frame() if preserved else None
        self._twice = h.account.twice if h.account else None
        # Address of an array's page or block -> the file's folios, its first entry, its entries.
        self._at: dict[int, tuple[Folios | None, int, int]] = {}
        for _, file in tree.files():
            total = file.memfd.nr_folios if file.memfd else 0
            order = file.memfd.folios.entry_order if file.memfd else 0
            each = (page_size << order) // memfd.FOLIO
            for number, page in enumerate(file.pages):
                first = number * each
                held = file.folios, first, max(min(total - first, each), 0)
                self._at[align_down(page, page_size)] = held

    def size(self, phys: int) -> int | None:
        """Return how many bytes of the page at ``phys`` are used, None if no array has it."""
        held = self._at.get(phys)
        return None if held is None else held[2] * memfd.FOLIO

    def rows(self, phys: int, pieces: Iterable[bytes]) -> Iterator[Span]:
        """Yield a span for each folio in a page of an array; of a run one for all between its ends.

        ``pieces`` are the bytes of the page or block at ``phys``.
        """
        folios, first, count = self._at.get(phys, (None, 0, 0))
        run: list[_Row] = []
        for row in self._rows(pieces, folios, first, count):
            if run and not row.follows(run[-1]):
                yield from self._run(run, first)
                run = []
            run.append(row)
        yield from self._run(run, first)

    def _run(self, run: list[_Row], first: int) -> Iterator[Span]:
        shown = run if len(run) < MIN_RUN else [run[0], run[-1]]
        for row in shown:
            if row is run[-1] and len(shown) < len(run):
                text = f"folios {run[1].n} to {run[-2].n}: each follows the one before"
                yield Span((run[1].n - first) * memfd.FOLIO, 0, text)
            yield Span((row.n - first) * memfd.FOLIO, memfd.FOLIO, row.meaning())

    def _rows(
        self, pieces: Iterable[bytes], folios: Folios | None, first: int, count: int
    ) -> Iterator[_Row]:
        wrong: dict[int, str] = {}
        for code, entries in (
            (FOLIO_UNMARKED, folios.unmarked if folios else ()),
            (FOLIO_ODD, folios.odd if folios else ()),
        ):
            for n in entries[bisect_left(entries, first) : bisect_left(entries, first + count)]:
                wrong[n] = f"{wrong.get(n, '')}  <- {code.id} {code.name}"
        for n, (word, page) in enumerate(chain.from_iterable(map(memfd.folios, pieces)), first):
            pfn, flags = memfd.split_word(word)
            order = self._order_at(pfn) if self._order_at else -1
            mistakes = wrong.get(n, "")
            last = pfn + (1 << max(order or 0, 0)) - 1
            if pfn and self._twice and self._twice.pages(pfn, last):
                mistakes += f"  <- {OWNED_TWICE.id} {OWNED_TWICE.name}"
            yield _Row(n, pfn, flags, page, order, mistakes)


def _flbs(raw: bytes) -> Iterator[Span]:
    head = abi.Head.parse(raw)
    yield Span(0, 8, f"pgcnt {head.first}")
    yield Span(8, 8, f"count {head.entries}")
    count = min(head.entries, abi.room(len(raw), abi.FLB))
    for n, flb in enumerate(abi.flbs(raw, count)):
        at = abi.HEAD + n * abi.FLB
        yield Span(at, abi.FLB_NAME, f'FLB {n}: name "{model.shown(flb.name)}"')
        yield Span(at + abi.FLB_NAME, 8, f"FLB {n}: data 0x{flb.data:x}")
        yield Span(at + abi.FLB_NAME + 8, 8, f"FLB {n}: count {flb.users}")


def _head(raw: bytes) -> Iterator[Span]:
    head = abi.Head.parse(raw)
    yield Span(0, 8, f"next 0x{head.first:x}" if head.first else "next: last block")
    yield Span(8, 8, f"count {head.entries}")


def _sessions(raw: bytes) -> Iterator[Span]:
    yield from _head(raw)
    count = min(abi.Head.parse(raw).entries, abi.room(len(raw), abi.SESSION))
    for n, session in enumerate(abi.sessions(raw, count)):
        at = abi.HEAD + n * abi.SESSION
        yield Span(at, abi.SESSION_NAME, f'session {n}: name "{model.shown(session.name)}"')
        yield Span(at + abi.SESSION_NAME, 8, f"session {n}: files 0x{session.files:x}")
        yield Span(at + abi.SESSION_NAME + 8, 8, f"session {n}: count {session.total}")


def _files(raw: bytes) -> Iterator[Span]:
    yield from _head(raw)
    count = min(abi.Head.parse(raw).entries, abi.room(len(raw), abi.FILE))
    for n, file in enumerate(abi.files(raw, count)):
        at = abi.HEAD + n * abi.FILE
        yield Span(at, abi.FILE_NAME, f'file {n}: compatible "{model.shown(file.compatible)}"')
        yield Span(at + abi.FILE_NAME, 8, f"file {n}: data 0x{file.data:x}")
        yield Span(at + abi.FILE_NAME + 8, 8, f"file {n}: token {file.token}")


def _memfd(raw: bytes) -> Iterator[Span]:
    yield from memfd.MemfdSer.parse(raw[: memfd.SIZE]).spans()


def _chunk(raw: bytes) -> Iterator[Span]:
    chunk = Chunk.parse(raw)
    yield Span(0, 8, f"next 0x{chunk.next:x}" if chunk.next else "next: end of chain")
    for n, entry in enumerate(chunk.entries):
        yield Span(8 + 8 * n, 8, f"entry {n}: 0x{entry:x}")


def _unknown(raw: bytes) -> Iterator[Span]:
    yield Span(0, min(len(raw), abi.HEAD), "content unknown")


_SPANS: dict[str, Callable[[bytes], Iterator[Span]]] = {
    model.FLBS: _flbs,
    model.SESSIONS: _sessions,
    model.FILES: _files,
    model.MEMFD: _memfd,
    model.CHUNK: _chunk,
}
