"""A small arm64 machine whose handover is judged for its next kernel; judgements as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.scratch import build_scratch
from hwpkho.base.pfnset import pfn_set
from hwpkho.commands.validate import validate
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.options import ValidateOptions
from hwpkho.judging.result import Basis, Validation
from hwpkho.judging.rulings import Ruling, Runs
from tests.support import certain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.judging.result import Finding, Outcome
    from tests.support.handovers import Machine, Made

PFNS = [0x50010, 0x52000]
SCRATCH = (0x7600_0000, 0x200_0000)
RAM = "40000000-7fffffff : System RAM\n"


def validated(
    m: Machine,
    made: Made,
    folder: Path,
    root: int | None = None,
    areas: Sequence[tuple[int, int]] = (SCRATCH,),
    *,
    iomem: str = RAM,
    length: int | None = None,
    arch: str | None = None,
    size: int | None = None,
) -> Validation:
    """Judge the machine's handover; ``length`` and ``size`` are handed over for what there is."""
    array = m.put(build_scratch(list(areas)))
    map_ = folder / "iomem"
    map_.write_text(iomem)
    handed = array, 16 * len(areas) if length is None else length
    case = CaseOptions(m.page_size, root or made.root, handed, arch, size)
    return validate([str(m.save(folder))], ValidateOptions(case, memmaps=(str(map_),)))


def set_root(m: Machine, made: Made, name: str, value: bytes, node: str | None = None) -> None:
    """Change a property of the root FDT or of one of its nodes."""
    tree = fdt.parse(m.memory[made.root]).root
    where = certain(tree.find(node)) if node else tree
    where.properties = [
        fdt.Property(p.name, value if p.name == name else p.value, 0) for p in where.properties
    ]
    m.memory[made.root] = fdt.build(tree).ljust(m.page_size, b"\0")


def validation(
    runs: Sequence[tuple[int, int, int]] = (),
    findings: Sequence[Finding] = (),
    outcome: Outcome | None = "replay",
    page_size: int = 4096,
    *,
    handover: bool = True,
) -> Validation:
    """Return a judgement: of each run the first and last PFN, and 0 if it replays, 1 if not."""
    made = Runs(pfn_set([p for a, b, _ in runs for p in range(a, b + 1)]))
    rulings = (Ruling("replays", None, "System RAM"), Ruling("not-ram", "HP601", None))
    for first, last, number in runs:
        made.add(first, last, rulings[number])
    pfns = sum(b - a + 1 for a, b, _ in runs)
    return Validation(
        "case", page_size, "arm64", outcome, pfns, made, tuple(findings),
        decided_by=findings[0] if findings and outcome not in ("replay", None) else None,
        basis=Basis(handover=handover),
    )  # fmt: skip
