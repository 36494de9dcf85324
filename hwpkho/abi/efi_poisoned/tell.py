"""Tells which layout a table of poisoned memory has: by its bytes, its length, and the memory.

The version does not: three layouts say 1. What does, in this order: the first word (``list`` has no
version), a base of 0, the length of the table, and last what the other numbers would mean. Where
two layouts make sense nothing is guessed.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hwpkho.abi.efi_poisoned import VERSION, Header, bitmap, bitmap_base, linked_list
from hwpkho.base.addresses import align_up
from hwpkho.base.arch import phys_bits

#: Bytes that are looked at; fewer where the table is shorter.
HEAD = bitmap_base.HEAD
#: A pool rounds what it gives out up to this at most, bytes.
_PAGE = 4096
#: A bitmap from address 0 covers no more than so many times the memory that there is.
_TIMES = 1024


class Told(NamedTuple):
    """What bytes tell of the layout.

    Attributes:
        layout: A name in ``LAYOUTS``; None where no layout fits, or two do.
        why: What shows it, or why nothing does; printable.
        sure: Whether nothing else fits; False where another layout is only unlikely.
        between: The layouts that fit equally well, empty where there is no doubt.
    """

    layout: str | None
    why: str
    sure: bool = True
    between: tuple[str, ...] = ()


def tell(head: bytes, length: int | None = None, top: int | None = None) -> Told:
    """Return the layout of a table that begins with ``head``, up to ``HEAD`` bytes.

    ``length`` are the bytes that were allocated for it, or those of its file; None where that is
    not known. ``top`` is one past the highest address of the memory, None where that is not known.
    """
    if len(head) < linked_list.HEAD:
        return Told(None, f"{len(head)} bytes, the shortest header has {linked_list.HEAD}")
    (version,) = struct.unpack_from("<I", head)
    if version != VERSION:
        return _list(linked_list.parse(head[: linked_list.HEAD]), version)
    narrow = bitmap.parse(head[: bitmap.HEAD])
    wide = bitmap_base.parse(head[:HEAD]) if len(head) >= HEAD else None
    if not narrow.size:  # the base of the layout that has one
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
    """Tell a node from a table of another version.

    A root has room for nothing; one that counts entries is none that a stub made, and read all the
    same.
    """
    most = node.room or linked_list.CAPACITY
    fits = 0 <= node.used <= most <= linked_list.CAPACITY
    if fits and not node.next % _PAGE and not node.next >> phys_bits(None):
        what = "the root of a list" if not node.room else "a node of a list"
        return Told("list", f"{what}: room for {node.room} entries, {node.used} used")
    return Told(None, f"version {version}, known is {VERSION}; nor is it a node of a list")


def _by_length(fits: _Fits, length: int) -> Told:
    whole = {name: _HEADS[name] + header.size for name, (header, _) in fits.items()}
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
    # An image that was cut to some pages does not show how much memory there was.
    (name,) = likely or taken
    why = "its numbers make sense" if likely else f"no other layout has a reader, but {_FAR}"
    # Where the bytes end behind the shorter header there is no other.
    others = [f"; as {n}: {flaw or _FAR}" for n, (_, flaw) in fits.items() if n != name]
    return Told(name, why + "".join(others), sure=False)


_HEADS = {"bitmap": bitmap.HEAD, "bitmap-base": bitmap_base.HEAD}
_FAR = "it covers memory that is not there"


def _likely(name: str, header: Header, top: int | None) -> bool:
    """Tell whether a table covers what memory there is; ``list`` is told before."""
    if top is None:
        return True
    return header.end <= _TIMES * top if name == "bitmap" else header.phys_base < top


def _both(what: str) -> Told:
    return Told(None, f"{what} fit both layouts", sure=False, between=("bitmap-base", "bitmap"))
