"""decode --annotate: the raw bytes of every structure beside what they mean."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from hwpkho.abi import fdt, fdt_spans
from hwpkho.abi.scratch import SCRATCH_ENTRY
from hwpkho.abi.spans import Span
from hwpkho.abi.tracker import TRACKERS
from hwpkho.abi.vmalloc import Chunk
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, align_down, align_up, page_shift
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import code_of
from hwpkho.errors import InputError
from hwpkho.handover.luo import luo_of
from hwpkho.handover.subtrees.registry import reader_of
from hwpkho.report.decode import luo_annotate, table_annotate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.codes import Code, Problem
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.model import Handover, Subtree
    from hwpkho.images.base import Source

#: Array entries, preserved blocks and the like that are shown of one structure.
MAX_ROWS = 32
#: Subtrees that are shown; a kernel makes a handful.
MAX_SUBTREES = 64
#: Lines of the whole dump; a list of a million PFNs takes three quarters of them.
MAX_LINES = 100_000
_BYTES_PER_LINE = 16


def lines(
    handovers: Sequence[Handover], source: Source | None, tables: Sequence[PoisonTable] = ()
) -> Iterator[str]:
    """Yield the lines of the annotated dump of all structures of all handovers and EFI tables.

    Raises InputError if ``source`` is None: a debugfs copy alone has no memory to dump.
    """
    if source is None:
        raise InputError("no memory to annotate; give the memory image as well")
    shown: set[int] = set()
    every = chain(
        chain.from_iterable(_of_one(h, source, shown) for h in handovers),
        chain.from_iterable(_of_table(t, source) for t in tables),
    )
    yield from islice(every, MAX_LINES)
    if next(every, None) is not None:
        yield f"# cut after {MAX_LINES} lines; choose one handover with --root-fdt"


def _of_one(handover: Handover, source: Source, shown: set[int]) -> Iterator[str]:
    yield f"# {printable(str(handover))} in {handover.source}"
    yield from _Dump(handover, source, shown).lines()


def _of_table(table: PoisonTable, source: Source) -> Iterator[str]:
    yield f"# EFI table of poisoned memory in {table.source}"
    marks = _Marks(table.problems)
    for title, phys, size, spans in table_annotate.parts(table):
        yield from _rows(source, title, phys, size, marks.beside(phys, size, spans))


def _rows(
    source: Source, title: str, phys: int, size: int, spans: Sequence[Span], of: str = ""
) -> Iterator[str]:
    data = source.read(phys, size)
    yield ""
    whose = f": {of}" if of else ""
    yield f"{title} at 0x{phys:x}, {counted(size, 'byte')}{_offset(source, phys)}{whose}"
    if data is None:
        yield "  not in the image"
        return
    for span in spans:
        raw = bytes(data[span.offset : span.offset + span.size])
        for i in range(0, max(len(raw), 1), _BYTES_PER_LINE):
            text = raw[i : i + _BYTES_PER_LINE].hex(" ", -4)
            meaning = span.meaning if not i else ""
            yield f"  0x{phys + span.offset + i:012x}  {text:<35}  {meaning}".rstrip()


def _offset(source: Source, phys: int) -> str:
    place = source.place(phys)
    return f", {place[0].rpartition('/')[2]} at 0x{place[1]:x}" if place else ""


class _Marks:
    """Errors and warnings, each to be shown once, beside the field that it is about.

    ``blob`` is the physical address of the hwpoison blob: some codes are about a field of it, which
    they name (:attr:`Code.field`) instead of an address.
    """

    def __init__(self, problems: Iterable[Problem], blob: int | None = None) -> None:
        self._left = [p for p in problems if p.severity != "note"]
        self._blob = blob

    def beside(self, phys: int, size: int, spans: Sequence[Span]) -> list[Span]:
        """Return the spans of a structure, the codes of its problems appended to their meanings.

        ``phys`` and ``size`` (bytes) are the structure's.
        """
        marked, left = list(spans), []
        for problem in self._left:
            code = code_of(problem.code)
            if code.field and phys == self._blob:
                named = (i for i, s in enumerate(spans) if s.holds(code.field))
                at = next(named, None)
            else:
                at = _span_of(problem, code, (phys, size), spans)
            if at is None:
                left.append(problem)
            else:
                meaning = f"{marked[at].meaning}  <- {code.id} {code.name}"
                marked[at] = marked[at]._replace(meaning=meaning)
        self._left = left
        return marked


def _span_of(
    problem: Problem, code: Code, where: tuple[int, int], spans: Sequence[Span]
) -> int | None:
    """Return the index of the span that holds the address of ``problem``, None for no span.

    ``where`` is physical address and size of the structure, bytes.
    """
    phys, size = where
    at = problem.phys if problem.field is None else problem.field
    if code.field or at is None or not phys <= at < phys + max(size, 1):
        return None
    offset = at - phys
    return max((i for i, s in enumerate(spans) if s.offset <= offset), default=None)


class _Dump:
    """The structures of one handover, in the order in which they point to each other.

    A structure is shown once, even if several handovers of a broken machine share it: ``shown``
    holds the physical addresses already dumped, across handovers.
    """

    def __init__(self, handover: Handover, source: Source, shown: set[int]) -> None:
        self.h, self.source, self.shown = handover, source, shown
        self.marks = _Marks(handover.problems, handover.hwpoison and handover.hwpoison.phys)
        self.page_size = handover.page_size or DEFAULT_PAGE_SIZE

    def lines(self) -> Iterator[str]:
        root = self.h.root
        if root and root.phys is not None and root.fdt:
            yield from self._fdt("root FDT", root.phys, root.fdt.tree)
        yield from self._scratch()
        subtrees = root.subtrees if root else ()
        for subtree in subtrees[:MAX_SUBTREES]:
            yield from self._subtree(subtree)
        if len(subtrees) > MAX_SUBTREES:
            yield f"and {counted(len(subtrees) - MAX_SUBTREES, 'more subtree')}"
        yield from self._chunks()
        yield from self._array()
        yield from self._tracker()
        tree = luo_of(self.h)
        if tree is not None:  # last, because a large guest's folios may use up MAX_LINES
            for part in luo_annotate.parts(self.h, tree, self.source, self.page_size):
                yield from self._dump(*part)

    def _dump(
        self, title: str, phys: int, size: int, spans: Sequence[Span], of: str = ""
    ) -> Iterator[str]:
        if phys in self.shown:
            return
        self.shown.add(phys)
        marked = self.marks.beside(phys, size, spans)
        yield from _rows(self.source, title, phys, size, marked, of)

    def _fdt(self, title: str, phys: int, tree: fdt.Tree) -> Iterator[str]:
        size = tree.totalsize - tree.missing
        data = self.source.read(phys, size)
        if data is not None:
            yield from self._dump(title, phys, size, fdt_spans.spans(bytes(data), tree))

    def _scratch(self) -> Iterator[str]:
        scratch = self.h.scratch
        if scratch is None or scratch.array is None or not scratch.areas:
            return
        spans = []
        for i, (start, size) in enumerate(scratch.areas[:MAX_ROWS]):
            spans.append(Span(16 * i, 8, f"area {i}: addr 0x{start:x}"))
            spans.append(Span(16 * i + 8, 8, f"area {i}: size 0x{size:x}"))
        size = len(scratch.areas) * SCRATCH_ENTRY
        yield from self._dump("scratch array", scratch.array, size, spans)

    def _subtree(self, s: Subtree) -> Iterator[str]:
        if s.phys is None or s.phys in self.shown:
            return
        title, reader = f"subtree {s.name}", reader_of(s.name)
        head = self.source.read(s.phys, 8)
        size = fdt.totalsize(head) if head is not None else None
        if size is not None:
            size = min(size, self.page_size)
        else:
            size = (reader.size if reader else None) or min(s.size or 32, 256)
        raw = bytes(self.source.read(s.phys, size) or b"")
        try:
            if reader and raw and reader.released(raw):
                raise ValueError("the running kernel has freed and reused the page")
            spans = reader.spans(raw) if reader else None
            if spans is None and fdt.totalsize(raw) is not None:
                tree = fdt.parse(raw)
                size = tree.totalsize - tree.missing
                spans = fdt_spans.spans(raw, tree)
        except (InputError, ValueError) as error:
            spans = [Span(0, len(raw), f"not readable: {error}")]
        yield from self._dump(title, s.phys, size, spans or [Span(0, size, "content unknown")])

    def _chunks(self) -> Iterator[str]:
        for n, phys in enumerate((self.h.hwpoison and self.h.hwpoison.chunks) or ()):
            page = self.source.read(phys, self.page_size)
            if page is None:
                yield from self._dump(f"chunk {n}", phys, self.page_size, [])
                continue
            chunk = Chunk.parse(page)
            spans = [Span(0, 8, f"next 0x{chunk.next:x}" if chunk.next else "next: end of chain")]
            for i, entry in enumerate(chunk.entries[:MAX_ROWS]):
                spans.append(Span(8 + 8 * i, 8, f"entry {i}: 0x{entry:x}"))
            end = 8 + 8 * len(chunk.entries)
            if len(chunk.entries) > MAX_ROWS:
                spans.append(
                    Span(end, 0, f"and {counted(len(chunk.entries) - MAX_ROWS, 'more entry')}")
                )
            if end < self.page_size:
                spans.append(Span(end, 8, "zero: end of the entries"))
            yield from self._dump(f"chunk {n}", phys, self.page_size, spans)

    def _array(self) -> Iterator[str]:
        w = self.h.hwpoison
        if w is None or w.pfns is None or w.pages is None or w.blob is None:
            return
        shift, block = page_shift(self.page_size), self.page_size << w.order
        per_entry = block // 8
        for n, phys in enumerate(w.pages):
            first = n * per_entry
            live = w.pfns[first : first + per_entry]
            if not live:
                break
            spans = [
                Span(8 * i, 8, f"pfns[{first + i}] 0x{pfn:x}, phys 0x{pfn << shift:x}")
                for i, pfn in enumerate(live[:MAX_ROWS])
            ]
            if len(live) > MAX_ROWS:
                spans.append(
                    Span(8 * len(live), 0, f"and {counted(len(live) - MAX_ROWS, 'more live one')}")
                )
            title = (
                f"array {'block' if w.order else 'page'} {n} ({counted(len(live), 'live entry')})"
            )
            size = min(block, align_up(8 * len(live), self.page_size))
            yield from self._dump(title, align_down(phys, self.page_size), size, spans)

    def _tracker(self) -> Iterator[str]:
        walk, root = self.h.walk, self.h.root.fdt if self.h.root else None
        if walk is None or self.h.tracker == "gone" or root is None or root.version is None:
            return
        tracker = TRACKERS[root.version.tracker]
        for node in walk.places:
            page = self.source.read(node, self.page_size)
            if page is None or node in self.shown:
                continue
            title, members = tracker.spans(walk, node, page)
            spans = list(islice(members, MAX_ROWS))
            yield from self._dump(title, node, self.page_size, spans)
            if next(members, None) is not None:
                yield "  and more"
