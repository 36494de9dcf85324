"""What trackers say of their own pages, and what no kernel writes into them."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from hwpkho.abi.spans import Span
from hwpkho.abi.tracker import TRACKERS, bitmap, radix
from hwpkho.abi.tracker.preserved import Preserved
from hwpkho.abi.tracker.radix import UnlistedPreserved
from hwpkho.abi.tracker.walked import TrackerWalk
from hwpkho.errors import InputError
from hwpkho.handover import owners

PAGE = 4096
BLOCKS = [(0x4000_0000, 0), (0x4000_1000, 0), (0x8000_0000, 9)]


class Memory:
    """Pages by address."""

    name = "memory"
    arch: str | None = None

    def __init__(self, page_size: int = PAGE) -> None:
        self.page_size, self.at = page_size, 1 << 40
        self.pages: dict[int, bytes] = {}

    def allocate(self) -> int:
        self.at += self.page_size
        return self.at

    def look(self, phys: int, size: int) -> memoryview | None:
        page = self.pages.get(phys)
        return None if page is None else memoryview(page)[:size]


def walked(name: str, blocks: Any = BLOCKS, page_size: int = PAGE) -> tuple[Memory, TrackerWalk]:
    memory, tracker = Memory(page_size), TRACKERS[name]
    start, memory.pages = tracker.build(blocks, page_size, memory.allocate)
    return memory, tracker.walk(memory, start, page_size)


def described(name: str, memory: Memory, walk: TrackerWalk) -> list[tuple[str, list[Span]]]:
    found = []
    for node in walk.places:
        page = memory.look(node, memory.page_size)
        assert page is not None
        title, spans = TRACKERS[name].spans(walk, node, page)
        found.append((title, list(spans)))
    return found


def test_chunks_tell_all_of_themselves() -> None:
    memory, walk = walked("bitmap")
    (first, one), (second, two) = described("bitmap", memory, walk)
    assert first == second == "tracker chunk"
    assert [s.meaning for s in one[1:3]] == ["order 0", "num_elms 1"]
    assert one[0].meaning.startswith("next 0x10000")
    assert two[0] == Span(0, 8, "next: end of chain")
    assert two[3].meaning.startswith("element 0: phys_start 0x0, bitmap 0x100")
    assert [(s.offset, s.size) for s in two] == [(0, 8), (8, 4), (12, 4), (16, 16)]


def test_tables_and_bitmaps_of_the_tree() -> None:
    memory, walk = walked("radix")
    parts = described("radix", memory, walk)
    assert parts[0][0] == "tracker level 5 table"
    blocks = [s.meaning for title, spans in parts if title == "tracker bitmap" for s in spans]
    assert blocks == ["0x80000000 order 9", "0x40000000 order 0, 0x40001000 order 0"]
    below = [node for node, (level, _) in walk.places.items() if level == 4]
    for span, node in zip(parts[0][1], below, strict=True):
        assert span.meaning.endswith(f"level 4 node 0x{node:x}")


def test_keys_that_lost_their_order_are_shown_as_they_are() -> None:
    blocks = [(0x4000_0000, 0), (0x8000_0000, 9)]
    memory, walk = walked("radix-7.0", blocks, 16384)
    assert not walk.listed
    preserved = walk.preserved
    assert isinstance(preserved, UnlistedPreserved)
    assert all(preserved.has(*block) for block in blocks)
    assert not preserved.has(0x4000_1000, 9)
    assert preserved.orders == list(range(11))
    assert [*preserved.spans(), *preserved.starts(0)] == []
    texts = [s.meaning for title, spans in described("radix-7.0", memory, walk) for s in spans]
    assert any(text.startswith("key 0x") for text in texts)


def test_a_key_without_an_order() -> None:
    walk = TrackerWalk(Preserved(12, PAGE * 8), [], [], [], places={0x1000: (0, 0)})
    _, spans = radix.TRACKER.spans(walk, 0x1000, memoryview(b"\x03".ljust(PAGE, b"\0")))
    assert [s.meaning for s in spans] == ["key 0x0 gives no order, 0x0 order 52"]


@pytest.mark.parametrize("empty", [False, True])
def test_keys_above_every_order(empty: bool) -> None:
    """A bitmap far to the right in the root: its keys have more bits than any block's."""
    memory, walk = walked("radix", [(0x4000_0000, 0)])
    root, (leaf, _) = walk.nodes[0], [*walk.places.items()][-1]
    (child,) = (n for n, (level, _) in walk.places.items() if level == 4)
    memory.pages[root] = bytes(8 * 511) + struct.pack("<Q", child)
    if empty:
        memory.pages[leaf] = bytes(PAGE)
    found = radix.TRACKER.walk(memory, root, PAGE)
    assert found.preserved.count == 0
    assert [d.message for d in found.damaged] == (
        [] if empty else [f"bitmap 0x{leaf:x} has keys above every order"]
    )


