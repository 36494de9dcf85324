"""Damages that only the consumer of the list looks at: the blob's own fields."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.kho import BLOB_SIZE, HWPOISON
from hwpkho.encode.damage.base import CONSUMER, FDT, SIZED, STRUCT, Damages

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

DAMAGES = Damages()
_damage = DAMAGES.damage

#: Offsets in the struct revision's blob, bytes.
_VERSION, _PAD, _COUNT = 0, 4, 8
_NOP = 4


@_damage("version-2", "the blob says version 2", CONSUMER, STRUCT)
def _(d: Draft) -> None:
    d.header(_VERSION, "<I", 2)


@_damage("pad-not-zero", "the blob's padding is not 0", CONSUMER, STRUCT)
def _(d: Draft) -> None:
    d.header(_PAD, "<I", 7)


@_damage("size-0", "blob-size of hwpoison is 0", CONSUMER, STRUCT, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, bytes(8), HWPOISON)


@_damage("size-24", "blob-size of hwpoison is 24 instead of 32", CONSUMER, STRUCT, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, struct.pack("<Q", 24), HWPOISON)


@_damage("size-larger", "blob-size of hwpoison is a whole page", CONSUMER, STRUCT, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, struct.pack("<Q", d.page), HWPOISON)


@_damage("count-beyond-array", "count is one more than the array holds", CONSUMER, STRUCT)
def _(d: Draft) -> None:
    d.header(_COUNT, "<Q", d.layout.blob.vmalloc.capacity(d.page) + 1)


@_damage("count-huge", "count is 2^63", CONSUMER, STRUCT)
def _(d: Draft) -> None:
    d.header(_COUNT, "<Q", 1 << 63)


@_damage("list-empty", "the list has no entry", CONSUMER, STRUCT)
def _(d: Draft) -> None:
    d.header(_COUNT, "<Q", 0)
    for entry in d.entries:
        d.memory[entry] = bytes(len(d.memory[entry]))


def _swap(d: Draft, old: bytes, new: bytes) -> None:
    """Replace ``old``, where it first stands in the blob, by ``new`` of the same length."""
    held = d.memory[d.blob]
    d.write(d.blob + held.index(old), new)


@_damage("fdt-compatible", "the blob says hwpoison-v2", CONSUMER, FDT)
def _(d: Draft) -> None:
    _swap(d, b"hwpoison-v1", b"hwpoison-v2")


@_damage("fdt-count-missing", "the blob has no property count", CONSUMER, FDT)
def _(d: Draft) -> None:
    _swap(d, b"count\0", b"counT\0")


@_damage("fdt-pfns-8-bytes", "the blob's property pfns has 8 bytes instead of 16", CONSUMER, FDT)
def _(d: Draft) -> None:
    found = fdt.parse(d.memory[d.blob]).root.properties
    pfns = next(p for p in found if p.name == "pfns")
    d.poke(d.blob + pfns.offset - 8, ">I", 8)
    d.poke(d.blob + pfns.offset + 8, ">II", _NOP, _NOP)


@_damage("fdt-begins-with-nop", "a NOP stands before the blob's first node", CONSUMER, FDT)
def _(d: Draft) -> None:
    (start,) = struct.unpack(">I", d.read(d.blob + 8, 4))
    d.poke(d.blob + start, ">I", _NOP)


@_damage("fdt-size-ignored", "blob-size of hwpoison is 8, the blob is longer", CONSUMER, FDT, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, struct.pack("<Q", 8), HWPOISON)
