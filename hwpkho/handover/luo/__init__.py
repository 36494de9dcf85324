"""What LUO preserves: its sessions, their files, and the memory of those files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.handover.luo.model import LuoTree

if TYPE_CHECKING:
    from hwpkho.handover.model import Handover


def luo_of(handover: Handover) -> LuoTree | None:
    """Return what LUO leads to; None where there is no such subtree, or nothing of it was given."""
    root = handover.root
    found = (subtree.content for subtree in (root.subtrees if root else ()))
    return next((content for content in found if isinstance(content, LuoTree)), None)
