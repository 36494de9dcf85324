"""The one registry of problem and finding codes.

A code is ``HP`` and three digits, never reused: 1xx image, 2xx root, 3xx blob and vmalloc,
4xx tracker and scratch, 5xx memory map, 6xx list, 7xx limits, 8xx the EFI
table of poisoned memory, 9xx what else is preserved. Modules of this package, one or more for
each hundred, declare them in ``CODES``; nothing else is needed to add one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]
Certainty = Literal["measured", "source", "policy"]

#: How it is known what the kernel does, in words.
CERTAINTY: dict[Certainty, str] = {
    "measured": "measured on a real kernel",
    "source": "read from the kernel's source",
    "policy": "a limit or choice of the user",
}

Subject = Literal["image", "handover", "map", "list", "limits", "table", "preserved"]

#: By the hundred of a code, from 1.
_SUBJECTS: tuple[Subject, ...] = (
    "image", "handover", "handover", "handover", "map", "list", "limits", "table", "preserved",
)  # fmt: skip

#: From worst to mildest.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

#: Modules by the hundred of their codes.
_FAMILIES = {
    "1": ("image",),
    "2": ("root",),
    "3": ("blob",),
    "4": ("tracker",),
    "5": ("memmap",),
    "6": ("pfnlist", "live"),
    "7": ("limits",),
    "8": ("efi", "efi_kernel"),
    "9": ("preserved",),
}


class Code(NamedTuple):
    """What a problem or finding means, once for all places that report it.

    Attributes:
        id: ``HP301``.
        name: A short name, ``count-beyond-array``.
        severity: The usual severity; a report may state another where the context calls for it.
        certainty: How ``kernel`` is known: measured on a real one, read from its source, or a
            policy of the user.
        meaning: What was found.
        kernel: What the next kernel does with it.
        advice: What to do about it, in the words of the command line.
        needs_map: Whether it is looked for only with a memory map.
        pfns_are: What a finding about PFNs says after "5 PFNs are", with ``{where}``, ``{them}``
            and ``{cells}``; empty for a code that is about something else.
        field: Name of the field of the hwpoison blob that it is about; empty for others.
        routine: Whether nearly every report on sound inputs has it: a note that text reports show
            with --verbose only.
    """

    id: str
    name: str
    severity: Severity
    certainty: Certainty
    meaning: str
    kernel: str
    advice: str
    needs_map: bool = False
    pfns_are: str = ""
    field: str = ""
    routine: bool = False

    @property
    def subject(self) -> Subject:
        """What it is about: ``image`` is the input as such, ``limits`` are the user's."""
        return _SUBJECTS[int(self.id[2]) - 1]


class Problem(NamedTuple):
    """One thing that is wrong, odd or worth knowing about an input.

    Attributes:
        code: The registered code, ``HP301``.
        severity: ``error``, ``warning`` or ``note``.
        message: One line for people, printable.
        phys: The physical address concerned (bytes), None where there is none.
        field: Physical address of the wrong field, None where that is ``phys`` or unknown.
    """

    code: str
    severity: Severity
    message: str
    phys: int | None = None
    field: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the problem as ``hwpkho.decode/1`` has it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "phys": self.phys,
        }


@cache
def registry() -> dict[str, Code]:
    """Return every code by its id, in ascending order."""
    return {id_: code for hundred in _FAMILIES for id_, code in _of_hundred(hundred).items()}


def code_of(id_: str) -> Code:
    """Return the code with this id, ``HP301``; KeyError for an unknown one."""
    return _of_hundred(id_[2])[id_]


@cache
def _of_hundred(hundred: str) -> dict[str, Code]:
    """Return the codes by id, in ascending order, for ``3`` those from HP300 to HP399.

    Raises ValueError where one is registered twice or in a module of another hundred.
    """
    found: dict[str, Code] = {}
    for family in _FAMILIES[hundred]:
        for code in import_module(f"hwpkho.codes.{family}").CODES:
            if code.id in found or code.id[2] != hundred:
                raise ValueError(f"{code.id} is registered twice, or is not one of HP{hundred}xx")
            found[code.id] = code
    return dict(sorted(found.items()))


def problem(
    code: Code,
    message: str,
    phys: int | None = None,
    severity: Severity | None = None,
    field: int | None = None,
) -> Problem:
    """Return a :class:`Problem` of ``code``, of its usual severity unless one is given.

    ``phys`` and ``field`` are physical addresses.
    """
    return Problem(code.id, severity or code.severity, message, phys, field)
