"""Tells tables of poisoned and of unaccepted memory, as EFI hands them over, from hwpoison blobs.

A file that is given for a hwpoison blob may be one: what it is, is told by its form alone, before
anybody has said that it is a table (:mod:`hwpkho.abi.efi_poisoned.tell`). Unaccepted memory has the
form of layout ``bitmap-base``. Source: struct efi_unaccepted_memory in include/linux/efi.h (Linux
7.3.4).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hwpkho.abi.efi_poisoned import MIN_UNIT, bitmap, bitmap_base, linked_list
from hwpkho.base.addresses import align_up

_HEAD = linked_list.HEAD
_BASE_HEAD = bitmap_base.HEAD
#: Versions above this are no version.
_MAX_VERSION = 16
#: No table covers more than this, bytes of address space.
_MAX_SPAN = 1 << 60


class _Fit(NamedTuple):
    """A layout that a file may have: its name, and whether the length is exactly what it says."""

    name: str
    exact: bool


def describe(head: bytes, size: int) -> str | None:
    """Say what table a file of ``size`` bytes that begins with ``head`` may be.

    None where it is none of them, or more likely a hwpoison blob. The text fits behind "this may
    be" and "this is".
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
        # A hwpoison blob whose _pad is a power of two: only the length speaks against it.
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
    """Return the layout where a file of ``size`` bytes can be it: a pool rounds its pieces up."""
    whole = head + held
    if not whole <= size <= align_up(whole, MIN_UNIT) or held * 8 * unit > _MAX_SPAN:
        return []
    return [_Fit(name, size == whole)]


def _list(head: bytes, size: int) -> str | None:
    """Tell a node of the layout ``list``; its root holds no entries and is all zeros."""
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
    """Tell whether a file makes sense as a hwpoison blob, were it not for _pad."""
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
