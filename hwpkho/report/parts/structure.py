"""The structure of a handover as boxes that point to each other, for pictures of it.

A problem is shown at the box that it is about: the one whose fact carries it
(``HwpoisonList.problem`` and the like), or else the one that holds its address.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, align_down, human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes import code_of
from hwpkho.handover.luo import luo_of
from hwpkho.handover.subtrees.registry import reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwpkho.codes import Problem
    from hwpkho.handover.luo.model import LuoFile
    from hwpkho.handover.model import Handover, HwpoisonList, Root, Subtree

#: Chunks, sessions and so on that are shown; of others only the number.
MAX_BOXES = 4
#: Subtrees that are shown; a kernel makes a handful.
MAX_SUBTREES = 12

State = Literal["read", "absent", "ignored"]


@dataclass(slots=True, eq=False)
class Box:
    """A structure.

    Attributes:
        column: From the left: 0 for the root, 1 for what it points to, and so on.
        title: Its name.
        lines: Facts on it, a line each.
        spans: Its memory: physical address and size (bytes) of each piece.
        state: ``absent``: something points to it, but the input lacks it; ``ignored``: the next
            kernel does not use it.
        after: The box that points to it, None if none does.
        problems: Problems with it.
        why: A sentence on what the next kernel does with it; empty for none.
        files: Files of LUO that it stands for.
        of_list: Whether it is the hwpoison blob, or says that there is none.
    """

    column: int
    title: str
    lines: list[str]
    spans: list[tuple[int, int]] = field(default_factory=list)
    state: State = "read"
    after: Box | None = None
    problems: list[Problem] = field(default_factory=list)
    why: str = ""
    files: tuple[LuoFile, ...] = ()
    of_list: bool = False

    def codes(self) -> list[str]:
        """Return code and name of its problems, each code once."""
        codes = dict.fromkeys(p.code for p in self.problems)
        return [f"{code} {code_of(code).name}" for code in codes]

    @property
    def worst(self) -> Literal["broken", "doubtful", ""]:
        """``broken`` with an error, ``doubtful`` with a warning at worst, else empty."""
        severities = {p.severity for p in self.problems}
        if "error" in severities:
            return "broken"
        return "doubtful" if "warning" in severities else ""


class Structure(NamedTuple):
    """A handover as boxes.

    Attributes:
        boxes: Each after the one that points to it.
        elsewhere: Errors and warnings that no box could be found for.
        title: The heading.
    """

    boxes: tuple[Box, ...]
    elsewhere: tuple[Problem, ...]
    title: str = "Structure of the handover"


def of_handover(h: Handover) -> Structure:
    """Return the boxes of a handover, its errors and warnings placed at them."""
    boxes = list(_boxes(h))
    placed: list[Problem] = []
    places, of_list = Places(boxes), next((b for b in boxes if b.of_list), None)
    for box, problem in _known(h, boxes[0], of_list, places):
        if problem is not None and problem not in placed:
            placed.append(problem)
            box.problems.append(problem)
    elsewhere = []
    for problem in h.problems:
        if problem.severity == "note" or problem in placed:
            continue
        found = places.at(problem.field) or places.at(problem.phys)
        if not found and code_of(problem.code).field:
            found = of_list
        if found:
            found.problems.append(problem)
        else:
            elsewhere.append(problem)
    return Structure(tuple(boxes), tuple(elsewhere))


def _known(
    h: Handover, root: Box, of_list: Box | None, places: Places
) -> Iterator[tuple[Box, Problem | None]]:
    """Yield the box of each fact that may carry a problem, and that problem or None."""
    yield root, h.root_problem
    yield of_list or root, h.no_list
    w = h.hwpoison
    if w is not None:
        at = w.chain.at if w.chain and w.chain.end != "whole" else None
        yield places.at(at) or of_list or root, w.problem


class Places:
    """Finds boxes by address.

    An index, because an array may have half a million pages, and each problem is looked up.
    """

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._boxes = boxes
        starts: dict[tuple[int, int], array[int]] = defaultdict(lambda: array("Q"))
        for i, box in enumerate(boxes):
            for at, size in box.spans:
                starts[size, i].append(at)
        # In order of size, as the smallest span wins; of spans of one size, only the nearest one
        # below an address can hold it.
        self._starts = [(*key, array("Q", sorted(starts[key]))) for key in sorted(starts)]

    def at(self, phys: int | None) -> Box | None:
        """Return the box with the smallest span that holds ``phys``; None if none does."""
        if phys is None:
            return None
        for size, box, starts in self._starts:
            i = bisect_right(starts, phys)
            if i and phys < starts[i - 1] + size:
                return self._boxes[box]
        return None


def _boxes(h: Handover) -> Iterator[Box]:
    """Yield the boxes, the root first."""
    root = Box(0, "Root FDT", ["not in the input"], state="absent")
    if h.root is not None:
        root = _root(h.root)
    yield root
    page_size = h.page_size or DEFAULT_PAGE_SIZE
    if h.root is not None and h.root.memory_map:
        n = h.walk.preserved.count if h.walk else 0
        lines = [f"0x{h.root.memory_map:x}", h.tracker or "not checked"]
        lines += [counted(n, "preserved block")] * (h.walk is not None)
        spans = [(h.root.memory_map, page_size)]
        spans += [(phys, page_size) for phys in (h.walk.nodes if h.walk else ())]
        state: State = "absent" if h.tracker == "gone" else "read"
        yield Box(1, "Tracker", lines, spans, state, root)
    subtrees = h.root.subtrees if h.root else ()
    # Of two nodes with the same name the kernel sees the first.
    listed = next((s for s in subtrees if s.kind == "hwpoison"), None)
    for s in subtrees[:MAX_SUBTREES]:
        box = _subtree(s, root)
        if s is listed and h.hwpoison is not None:
            box.title, box.of_list = "hwpoison", True
            box.lines += _blob(h.hwpoison, h.page_size)
            yield box
            yield from _array(h.hwpoison, box, h.page_size)
        else:
            yield box
        if s.kind == "luo":
            yield from _luo(h, box)
    if len(subtrees) > MAX_SUBTREES:
        yield Box(1, counted(len(subtrees) - MAX_SUBTREES, "more subtree"), [], after=root)
    if h.hwpoison is not None and listed is None:
        spans = [] if h.hwpoison.phys is None else [(h.hwpoison.phys, h.hwpoison.size or 1)]
        box = Box(1, "hwpoison", _blob(h.hwpoison, h.page_size), spans, of_list=True)
        yield box
        yield from _array(h.hwpoison, box, h.page_size)
    elif h.hwpoison is None and h.root is not None:
        lack = ["no such subtree"]
        yield Box(1, "hwpoison", lack, state="absent", after=root, of_list=True)
    if h.scratch is not None:
        yield _scratch(h)


def _root(root: Root) -> Box:
    lines = [f"0x{root.phys:x}"] if root.phys is not None else ["a copy"]
    lines.append(root.compatible or "compatible missing")
    if root.totalsize is not None:
        lines.append(counted(root.totalsize, "byte"))
    spans = [(root.phys, max(root.totalsize or 0, 4096))] if root.phys is not None else []
    return Box(0, "Root FDT", lines, spans)


def _subtree(s: Subtree, root: Box) -> Box:
    lines = [f"0x{s.phys:x}" if s.phys is not None else "address unknown"]
    lines += [counted(s.size, "byte")] if s.size is not None else []
    reader = reader_of(s.name)
    if reader is not None and s.kind != "hwpoison" and s.details:
        lines += [x for x in [reader.shown(s.details)] if x]
    spans = [(s.phys, s.size or 1)] if s.phys is not None else []
    return Box(1, s.name, lines, spans, after=root)


def _blob(w: HwpoisonList, page_size: int | None) -> list[str]:
    lines = [w.revision or "revision unknown"]
    if w.blob is not None:
        of = f" of {w.blob.vmalloc.capacity(page_size)}" if page_size else ""
        lines.append(f"count {w.blob.count}{of}")
    return lines


def _array(w: HwpoisonList, blob: Box, page_size: int | None) -> Iterator[Box]:
    """Yield the boxes of the chunks, of the array's pages, and of the list in them."""
    if w.blob is None:
        return
    size, before = page_size or DEFAULT_PAGE_SIZE, blob
    chunks = w.chunks or []
    for phys in chunks[:MAX_BOXES]:
        before = Box(2, "Chunk", [f"0x{phys:x}"], [(phys, size)], after=before)
        yield before
    if len(chunks) > MAX_BOXES:
        rest = [(phys, size) for phys in chunks[MAX_BOXES:]]
        before = Box(
            2, counted(len(rest), "more chunk"), [f"to 0x{rest[-1][0]:x}"], rest, after=before
        )
        yield before
    chain = w.chain
    if chain is not None and chain.end in ("absent", "nowhere") and chain.at is not None:
        yield Box(2, "Chunk", [f"0x{chain.at:x}", chain.end], [(chain.at, size)], "absent", before)
    if w.pages is None:
        return
    n, pages = len(w.pages), len(w.pages) << w.order
    blocks = f" in {counted(n, 'block')}" if w.order else ""
    lines = [counted(pages, "page") + blocks]
    lines += (f"0x{phys:x}" for phys in w.pages[:MAX_BOXES])
    lines += [f"and {n - MAX_BOXES} more"] * (n > MAX_BOXES)
    state: State = "absent" if w.state == "array-absent" else "read"
    held = Box(3, "Array", lines, [(phys, size << w.order) for phys in w.pages], state, before)
    yield held
    if w.pfns is None:
        yield Box(4, "List", ["not readable"], state="absent", after=held)
        return
    pfns = pfn_set(w.pfns)
    pages, runs = pfns.pages(), pfns.run_count()
    lines = [counted(pages, "page"), counted(runs, "run")]
    yield Box(4, "List", [*lines, human_bytes(pages * size)], after=held)


