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
    from hwpkho.cases import Case, CaseOptions, pick, read_case
    from hwpkho.codes import Code, Problem, registry
    from hwpkho.commands.diff import diff
    from hwpkho.commands.encode import Wish, encode
    from hwpkho.commands.merge import MergeOptions, merge
    from hwpkho.commands.validate import validate
    from hwpkho.errors import HwpkhoError, InputError, UsageError
    from hwpkho.judging import ValidateOptions
    from hwpkho.lists import Listed, read_list
    from hwpkho.maps import read_memmap
    from hwpkho.maps.regions import Regions, resolve
    from hwpkho.model.handover import Handover, HwpoisonList
    from hwpkho.model.memmap import MemoryMap
    from hwpkho.model.validation import Finding, Validation
    from hwpkho.rules.policy import Limits
    from hwpkho.sources.base import Source

__version__ = "0.1.0"

_WHERE = {
    "hwpkho.cases": ("Case", "CaseOptions", "pick", "read_case"),
    "hwpkho.codes": ("Code", "Problem", "registry"),
    "hwpkho.commands.diff": ("diff",),
    "hwpkho.commands.encode": ("Wish", "encode"),
    "hwpkho.commands.merge": ("MergeOptions", "merge"),
    "hwpkho.commands.validate": ("ValidateOptions", "validate"),
    "hwpkho.errors": ("HwpkhoError", "InputError", "UsageError"),
    "hwpkho.lists": ("Listed", "read_list"),
    "hwpkho.maps": ("read_memmap",),
    "hwpkho.maps.regions": ("Regions", "resolve"),
    "hwpkho.model.handover": ("Handover", "HwpoisonList"),
    "hwpkho.model.memmap": ("MemoryMap",),
    "hwpkho.model.validation": ("Finding", "Validation"),
    "hwpkho.rules.policy": ("Limits",),
    "hwpkho.sources.base": ("Source",),
}

__all__ = [
    "Case",
    "CaseOptions",
    "Code",
    "Finding",
    "Handover",
    "HwpkhoError",
    "HwpoisonList",
    "InputError",
    "Limits",
    "Listed",
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
