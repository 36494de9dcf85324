"""What Linux calls the types of an e820 table in its log, read and written.

Source: arch/x86/kernel/e820.c, e820_print_type(); before 2.6.25 print_memory_map().
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from hwpkho.base.late import late
from hwpkho.memmap import e820

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.model import Entry

_WORDS = {
    "usable": e820.RAM,
    "system ram": e820.RAM,
    "kernel usable ram": e820.RAM,  # during the development of 7.0
    "reserved": e820.RESERVED,
    "device reserved": e820.RESERVED,
    "acpi data": e820.ACPI,
    "acpi nvs": e820.NVS,
    "unusable": e820.UNUSABLE,
    "soft reserved": e820.SOFT_RESERVED,
}
#: Types that have had a name in every kernel: none prints their numbers.
_NAMED = frozenset((e820.RAM, e820.RESERVED, e820.ACPI, e820.NVS))
_SIZE = r"(?:[0-9]+(?:\.[0-9]+)?\s*[KMGTPE]B\s+)?"  # a column that some kernels put before the type
_TYPE = late(
    rf"{_SIZE}\(?(?:(?P<word>{'|'.join(w.replace(' ', r'[ ]+') for w in _WORDS)})"
    r"|(?:persistent(?:\s+RAM)?\s+\()?type\s+(?P<number>[0-9]{1,10}))(?!\w)",
    re.IGNORECASE,
)

#: What a type may begin with where the line was broken within it.
STARTS = (*_WORDS, "type ", "persistent (type ", "persistent ram (type ")


@lru_cache(maxsize=256)
def type_of(text: str) -> str | None:
    """Return the type of hwpkho.memmap/1 with which ``text`` begins, None if with none."""
    match = _TYPE.match(text)
    if match is None:
        return None
    if match["word"]:
        return e820.type_name(_WORDS[" ".join(match["word"].lower().split())])
    if int(match["number"]) in _NAMED:  # a digit is lost
        return None
    return e820.type_in_text(match["number"])


_TEXT_WORDS = {
    "usable": "usable",
    "reserved": "reserved",
    "acpi_data": "ACPI data",
    "acpi_nvs": "ACPI NVS",
    "unusable": "unusable",
    "pmem": "persistent (type 7)",
    "pram": "persistent (type 12)",
    "soft_reserved": "soft reserved",
}


def write(entries: Iterable[Entry]) -> str:
    """Return e820 entries as a 3.5 to 6.19 kernel prints them, header first.

    Types are those of hwpkho.memmap/1; ``unknown``, which has no number, raises KeyError.
    """
    lines = ["BIOS-provided physical RAM map:\n"]
    for entry in entries:
        word = _TEXT_WORDS.get(entry.type)
        if word is None:
            number = e820.type_number(entry.type)
            if number is None or entry.type == "unknown":
                raise KeyError(entry.type)
            word = f"type {number}"
        lines.append(f"BIOS-e820: [mem 0x{entry.start:016x}-0x{entry.end:016x}] {word}\n")
    return "".join(lines)
