"""Reads what LUO preserves: its sessions, their files, and the memory of those files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.handover.luo.model import LuoTree
    from hwpkho.handover.model import Handover, Root


def luo_of(handover: Handover) -> LuoTree | None:
    """Return what the subtree LUO leads to; None without such a subtree, or without its blob."""
    return None if handover.root is None else luo_among(handover.root)


def luo_among(root: Root) -> LuoTree | None:
    """As :func:`luo_of`, for the subtrees of a root FDT."""
    found = [subtree.content for subtree in root.subtrees if subtree.kind == "luo"]
    if not found:
        return None
    from hwpkho.handover.luo.model import LuoTree  # few handovers have LUO

    return next((content for content in found if isinstance(content, LuoTree)), None)
