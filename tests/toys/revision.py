"""A revision of the hwpoison subtree: ``TOY9``, then count and the vmalloc array, little-endian."""

from __future__ import annotations

import struct
import sys

from hwpkho.abi.hwpoison import REVISIONS, HwpoisonBlob, MalformedBlobError
from hwpkho.abi.spans import Span
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.codes import blob as codes

NAME = "toy-v9"
EMPTY_PANICS = False
IS_FDT = False
_LAYOUT = struct.Struct("<4s4xQQIHH")


def matches(raw: bytes) -> bool:
    return raw[:4] == b"TOY9"


def of_file(head: bytes, size: int) -> bytes | None:
    return head if matches(head) and size == _LAYOUT.size else None


def length(_head: bytes, registered: int | None, _page_size: int) -> int:
    return _LAYOUT.size if registered is None else min(registered, _LAYOUT.size)


def registered_size(_page_size: int) -> int:
    return _LAYOUT.size


def version(_raw: bytes) -> int:
    return 9


def parse(raw: bytes) -> HwpoisonBlob:
    if len(raw) < _LAYOUT.size:
        raise MalformedBlobError(codes.BLOB_SHORT, f"{len(raw)} bytes, expected {_LAYOUT.size}")
    _, count, first, pages, flags, order = _LAYOUT.unpack_from(raw)
    return HwpoisonBlob(NAME, 9, count, KhoVmalloc(first, pages, flags, order))


def spans(raw: bytes) -> list[Span]:
    return [Span(0, 4, "the toy's own word"), Span(4, len(raw) - 4, "the rest of the toy")]


def build(blob: HwpoisonBlob, _page_size: int) -> bytes:
    v = blob.vmalloc
    return _LAYOUT.pack(b"TOY9", blob.count, v.first, v.total_pages, v.flags, v.order)


def register() -> None:
    REVISIONS.register(NAME, sys.modules[__name__], before="struct-v1")


def unregister() -> None:
    REVISIONS.unregister(NAME)
