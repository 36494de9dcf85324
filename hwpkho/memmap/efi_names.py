"""The many names of EFI memory types and attributes in the texts of kernels, shells and loaders.

Source: drivers/firmware/efi/efi.c (memory_type_name, efi_md_typeattr_format); EDK2
UefiShellDebug1CommandsLib/MemMap.c; GRUB grub-core/commands/efi/lsefimmap.c; U-Boot
cmd/efidebug.c; FreeBSD sys/*/machdep.c (print_efi_map_entry).
"""

from __future__ import annotations

import re

from hwpkho.memmap import efi

#: Names without blanks and signs, in lower case, by UEFI type number.
_NAMES = (
    ("reserved", "reservedmemory"),
    ("loadercode", "ldrcode"),
    ("loaderdata", "ldrdata"),
    ("bootcode", "bscode", "bootservicecode", "bootservicescode"),
    ("bootdata", "bsdata", "bootservicedata", "bootservicesdata"),
    ("runtimecode", "rtcode", "runtimeservicecode", "runtimeservicescode"),
    ("runtimedata", "rtdata", "runtimeservicedata", "runtimeservicesdata"),
    ("conventional", "conventionalmemory", "available", "convmem"),
    ("unusable", "unusablememory", "unusablemem"),
    ("acpireclaim", "acpireclaimmemory", "acpireclaimmem", "acpirecl", "acpirec"),
    ("acpinvs", "acpimemorynvs", "acpimemnvs", "acpinvsmem", "acpinvsmemory"),
    ("mmio", "memorymappedio", "memmapio", "mmapio", "io"),
    (
        "mmioport", "mmioportspace", "memorymappedioportspace", "memportio", "ioport", "ioports",
    ),
    ("palcode", "pal"),
    ("persistent", "persistentmemory", "persist"),
    ("unaccepted", "unacceptedmemory", "unacceptedmemorytype"),
)  # fmt: skip
_TYPES = {name: efi.TYPES[number] for number, names in enumerate(_NAMES) for name in names}
_NOT_ALNUM = re.compile(r"[^0-9A-Za-z]+")

_BITS = {
    "RUN": efi.RUNTIME,
    "RT": efi.RUNTIME,
    "RUNTIME": efi.RUNTIME,
    "HP": efi.HOT_PLUGGABLE,
    "CC": efi.CPU_CRYPTO,
    "SP": efi.SP,
    "NV": efi.NV,
    "MR": efi.MORE_RELIABLE,
    "MORE_RELIABLE": efi.MORE_RELIABLE,
    "REL": efi.MORE_RELIABLE,
    "CRYPT": efi.CPU_CRYPTO,
    "HOTPL": efi.HOT_PLUGGABLE,
    "ISA_VALID": efi.ISA_VALID,
    "RO": efi.RO,
    "XP": efi.XP,
    "RP": efi.RP,
    "WP": efi.WP,
    "UCE": efi.UCE,
    "WB": efi.WB,
    "WT": efi.WT,
    "WC": efi.WC,
    "UC": efi.UC,
}


def type_of(name: str) -> str | None:
    """Return the type of hwpkho.memmap/1 that a tool's type name means, None where unknown."""
    return _TYPES.get(_NOT_ALNUM.sub("", name).lower())


def begins_type(word: str) -> bool:
    """Tell whether a word is a type name without its end, too long to be anything else."""
    plain = _NOT_ALNUM.sub("", word).lower()
    return len(plain) > 4 and any(name.startswith(plain) for name in _TYPES)


def attributes_of(words: list[str]) -> int | None:
    """Return the attribute word that columns or words spell, None where one is unknown.

    Empty words (columns that are not set) are skipped; the order of words does not matter.
    """
    attr = 0
    for word in words:
        if word and not word.isspace():
            bit = _BITS.get(word.strip().upper())
            if bit is None:
                return None
            attr |= bit
    return attr
