"""An FLB of LUO: its block, whatever it holds, is one structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.spans import Span
from hwpkho.handover.luo.files import SHARED

if TYPE_CHECKING:
    from hwpkho.handover.luo.memory import LuoMemory
    from hwpkho.handover.luo.model import LuoFlb, Placed

NAME = "toy-flb-v1"


class ToyFlb:
    """Takes the block."""

    def read(self, found: LuoFlb, block: Placed, memory: LuoMemory, /) -> LuoFlb:
        phys, order = block
        memory.take("toy FLB", phys, order, spans, f"FLB {found.name}")
        return found


def spans(raw: bytes) -> list[Span]:
    return [Span(0, 4, f"toy {raw[:4].hex()}")]


def register() -> None:
    SHARED.register(NAME, ToyFlb())


def unregister() -> None:
    SHARED.unregister(NAME)
