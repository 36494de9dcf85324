"""For each code on LUO and what it preserves: an input that provokes it.

What decode reports is in ``DECODE``, what validate alone reports in ``VALIDATE``, in the forms of
provoking_decode.py and provoking.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt, luo
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


@_decoded(codes.LUO_FDT)
def _tree(made: Orchestrator) -> bytes:
    return fdt.build(fdt.Node("", properties=[fdt.Property("compatible", b"luo-v1\0", 0)]))


def _released(folder: Path) -> Inputs:
    made = machine()
    h = made.handover(made.blob([]))
    (at,) = [ref.phys or 0 for ref in h.subtrees if ref.name == luo.NAME]
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
        made.places["blob"] = [ref.phys or 0 for ref in h.subtrees if ref.name == luo.NAME]
        made.machine.poke(h.pages[0], "<Q", bad(made))
        (folder / "iomem").write_text(IOMEM)
        return [made.machine.save(folder), "--memmap", folder / "iomem"]

    VALIDATE[code.id] = make


_judged(codes.CONTAINED, lambda _: PFN)
_judged(codes.REACHABLE, lambda _: PFN + 0x200)
_judged(codes.BEYOND_END, lambda _: PFN + 0x201)
_judged(codes.LUO_POISONED, lambda made: made.places["array"][0] >> 12)
_judged(codes.LUO_BLOB_POISONED, lambda made: made.places["blob"][0] >> 12)
