"""Tells which layout a table of poisoned memory has.

The version does not show it: ``bitmap`` and ``bitmap-base`` both have version 1. What does, in
this order: the first word (``list`` has no version), a word of 0 at offset 8 (phys_base, as no
bitmap is of size 0), the length of the table, and last whether the units lie in the machine's
memory. Where two layouts fit, none is chosen.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hwpkho.abi.efi_poisoned import (
    VERSION,
    Header,
    bitmap,
    bitmap_base,
    bitmap_layout,
    linked_list,
)
from hwpkho.base.addresses import align_up
from hwpkho.base.arch import phys_bits
from hwpkho.base.counting import counted

#: Bytes of the table that are needed; fewer where the table is shorter.
HEAD = bitmap_base.HEAD
#: Firmware's pool allocator rounds sizes up to at most this, bytes.
_PAGE = 4096
#: The most that a bitmap from address 0 may cover, in multiples of the highest memory address.
_TIMES = 1024


class Told(NamedTuple):
    """The layout of a table, as far as it can be told.

    Attributes:
        layout: A name in ``LAYOUTS``; None where no layout fits, or two do.
        why: What shows it, or why none was chosen; printable.
        sure: Whether no other layout fits; False where another is possible but unlikely.
        between: The layouts that fit equally well, empty where there is no doubt.
    """

    layout: str | None
    why: str
    sure: bool = True
    between: tuple[str, ...] = ()


def tell(head: bytes, length: int | None = None, top: int | None = None) -> Told:
    """Tell the layout of a table that begins with ``head``, up to ``HEAD`` bytes.

    ``length`` is the size of its allocation or of its file, bytes, None where unknown; ``top`` the
    end (exclusive) of the machine's memory, None where unknown.
    """
    if len(head) < linked_list.HEAD:
        return Told(
            None, f"{counted(len(head), 'byte')}, the shortest header has {linked_list.HEAD}"
        )
    (version,) = struct.unpack_from("<I", head)
    if version != VERSION:
        return _list(linked_list.parse(head[: linked_list.HEAD]), version)
    narrow = bitmap.parse(head[: bitmap.HEAD])
    wide = bitmap_base.parse(head[:HEAD]) if len(head) >= HEAD else None
    if not narrow.size:  # no bitmap is of size 0, so this word is phys_base
        flaw = bitmap_base.flaw(wide) if wide else f"{len(head)} bytes, its header has {HEAD}"
        return Told(None, flaw) if flaw else Told("bitmap-base", "the word at offset 8 is 0")
    fits = {
        name: (header, flaw)
        for name, header, flaw in (
            ("bitmap-base", wide, bitmap_base.flaw(wide) if wide else None),
            ("bitmap", narrow, bitmap.flaw(narrow)),
        )
        if header is not None
    }
    return _by_numbers(fits, top) if length is None else _by_length(fits, length)


_Fits = dict[str, tuple[Header, str | None]]


def _list(node: linked_list.Node, version: int) -> Told:
    """Tell a node of layout ``list`` from a table of an unknown version.

    A root has room for no entries. No stub makes a root that counts any; it is read all the same.
    """
    most = node.room or linked_list.CAPACITY
    fits = 0 <= node.used <= most <= linked_list.CAPACITY
    if fits and not node.next % _PAGE and not node.next >> phys_bits(None):
        what = "the root of a list" if not node.room else "a node of a list"
        return Told("list", f"{what}: room for {counted(node.room, 'entry')}, {node.used} used")
    return Told(None, f"version {version}, known is {VERSION}; nor is it a node of a list")


def _by_length(fits: _Fits, length: int) -> Told:
    whole = {name: bitmap_layout(name).HEAD + header.size for name, (header, _) in fits.items()}
    near = [n for n, size in whole.items() if size <= length <= align_up(size, _PAGE)]
    exact = [n for n in near if whole[n] == length] or [
        n for n in near if align_up(whole[n], 8) == length
    ]
    names = exact or near
    if not names:
        says = " or ".join(f"{size} bytes as {name}" for name, size in whole.items())
        return Told(None, f"{length} bytes, but its header says {says}")
    taken = [n for n in names if fits[n][1] is None]
    if len(taken) > 1:
        return _both(f"its {length} bytes")
    if not taken:
        return Told(None, str(fits[names[0]][1]))
    return Told(taken[0], f"its header and its {length} bytes agree", sure=bool(exact))


def _by_numbers(fits: _Fits, top: int | None) -> Told:
    most = 1 << phys_bits(None)
    taken = [n for n, (header, flaw) in fits.items() if flaw is None and header.end <= most]
    likely = [n for n in taken if _likely(n, fits[n][0], top)]
    if len(likely) > 1:
        return _both("its numbers, and its length is not known,")
    if not likely and len(taken) != 1:
        return Told(None, "; ".join(f"as {n}: {flaw or _FAR}" for n, (_, flaw) in fits.items()))
    # An unlikely layout is better than none: an image of only some pages shows too little memory.
    (name,) = likely or taken
    why = "its numbers make sense" if likely else f"no other layout has a reader, but {_FAR}"
    # There is no other where ``head`` is too short for the longer header.
    others = [f"; as {n}: {flaw or _FAR}" for n, (_, flaw) in fits.items() if n != name]
    return Told(name, why + "".join(others), sure=False)


_FAR = "it covers memory that is not there"


def _likely(name: str, header: Header, top: int | None) -> bool:
    """Tell whether what the units of a bitmap cover is plausible for memory up to ``top``."""
    if top is None:
        return True
    return header.phys_base < top if bitmap_layout(name).BASED else header.end <= _TIMES * top


def _both(what: str) -> Told:
    return Told(None, f"{what} fit both layouts", sure=False, between=("bitmap-base", "bitmap"))
