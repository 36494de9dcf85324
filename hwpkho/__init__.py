"""Look inside, make and judge the list of poisoned pages that Linux hands over a kexec.

The names below are what the command line uses. They are imported when they are first used, so that
``import hwpkho`` costs nothing.

Example::

    case = hwpkho.read_case(["vmcore"])
    handover = hwpkho.pick(case.handovers)
    print(handover.hwpoison.pfns)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwpkho.codes import Code, Problem, registry
    from hwpkho.commands.diff import diff
    from hwpkho.commands.encode import Wish, encode
    from hwpkho.commands.merge import MergeOptions, merge
    from hwpkho.commands.validate import validate
    from hwpkho.errors import HwpkhoError, InputError, UsageError
    from hwpkho.handover.model import Handover, HwpoisonList
    from hwpkho.images.base import Source
    from hwpkho.inputs.case import Case, CaseOptions, pick, read_case
    from hwpkho.inputs.lists import CaseList, read_list
    from hwpkho.judge.limits import Limits
    from hwpkho.judge.options import ValidateOptions
    from hwpkho.judge.result import Finding, Validation
    from hwpkho.memmap import read_memmap
    from hwpkho.memmap.model import MemoryMap
    from hwpkho.memmap.view.regions import Regions, resolve

__version__ = "0.1.0"

_WHERE = {
    "hwpkho.inputs.case": ("Case", "CaseOptions", "pick", "read_case"),
    "hwpkho.codes": ("Code", "Problem", "registry"),
    "hwpkho.commands.diff": ("diff",),
    "hwpkho.commands.encode": ("Wish", "encode"),
    "hwpkho.commands.merge": ("MergeOptions", "merge"),
    "hwpkho.commands.validate": ("ValidateOptions", "validate"),
    "hwpkho.errors": ("HwpkhoError", "InputError", "UsageError"),
    "hwpkho.inputs.lists": ("CaseList", "read_list"),
    "hwpkho.memmap": ("read_memmap",),
    "hwpkho.memmap.view.regions": ("Regions", "resolve"),
    "hwpkho.handover.model": ("Handover", "HwpoisonList"),
    "hwpkho.memmap.model": ("MemoryMap",),
    "hwpkho.judge.result": ("Finding", "Validation"),
    "hwpkho.judge.limits": ("Limits",),
    "hwpkho.images.base": ("Source",),
}

__all__ = [
    "Case",
    "CaseList",
    "CaseOptions",
    "Code",
    "Finding",
    "Handover",
    "HwpkhoError",
    "HwpoisonList",
    "InputError",
    "Limits",
    "MemoryMap",
    "MergeOptions",
    "Problem",
    "Regions",
    "Source",
    "UsageError",
    "ValidateOptions",
    "Validation",
    "Wish",
    "__version__",
    "diff",
    "encode",
    "merge",
    "pick",
    "read_case",
    "read_list",
    "read_memmap",
    "registry",
    "resolve",
    "validate",
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