def test_an_empty_bitmap_marks_nothing() -> None:
    preserved = Preserved(12, PAGE * 8, {(0, 0): bytes(PAGE)})
    assert list(preserved.spans()) == []
    preserved.mark(0x5000, 0)
    preserved.mark(0x7000, 0)
    preserved.mark(0x8000, 3)
    assert list(preserved.spans()) == [(0x5000, 0x8000, 0), (0x8000, 0x10000, 3)]
    assert (preserved.count, preserved.pages) == (3, 10)


def chunk_of(order: int, *elements: tuple[int, int], empty: bool = False) -> TrackerWalk:
    """Walk a chunk whose elements are ``(phys_start, bitmap)``; a bitmap marks its first block and
    its last.
    """
    memory = Memory()
    at = memory.allocate()
    memory.pages[at] = bitmap.Chunk(0, order, elements, len(elements)).build(PAGE)
    for _, where in elements:
        memory.pages[where] = bytes(PAGE) if empty else b"\x01".ljust(PAGE - 1, b"\0") + b"\x80"
    return bitmap.walk(memory, at, PAGE)


BITMAP, SPAN = 0x9000_0000, PAGE * 8 << 12


def starts(walk: TrackerWalk, order: int) -> list[int]:
    return list(walk.preserved.starts(order))


@pytest.mark.parametrize("order", [53, 60, 1 << 31, (1 << 32) - 1])
def test_an_order_that_no_block_has(order: int) -> None:
    """The kernel looks at it where a bit is set."""
    (defect,) = chunk_of(order, (0, BITMAP)).damaged
    assert f"of order {order} makes no sense" in defect.message
    for walk in (chunk_of(order), chunk_of(order, (0, BITMAP), empty=True)):
        assert (walk.damaged, walk.preserved.count) == ([], 0)


@pytest.mark.parametrize(
    ("order", "elements", "marked"),
    [
        (0, [(SPAN, BITMAP), (SPAN, BITMAP + PAGE)], [SPAN, 2 * SPAN - PAGE]),
        (0, [(SPAN, BITMAP), (3 * SPAN, BITMAP)],
         [SPAN, 2 * SPAN - PAGE, 3 * SPAN, 4 * SPAN - PAGE]),
        (0, [(SPAN + PAGE, BITMAP)], [SPAN + PAGE, 2 * SPAN]),
        (0, [(SPAN, BITMAP), (SPAN + PAGE, BITMAP + PAGE)],
         [SPAN, SPAN + PAGE, 2 * SPAN - PAGE, 2 * SPAN]),
        (0, [(SPAN + 0x801, BITMAP)], [SPAN, 2 * SPAN - PAGE]),
        (0, [(SPAN, BITMAP + 8)], [SPAN, 2 * SPAN - PAGE]),
        (2, [(SPAN + 4 * PAGE, BITMAP)], [SPAN + 4 * PAGE, 5 * SPAN]),
    ],
)  # fmt: skip
def test_elements_that_no_kernel_makes_are_taken_as_they_are(order, elements, marked) -> None:
    """deserialize_bitmap() checks none of it."""
    walk = chunk_of(order, *elements)
    assert starts(walk, order) == marked
    assert (walk.damaged, len(walk.odd), walk.intact) == ([], 1, False)
    assert "is none that a kernel makes" in walk.odd[0].message
    assert walk.nodes[1:] == sorted({b for _, b in elements})


def test_elements_that_cannot_be_read() -> None:
    (defect,) = chunk_of(2, (SPAN + PAGE, BITMAP)).damaged
    assert "of order 2 makes no sense" in defect.message
    assert chunk_of(2, (SPAN + PAGE, BITMAP), empty=True).damaged == []
    (defect,) = chunk_of(0, (SPAN, 0)).damaged
    assert "null pointer" in defect.message


