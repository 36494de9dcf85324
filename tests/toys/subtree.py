"""A subtree: ``TOYSUB`` and two zeros, then the u64 address (little-endian) of a word."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hwpkho.abi.spans import Span
from hwpkho.codes.root import SUBTREE_ABSENT
from hwpkho.handover.subtrees.base import SubtreeReader
from hwpkho.handover.subtrees.registry import SUBTREES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source

_LAYOUT = struct.Struct("<8sQ")
_MAGIC = b"TOYSUB\0\0"


class ToyReader(SubtreeReader):
    """Follows the address."""

    name = "toy-subtree"
    kind = "toy"
    size = _LAYOUT.size
    freed = _LAYOUT.size

    def read(
        self, raw: bytes, source: Source, page_size: int | None, report: Report
    ) -> dict[str, Any]:
        magic, phys = _LAYOUT.unpack(raw)
        if magic != _MAGIC:
            raise ValueError("no toy")
        word = source.read(phys, 4)
        if word is None:
            message = f"the word of the toy at 0x{phys:x} is not in the image"
            report.add(SUBTREE_ABSENT, message, phys, "warning")
        return {"at": phys, "word": word.hex() if word else None, "page_size": page_size}

    def spans(self, raw: bytes) -> list[Span]:
        return [Span(0, 8, "magic"), Span(8, 8, f"a word at 0x{_LAYOUT.unpack(raw)[1]:x}")]

    def shown(self, details: Mapping[str, Any]) -> str:
        return f"word {details['word']} at 0x{details['at']:x}"

    def released(self, raw: bytes) -> bool:
        return not raw.startswith(_MAGIC)

    def newer(self, _copied: bytes, there: bytes) -> str | None:
        return "the toy was wound up" if there.startswith(_MAGIC) else None


def blob(phys: int) -> bytes:
    return _LAYOUT.pack(_MAGIC, phys)


def register() -> None:
    SUBTREES.register(ToyReader.name, ToyReader())


def unregister() -> None:
    SUBTREES.unregister(ToyReader.name)
