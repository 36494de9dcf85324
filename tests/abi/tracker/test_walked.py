"""What trackers say of their own pages, and what no kernel writes into them."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from hwpkho.abi.spans import Span
from hwpkho.abi.tracker import TRACKERS, bitmap, radix, walked
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


def walk_of(name: str, blocks: Any = BLOCKS, page_size: int = PAGE) -> tuple[Memory, TrackerWalk]:
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
    memory, walk = walk_of("bitmap")
    (first, one), (second, two) = described("bitmap", memory, walk)
    assert first == second == "tracker chunk"
    assert [s.meaning for s in one[1:3]] == ["order 0", "num_elms 1"]
    assert one[0].meaning.startswith("next 0x10000")
    assert two[0] == Span(0, 8, "next: end of chain")
    assert two[3].meaning.startswith("element 0: phys_start 0x0, bitmap 0x100")
    assert [(s.offset, s.size) for s in two] == [(0, 8), (8, 4), (12, 4), (16, 16)]


def test_tables_and_bitmaps_of_the_tree() -> None:
    memory, walk = walk_of("radix")
    parts = described("radix", memory, walk)
    assert parts[0][0] == "tracker level 5 table"
    blocks = [s.meaning for title, spans in parts if title == "tracker bitmap" for s in spans]
    assert blocks == ["0x80000000 order 9", "0x40000000 order 0, 0x40001000 order 0"]
    below = [node for node, (level, _) in walk.places.items() if level == 4]
    told = [span.meaning.partition("] ")[2] for span in parts[0][1]]
    assert told == [f"level 4 node 0x{node:x}" for node in below]


def test_keys_that_lost_their_order_are_shown_as_they_are() -> None:
    blocks = [(0x4000_0000, 0), (0x8000_0000, 9)]
    memory, walk = walk_of("radix-7.0", blocks, 16384)
    assert not walk.listed
    preserved = walk.preserved
    assert isinstance(preserved, UnlistedPreserved)
    assert all(preserved.has(*block) for block in blocks)
    assert not preserved.has(0x4000_1000, 9)
    assert preserved.orders == list(range(13))
    assert [*preserved.spans(), *preserved.starts(0)] == []
    texts = [s.meaning for title, spans in described("radix-7.0", memory, walk) for s in spans]
    assert any(text.startswith("key 0x") for text in texts)


def test_a_key_without_an_order() -> None:
    walk = TrackerWalk.begin(Preserved(12, PAGE * 8))
    walk.places[0x1000] = 0, 0
    _, spans = radix.TRACKER.spans(walk, 0x1000, memoryview(b"\x03".ljust(PAGE, b"\0")))
    assert [s.meaning for s in spans] == ["key 0x0 gives no order, 0x0 order 52"]


@pytest.mark.parametrize("empty", [False, True])
def test_keys_above_every_order(empty: bool) -> None:
    """A bitmap far to the right in the root: its keys have more bits than any block's."""
    memory, walk = walk_of("radix", [(0x4000_0000, 0)])
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


@pytest.mark.parametrize(
    ("within", "frames"),
    [(None, [0, 9, 31, 32767, 32768]), ([], []), ([(0x9001, 0x9002)], [9]),
     ([(0x7000, 0x8000), (0xa000, 0xb000), (0xe000, 0x20000)], [0, 9, 31]),
     ([(0x7fff000, 1 << 40)], [32767, 32768])],
)  # fmt: skip
def test_starts_within_parts_of_memory(within: Any, frames: list[int]) -> None:
    """Eight blocks, a byte of the bitmap, are looked at together."""
    preserved = Preserved(12, PAGE * 8)
    for frame in (0, 9, 31, 32767, 32768):
        preserved.mark(frame << 12, 0)
    assert [phys >> 12 for phys in preserved.starts(0, within)] == frames


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
def test_an_order_that_no_block_has(order: int, subtests: pytest.Subtests) -> None:
    """The kernel looks at it where a bit is set."""
    (defect,) = chunk_of(order, (0, BITMAP)).damaged
    assert f"blocks of order {order} reach past 2^64" in defect.message
    for elements in ((), ((0, BITMAP),)):
        with subtests.test(f"{len(elements)} elements"):
            walk = chunk_of(order, *elements, empty=True)
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
        (2, [(SPAN + PAGE, BITMAP)], [SPAN + PAGE, 5 * SPAN - 3 * PAGE]),
    ],
)  # fmt: skip
def test_elements_that_no_kernel_makes_are_taken_as_they_are(order, elements, marked) -> None:
    """deserialize_bitmap() checks none of it."""
    walk = chunk_of(order, *elements)
    assert starts(walk, order) == marked
    assert (walk.damaged, len(walk.odd), walk.intact) == ([], 1, False)
    assert "is not one that a kernel makes" in walk.odd[0].message
    assert walk.nodes[1:] == sorted({b for _, b in elements})