def test_odd_elements_are_bounded() -> None:
    """Each costs 16 bytes of an image, and pages of work; one chunk may be full of them."""
    walk = chunk_of(0, *((n * PAGE, BITMAP) for n in range(1, 256)))
    assert (len(walk.odd), len(walk.damaged)) == (64, 0)
    assert len(walk.preserved.leaves) == 2
    shifted = [(n * PAGE, BITMAP + n * PAGE) for n in range(1, 256)]
    with pytest.raises(InputError, match=r"^memory: more than 256 elements of the tracker at 0x"):
        chunks_of(shifted, shifted)
    assert chunks_of(shifted, [(0, 0)], shifted).damaged


@pytest.mark.parametrize("there", [True, False])
def test_elements_that_name_a_bitmap_again_are_bounded(there: bool) -> None:
    """Whether or not the image holds it; each of a kernel's has a bitmap of its own."""
    again = [(n * SPAN, BITMAP) for n in range(255)]
    with pytest.raises(InputError, match=r"more than 256 elements .* name a bitmap again$"):
        chunks_of(again, again, there=there)


@pytest.mark.parametrize("there", [True, False])
def test_what_is_damaged_anyway_is_no_error(there: bool) -> None:
    """A page that has long been reused is walked as well, whatever stands in it."""
    again = [(n * SPAN, BITMAP) for n in range(255)]
    walk = chunks_of(again, again, there=there, announced=256)
    assert [d.message for d in walk.damaged] == [
        f"chunk 0x{phys:x} announces 256 elements" for _, phys in walk.damaged
    ]
    assert walk.absent == ([] if there else [BITMAP] * 510)


def chunks_of(
    *chunks: list[tuple[int, int]], there: bool = True, announced: int | None = None
) -> TrackerWalk:
    """Walk chunks of order 0, all bitmaps of which mark one block, or are absent."""
    memory, following = Memory(), 0
    for elements in reversed(chunks):
        at = memory.allocate()
        memory.pages[at] = bitmap.Chunk(following, 0, tuple(elements), len(elements)).build(PAGE)
        if announced is not None:
            page = bytearray(memory.pages[at])
            struct.pack_into("<I", page, 12, announced)
            memory.pages[at] = bytes(page)
        memory.pages |= {where: b"\x01".ljust(PAGE, b"\0") for _, where in elements if there}
        following = at
    return bitmap.walk(memory, following, PAGE)


@pytest.mark.parametrize(
    ("elements", "size"),
    [
        ([(0, BITMAP)], PAGE),
        ([(SPAN, BITMAP), (5 * SPAN // 8, BITMAP + PAGE)], PAGE),
        ([(SPAN, BITMAP), (5 * SPAN, BITMAP + 8)], PAGE),
        ([(SPAN // 8, BITMAP)], 512),
        ([(SPAN, BITMAP), (2 * SPAN, BITMAP + 512)], 512),
        ([(SPAN // 8, BITMAP), (SPAN // 4, BITMAP + 512), (SPAN + PAGE, BITMAP + 8)], 512),
    ],
)
def test_an_odd_element_does_not_change_the_size_of_the_bitmaps(elements, size) -> None:
    assert chunks_of(elements).preserved.bits == size * 8


@pytest.mark.parametrize(
    ("order", "start", "bit", "fits"),
    [(52, 0, 0, True), (52, 0, 1, False), (52, 0, 4096, False), (51, 0, 1, True),
     (51, 0, PAGE * 8 - 1, False), (0, (1 << 64) - SPAN, PAGE * 8 - 1, True),
     (0, (1 << 64) - SPAN + PAGE, PAGE * 8 - 1, False), (0, (1 << 64) - PAGE, 0, True)],
)  # fmt: skip
def test_a_block_beyond_all_addresses(order, start, bit, fits) -> None:
    memory = Memory()
    at = memory.allocate()
    memory.pages[at] = bitmap.Chunk(0, order, ((start, BITMAP),), 1).build(PAGE)
    memory.pages[BITMAP] = (1 << bit).to_bytes(PAGE, "little")
    walk = bitmap.walk(memory, at, PAGE)
    assert (len(walk.damaged), walk.preserved.count) == ((0, 1) if fits else (1, 0))
    assert owners.account((), walk.preserved).unknown or not fits
