"""Names of /proc/iomem's resources that a copy has cut off or damaged."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Linux's own names; a proper prefix of one is a truncated name.
_KNOWN = (
    "System RAM", "Reserved", "reserved", "Kernel code", "Kernel data", "Kernel bss",
    "Kernel rodata", "Crash kernel", "ACPI Tables", "ACPI Non-volatile Storage", "Soft Reserved",
    "Unusable memory", "Persistent Memory", "System ROM", "Video ROM", "Local APIC",
)  # fmt: skip
#: All that one of them begins or ends with: few other names do, and to compare each with all of
#: these takes longer than to read its line.
_BEGINNINGS = {known[:size] for known in _KNOWN for size in range(len(known) + 1)}
_ENDS = {known[size:] for known in _KNOWN for size in range(len(known) + 1)}
#: Shorter prefixes may be a driver's name.
_LEAST = 2
#: Names that decide what is RAM: an unknown name as similar to one has lost or wrong letters.
_DECIDING, _ALIKE = ("System RAM", "Crash kernel"), 0.8
#: RAM that a driver adds (mm/memory_hotplug.c, add_memory_driver_managed): its name, and ``)``.
_DRIVERS = "System RAM ("
#: Letters at the beginning or the end that damage has left.
_END = 3
#: What damage puts in place of a letter or between two, and how many of them a name may have.
_ODD, _FEW = re.compile(r"[^A-Za-z0-9 ]"), 2

#: printk's, in front of a message.
_STAMP = re.compile(r"\[ {0,4}[0-9]{1,8}\.[0-9]{6}\]")


@lru_cache(maxsize=256)
def is_part(name: str) -> bool:
    """Tell whether a name is empty, a prefix of one of Linux's own, or a damaged deciding one.

    So is one that a kernel's message breaks off, on a serial console.
    """
    if not name or _STAMP.search(name):
        return True
    if len(name) >= _LEAST and name in _BEGINNINGS and name not in _KNOWN:
        return True
    if name.startswith(_DRIVERS):
        return not name.endswith(")")
    if name in _KNOWN or name.startswith(_DECIDING):
        return False
    return any(_is_alike(name, known) for known in _DECIDING)


@lru_cache(maxsize=256)
def is_spoiled(name: str) -> bool:
    """Tell whether a name is one of Linux's own with one or two wrong characters.

    These are not letters, and in place of a letter or between two. Double blanks count as well.
    """
    parts = _ODD.split(name, _FEW + 1)
    if name in _KNOWN or len(parts) > _FEW + 1:
        return False
    if len(parts) == 1:
        return " ".join(name.split()) in _KNOWN
    if parts[0] not in _BEGINNINGS or parts[-1] not in _ENDS:
        return False
    return any(_fits(parts, known) for known in _KNOWN)


def _fits(parts: Sequence[str], known: str) -> bool:
    """Tell whether ``known`` is the parts in their order, with a letter or none between two."""
    first, *middle, last = parts
    left = len(known) - sum(map(len, parts))
    if not (0 <= left < len(parts) and known.startswith(first) and known.endswith(last)):
        return False
    return not middle or any(
        known.startswith(middle[0], len(first) + skipped) and left - skipped in (0, 1)
        for skipped in (0, 1)
    )


def _is_alike(name: str, known: str) -> bool:
    if name[len(known) : len(known) + 1] not in ("", " ", "("):
        return False  # with a letter more it is another resource: System SRAM
    name = name[: len(known)]
    # What is damaged in one place keeps the other end; to compare all names takes a second.
    if not (name.startswith(known[:_END]) or name.endswith(known[-_END:])):
        return False
    return SequenceMatcher(None, name, known).ratio() > _ALIKE


def is_end(line: str) -> bool:
    """Tell whether ``line`` is no more than the end of one of Linux's own names."""
    text = line.strip("> |\t")
    return len(text) >= _LEAST and text in _ENDS
