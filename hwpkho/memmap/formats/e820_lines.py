"""Lines of the e820 tables of x86's kernel log, whole ones and what is left of damaged ones.

Source: see :mod:`hwpkho.memmap.formats.dmesg_e820`, which reads them.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.late import late
from hwpkho.memmap import e820_names
from hwpkho.memmap.remnants import is_cut, without_stamps

if TYPE_CHECKING:
    import re

#: Digits of an address since 3.5.
DIGITS = 16
#: Prefix of a line → map.
MAPS = {
    "user": "e820_user",
    "modified": "e820_modified",
    "reserve setup_data": "e820_setup_data",
    "setup_data": "e820_setup_data",  # below a line that a mail program broke
    "extended": "extended",  # e820_setup_data, too, unless that of "reserve setup_data" follows
    "Xen": "xen_dom0",
}
_WHO = r"(?P<who>BIOS-(?:e820|e801|88)|user|modified|(?:reserve )?setup_data|extended|Xen)"

#: ``who: [mem A-B] ...``, ``who: A - B (...)``; the oldest kernels: ``who: size @ start (...)``.
LINE = late(
    rf"(?<![\w.-]){_WHO}:\s*"
    r"(?:\[(?P<what>mem|gap)\s+0x(?P<a>[0-9A-Fa-f]{1,16})\s*-\s*0x(?P<b>[0-9A-Fa-f]{1,16})\]"
    r"|(?P<c>[0-9A-Fa-f]{8,16})\s+(?P<sign>[-@])\s+(?P<d>[0-9A-Fa-f]{8,16})(?![0-9A-Fa-f]))"
    r"\s*(?P<rest>.{0,120})"
)
#: The beginning of such a line, broken off at a blank by a mail program, or by the log's end.
BEGUN = late(
    rf"(?<![\w.-]){_WHO}:\s*"
    r"(?:\[(?:mem|gap|$)[\s0-9A-Fa-fx-]*|[0-9A-Fa-f]{1,16}\s*+[-@]?\s*+[0-9A-Fa-f]*)?$"
)
#: A line that begins like one of a table; the rest may be damaged.
LIKE = late(rf"{_WHO}:\s*(?:\[\s*(?:mem|gap)\b|\[\S{{0,4}} 0x|[0-9A-Za-z]{{8,18}}\s+[-@]\s)")
#: A prefix that nothing else prints; another message may stand in front of it.
BIOS_PREFIX = late(r"(?<![\w.-])BIOS-(?:e820|e801|88):")
_TYPE = (
    r"\(?(?:usable|(?:device |soft )?reserved|ACPI data|ACPI NVS|unusable|System RAM|type [0-9]+"
    r"|persistent \(?(?:RAM )?\(?type [0-9]+\))\)?\s*$"
)
_ENDS = ("usable", "reserved", "ACPI data", "ACPI NVS", "System RAM")
_END = late(r"^(?!.*(?<!\S)(?<!BIOS )e820: ).*\]\s+" + _TYPE)
_PREFIX = late(rf"^{_WHO}:\s*")
#: The end of a line: its type, and what is left of its range.
TAIL = late(
    r"^[\s>|]*+(?:\[?(?:m?e?m )?(?:0?x)?[0-9A-Fa-f]*\s*-\s*+)?"
    r"(?:0?x)?(?P<digits>[0-9A-Fa-f]*)\]?\s*" + _TYPE
)
#: Another message about a range.
OTHER = late(r"[A-Za-z][\w .:/-]{2,60} \[(?:mem|io|bus) +0x[0-9a-f]{8,16}-0x[0-9a-f]{8,16}\]")
#: The word in front of a range, which may be a damaged prefix.
_WORD_BEFORE = late(r"(\S{5,14})\s+\[(?:mem|gap) ")
#: The end of a range and its type behind anything but ``e820:``, which reports changes like that.
ENDING = late(
    r"^(?!.*(?<!\S)(?<!BIOS )e820: ).*(?:0x[0-9A-Fa-f]{4,16}\]|[0-9A-Fa-f]{8,16}(?= \())\s+" + _TYPE
)
#: In front of a line of a table: the start of another line.
TORN = late(rf"{_WHO}:|\[(?:mem|gap) ?|0x[0-9A-Fa-f]{{6}}")
#: The heading of a table.
HEADER = late(r"\b(BIOS-provided|user-defined|modified|extended) physical RAM map:")
#: Behind a heading, which ends its line or a string of JSON: the first line of a table, or its end.
FIRST = late(rf"(?!\s*\").*?(?:{_WHO}:|\[(?:mem|gap)\b|[0-9A-Fa-f]{{6}}|\]?\s{{1,4}}{_TYPE})")
#: Similarity of two words that differ in one or two letters.
_ALIKE = 0.75


def map_of(who: str) -> str:
    """Return the map that lines with this prefix belong to."""
    return MAPS.get(who, "e820_firmware")


def bounds(match: re.Match[str]) -> tuple[int, int]:
    """Return first and last byte of a matched line."""
    if match["what"]:
        return int(match["a"], 16), int(match["b"], 16)
    left, right = int(match["c"], 16), int(match["d"], 16)
    if match["sign"] == "@":
        return right, right + left - 1
    if not right and left:
        right = PHYS_END  # the kernel's sum has wrapped around
    return left, right - 1


def joined(text: str, rest: str) -> str:
    """Return a broken line and the rest of it: a screen breaks within words, a mail at blanks."""
    for whole in (f"{text} {rest}", f"{text}{rest}"):
        match = LINE.search(whole)
        numbers = match and (match.group("a", "b") if match["what"] else match.group("c", "d"))
        if match and numbers and {len(n) for n in numbers} == {DIGITS}:
            type_ = match["rest"].strip()
            if e820_names.type_of(type_) or match["what"] == "gap":
                return whole
    return f"{text} {rest}"


def has_damaged_prefix(line: str) -> bool:
    """Tell whether a line ends as one of a table, or has a range behind ``BIOS-e820:``, damaged."""
    if ENDING.search(line):
        return True
    speaker = _WORD_BEFORE.search(line)
    if speaker is None or speaker[1].startswith(("e820:", "BIOS-e820:")):
        return False
    return SequenceMatcher(None, speaker[1], "BIOS-e820:").ratio() >= _ALIKE


def is_scrap(line: str, row: str) -> bool:
    """Tell whether only the beginning of a line like ``row`` is left, or the end of its type."""
    text = without_stamps(line).strip("> |\t")
    end = _PREFIX.sub("", text).lstrip("[").rstrip(")")
    return (
        is_cut(line, row)
        or text.startswith("BIOS")
        or bool(_END.search(text))
        or (bool(end) and any(word.endswith(end) for word in _ENDS))
    )
