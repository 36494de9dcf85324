"""Decode, make and judge the list of poisoned pages that Linux hands over a kexec.

Where a file is meant, a function takes a path or a file open for reading bytes, and several of them
where they are of one machine. Results have ``to_dict()``, which is the document that ``--json``
prints, and ``rows()``, named tuples that ``pandas.DataFrame`` takes with their column names; where
there may be none, give ``columns=hwpkho.PageRow._fields`` as well. Where a message of the command
line names an option, here it names the parameter, also where a value is of the wrong type
(TypeError). Everything is imported when it is first used.

Example::

    judged = hwpkho.validate("vmcore", memmap="iomem.txt")
    print(judged.outcome, judged.counts)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwpkho.abi.hwpoison import HwpoisonBlob
    from hwpkho.abi.kexec_metadata import KexecMetadata
    from hwpkho.api.case import (
        Case,
        decode,
        open_case,
        open_memory,
        read_list,
        read_memmap,
    )
    from hwpkho.api.codes import explain
    from hwpkho.api.judging import diff, judge, merge, validate
    from hwpkho.api.making import Layout, build
    from hwpkho.api.results import Compared, Decoded, Judged, MemoryMap, Merged, PageList
    from hwpkho.api.rows import ChangeRow, EntryRow, JudgedRow, PageRow, RangeRow
    from hwpkho.api.writing import write_list
    from hwpkho.badpages.model import BadPages, ListNote, ListProblem, Loss, Mention
    from hwpkho.base.listing import Listing
    from hwpkho.base.pfnset import PfnSet
    from hwpkho.base.version import __version__
    from hwpkho.codes import Code, Problem
    from hwpkho.efi.compare import HeldAgainst
    from hwpkho.efi.model import PoisonTable
    from hwpkho.errors import HwpkhoError, InputError, UsageError
    from hwpkho.handover.model import Chain, Handover, HwpoisonList, Root, Scratch, Subtree
    from hwpkho.images.program import PhysicalMemory
    from hwpkho.judging.case_result import Suppressed
    from hwpkho.judging.result import Basis, EfiJudged, Finding, ScratchCost, Validation
    from hwpkho.judging.rulings import Ruling, Runs
    from hwpkho.memmap.model import Entry, Gap, Map
    from hwpkho.memmap.view.regions import Region

_WHERE = {
    "hwpkho.base.pfnset": ("PfnSet",),
    "hwpkho.base.listing": ("Listing",),
    "hwpkho.abi.kexec_metadata": ("KexecMetadata",),
    "hwpkho.abi.hwpoison": ("HwpoisonBlob",),
    "hwpkho.efi.compare": ("HeldAgainst",),
    "hwpkho.efi.model": ("PoisonTable",),
    "hwpkho.judging.case_result": ("Suppressed",),
    "hwpkho.memmap.view.regions": ("Region",),
    "hwpkho.memmap.model": ("Entry", "Gap", "Map"),
    "hwpkho.api.case": (
        "Case",
        "decode",
        "open_case",
        "open_memory",
        "read_list",
        "read_memmap",
    ),
    "hwpkho.api.codes": ("explain",),
    "hwpkho.api.judging": ("diff", "judge", "merge", "validate"),
    "hwpkho.api.making": ("Layout", "build"),
    "hwpkho.api.results": ("Compared", "Decoded", "Judged", "MemoryMap", "Merged", "PageList"),
    "hwpkho.api.rows": ("ChangeRow", "EntryRow", "JudgedRow", "PageRow", "RangeRow"),
    "hwpkho.api.writing": ("write_list",),
    "hwpkho.badpages.model": ("BadPages", "ListNote", "ListProblem", "Loss", "Mention"),
    "hwpkho.base.version": ("__version__",),
    "hwpkho.codes": ("Code", "Problem"),
    "hwpkho.errors": ("HwpkhoError", "InputError", "UsageError"),
    "hwpkho.handover.model": ("Chain", "Handover", "HwpoisonList", "Root", "Scratch", "Subtree"),
    "hwpkho.images.program": ("PhysicalMemory",),
    "hwpkho.judging.rulings": ("Ruling", "Runs"),
    "hwpkho.judging.result": (
        "Basis",
        "EfiJudged",
        "Finding",
        "ScratchCost",
        "Validation",
    ),
}

__all__ = [
    "BadPages",
    "Basis",
    "Case",
    "Chain",
    "ChangeRow",
    "Code",
    "Compared",
    "Decoded",
    "EfiJudged",
    "Entry",
    "EntryRow",
    "Finding",
    "Gap",
    "Handover",
    "HeldAgainst",
    "HwpkhoError",
    "HwpoisonBlob",
    "HwpoisonList",
    "InputError",
    "Judged",
    "JudgedRow",
    "KexecMetadata",
    "Layout",
    "ListNote",
    "ListProblem",
    "Listing",
    "Loss",
    "Map",
    "MemoryMap",
    "Mention",
    "Merged",
    "PageList",
    "PageRow",
    "PfnSet",
    "PhysicalMemory",
    "PoisonTable",
    "Problem",
    "RangeRow",
    "Region",
    "Root",
    "Ruling",
    "Runs",
    "Scratch",
    "ScratchCost",
    "Subtree",
    "Suppressed",
    "UsageError",
    "Validation",
    "__version__",
    "build",
    "decode",
    "diff",
    "explain",
    "judge",
    "merge",
    "open_case",
    "open_memory",
    "read_list",
    "read_memmap",
    "validate",
    "write_list",
]


def __getattr__(name: str) -> Any:
    for module, names in _WHERE.items():
        if name in names:
            value = getattr(import_module(module), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'hwpkho' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
