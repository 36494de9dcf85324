"""decode(encode(x)) = x, and what an encoder must get right, for whatever hypothesis finds."""

from __future__ import annotations

import io
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi.kexec_metadata import KexecMetadata
from hwpkho.abi.tracker.radix import UnlistedPreserved
from hwpkho.abi.vmalloc import slots
from hwpkho.badpages.model import BadPages
from hwpkho.base.listing import Listing
from hwpkho.encode.builder import build, greedy_blocks
from hwpkho.encode.request import Request
from hwpkho.encode.targets import elf as elf_target
from hwpkho.encode.targets.base import ToWrite
from hwpkho.encode.targets.registry import TARGETS
from hwpkho.encode.targets.saving import save
from hwpkho.inputs.case import read_inputs
from tests.support.examples import times

AT = 0x6000_0000
PHYS_LIMIT = 1 << 52
#: What is written is a handover; the list beside it is for the forms of lists.
NOTHING = BadPages("none", Listing())
FDT = struct.pack(
    ">10I", 0xD00DFEED, 72, 56, 72, 40, 17, 16, 0, 0, 16
) + struct.pack(">2Q4I", 0, 0, 1, 0, 2, 9)  # fmt: skip


def decoded(layout, tmp_path, to: str = "elf"):
    """Write a handover, read it back, and return it with its memory."""
    path = tmp_path / f"handover.{to}"
    target = TARGETS[to]
    made = ToWrite(NOTHING, layout)
    save(target, made, str(path), None, None, force=True)
    case = read_inputs([str(path)])
    (handover,) = case.handovers
    return handover, case.source