def _luo(h: Handover, subtree: Box) -> Iterator[Box]:
    """Yield a box for each session, with the pages of its files' structures.

    LUO's other pages are added to ``subtree``.
    """
    tree = luo_of(h)
    if tree is None:
        return
    size, sessions = h.page_size or DEFAULT_PAGE_SIZE, tree.sessions or ()
    own = {page.phys: (page.phys, size << page.order) for page in tree.pages}

    def box(title: str, files: tuple[LuoFile, ...]) -> Box:
        lines = [counted(len(files), "file")]
        spans = []
        for file in files:
            arrays = (align_down(phys, size) for phys in file.pages)
            for phys in (file.data, *file.chunks, *arrays):
                spans += [own.pop(phys)] if phys in own else []
        return Box(2, title, lines, spans, after=subtree, files=files)

    for s in sessions[:MAX_BOXES]:
        yield box(f'Session "{s.name}"', s.files)
    if rest := sessions[MAX_BOXES:]:
        yield box(counted(len(rest), "more session"), tuple(f for s in rest for f in s.files))
    if tree.unwritten:
        yield box("Sessions not written", tree.unwritten)
    subtree.spans += own.values()


def _scratch(h: Handover) -> Box:
    scratch = h.scratch
    areas = (scratch.areas or ()) if scratch else ()
    lines, spans = list[str](), list[tuple[int, int]]()
    if scratch is not None and scratch.array is not None:
        lines.append(f"array 0x{scratch.array:x}")
        spans.append((scratch.array, scratch.length or 1))
    lines.append(counted(len(areas), "area"))
    lines += [human_bytes(sum(size for _, size in areas))] * bool(areas)
    return Box(1, "Scratch", lines, spans)
