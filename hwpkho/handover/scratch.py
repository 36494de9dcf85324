"""Reads the scratch array, and checks that no page of the handover is in scratch."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.abi.scratch import MAX_SCRATCH_AREAS, SCRATCH_ENTRY, parse_scratch
from hwpkho.base.counting import counted
from hwpkho.base.ranges import Range, holding, union
from hwpkho.codes import problem
from hwpkho.codes.tracker import (
    SCRATCH_ABSENT,
    SCRATCH_BAD,
    SCRATCH_OVERLAP,
    SCRATCH_TRAILING,
    SCRATCH_UNKNOWN,
)
from hwpkho.handover.membership import MAX_FOUND
from hwpkho.handover.model import Scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.codes import Problem
    from hwpkho.handover.membership import Page, Pages
    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Read


def read(read_bytes: Read, array: int, length: int) -> Scratch:
    """Read up to 4096 areas of the array of ``length`` bytes at physical address ``array``."""
    wanted = min(length // SCRATCH_ENTRY, MAX_SCRATCH_AREAS) * SCRATCH_ENTRY
    data = read_bytes(array, wanted) if wanted else None
    areas = tuple(parse_scratch(data)) if data is not None else None
    return Scratch(array, length, areas)


def _too_short(scratch: Scratch) -> Problem | None:
    """Return the problem of an array too short for an entry; None where its length is unknown."""
    if scratch.length is None or scratch.length >= SCRATCH_ENTRY:
        return None
    message = (
        f"the scratch array has {counted(scratch.length, 'byte')}, one entry needs {SCRATCH_ENTRY}"
    )
    return problem(SCRATCH_BAD, message, scratch.array)


def overlap(page: Page, areas: Sequence[Range]) -> Problem:
    """Return the problem of a page that lies in scratch, at least in part.

    ``areas`` are ascending and disjoint.
    """
    how = "lies inside" if holding(areas, page.phys) else "reaches into"
    return problem(SCRATCH_OVERLAP, f"{page.what} 0x{page.phys:x} {how} scratch", page.phys)


def check(
    scratch: Scratch | None, pages: Pages, report: Report
) -> tuple[Problem | None, tuple[Problem, ...]]:
    """Report what is wrong with ``scratch``, and which of the handover's ``pages`` lie in it.

    Returns the problem of an array too short for an entry, None where it is not, and those of the
    first 1000 such pages.
    """
    if scratch is None:
        report.add(SCRATCH_UNKNOWN, "the input does not show where scratch is")
        return None, ()
    short = _too_short(scratch)
    if short is not None:
        report.add_problem(short)
    elif scratch.length is not None and scratch.length % 16:
        report.add(
            SCRATCH_TRAILING,
            f"the scratch array has {scratch.length} bytes, not a multiple of 16",
            scratch.array,
        )
    if scratch.areas is None:
        if short is None:
            where = f" 0x{scratch.array:x}" if scratch.array is not None else ""
            report.add(SCRATCH_ABSENT, f"the scratch array{where} is not in the image")
        return short, ()
    for start, size in scratch.areas:
        # An area of 0 bytes is normal where all RAM is low memory: there is no other to reserve.
        if start + size > 1 << 64:
            report.add(
                SCRATCH_BAD,
                f"scratch area 0x{start:x} of {counted(size, 'byte')} reaches past 2^64",
                start,
            )
    areas = union((start, start + size) for start, size in scratch.areas)
    found = tuple(overlap(page, areas) for page in islice(pages.inside(areas), MAX_FOUND))
    for p in found:
        report.add_problem(p)
    return short, found
