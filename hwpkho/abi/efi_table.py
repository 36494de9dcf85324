"""Tells EFI tables of poisoned and of unaccepted memory from hwpoison blobs.

For a file that a user gave as a hwpoison blob: nothing but its bytes shows what it is.
(:mod:`hwpkho.abi.efi_poisoned.tell` finds the layout of what is known to be a table.) A table of
unaccepted memory has the same form as layout ``bitmap-base``. Source: struct efi_unaccepted_memory
in include/linux/efi.h (Linux 7.3.4).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hwpkho.abi.efi_poisoned import MIN_UNIT, bitmap, bitmap_base, linked_list
from hwpkho.base.addresses import align_up

_HEAD = linked_list.HEAD
_BASE_HEAD = bitmap_base.HEAD
#: From this on a number cannot be a version.
_MAX_VERSION = 16
#: The most address space that a table may cover, bytes.
_MAX_SPAN = 1 << 60


class _Fit(NamedTuple):
    """A layout that a file may have; ``exact`` if the file has just the length of its header."""

    name: str
    exact: bool


def describe(head: bytes, size: int) -> str | None:
    """Return which EFI table a file of ``size`` bytes that begins with ``head`` may be.

    Returns a noun phrase for people, such as "a node of ...", or None where the file is not one of
    these tables, or more likely a hwpoison blob.
    """
    if len(head) < _HEAD:
        return None
    nodes = _list(head, size)
    if nodes:
        return nodes
    version, unit, first, second = struct.unpack_from("<IIQQ", head.ljust(_BASE_HEAD, b"\0"))
    if not 0 < version < _MAX_VERSION or unit < MIN_UNIT or unit & (unit - 1):
        return None
    fits = [
        *_fit("bitmap", bitmap.HEAD, first, unit, size),
        *(_fit("bitmap-base", _BASE_HEAD, second, unit, size) if first % unit == 0 else ()),
    ]
    fits = [f for f in fits if f.exact] or fits
    if _is_blob(head, size):
        # Its _pad may just happen to look like a unit size: only an exact length shows a table.
        if not any(f.exact for f in fits):
            return None
        fits.append(_Fit("blob", exact=True))
    names = {f.name for f in fits}
    known = [_NAMES[name] for name in _NAMES if name in names]
    if not known:
        known = ["an EFI poisoned-memory or unaccepted-memory table that is cut off or damaged"]
    tables = " or ".join(known)
    return tables if version == 1 else f"{tables}, of version {version}; 1 is known"


_NAMES = {
    "bitmap": "an EFI poisoned-memory table of layout bitmap",
    "bitmap-base": "an EFI poisoned-memory table of layout bitmap-base or an unaccepted-memory "
    "table, which have the same form",
    "blob": "a hwpoison blob whose _pad is not 0",
}


def _fit(name: str, head: int, held: int, unit: int, size: int) -> list[_Fit]:
    """Return the layout if a file of ``size`` bytes can have it; allocations are rounded up."""
    whole = head + held
    if not whole <= size <= align_up(whole, MIN_UNIT) or held * 8 * unit > _MAX_SPAN:
        return []
    return [_Fit(name, size == whole)]


def _list(head: bytes, size: int) -> str | None:
    """Return what a node of layout ``list`` is called, None for anything else.

    A root has no entries; it is all zeros before the first node is added.
    """
    node = linked_list.parse(head[:_HEAD])
    if size == _HEAD and not any(head[:_HEAD]):
        return "the root of an EFI poisoned-memory table of layout list without entries"
    if node.room == node.used == 0 and size == _HEAD and node.next % MIN_UNIT == 0:
        return "the root of an EFI poisoned-memory table of layout list"
    capacity = linked_list.CAPACITY
    if node.room != capacity or not 0 <= node.used <= capacity or node.next % MIN_UNIT:
        return None
    there = head[_HEAD : min(size, _HEAD + node.used * linked_list.ENTRY)]
    if any(base % MIN_UNIT or length % MIN_UNIT for base, length in linked_list.entries(there)):
        return None
    return "a node of an EFI poisoned-memory table of layout list"


def _is_blob(head: bytes, size: int) -> bool:
    """Tell whether a file is a plausible blob of revision struct-v1, whatever its _pad."""
    if size < 32 or len(head) < 32:
        return False
    version, _, count, first, pages, flags, order = struct.unpack_from("<IIQQIHH", head)
    return bool(
        version == 1
        and first > 0
        and first % MIN_UNIT == 0
        and pages > 0
        and flags < 4
        and order <= 10
        and count <= pages * (1 << 16) // 8
    )