def test_blocks_that_are_not_aligned_to_their_order() -> None:
    """The kernel reserves them as they are, and restores one where it starts."""
    walk = chunk_of(2, (SPAN + PAGE, BITMAP), (4 * SPAN, BITMAP + PAGE))
    held, first, last = walk.preserved, SPAN + PAGE, 5 * SPAN - 3 * PAGE
    assert (walk.damaged, held.count, held.pages, held.orders) == ([], 4, 16, [2])
    assert held.shifted == {2: [first, last]}
    assert held.has(first, 2)
    assert (held.block_at(first), held.block_at(first + PAGE)) == (2, None)
    assert [held.block_around(first + n * PAGE) for n in (-1, 0, 3, 4)] == [
        None, (first, 2), (first, 2), None,
    ]  # fmt: skip
    order_at = held.order_at_frame()
    assert [order_at(phys >> 12) for phys in (first, first + PAGE, 4 * SPAN)] == [2, None, 2]
    around = [first - PAGE, first, first + 3 * PAGE, first + 4 * PAGE]
    assert [*held.without_blocks(around, PAGE)] == [around[0], around[3]]
    assert [*held.spans()][1:] == [(at, at + 4 * PAGE, 2) for at in (first, last)]
    assert held.outside(first, 2, [(first >> 12, first >> 12)]) is None
    assert held.outside(first, 2, [(0, 1)]) == (first, first)
    empty = chunk_of(2, (SPAN + PAGE, BITMAP), empty=True)
    assert (empty.damaged, empty.preserved.shifted) == ([], {})


def test_owners_of_blocks_that_are_not_aligned() -> None:
    held, pfn = chunk_of(2, (SPAN + PAGE, BITMAP)).preserved, SPAN + PAGE >> 12
    last = 5 * SPAN - 3 * PAGE >> 12
    (nobody,) = owners.account((), held).owned
    assert [*nobody.pages] == [(pfn, pfn + 3), (last, last + 3)]
    one = owners.Claim("x", "x", [(pfn, 2, 1), (pfn + 5, 2, 1), (pfn, 3, 1)])
    assert [*owners.account([one], held).owned[1].pages] == [(last, last + 3)]
    part = owners.Claim("x", "x", areas=[(pfn, pfn + 2), (last, last + 3)])
    assert [*owners.account([part], held).owned[1].pages] == [(pfn, pfn + 3)]
    weak = [owners.Claim("x", "x", [(pfn + n, 2, 1)], weak=True) for n in (0, 1)]
    assert [x.name for x in owners.account(weak, held).owned] == ["x", "nobody known"]


def test_blocks_that_are_not_aligned_are_bounded(subtests: pytest.Subtests) -> None:
    full = [(0x9000_0000 + n * PAGE, n) for n in range(3)]
    elements = [(SPAN + (1 + n) * PAGE, at) for at, n in full]
    memory = Memory()
    at = memory.allocate()
    memory.pages = {where: b"\xff" * PAGE for where, _ in full}
    for null in ([], [(0, 0)]):
        with subtests.test(f"{len(null)} null"):
            chunk = bitmap.Chunk(0, 2, (*null, *elements), len(null) + 3)
            memory.pages[at] = chunk.build(PAGE)
            if null:
                assert len(bitmap.walk(memory, at, PAGE).preserved.shifted[2]) == (1 << 16) + 1
                continue
            what = r"more than 65536 blocks of the tracker at 0x.* are not aligned to their order$"
            with pytest.raises(InputError, match=what):
                bitmap.walk(memory, at, PAGE)


def test_elements_that_cannot_be_read(subtests: pytest.Subtests) -> None:
    for where, why in ((0, "null pointer"), (1 << 60, "not a physical address")):
        with subtests.test(why):
            (defect,) = chunk_of(0, (SPAN, where)).damaged
            assert why in defect.message


