"""Damages of the root FDT, and of the properties of its subtrees' nodes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi.kho import BLOB_SIZE, HWPOISON, KEXEC_METADATA, MEMORY_MAP, VERSIONS
from hwpkho.encode.damage.base import META, METADATA, POPULATE, SIZED, SUBTREE, TRACKER, Damages

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

DAMAGES = Damages()
_damage = DAMAGES.damage

#: Offsets in an FDT's header, bytes.
_OFF_STRUCT, _VERSION = 8, 20
_NOP = 4


@_damage("root-magic", "the root FDT's magic is wrong", POPULATE)
def _(d: Draft) -> None:
    d.poke(d.root, ">I", 0xD00DFEEE)


@_damage("root-version-15", "the root FDT says version 15, where node names are paths", SUBTREE)
def _(d: Draft) -> None:
    d.poke(d.root + _VERSION, ">II", 15, 15)


@_damage("root-version-16", "the root FDT says version 16, the oldest with plain names", SUBTREE)
def _(d: Draft) -> None:
    d.poke(d.root + _VERSION, ">II", 16, 16)


@_damage("root-version-18", "the root FDT needs a reader of version 18", POPULATE)
def _(d: Draft) -> None:
    d.poke(d.root + _VERSION, ">II", 18, 18)


@_damage("root-begins-with-nop", "a NOP stands before the root FDT's first node", POPULATE)
def _(d: Draft) -> None:
    (start,) = struct.unpack(">I", d.read(d.root + _OFF_STRUCT, 4))
    d.poke(d.root + start, ">I", _NOP)


@_damage("root-size-0", "0 bytes of root FDT are handed over", POPULATE)
def _(d: Draft) -> None:
    d.kho_fdt = d.root, 0


@_damage("root-struct-outside", "the root FDT's nodes lie outside it", POPULATE)
def _(d: Draft) -> None:
    d.poke(d.root + _OFF_STRUCT, ">I", 0x7FFF_FFF0)


def _other(d: Draft) -> bytes:
    """Return the compatible string of the version before, or of the next where there is none."""
    number = d.request.version.number
    before, after = f"v{number - 1}", f"v{number + 1}"
    return VERSIONS[before if before in VERSIONS else after].compatible.encode() + b"\0"


@_damage("root-compatible-other", "the root FDT says another KHO version", POPULATE)
def _(d: Draft) -> None:
    d.set_property("compatible", _other(d))


@_damage("root-compatible-list", "the root FDT says another KHO version before its own", POPULATE)
def _(d: Draft) -> None:
    d.set_property("compatible", _other(d) + d.request.version.compatible.encode() + b"\0")


@_damage("root-compatible-missing", "the root FDT has no compatible", POPULATE)
def _(d: Draft) -> None:
    d.set_property("compatible", None)


@_damage("map-missing", "the root FDT has no preserved-memory-map", POPULATE)
def _(d: Draft) -> None:
    d.set_property(MEMORY_MAP, None)


@_damage("map-zero", "preserved-memory-map is 0", POPULATE)
def _(d: Draft) -> None:
    d.set_property(MEMORY_MAP, bytes(8))


@_damage("map-4-bytes", "preserved-memory-map has 4 bytes instead of 8", POPULATE)
def _(d: Draft) -> None:
    d.set_property(MEMORY_MAP, struct.pack("<I", d.tracker & 0xFFFF_FFFF))


@_damage("map-big-endian", "preserved-memory-map is big-endian", TRACKER)
def _(d: Draft) -> None:
    d.set_property(MEMORY_MAP, struct.pack(">Q", d.tracker))


@_damage("map-outside-ram", "preserved-memory-map leads outside RAM", TRACKER)
def _(d: Draft) -> None:
    d.set_property(MEMORY_MAP, struct.pack("<Q", d.nowhere()))


@_damage("node-missing", "the root FDT has no node hwpoison", SUBTREE)
def _(d: Draft) -> None:
    d.tree.children = [c for c in d.tree.children if c.name != HWPOISON]
    d.write_root()


@_damage("node-with-unit-address", "the node is called hwpoison@0", SUBTREE)
def _(d: Draft) -> None:
    for node in d.tree.children:
        if node.name == HWPOISON:
            node.name = f"{HWPOISON}@0"
    d.write_root()


@_damage("metadata-outside-ram", "the blob of kexec-metadata lies outside RAM", METADATA, META)
def _(d: Draft) -> None:
    d.data(struct.pack("<Q", d.nowhere()), KEXEC_METADATA)


@_damage("data-across-two-pages", "the hwpoison blob reaches over a page's end", SUBTREE)
def _(d: Draft) -> None:
    pages = 1 + -(-len(d.layout.raw_blob) // d.page)
    at = d.page - 16
    start = d.put(bytes(at) + d.layout.raw_blob, pages)
    d.mark_more([(start + i * d.page, 0) for i in range(pages)])
    d.data(struct.pack("<Q", start + at))


@_damage("data-missing", "the node hwpoison has no address of its blob", SUBTREE)
def _(d: Draft) -> None:
    d.data(None)


@_damage("data-4-bytes", "the address of the hwpoison blob has 4 bytes instead of 8", SUBTREE)
def _(d: Draft) -> None:
    d.data(struct.pack("<I", d.blob & 0xFFFF_FFFF))


@_damage("data-outside-ram", "the hwpoison blob lies outside RAM", SUBTREE)
def _(d: Draft) -> None:
    d.data(struct.pack("<Q", d.nowhere()))


@_damage("size-missing", "the node hwpoison has no blob-size", SUBTREE, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, None, HWPOISON)


@_damage("size-4-bytes", "blob-size of hwpoison has 4 bytes instead of 8", SUBTREE, SIZED)
def _(d: Draft) -> None:
    d.set_property(BLOB_SIZE, struct.pack("<I", len(d.layout.raw_blob)), HWPOISON)
