"""For each code on the EFI table of poisoned memory: an input that provokes it.

What decode reports is in ``DECODE``, what validate alone reports in ``VALIDATE``, in the forms of
provoking_decode.py and provoking.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hwpkho.abi import efi_pool
from hwpkho.codes import efi, efi_kernel
from hwpkho.inputs.case import CaseOptions
from tests.support.efi import TABLE, UNIT, entry, image, node, saved, table
from tests.support.handovers import Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.codes import Code
    from tests.support.provoking import Case, Make
    from tests.support.provoking_decode import Inputs

DECODE: dict[str, Callable[[Path], Inputs]] = {}
VALIDATE: dict[str, Make] = {}

NODE = 0xF000000


def _decoded(code: Code, pieces: dict[int, bytes], **more: Any) -> None:
    def make(folder: Path) -> Inputs:
        return [str(saved(folder, pieces, **more))], CaseOptions()

    DECODE[code.id] = make


_decoded(efi.ABSENT, {0x1000: b"x"})
_decoded(efi.VERSION, {TABLE: table(version=2)})
_decoded(efi.MALFORMED, {TABLE: table(unit=3 << 20)})
_decoded(efi.CUT, {TABLE: table(says=1 << 20)})
_decoded(efi.ALLOCATION, {TABLE: table(says=64) + efi_pool.build_tail(56)})
_decoded(efi.CHAIN, {TABLE: node(following=NODE, room=0)})
_decoded(
    efi.LOOP,
    {TABLE: node(following=NODE, room=0), NODE: node([(0x1000000, 4096)], following=NODE)},
)
_decoded(efi.NODE, {TABLE: node(following=NODE, room=0), NODE: node([(1 << 24, 4096)], used=256)})
_decoded(
    efi.OVERLAP,
    {
        TABLE: node(following=NODE, room=0),
        NODE: node([(NODE, 4096), (0x1000, 0)], following=NODE + 16, room=2),
    },
)
_decoded(efi.LAYOUT, {TABLE: table(base=0x4000000)}, arch="arm64")
_decoded(
    efi.SEVERAL,
    {TABLE: table(), NODE: table(((7, 8),))},
    entries=(entry(), entry(NODE)),
)
_decoded(efi.WRAPS, {TABLE: table(base=(1 << 64) - 2 * UNIT) + efi_pool.build_tail(56)})


_decoded(efi.AMBIGUOUS, {TABLE: struct.pack("<IIQQ", 1, 4096, 4096, 4088)})


MAP = """\
00000000-00000fff : Reserved
00001000-0009ffff : System RAM
00100000-0effffff : System RAM
  01600000-018c2297 : Kernel code
0f000000-0f01ffff : Reserved
0f020000-1fb6cfff : System RAM
1fb6d000-1fb7efff : ACPI Tables
"""


def _judged(code: Code, pieces: dict[int, bytes], *options: object) -> None:
    def make(folder: Path) -> Case:
        (folder / "iomem.txt").write_text(MAP)
        return [saved(folder, pieces), "--memmap", folder / "iomem.txt", *options]

    VALIDATE[code.id] = make


def _list(*pages: int) -> dict[int, bytes]:
    entries = [(page, 4096) for page in pages]
    return {TABLE: node(following=NODE, room=0), NODE: node(entries)}


_judged(efi_kernel.IGNORED, {TABLE: table()}, "--consumer-efi", "c2")
_judged(
    efi_kernel.PLACES,
    {TABLE: table([(n, n + 1) for n in range(1, 251, 2)])},
    "--consumer-efi",
    "b",
)
_judged(efi_kernel.LOW, {TABLE: table([(0, 1)])}, "--consumer-efi", "b")
_judged(efi_kernel.NO_RAM, {TABLE: table([(0, 256)])})
_judged(efi_kernel.POINTER, {TABLE: table()}, "--efi-table", hex(1 << 46))
_judged(efi_kernel.FOOTPRINT, {TABLE: table(says=1 << 40)})
_judged(efi_kernel.FAULT, {TABLE: table()}, "--consumer-efi", "a")
_judged(
    efi_kernel.HANGS,
    {TABLE: node(following=NODE, room=0), NODE: node(following=NODE)},
    "--consumer-efi",
    "a",
)
_judged(efi_kernel.UNDECIDED, {TABLE: table()}, "--efi-table", "0x2000000")
_judged(efi_kernel.NO_FEATURE, {TABLE: table()}, "--consumer-efi", "none")
_judged(efi_kernel.NO_RUNTIME, {TABLE: table()}, "--next-cmdline", "efi=noruntime")
_judged(efi_kernel.OTHER_LAYOUT, {TABLE: table(base=UNIT)}, "--consumer-efi", "c2")
_judged(efi_kernel.OVER_KERNEL, {TABLE: table([(11, 12)])})
_judged(efi_kernel.UNCOVERED, {TABLE: table(size=8)})
_judged(efi_kernel.OUTSIDE, {TABLE: table([(253, 254)])})
_judged(efi_kernel.COST, {TABLE: table()})
_judged(efi_kernel.OWN_PAGES, {TABLE: table([(253, 254)])})


def _both(folder: Path) -> Inputs:
    """A handover that lists two pages, and a table of one unit that holds neither."""
    m = Machine(arch="x86_64")
    m.handover(pfns=[0x10000, 0x20000])
    (folder / "kho").mkdir()
    path = folder / "table.elf"
    path.write_bytes(image({TABLE: table()}))
    return [str(m.save(folder / "kho")), str(path)], CaseOptions()


DECODE[efi.DISAGREE.id] = DECODE[efi.UNLISTED.id] = _both
