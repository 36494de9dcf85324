"""Revision fdt-v1 of the hwpoison blob: a page with an FDT, ``compatible = "hwpoison-v1"``.

Source: the first published series. Its producer uses libfdt's sequential writer, which fills the
strings block from its end.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hwpkho.abi import fdt
from hwpkho.abi.hwpoison import HwpoisonBlob, MalformedBlobError
from hwpkho.abi.vmalloc import SIZE as VMALLOC_SIZE
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes.blob import BLOB_DAMAGED, BLOB_VERSION
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from hwpkho.abi.spans import Span

NAME = "fdt-v1"
COMPATIBLE = b"hwpoison-v1"
#: What the compatible string of every version begins with.
_ANY_VERSION = b"hwpoison-v"
EMPTY_PANICS = True
IS_FDT = True
_STRINGS = b"pfns\0count\0compatible\0"
#: fdt_create() aligns the reservation block to 16 bytes.
_OFF_RESERVE = 48


def matches(raw: bytes) -> bool:
    """Tell whether the blob begins with the FDT magic."""
    return raw[:4] == fdt.MAGIC


def of_file(head: bytes, size: int) -> bytes | None:
    """Return the file where it is an FDT whose compatible names any version of the list."""
    if not matches(head):
        return None
    try:
        compatible = fdt.parse(head).root.get("compatible")
    except InputError:
        return None
    return head[:size] if compatible and compatible.startswith(_ANY_VERSION) else None


def length(head: bytes, _registered: int | None, page_size: int) -> int:
    """Return the tree's totalsize, a page at most: libfdt ignores the registered size."""
    return min(fdt.totalsize(head) or 0, page_size)


def registered_size(page_size: int) -> int:
    """Return ``page_size``: the producer registers a whole page."""
    return page_size


def version(_raw: bytes) -> None:
    """Return None: the version is part of the compatible string, which needs a sound tree."""


def parse(raw: bytes) -> HwpoisonBlob:
    """Read the blob; bytes behind its totalsize are padding.

    Raises MalformedBlobError where the consumer refuses it.
    """
    try:
        tree = fdt.parse(raw)
    except InputError as error:
        raise MalformedBlobError(BLOB_DAMAGED, str(error)) from error
    root = tree.root
    compatible = root.get("compatible")
    if compatible is None or COMPATIBLE not in compatible.split(b"\0"):
        if tree.error and compatible is None:
            raise MalformedBlobError(BLOB_DAMAGED, tree.error)
        shown = "missing" if compatible is None else f'"{printable(compatible.rstrip(bytes(1)))}"'
        raise MalformedBlobError(
            BLOB_VERSION, f'compatible is {shown}, known is "{COMPATIBLE.decode()}"'
        )
    (count,) = struct.unpack("<Q", _need(root, "count", 8))
    return HwpoisonBlob(NAME, 1, count, KhoVmalloc.parse(_need(root, "pfns", VMALLOC_SIZE)))


def _need(root: fdt.Node, name: str, size: int) -> bytes:
    value = root.get(name)
    if value is None or len(value) != size:
        have = "missing" if value is None else counted(len(value), "byte")
        raise MalformedBlobError(BLOB_DAMAGED, f"property {name} is {have}, expected {size} bytes")
    return value


def spans(raw: bytes) -> list[Span]:
    """Return the parts of the tree; InputError where libfdt refuses its header."""
    from hwpkho.abi import fdt_spans  # only decode --annotate needs it

    def meaning(prop: fdt.Property) -> str:
        if prop.name != "pfns" or len(prop.value) != VMALLOC_SIZE:
            return fdt_spans.plain(prop)
        v = KhoVmalloc.parse(prop.value)
        return (
            f"first 0x{v.first:x}, total_pages {v.total_pages}, flags 0x{v.flags:x}, "
            f"order {v.order}"
        )

    return fdt_spans.spans(raw, fdt.parse(raw), meaning)


def build(blob: HwpoisonBlob, page_size: int) -> bytes:
    """Return the page as the producer registers it."""
    root = fdt.Node("")
    for name, value in (
        ("compatible", COMPATIBLE + b"\0"),
        ("count", struct.pack("<Q", blob.count)),
        ("pfns", blob.vmalloc.build()),
    ):
        root.properties.append(fdt.Property(name, value, 0))
    packed = fdt.build(root, strings=_STRINGS, off_reserve=_OFF_RESERVE)
    return packed.ljust(page_size, b"\0")
