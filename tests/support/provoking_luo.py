"""For each code on LUO and what it preserves: an input that provokes it.

What decode reports is in ``DECODE``, what validate alone reports in ``VALIDATE``, in the forms of
provoking_decode.py and provoking.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi import fdt, kho, luo, vmalloc
from hwpkho.codes import limits
from hwpkho.codes import preserved as codes
from hwpkho.inputs.case import CaseOptions
from tests.support.handovers import Machine
from tests.support.luo import Orchestrator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.codes import Code
    from tests.support.provoking import Case, Make
    from tests.support.provoking_decode import Inputs

DECODE: dict[str, Callable[[Path], Inputs]] = {}
VALIDATE: dict[str, Make] = {}

#: Guests' memory, apart from what the machine puts pages into.
PFN = 0x50000
FOLIOS = [(PFN, 0, 0), (PFN + 0x200, 1, 9)]
IOMEM = "00000000-00000fff : Reserved\n00100000-7fffffff : System RAM\n"


def machine() -> Orchestrator:
    """Return a machine with an empty memory."""
    return Orchestrator(Machine(arch="x86_64", at=0x1000_0000))


def _decoded(code: Code) -> Callable[[Callable[[Orchestrator], bytes]], object]:
    """Register a function that returns the blob of LUO."""

    def register(change: Callable[[Orchestrator], bytes]) -> object:
        def make(folder: Path) -> Inputs:
            made = machine()
            made.handover(change(made))
            return [str(made.machine.save(folder))], CaseOptions()

        DECODE[code.id] = make
        return change

    return register


def _one_file(made: Orchestrator, data: int) -> bytes:
    return made.blob([made.session("vm", [(1, data)])])


@_decoded(codes.LUO_REFUSED)
def _short(made: Orchestrator) -> bytes:
    return made.blob([])[:31]


@_decoded(codes.SESSION_BLOCK)
def _cycle(made: Orchestrator) -> bytes:
    blob = made.blob([luo.Session(b"vm")])
    (block,) = made.places["sessions"]
    made.machine.poke(block, "<Q", block)
    return blob


@_decoded(codes.FILE_BLOCK)
def _count(made: Orchestrator) -> bytes:
    session = made.session("vm", [(1, made.memfd(FOLIOS))])
    return made.blob([session._replace(total=2)])


@_decoded(codes.FLB_PAGE)
def _flbs(made: Orchestrator) -> bytes:
    blob = made.blob([])
    made.machine.poke(made.places["flbs"][0] + 8, "<Q", 1 << 63)
    return blob


@_decoded(codes.NO_FILES)
def _no_files(made: Orchestrator) -> bytes:
    return made.blob([luo.Session(b"vm", 0, 2)])


@_decoded(codes.LUO_ABSENT)
def _absent(made: Orchestrator) -> bytes:
    blob = made.blob([])
    del made.machine.memory[made.places["flbs"][0]]
    return blob


@_decoded(codes.FILE_BROKEN)
def _beyond(made: Orchestrator) -> bytes:
    return _one_file(made, made.memfd(FOLIOS, nr_folios=257))


@_decoded(codes.FOLIO_UNMARKED)
def _unmarked_folio(made: Orchestrator) -> bytes:
    data = made.memfd(FOLIOS)
    made.blocks.remove((PFN << 12, 0))
    return _one_file(made, data)


@_decoded(codes.FOLIO_ODD)
def _odd(made: Orchestrator) -> bytes:
    return _one_file(made, made.memfd([(PFN, 0, 0), (PFN + 1, 512, 0)]))


@_decoded(codes.OWNED_TWICE)
def _twice(made: Orchestrator) -> bytes:
    data = made.memfd(FOLIOS)
    return made.blob([made.session("vm", [(1, data), (2, data)])])


@_decoded(codes.NOT_SERIALIZED)
def _not_yet(made: Orchestrator) -> bytes:
    return made.blob([])


@_decoded(codes.NOBODY_KNOWN)
def _nobody(made: Orchestrator) -> bytes:
    made.page("nobody's")
    return made.blob([])


@_decoded(codes.LUO_UNMARKED)
def _unmarked(made: Orchestrator) -> bytes:
    blob = made.blob([])
    made.blocks.remove((made.places["flbs"][0], 0))
    return blob


@_decoded(codes.OTHER_ABI)
def _parts(made: Orchestrator) -> bytes:
    return made.blob([], compatible="luo-v5;block-v1", at=16)


@_decoded(codes.UNKNOWN_FILE)
def _handler(made: Orchestrator) -> bytes:
    file = luo.File(b"vfio-pci-v1", 0, 7)
    block = made.chain("files", [file], 63)
    return made.blob([luo.Session(b"vm", block, 1)])


@_decoded(codes.SESSION_TWICE)
def _same_name(made: Orchestrator) -> bytes:
    return made.blob([luo.Session(b"vm"), luo.Session(b"other"), luo.Session(b"vm")])


@_decoded(codes.TOKEN_TWICE)
def _same_token(made: Orchestrator) -> bytes:
    return made.blob([made.session("vm", [(7, made.memfd([])), (7, made.memfd([]))])])


@_decoded(codes.LUO_FDT)
def _tree(made: Orchestrator) -> bytes:
    return fdt.build(fdt.Node("", properties=[fdt.Property("compatible", b"luo-v1\0", 0)]))


def _released(folder: Path) -> Inputs:
    made = machine()
    h = made.handover(made.blob([]))
    (at,) = [ref.phys or 0 for ref in h.subtrees if ref.name == kho.LUO]
    made.machine.memory[at] = b"\xaa" * 4096
    for node in h.nodes:
        made.machine.memory[node] = b"\xaa" * 4096
    return [str(made.machine.save(folder))], CaseOptions()


DECODE[codes.LUO_RELEASED.id] = _released


def _judged(code: Code, bad: Callable[[Orchestrator], int]) -> None:
    def make(folder: Path) -> Case:
        made = machine()
        data = made.memfd(FOLIOS, size=0x1800)
        blob = _one_file(made, data)
        h = made.handover(blob, pfns=[1])
        made.places["blob"] = [ref.phys or 0 for ref in h.subtrees if ref.name == kho.LUO]
        made.machine.poke(h.pages[0], "<Q", bad(made))
        (folder / "iomem").write_text(IOMEM)
        return [made.machine.save(folder), "--memmap", folder / "iomem"]

    VALIDATE[code.id] = make


_judged(codes.CONTAINED, lambda _: PFN)
_judged(codes.REACHABLE, lambda _: PFN + 0x200)
_judged(codes.BEYOND_END, lambda _: PFN + 0x201)


def _order_unknown(folder: Path) -> Case:
    """The bitmaps of the tracker that would mark the folio are not in the image."""
    made = machine()
    at = made.memfd([(PFN, 0, 0)])
    h = made.handover(made.blob([made.session("vm", [(1, at)])]), pfns=[PFN])
    marks = bytes([1]).ljust(4096, b"\0")
    for node in h.nodes:
        if made.machine.memory[node] == marks:
            del made.machine.memory[node]
    (folder / "iomem").write_text(IOMEM)
    return [made.machine.save(folder), "--memmap", folder / "iomem"]


VALIDATE[codes.ORDER_UNKNOWN.id] = _order_unknown
_judged(codes.LUO_POISONED, lambda made: made.places["array"][0] >> 12)
_judged(codes.LUO_BLOB_POISONED, lambda made: made.places["blob"][0] >> 12)


def _in_scratch(folder: Path) -> Case:
    made = machine()
    h = made.handover(made.blob([made.session("vm", [])]), pfns=[0x60000])
    made.machine.boot_data(h, [(0x6000_0000, 0x400_0000)])
    (folder / "iomem").write_text(IOMEM)
    return [made.machine.save(folder), "--memmap", folder / "iomem", "--max-scratch", "0.01"]


VALIDATE[codes.NEVER_PRESERVED.id] = _in_scratch
VALIDATE[limits.MAX_SCRATCH.id] = _in_scratch


def _foreign(folder: Path) -> Case:
    m = Machine(arch="x86_64", at=0x1000_0000)
    h = m.handover([1], subtrees=[("other", b"x")])
    (at,) = [ref.phys or 0 for ref in h.subtrees if ref.name == "other"]
    m.poke(h.pages[0], "<Q", at >> 12)
    (folder / "iomem").write_text(IOMEM)
    return [m.save(folder), "--memmap", folder / "iomem"]


VALIDATE[codes.PRESERVED_ELSEWHERE.id] = _foreign


def kho_test(m: Machine, folios: list[tuple[int, int]]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the blob of kho_test with these folios, ``(address, order)``, and all blocks."""
    array = m.put(struct.pack(f"<{len(folios)}Q", *(phys | order for phys, order in folios)))
    chunk = m.put(struct.pack("<QQ", 0, array))
    data = fdt.Node(
        "data",
        properties=[
            fdt.Property("nr_folios", struct.pack("<I", len(folios)), 0),
            fdt.Property("folios_info", vmalloc.KhoVmalloc(chunk, 1).build(), 0),
            fdt.Property("csum", bytes(4), 0),
        ],
    )
    root = fdt.Node("", properties=[fdt.Property("compatible", b"kho-test-v1\0", 0)])
    root.children.append(data)
    return fdt.build(root), [(array, 0), (chunk, 0), *folios]


def _unread(folder: Path) -> Inputs:
    m = Machine()
    blob, blocks = kho_test(m, [(0x6000_0000, 2)])
    del m.memory[blocks[1][0]]
    m.handover(subtrees=[("kho_test", blob)], mark=lambda marked: marked + blocks)
    return [str(m.save(folder))], CaseOptions()


DECODE[codes.SUBTREE_UNREAD.id] = _unread
