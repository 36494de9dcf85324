"""Finds configuration table entries with the GUID of the table of poisoned memory in an image.

Following the EFI system table does not work: its pointer to the entries is virtual once the kernel
has called SetVirtualAddressMap(). Every kernel that knows the table also has the GUID in its own
image, followed by the address of a variable; that is not an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import efi_config
from hwpkho.abi.efi_poisoned import GUID
from hwpkho.base.arch import phys_bits
from hwpkho.images.words import WORD

if TYPE_CHECKING:
    from hwpkho.images.base import Source

#: Places with the GUID that are looked at; a machine has one entry, and copies of it.
MAX_ENTRIES = 1 << 10
#: Entries before and behind it that are searched for tables of the firmware, each way.
_BESIDE = 16


class Entry(NamedTuple):
    """An entry of an EFI configuration table that names a table of poisoned memory.

    Attributes:
        phys: Physical address of the entry, bytes.
        table: Physical address of the table, bytes.
        beside: Names of the firmware's tables whose entries are next to it.
    """

    phys: int
    table: int
    beside: tuple[str, ...] = ()


def entries(source: Source) -> list[Entry]:
    """Return the entries that name a table, one for each distinct table, ascending by entry.

    Of several entries for one table, the one with most entries of the firmware beside it is taken.
    An entry with none beside it counts only if it points to what looks like a table.
    """
    found: dict[int, Entry] = {}
    for number, at in enumerate(source.find_words(GUID[:WORD])):
        if number == MAX_ENTRIES:
            break
        entry = _entry(source, at)
        if entry is None:
            continue
        known = found.get(entry.table)
        if known is None or len(entry.beside) > len(known.beside):
            found[entry.table] = entry
    taken = sorted(e for e in found.values() if e.beside or _is_table(source, e.table))
    for entry in taken:
        _keep(source, entry)
    return taken


def _keep(source: Source, entry: Entry) -> None:
    """Have a capture keep an entry, and those of the firmware's tables beside it."""
    for step in range(-_BESIDE, _BESIDE + 1):
        phys = entry.phys + step * efi_config.ENTRY
        raw = source.look(phys, efi_config.ENTRY) if phys >= 0 else None
        if raw is not None and efi_config.entry(raw)[0] in (GUID, *efi_config.KNOWN):
            source.keep(phys, efi_config.ENTRY)


def _entry(source: Source, at: int) -> Entry | None:
    raw = source.look(at, efi_config.ENTRY)
    if raw is None:
        return None
    guid, table = efi_config.entry(raw)
    if guid != GUID or not table or table >> phys_bits(None):
        return None
    return Entry(at, table, (*_beside(source, at, -1), *_beside(source, at, 1)))


def _beside(source: Source, at: int, way: int) -> list[str]:
    """Return the names of the firmware's tables before (-1) or behind (1) an entry."""
    names = []
    for step in range(1, _BESIDE + 1):
        phys = at + way * step * efi_config.ENTRY
        raw = source.look(phys, efi_config.ENTRY) if phys >= 0 else None
        if raw is None:
            break
        guid, table = efi_config.entry(raw)
        if table >> phys_bits(None):
            break
        if guid in efi_config.KNOWN:
            names.append(efi_config.KNOWN[guid])
    return names


def _is_table(source: Source, phys: int) -> bool:
    """Tell whether a reader would take what is at ``phys`` for a table."""
    from hwpkho.abi.efi_poisoned.tell import HEAD, tell  # for the few entries that stand alone

    if phys % WORD:
        return False
    head = source.look(phys, HEAD) or source.look(phys, 16)
    if head is None:
        return False
    told = tell(bytes(head))
    return told.layout is not None or bool(told.between)
