"""Inputs that are often given by mistake: why they hold no memory map, and what to give instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.abi.boot_params import HEADER, HEADER_MAGIC
from hwpkho.base import places
from hwpkho.images.registry import format_of
from hwpkho.logs.text import blocks

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = (
    "no memory map in this folder; expected a copy of /sys/firmware/memmap (a folder for each "
    "range, with start, end and type), a sosreport, or files that are maps"
)

_NO_BEGINNING = "the kernel log has no memory map: its beginning is missing"
_IOMEM = "give /proc/iomem (read as root)"
_UNREADABLE = (
    "the log has a memory map, but no line of it can be read as it stands here (cut, wrapped, "
    "garbled?); give the log as dmesg prints it"
)
#: Files that are often given by mistake: pattern in their first 64 KiB → what they are, what to do.
_MISTAKES = (
    (rb"^Node [0-9]+, zone +\w+ +[0-9]", f"this is /proc/buddyinfo, without addresses; {_IOMEM}"),
    (rb"^Node [0-9]+, zone ", f"this is /proc/zoneinfo; {_IOMEM} or dmesg"),
    (
        rb"^RANGE +SIZE|^ +{\"range\": ?\"0x[0-9a-f]{16}-",
        f"this is lsmem's list of memory blocks; {_IOMEM}",
    ),
    (rb"^MemTotal: ", f"this is /proc/meminfo, which has no addresses; {_IOMEM}"),
    (
        rb"^[ >|]{0,20}(?:[0-9a-f]{4}-[0-9a-f]{4}|00[0-9a-f]{6}-00[0-9a-f]{6}) : ",
        f"this is /proc/ioports; {_IOMEM}",
    ),
    (
        rb"^[0-9a-f]{8,16}-[0-9a-f]{8,16} [r-][w-][x-][ps] ",
        f"this is a process's map of virtual addresses; {_IOMEM} or dmesg",
    ),
    (
        rb"[0-9a-f]{8}-[0-9a-f]{8,16} : System RAM",
        (
            "this has lines of /proc/iomem within something else (JSON, CSV, a logger's fields); "
            "give them as /proc/iomem prints them"
        ),
    ),
    (rb"^MEMORY RANGES$", f"this is what kexec -d prints; {_IOMEM} or dmesg"),
    (
        rb"efi: .*=3D",
        "this is quoted-printable mail; decode it: python3 -m quopri -d FILE | hwpkho memmap -",
    ),
    (rb"^reg[0-9]+: base=0x", f"this is /proc/mtrr; {_IOMEM} or dmesg"),
    (
        rb"Processing EFI memory map|RAM map:|BIOS-e820|(?:EFI|efi): mem[0-9]|efi:   0x",
        _UNREADABLE,
    ),
    (
        rb"e820: (?:update|remove)|e820 (?:update|remove) range",
        f"{_NO_BEGINNING}; it has changes of the e820 map, not the BIOS-e820 lines themselves",
    ),
    (
        rb"(?:Command line: |Linux version )",
        f"{_NO_BEGINNING}, or it is of arm64 or riscv64 without efi=debug; {_IOMEM}",
    ),
    (rb"^\[ *[0-9]+\.[0-9]+\]", f"{_NO_BEGINNING} (journalctl -k -b has it); or {_IOMEM}"),
)

#: Binary files that hold no map themselves: first bytes → what they are, what to do.
_BINARIES = ((b"LPKSHHRH", "is a journal; print it: journalctl --file FILE -k | hwpkho memmap -"),)

_NO_ZERO_PAGE = (
    "is a kernel image or an incomplete zero page: /sys/kernel/boot_params/data has 4096 bytes"
)

_FORMS = (
    "no memory map found; expected a kernel log, /proc/iomem, a copy of /sys/firmware/memmap or "
    "another form that `man hwpkho-memmap` lists"
)


def folder(path: Path) -> str:
    """Return why a folder is not a memory map."""
    if not places.inside(path):
        return "the folder is empty"
    if places.is_folder(path / "chosen") and places.is_file(path / "compatible"):
        return (
            "an unpacked device tree; give /sys/firmware/fdt, or pack it: dtc -I fs -O dtb -o FILE "
            "FOLDER"
        )
    return _FOLDER


def no_map(head: bytes) -> str:
    """Return why an input with this beginning, of at least one byte, is not a memory map."""
    if format_of(head) is not None:
        return "is a memory image; its machine's map is elsewhere: dmesg, /proc/iomem"
    for magic, advice in _BINARIES:
        if head.startswith(magic):
            return advice
    if head.startswith(HEADER_MAGIC, HEADER):
        return _NO_ZERO_PAGE
    if not head.strip(b"\0"):
        return "holds nothing but zero bytes"
    text = b"".join(blocks((head,)))
    if not text.strip():
        return "holds nothing but blank lines"
    for pattern, advice in _MISTAKES:
        if re.search(pattern, text, re.MULTILINE):
            return advice
    from hwpkho.images import foreign

    other = foreign.of(head)
    return f"this is {other}" if other is not None else _FORMS
