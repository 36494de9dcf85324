"""Judges an EFI table of poisoned memory: what the next kernel does with it, and its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base import arch as arches
from hwpkho.base.addresses import align_down, align_up
from hwpkho.base.counting import counted
from hwpkho.base.ranges import intersection, joined
from hwpkho.codes import efi_kernel
from hwpkho.judging.efi_table import effects, rules
from hwpkho.judging.efi_table.generations import GENERATIONS, NONE, latest
from hwpkho.judging.efi_table.memory import AbsentError, EarlyMemory, FaultError
from hwpkho.judging.efi_table.model import Reading
from hwpkho.judging.result import EfiJudged, finding, of_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.efi.model import PoisonTable
    from hwpkho.images.base import Source
    from hwpkho.judging.efi_table.model import Generation
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import Finding


def judge_table(table: PoisonTable, source: Source, kernel: NextKernel, consumer: str) -> EfiJudged:
    """Return the judgement on the table at ``table.phys`` for a kernel of generation ``consumer``.

    ``consumer`` is a name of ``GENERATIONS``, or ``none``. ``table`` itself, as decode read it,
    only serves for findings: the kernel reads ``source`` anew, in the layout of its generation.
    """
    phys = table.phys or 0
    if consumer == NONE:
        seen = _as_written(table)
        generation = latest(table.layout)
        reading = seen._replace(outcome=None, reason="kernel without the feature")
        reading = reading._replace(code=efi_kernel.NO_FEATURE)
    else:
        generation = GENERATIONS[consumer]
        reading = _read(phys, EarlyMemory(source, kernel), kernel, generation)
        if reading.outcome in ("accepted", "hang"):
            reading = rules.applied(reading, generation, kernel)
        arch = arches.known(kernel.arch)
        lost = kernel.cmdline is not None and not kernel.cmdline.efi_runtime
        if lost and arch is not None and arch.boot == "setup_data":
            why = "efi=noruntime: no EFI table is handed over"
            reading = reading._replace(outcome="ignored", reason=why, code=efi_kernel.NO_RUNTIME)
    pages = None
    if kernel.frames is not None:
        size = kernel.page_size
        outward = joined((align_down(a, size), align_up(b, size)) for a, b in reading.bad())
        pages = sum(b - a for a, b in intersection(outward, rules.ram(kernel))) // size
    decided = _decided(table, reading, generation, consumer)
    findings = (*([decided] if decided else ()), *_others(table, reading, kernel))
    return EfiJudged(
        phys, table.layout, consumer, reading.outcome, reading.reason, reading.units, pages,
        generation.exclusion, reading.bad, table, findings, decided_by=decided,
    )  # fmt: skip


def _as_written(table: PoisonTable) -> Reading:
    """Return the table read in its own layout."""
    covers = None if table.header is None else (table.header.phys_base, table.header.end)
    return Reading(None, "", units=table.units() or 0, bad=table.ranges, covers=covers)


def _read(phys: int, memory: EarlyMemory, kernel: NextKernel, generation: Generation) -> Reading:
    try:
        memory.check(phys)
        return generation.read(phys, memory, kernel)
    except FaultError as error:
        return Reading("crash", f"early fault: {error}", efi_kernel.POINTER)
    except AbsentError as error:
        return Reading(None, str(error), efi_kernel.UNDECIDED)


def _decided(
    table: PoisonTable, reading: Reading, generation: Generation, consumer: str
) -> Finding | None:
    """Return what the kernel makes of the table; None where it takes it as it was written."""
    if reading.code is not None:
        reader = "the next kernel" if consumer == NONE else f"a kernel of generation {consumer}"
        says = reading.outcome or "not known"
        message = f"{reader}, table 0x{table.phys or 0:x}: {says}: {reading.reason}"
        return finding(reading.code, message, phys=table.phys)
    if reading.outcome == "accepted" and table.layout not in (None, generation.layout):
        message = (
            f"a kernel of generation {consumer} reads the {table.layout} table as "
            f"{generation.layout}: {counted(reading.units, 'unit')} that nobody reported"
        )
        return finding(efi_kernel.OTHER_LAYOUT, message, phys=table.phys)
    return None


def _others(table: PoisonTable, reading: Reading, kernel: NextKernel) -> Iterator[Finding]:
    yield from effects.findings(table, reading, kernel)
    # A defect of the table need not stop this kernel: a warning, unless the outcome is bad.
    mild = reading.outcome in ("accepted", None)
    for p in table.problems:
        yield of_problem(p, "warning" if mild and p.severity == "error" else None)
