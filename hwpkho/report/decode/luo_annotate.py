"""decode --annotate: LUO's own pages beside what their bytes mean."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi import luo as abi
from hwpkho.abi import memfd
from hwpkho.abi.spans import Span
from hwpkho.abi.vmalloc import Chunk
from hwpkho.handover.luo import model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hwpkho.handover.luo.model import LuoTree
    from hwpkho.images.base import Source

#: Entries of a page that are shown: all of a block of 4 KiB.
MAX_ROWS = 64

Part = tuple[str, int, int, list[Span]]


def parts(tree: LuoTree, source: Source, page_size: int) -> Iterator[Part]:
    """Yield title, physical address, bytes and spans of each page that is in the image."""
    for page in tree.pages:
        # As the kernel reads it, which looks at no page's end.
        raw = source.read(page.phys, memfd.SIZE if page.what == model.MEMFD else page_size)
        if raw is None:
            continue
        spans_of = page.spans or _SPANS.get(page.what, _unknown)
        members = iter(spans_of(bytes(raw)))
        spans = list(islice(members, 3 * MAX_ROWS))
        end = max((span.offset + span.size for span in spans), default=0)
        if next(members, None) is not None:
            spans.append(Span(end, 0, "and more"))
        yield f"LUO {page.what}", page.phys, end, spans


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


def _array(raw: bytes) -> Iterator[Span]:
    for n, (word, page) in enumerate(memfd.folios(raw)):
        pfn, flags = memfd.split_word(word)
        at = n * memfd.FOLIO
        yield Span(at, 8, f"folio {n}: PFN 0x{pfn:x}, flags 0x{flags:x}")
        yield Span(at + 8, 8, f"folio {n}: page {page} of the file")


def _unknown(raw: bytes) -> Iterator[Span]:
    yield Span(0, min(len(raw), abi.HEAD), "content unknown")


_SPANS: dict[str, Callable[[bytes], Iterator[Span]]] = {
    model.FLBS: _flbs,
    model.SESSIONS: _sessions,
    model.FILES: _files,
    model.MEMFD: _memfd,
    model.CHUNK: _chunk,
    model.ARRAY: _array,
}