@st.composite
def requests(draw):
    size = draw(st.sampled_from([4096, 16384, 65536]))
    arch = draw(st.sampled_from(["x86_64", "arm64"])) if size == 4096 else "arm64"
    kho = draw(st.integers(1, 4))
    shift = size.bit_length() - 1
    near = AT >> shift
    pfn = st.one_of(
        st.integers(near, near + 40),  # where the handover itself would go
        st.integers(0, (PHYS_LIMIT >> shift) - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 1 << 20),
    )
    pfns = array("Q", draw(st.lists(pfn, max_size=60)))
    first, length = draw(st.integers(near, near + 60)), draw(st.integers(0, 400))
    pfns.extend(range(first, first + length))
    order = draw(st.sampled_from([0, 0, 0, 0, 1, 3]))
    capacity = None
    if draw(st.booleans()):
        full = slots(size) if size == 4096 else 4
        pages = draw(
            st.one_of(
                st.integers(1, 9),
                st.sampled_from([k * full + d for k in (1, 2, 3) for d in (-1, 0, 1)]),
            )
        )
        capacity = max(len(pfns), pages * size // 8, 1)
    subtrees = []
    if draw(st.booleans()):
        subtrees.append(("other@1", FDT + draw(st.binary(max_size=3 * size))))
    if kho > 1 and draw(st.booleans()):
        subtrees.append(("LUO", draw(st.binary(min_size=1, max_size=64))))
    metadata = KexecMetadata("7.3.4", draw(st.integers(0, 9))) if kho > 1 else None
    scratch = draw(st.sampled_from([(), (0,), (0, 7), (30, 2, 8)]))
    areas = tuple((AT + k * 2 * size, size) for k in scratch)
    where = draw(st.sampled_from(["at", "ram", "both"]))
    return Request(
        Listing(pfns),
        size,
        arch,
        kho,
        draw(st.sampled_from(["struct-v1", "fdt-v1"])) if kho > 1 else None,
        capacity,
        order,
        draw(st.sampled_from([None, None, 1, 2, 3])),
        metadata if draw(st.booleans()) else None,
        tuple(subtrees),
        AT if where != "ram" else None,
        ((AT - 0x1000_0001, 1 << 30),) if where != "at" else (),
        areas,
    )


@given(request=requests(), to=st.sampled_from(["elf", "elf", "segments"]))
def test_what_goes_in_comes_out(request, to, tmp_path):
    layout = build(request)
    handover, source = decoded(layout, tmp_path, to)
    found = handover.hwpoison
    assert found.pfns == request.pfns.array()
    assert found.blob == layout.blob
    assert found.revision == request.wanted_revision
    assert found.blob.vmalloc.flags == request.wanted_flags
    assert found.blob.vmalloc.order == request.order
    assert (found.chunks, found.pages) == (layout.chunks, layout.array)
    assert (handover.page_size, handover.arch) == (request.page_size, request.arch)
    assert handover.root.phys == layout.root
    assert (handover.root.totalsize, handover.root.size) == (layout.totalsize, request.page_size)
    assert handover.root.memory_map == layout.memory_map
    assert handover.role is None  # what is made for the next kernel may be seen from either side
    assert (handover.scratch.array or 0, handover.scratch.length) == layout.kho_scratch
    assert handover.root.fdt.version.number == request.kho
    assert handover.tracker == "complete"
    assert handover.metadata == request.metadata
    assert {s.name for s in handover.root.subtrees} == {
        "hwpoison",
        *(name for name, _ in request.subtrees),
        *(["kexec-metadata"] if request.metadata else []),
    }
    for name, blob in request.subtrees:
        ref = next(s for s in handover.root.subtrees if s.name == name)
        assert source.read(ref.phys, len(blob)) == blob
        assert ref.size == (len(blob) if request.kho > 2 else None)
    if request.scratch:
        assert handover.scratch.areas == request.scratch
    allowed = {"HP318"} if not request.pfns else set()
    # Without scratch a folder of segments says just that, an ELF core's note too.
    allowed |= {"HP411"} if not request.scratch else set()
    # Any bytes are no LUO blob.
    allowed |= {"HP901"} if any(name == "LUO" for name, _ in request.subtrees) else set()
    assert {p.code for p in handover.problems if p.severity != "note"} <= allowed
    check_places(request, layout)
    check_tracker(handover.walk.preserved, layout, request)


@given(request=requests())
@times(0.25)
def test_every_form_says_as_much_as_it_can_hold(request, tmp_path, cli):
    """A folder says what an ELF core says; a blob what its bytes say; captures of both, too."""
    layout = build(request)
    made = ToWrite(NOTHING, layout)
    documents = []
    for to in ("elf", "segments"):
        path, crop = tmp_path / to, tmp_path / f"{to}.crop"
        save(TARGETS[to], made, str(path), None, None, force=True)
        assert cli("capture", path, "-f", "-o", crop).code == 0
        for form in (path, crop):
            (document,) = cli("decode", "--json", form).json["handovers"]
            assert document.pop("source") == str(form)
            documents.append(document)
    assert all(d == documents[0] for d in documents)
    whole = documents[0]
    assert (whole["arch"], whole["page_size"]) == (request.arch, request.page_size)
    path = tmp_path / "blob"
    save(TARGETS["blob"], made, str(path), None, None, force=True)
    (alone,) = cli("decode", "--json", path).json["handovers"]
    told = ("revision", "version", "count", "vmalloc")
    assert [alone["hwpoison"][k] for k in told] == [whole["hwpoison"][k] for k in told]
    registered = request.page_size if request.wanted_revision == "fdt-v1" else None
    assert alone["page_size"] == registered


def check_places(request, layout):
    """Every structure has its own pages: not poisoned, not scratch, not 0, not in low memory."""
    size = request.page_size
    poisoned = set(request.pfns)
    end = 0
    for phys, data in layout.pieces:
        assert phys % size == len(data) % size == 0
        assert phys >= max(end, size)
        assert phys >= (1 << 20) or request.arch != "x86_64"
        end = phys + len(data)
        assert not poisoned.intersection(range(phys // size, end // size))
        for start, length in request.scratch:
            assert end <= start or phys >= start + length
        if request.ram:
            ((start, length),) = request.ram
            assert start <= phys < end <= start + length
    taken = [
        layout.root, *layout.chunks, *layout.array, *layout.tracker,
        *(s.phys for s in layout.subtrees),
        *([layout.scratch_array] if request.scratch else []),
    ]  # fmt: skip
    assert len(taken) == len(set(taken))
    assert set(taken) <= {phys for phys, _ in layout.pieces}


def check_tracker(preserved, layout, request):
    """All of the handover is marked, each entry as one block of its order; nothing else is."""
    size = request.page_size
    want = {(layout.root, 0), (layout.blob_phys, 0), *((c, 0) for c in layout.chunks)}
    want |= {(p, request.order) for p in layout.array}
    for sub in layout.subtrees:
        pages = -(-sub.size // size)
        want |= {(pfn * size, order) for pfn, order in greedy_blocks(sub.phys // size, pages)}
    assert layout.blocks == len(want)
    assert all(preserved.has(phys, order) for phys, order in want)
    if not isinstance(preserved, UnlistedPreserved):
        assert preserved.count == len(want)


def big(pages: int, size: int, order: int = 0) -> Request:
    """An array of so many entries of ``1 << order`` pages, of which three PFNs are used."""
    return Request(
        Listing([5, 5, 4]),
        size,
        "arm64",
        capacity=pages * (size << order) // 8,
        order=order,
        at=AT,
    )


@pytest.mark.parametrize(
    ("size", "pages", "chunks"),
    [
        (4096, 511, 2), (4096, 510, 1), (4096, 1022, 3), (16384, 2046, 1), (16384, 2047, 2),
        (65536, 8190, 1), (65536, 8191, 2),
    ],
)  # fmt: skip
def test_a_full_last_chunk_is_followed_by_an_empty_one(size, pages, chunks, tmp_path):
    layout = build(big(pages, size))
    assert layout.blob.vmalloc.total_pages == pages
    assert len(layout.chunks) == chunks
    handover, source = decoded(layout, tmp_path)
    assert list(handover.hwpoison.pfns) == [5, 5, 4]
    assert handover.hwpoison.pages == layout.array
    assert handover.tracker == "complete"
    assert [p.code for p in handover.problems if p.severity != "note"] == ["HP411"]
    if pages == slots(size):
        assert bytes(source.read(layout.chunks[-1], size)) == bytes(size)


def test_a_long_list_fills_three_chunks(tmp_path):
    pfns = array("Q", range(0x100_0000, 0x100_0000 + 2 * 511 * 512 + 3))
    pfns[7] = pfns[8]
    request = Request(Listing(pfns), at=AT, scratch=((0x5000_0000, 1 << 26),), kho=1)
    layout = build(request)
    assert layout.blob.vmalloc.total_pages == 1024  # 512 entries, doubled
    assert len(layout.chunks) == 3
    handover, _ = decoded(layout, tmp_path, "segments")
    assert handover.hwpoison.pfns == pfns
    assert handover.tracker == "complete"


@pytest.mark.parametrize(
    ("size", "count", "pages"),
    [
        (4096, 0, 1), (4096, 512, 1), (4096, 513, 2), (4096, 1025, 4), (16384, 513, 1),
        (16384, 2049, 2), (65536, 0, 1), (65536, 8192, 1), (65536, 8193, 2),
    ],
)  # fmt: skip
def test_capacity_doubles_as_the_producer_has_it(size, count, pages):
    request = Request(Listing(range(count)), size, "arm64", at=AT)
    assert build(request).blob.vmalloc.total_pages == pages


def test_huge_entries_are_whole_blocks():
    request = Request(Listing([1]), capacity=1, order=9, at=AT)
    layout = build(request)
    assert layout.blob.vmalloc.total_pages == 512
    assert layout.blob.vmalloc.flags == 3
    assert len(layout.array) == 1
    assert layout.array[0] % (512 * 4096) == 0


@given(pfn=st.integers(1, 1 << 40), pages=st.integers(1, 5000))
def test_blocks_of_a_run_are_as_kho_preserve_pages_makes_them(pfn, pages):
    at = pfn
    for start, order in greedy_blocks(pfn, pages):
        left = pfn + pages - at
        assert start == at
        assert start % (1 << order) == 0
        assert 1 << order <= left
        assert start % (2 << order) or 2 << order > left  # none larger fits
        at += 1 << order
    assert at == pfn + pages


@pytest.mark.slow  # 65 536 of them; tests/inputs/test_case.py reads such headers
def test_more_segments_than_an_elf_header_counts(tmp_path):
    """Every other frame is poisoned and 70 000 pieces are needed: PN_XNUM."""
    first = AT >> 12
    pfns = array("Q", range(first + 1, first + 160_000, 2))
    layout = build(Request(Listing(pfns), capacity=70_000 * 512, at=AT))
    assert len(layout.extents()) > 0xFFFF
    handover, _ = decoded(layout, tmp_path)
    assert handover.hwpoison.pfns == pfns
    out = io.BytesIO()
    elf_target.TARGET.write(ToWrite(NOTHING, layout), out)
    assert out.getbuffer()[56:58] == b"\xff\xff"