@pytest.mark.parametrize("name", TRACKERS.names())
def test_nodes_of_a_hole_are_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost the image nothing; they mark nothing, and are not kept."""
    memory, tracker = Memory(), TRACKERS[name]
    start, memory.pages = tracker.build([(n * SPAN, 0) for n in range(9)], PAGE, memory.allocate)
    leaves = [at for at, page in memory.pages.items() if page == b"\x01".ljust(PAGE, b"\0")]
    memory.pages |= dict.fromkeys(leaves, bytes(PAGE))
    walk = tracker.walk(memory, start, PAGE)
    assert (walk.preserved.leaves, walk.intact) == ({}, True)
    monkeypatch.setattr(walked, "MAX_EMPTY", len(leaves) - 1)
    with pytest.raises(InputError, match=r"^memory: more than \d nodes of the tracker at 0x"):
        tracker.walk(memory, start, PAGE)


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
        ([*((n * SPAN, BITMAP + n * PAGE) for n in range(4)), (4 * SPAN, BITMAP - 512)], 512),
        ([*((n * SPAN, BITMAP + n * PAGE) for n in range(5)), (5 * SPAN, BITMAP - 512)], PAGE),
    ],
)
def test_an_odd_element_does_not_change_the_size_of_the_bitmaps(elements, size) -> None:
    assert chunks_of(elements).preserved.bits == size * 8


class Bytes(Memory):
    """Pages by address, read from anywhere in them."""

    def look(self, phys: int, size: int) -> memoryview | None:
        start = phys - phys % PAGE
        parts = [self.pages.get(at) for at in range(start, phys + size, PAGE)]
        if None in parts:
            return None
        data = b"".join(part for part in parts if part is not None)
        return memoryview(data)[phys - start :][:size]


@pytest.mark.parametrize(
    ("at", "second", "read"),
    [(0x1008, True, True), (0x1001, True, True), (0x1fe0, False, True), (0x1fe1, False, False),
     (0x1ff8, False, False)],
)  # fmt: skip
def test_a_chunk_at_an_odd_address(at: int, second: bool, read: bool) -> None:
    """Normal memory is read unaligned, as far as the chunk has elements."""
    memory = Bytes()
    chunk = bitmap.Chunk(0, 0, ((SPAN, BITMAP),), 1).build(PAGE)
    pages = (bytes(at - 0x1000) + chunk).ljust(2 * PAGE, b"\0")[: 2 * PAGE]
    memory.pages = {0x1000: pages[:PAGE], BITMAP: b"\x01".ljust(PAGE, b"\0")}
    if second:
        memory.pages[0x2000] = pages[PAGE:]
    walk = bitmap.walk(memory, at, PAGE)
    assert (walk.damaged, walk.absent) == ([], [] if read else [at])
    assert starts(walk, 0) == [SPAN] * read
    assert [d.message for d in walk.odd] == [
        f"chunk address 0x{at:x} is not page aligned: 0x{at:x} is read"
    ]


@pytest.mark.parametrize("damaged", [False, True])
def test_chunks_that_overlap_are_bounded(damaged: bool) -> None:
    """What crashes the next kernel anyway is told, and the walk ends."""
    memory = Bytes()
    words = [0x1000 + 16 * (n // 2 + 1) if n % 2 == 0 else 0 for n in range(1024)]
    words[1] = 256 << 32 if damaged else 0
    memory.pages = dict(zip((0x1000, 0x2000), (struct.pack("<512Q", *words[i : i + 512])
                                               for i in (0, 512)), strict=True))  # fmt: skip
    if damaged:
        walk = bitmap.walk(memory, 0x1000, PAGE)
        assert walk.damaged[0].message == "chunk 0x1000 announces 256 elements"
        assert len(walk.nodes) == 259  # of them 2 begin a page
        return
    with pytest.raises(InputError, match=r"more than 256 chunks of the tracker at 0x1000 overlap$"):
        bitmap.walk(memory, 0x1000, PAGE)


@pytest.mark.parametrize("arch", ["arm64", "x86_64", None])
def test_chunks_and_bitmaps_above_all_memory(arch: str | None) -> None:
    """An arm64 kernel forgets the upper bits, as it does of nodes of the tree."""
    memory, high = Memory(), 1 << 60
    memory.arch = arch
    chunk = bitmap.Chunk(0, 0, ((SPAN, high | BITMAP),), 1)
    memory.pages = {0x1000: chunk.build(PAGE), BITMAP: b"\x01".ljust(PAGE, b"\0")}
    walk = bitmap.walk(memory, high | 0x1000, PAGE)
    assert (starts(walk, 0), len(walk.odd), len(walk.damaged)) == (
        ([SPAN], 2, 0) if arch == "arm64" else ([], 0, 1)
    )


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
